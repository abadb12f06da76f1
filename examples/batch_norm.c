/* What batch norm's options and modes do. For each row of a table: five batches in training mode,
   then one in eval mode; prints mean/var of three channels, of the output and the running ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <bncl/bncl.h>

#define SAMPLES 20
#define CHANNELS 3
#define COUNT (SAMPLES * CHANNELS)
#define BATCHES 6

typedef struct variant {
    const char *title;
    bool affine;
    double momentum; /* the weight of the new value */
    bool cumulative; /* PyTorch's momentum=None */
} variant;

static const variant variants[] = {
    {"defaults (momentum 0.1), with gamma = beta = 2", true, 0.1, false},
    {"no affine: neither gamma nor beta", false, 0.1, false},
    {"momentum 0.5: soon at the data's statistics, soon away again", true, 0.5, false},
    {"momentum 0.01: still near its start, 0/1", true, 0.01, false},
    {"momentum none: the mean over all batches", true, 0.0, true},
};

static void print(const char *what, const float *mean, const float *var)
{
    printf("  %-7s", what);
    for (int c = 0; c < CHANNELS; ++c)
        printf(" %6.2f/%-5.2f", mean[c], var[c]);
}

/* One forward in the graph's present mode. BNCL_OK is 0: the first failure ends the chain. */
static bncl_status run(bncl_graph *graph, bncl_queue *queue, bncl_buffer *batches, size_t index,
                       const char *mode, bncl_error *err)
{
    const size_t dims[] = {SAMPLES, CHANNELS};
    float y_host[COUNT], y_mean[CHANNELS] = {0}, y_var[CHANNELS] = {0};
    float mean[CHANNELS], var[CHANNELS];
    bncl_tensor x, y;
    bncl_status status;
    if ((status = bncl_tensor_init(&x, batches, index * COUNT, BNCL_F32, 2, dims, err)) ||
        (status = bncl_graph_forward(graph, queue, &x, 1, &y, NULL, err)) ||
        (status = bncl_tensor_read(queue, &y, y_host, NULL, err)) ||
        (status = bncl_graph_state_read(graph, queue, "bn.running_mean", mean, sizeof mean, err)) ||
        (status = bncl_graph_state_read(graph, queue, "bn.running_var", var, sizeof var, err)))
        return status;
    for (int i = 0; i < COUNT; ++i)
        y_mean[i % CHANNELS] += y_host[i] / SAMPLES;
    for (int i = 0; i < COUNT; ++i)
        y_var[i % CHANNELS] += powf(y_host[i] - y_mean[i % CHANNELS], 2.0f) / SAMPLES;
    print(mode, y_mean, y_var);
    print("running", mean, var);
    putchar('\n');
    return BNCL_OK;
}

static bncl_status show(bncl_context *context, bncl_queue *queue, bncl_buffer *batches,
                        const variant *row, bncl_error *err)
{
    bncl_graph_batch_norm_options options = bncl_graph_batch_norm_options_default();
    options.gamma = options.beta = row->affine;
    options.norm.momentum = row->momentum;
    options.norm.cumulative = row->cumulative;
    bncl_graph *graph = NULL;
    bncl_value v;
    bncl_tensor parameters, gradients;
    bncl_status status;
    if ((status = bncl_graph_create(context, &graph, err)) ||
        (status = bncl_graph_input(graph, 1, (const size_t[]){CHANNELS}, false, &v, err)) ||
        (status = bncl_graph_batch_norm(graph, "bn", v, &options, &v, err)) ||
        (status = bncl_graph_plan(graph, v, 1, queue, err)))
        goto done;
    if (row->affine && ((status = bncl_graph_parameters(graph, &parameters, &gradients, err)) ||
                        (status = bncl_tensor_fill(queue, &parameters, 2.0, NULL, err))))
        goto done;
    printf("%s\n", row->title);
    for (size_t i = 0; i < BATCHES - 1 && !status; ++i) /* a graph starts in training mode */
        status = run(graph, queue, batches, i, "train", err);
    if (!status && !(status = bncl_graph_eval(graph, err)))
        status = run(graph, queue, batches, BATCHES - 1, "eval", err);
done:
    bncl_graph_destroy(graph);
    return status;
}

int main(void)
{
    float x[BATCHES * COUNT]; /* channel c: mean 10·c, variance (c+1)² */
    bncl_random_uniform(7, 0, -1.7320508f, 1.7320508f, x, BATCHES * COUNT);
    for (int i = 0; i < BATCHES * COUNT; ++i)
        x[i] = 10.0f * (float)(i % CHANNELS) + (float)(i % CHANNELS + 1) * x[i];
    bncl_context *context = NULL;
    bncl_queue *queue = NULL;
    bncl_buffer *batches = NULL;
    bncl_tensor all;
    bncl_error err = {{0}};
    bncl_status status;
    if ((status = bncl_context_create(NULL, &context, &err)) ||
        (status = bncl_queue_create(context, &queue, &err)) ||
        (status = bncl_buffer_create(context, sizeof x, &batches, &err)) ||
        (status = bncl_tensor_init(&all, batches, 0, BNCL_F32, 1, (const size_t[]){BATCHES * COUNT},
                                   &err)) ||
        (status = bncl_tensor_write(queue, &all, x, NULL, &err)))
        goto done;
    puts("mean/var of three channels; the data's are 0/1, 10/4 and 20/9");
    for (size_t i = 0; i < sizeof variants / sizeof variants[0] && !status; ++i)
        status = show(context, queue, batches, &variants[i], &err);
done:
    if (status)
        fprintf(stderr, "batch_norm: %s: %s\n", bncl_status_string(status), err.text);
    bncl_queue_destroy(queue); /* waits */
    bncl_buffer_destroy(batches);
    bncl_context_destroy(context);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
