/* Folding: a network with batch norms learns what its data look like; for serving, its batch norms
   become part of the linear layers beside them. The folded network gives the same with fewer
   layers. With an argument, it is saved in a file of that name. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <bncl/bncl.h>

#define SAMPLES 64
#define CHANNELS 8
#define LENGTH 10
#define CLASSES 4
#define PASSES 20
#define COUNT ((size_t)SAMPLES * CHANNELS * LENGTH)
#define LARGEST_ALLOWED 1e-4

/* Batch norm, flatten, linear, batch norm, ReLU, linear. BNCL_OK is 0: the first failure ends the
   chain. */
static bncl_status build(bncl_context *context, bncl_queue *queue, bncl_graph **graph,
                         bncl_error *err)
{
    const size_t dims[] = {CHANNELS, LENGTH};
    bncl_value v;
    bncl_status status;
    if ((status = bncl_graph_create(context, graph, err)) ||
        (status = bncl_graph_input(*graph, 2, dims, false, &v, err)) ||
        (status = bncl_graph_batch_norm(*graph, "bn1", v, NULL, &v, err)) ||
        (status = bncl_graph_flatten(*graph, "flat", v, &v, err)) ||
        (status = bncl_graph_linear(*graph, "fc1", v, 32, false, &v, err)) ||
        (status = bncl_graph_batch_norm(*graph, "bn2", v, NULL, &v, err)) ||
        (status = bncl_graph_relu(*graph, "relu", v, &v, err)) ||
        (status = bncl_graph_linear(*graph, "fc2", v, CLASSES, true, &v, err)))
        return status;
    return bncl_graph_plan(*graph, v, 1, queue, err);
}

static bncl_status run(bncl_graph *graph, bncl_queue *queue, const bncl_tensor *x,
                       float y[SAMPLES * CLASSES], bncl_error *err)
{
    bncl_tensor result;
    bncl_status status = bncl_graph_forward(graph, queue, x, 1, &result, NULL, err);
    return status ? status : bncl_tensor_read(queue, &result, y, NULL, err);
}

/* Training passes move the running statistics; a real program takes optimizer steps as well. */
static bncl_status look_at_data(bncl_graph *graph, bncl_queue *queue, const bncl_tensor *x,
                                bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (int i = 0; i < PASSES && !status; ++i)
        status = bncl_graph_forward(graph, queue, x, 1, NULL, NULL, err);
    return status ? status : bncl_graph_eval(graph, err);
}

static double largest_difference(const float *a, const float *b, size_t count)
{
    double largest = 0.0;
    for (size_t i = 0; i < count; ++i) {
        const double difference = fabs((double)a[i] - (double)b[i]);
        if (!(difference <= largest)) /* so that a NaN counts, as infinite */
            largest = isnan(difference) ? INFINITY : difference;
    }
    return largest;
}

static bncl_status compare(bncl_context *context, bncl_queue *queue, const bncl_tensor *x,
                           const char *path, double *largest, bncl_error *err)
{
    bncl_graph *graph = NULL, *folded = NULL;
    float before[SAMPLES * CLASSES], after[SAMPLES * CLASSES];
    bncl_status status;
    if ((status = build(context, queue, &graph, err)) ||
        (status = look_at_data(graph, queue, x, err)) ||
        (status = bncl_graph_fold(graph, queue, &folded, err)) ||
        (status = run(graph, queue, x, before, err)) ||
        (status = run(folded, queue, x, after, err)) ||
        (path != NULL && (status = bncl_graph_save(folded, queue, path, err))))
        goto done;
    *largest = largest_difference(before, after, SAMPLES * CLASSES);
    printf("%zu entries in the state dict, %zu after folding; largest difference %g\n",
           bncl_graph_state_count(graph), bncl_graph_state_count(folded), *largest);
done:
    bncl_graph_destroy(graph);
    bncl_graph_destroy(folded);
    return status;
}

int main(int argc, char **argv)
{
    static float data[COUNT];
    const size_t dims[] = {SAMPLES, CHANNELS, LENGTH};
    bncl_context *context = NULL;
    bncl_queue *queue = NULL;
    bncl_buffer *buffer = NULL;
    bncl_tensor x;
    bncl_error err = {{0}};
    double largest = INFINITY;
    bncl_status status;
    bncl_random_uniform(3, 0, -2.0f, 6.0f, data, COUNT);
    if ((status = bncl_context_create(NULL, &context, &err)) ||
        (status = bncl_queue_create(context, &queue, &err)) ||
        (status = bncl_buffer_create(context, sizeof data, &buffer, &err)) ||
        (status = bncl_tensor_init(&x, buffer, 0, BNCL_F32, 3, dims, &err)) ||
        (status = bncl_tensor_write(queue, &x, data, NULL, &err)) ||
        (status = compare(context, queue, &x, argc > 1 ? argv[1] : NULL, &largest, &err)))
        fprintf(stderr, "fold: %s: %s\n", bncl_status_string(status), err.text);
    else if (!(largest <= LARGEST_ALLOWED))
        fprintf(stderr, "fold: expected at most %g\n", LARGEST_ALLOWED);
    bncl_queue_destroy(queue); /* waits */
    bncl_buffer_destroy(buffer);
    bncl_context_destroy(context);
    return largest <= LARGEST_ALLOWED ? EXIT_SUCCESS : EXIT_FAILURE;
}
