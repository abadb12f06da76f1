/* Sequences: [32,100,128] with the channels last and [32,128,100] as PyTorch has it hold the same
   numbers; batch norm must give the same for both. Prints the largest difference. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <bncl/bncl.h>

#define N 32
#define C 128
#define L 100
#define COUNT ((size_t)N * C * L)
#define LARGEST_ALLOWED 1e-5

/* The largest difference between y [N,C,L] and z [N,L,C]. A NaN counts as infinite. */
static double largest_difference(const float *y, const float *z)
{
    double largest = 0.0;
    for (size_t n = 0; n < N; ++n)
        for (size_t c = 0; c < C; ++c)
            for (size_t l = 0; l < L; ++l) {
                double difference =
                    fabs((double)y[(n * C + c) * L + l] - (double)z[(n * L + l) * C + c]);
                if (!(difference <= largest))
                    largest = isnan(difference) ? INFINITY : difference;
            }
    return largest;
}

static void transpose(const float *x, float *channels_last)
{
    for (size_t n = 0; n < N; ++n)
        for (size_t c = 0; c < C; ++c)
            for (size_t l = 0; l < L; ++l)
                channels_last[(n * L + l) * C + c] = x[(n * C + c) * L + l];
}

/* Normalizes `data` in training mode and puts the result in its place. */
static bncl_status normalize(bncl_context *context, bncl_queue *queue, bncl_layout layout,
                             const size_t *dims, float *data, bncl_error *err)
{
    bncl_batch_norm *plan = NULL;
    bncl_buffer *buffer = NULL; /* x, then y, which must not overlap */
    bncl_batch_norm_forward args = {0};
    bncl_status status;
    /* BNCL_OK is 0: each call is made if those before it succeeded. */
    if ((status = bncl_batch_norm_create(context, layout, BNCL_F32, 3, dims, NULL, &plan, err)) ||
        (status = bncl_buffer_create(context, 2 * COUNT * sizeof(float), &buffer, err)) ||
        (status = bncl_tensor_init(&args.x, buffer, 0, BNCL_F32, 3, dims, err)) ||
        (status = bncl_tensor_init(&args.y, buffer, COUNT, BNCL_F32, 3, dims, err)) ||
        (status = bncl_tensor_write(queue, &args.x, data, NULL, err)) ||
        (status = bncl_batch_norm_forward_train(plan, queue, &args, NULL, err)))
        goto done;
    status = bncl_tensor_read(queue, &args.y, data, NULL, err);
done:
    bncl_queue_finish(queue, NULL); /* after a failure the write may still read `data` */
    bncl_batch_norm_destroy(plan);
    bncl_buffer_destroy(buffer);
    return status;
}

static bncl_status compare(bncl_context *context, bncl_queue *queue, float *ncl, float *nlc,
                           double *largest, bncl_error *err)
{
    const size_t channels_first[] = {N, C, L}, channels_last[] = {N, L, C};
    bncl_status status;
    bncl_random_uniform(1, 0, -2.0f, 6.0f, ncl, COUNT);
    transpose(ncl, nlc);
    if ((status = normalize(context, queue, BNCL_LAYOUT_NCL, channels_first, ncl, err)) ||
        (status = normalize(context, queue, BNCL_LAYOUT_NLC, channels_last, nlc, err)))
        return status;
    *largest = largest_difference(ncl, nlc);
    return BNCL_OK;
}

int main(void)
{
    bncl_context *context = NULL;
    bncl_queue *queue = NULL;
    bncl_error err = {{0}};
    double largest = INFINITY;
    int result = EXIT_FAILURE;
    float *ncl = calloc(COUNT, sizeof *ncl), *nlc = calloc(COUNT, sizeof *nlc);
    if (ncl == NULL || nlc == NULL) {
        fputs("sequence: out of memory\n", stderr);
        goto done;
    }
    bncl_status status;
    if ((status = bncl_context_create(NULL, &context, &err)) ||
        (status = bncl_queue_create(context, &queue, &err)) ||
        (status = compare(context, queue, ncl, nlc, &largest, &err))) {
        fprintf(stderr, "sequence: %s: %s\n", bncl_status_string(status), err.text);
        goto done;
    }
    printf("[%d,%d,%d] and, channels last, [%d,%d,%d]: largest difference %g\n", N, C, L, N, L, C,
           largest);
    if (largest <= LARGEST_ALLOWED)
        result = EXIT_SUCCESS;
    else
        fprintf(stderr, "sequence: expected at most %g\n", LARGEST_ALLOWED);
done:
    bncl_queue_destroy(queue);
    bncl_context_destroy(context);
    free(ncl);
    free(nlc);
    return result;
}
