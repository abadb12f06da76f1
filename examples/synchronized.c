/* Synchronized batch norm: a batch of [90,16] in three parts, each in a context of its own as if on
   a device of its own, shares its statistics through the host; so do the sums of backward. The same
   batch in one part must give nearly the same y and dx. Prints the largest difference. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <bncl/bncl.h>

#define N 90
#define C 16
#define PARTS 3
#define LARGEST_ALLOWED 1e-5

/* A batch's part and all that its device holds of it. */
typedef struct part {
    bncl_context *context;
    bncl_queue *queue;
    bncl_batch_norm *plan;
    bncl_buffer *buffer;
    size_t used; /* elements of the buffer */
    bncl_batch_norm_forward forward;
    bncl_batch_norm_backward backward;
    bncl_tensor statistics, all_statistics, merged_statistics; /* [3][C], [parts][3][C], [3][C] */
    bncl_tensor sums, all_sums, merged_sums;                   /* [4][C], … */
} part;

/* What the parts tell each other. */
typedef struct exchange {
    float statistics[PARTS][3][C];
    float sums[PARTS][4][C];
    size_t counts[PARTS];
} exchange;

/* The next tensor of the part's buffer. */
static bncl_status tensor(part *p, bncl_tensor *out, int rank, const size_t *dims, bncl_error *err)
{
    bncl_status status = bncl_tensor_init(out, p->buffer, p->used, BNCL_F32, rank, dims, err);
    p->used += status == BNCL_OK ? bncl_tensor_count(out) : 0;
    return status;
}

static bncl_status make_tensors(part *p, size_t samples, size_t parts, bncl_error *err)
{
    const size_t batch[] = {samples, C}, channels[] = {C};
    const size_t statistics[] = {parts, 3, C}, sums[] = {parts, 4, C};
    bncl_tensor *shaped[] = {&p->forward.x, &p->forward.y, &p->backward.dy, &p->backward.dx};
    bncl_tensor *vectors[] = {&p->forward.save_mean, &p->forward.save_mean_lo,
                              &p->forward.save_invstd};
    bncl_status status = BNCL_OK;
    for (int i = 0; i < 4 && status == BNCL_OK; ++i)
        status = tensor(p, shaped[i], 2, batch, err);
    for (int i = 0; i < 3 && status == BNCL_OK; ++i)
        status = tensor(p, vectors[i], 1, channels, err);
    if (status || (status = tensor(p, &p->statistics, 2, statistics + 1, err)) ||
        (status = tensor(p, &p->all_statistics, 3, statistics, err)) ||
        (status = tensor(p, &p->merged_statistics, 2, statistics + 1, err)) ||
        (status = tensor(p, &p->sums, 2, sums + 1, err)) ||
        (status = tensor(p, &p->all_sums, 3, sums, err)) ||
        (status = tensor(p, &p->merged_sums, 2, sums + 1, err)))
        return status;
    p->backward.x = p->forward.x;
    p->backward.save_mean = p->forward.save_mean;
    p->backward.save_mean_lo = p->forward.save_mean_lo;
    p->backward.save_invstd = p->forward.save_invstd;
    return BNCL_OK;
}

/* A part of `samples` samples, one of `parts`. */
static bncl_status open_part(part *p, size_t samples, size_t parts, bncl_error *err)
{
    const size_t dims[] = {samples, C};
    const size_t elements = 4 * samples * C + (3 + 7 * (parts + 2)) * C;
    bncl_status status;
    /* BNCL_OK is 0: each call is made if those before it succeeded. */
    if ((status = bncl_context_create(NULL, &p->context, err)) ||
        (status = bncl_queue_create(p->context, &p->queue, err)) ||
        (status = bncl_buffer_create(p->context, elements * sizeof(float), &p->buffer, err)) ||
        (status = bncl_batch_norm_create(p->context, BNCL_LAYOUT_NC, BNCL_F32, 2, dims, NULL,
                                         &p->plan, err)))
        return status;
    return make_tensors(p, samples, parts, err);
}

static void close_part(part *p)
{
    bncl_queue_destroy(p->queue); /* waits: writes may still read the host's memory */
    bncl_batch_norm_destroy(p->plan);
    bncl_buffer_destroy(p->buffer);
    bncl_context_destroy(p->context);
}

static bncl_status give_statistics(part *p, const float *x, const float *dy, void *statistics,
                                   bncl_error *err)
{
    bncl_status status;
    if ((status = bncl_tensor_write(p->queue, &p->forward.x, x, NULL, err)) ||
        (status = bncl_tensor_write(p->queue, &p->backward.dy, dy, NULL, err)) ||
        (status = bncl_batch_norm_statistics(p->plan, p->queue, &p->forward.x, &p->statistics, NULL,
                                             err)))
        return status;
    return bncl_tensor_read(p->queue, &p->statistics, statistics, NULL, err);
}

static bncl_status normalize(part *p, const exchange *e, size_t parts, void *sums, bncl_error *err)
{
    bncl_status status;
    if ((status = bncl_tensor_write(p->queue, &p->all_statistics, e->statistics, NULL, err)) ||
        (status = bncl_batch_norm_statistics_merge(p->plan, p->queue, &p->all_statistics, e->counts,
                                                   parts, &p->merged_statistics, NULL, err)) ||
        (status = bncl_batch_norm_forward_with(p->plan, p->queue, &p->forward,
                                               &p->merged_statistics, N, NULL, err)) ||
        (status =
             bncl_batch_norm_backward_sums(p->plan, p->queue, &p->backward, &p->sums, NULL, err)))
        return status;
    return bncl_tensor_read(p->queue, &p->sums, sums, NULL, err);
}

static bncl_status differentiate(part *p, const exchange *e, size_t parts, float *y, float *dx,
                                 bncl_error *err)
{
    bncl_status status;
    if ((status = bncl_tensor_write(p->queue, &p->all_sums, e->sums, NULL, err)) ||
        (status = bncl_batch_norm_backward_merge(p->plan, p->queue, &p->all_sums, parts,
                                                 &p->merged_sums, NULL, err)) ||
        (status = bncl_batch_norm_backward_with(p->plan, p->queue, &p->backward, &p->merged_sums, N,
                                                NULL, err)) ||
        (status = bncl_tensor_read(p->queue, &p->forward.y, y, NULL, err)))
        return status;
    return bncl_tensor_read(p->queue, &p->backward.dx, dx, NULL, err);
}

/* The batch in `count` parts: forward, and backward from dy. */
static bncl_status train(size_t count, const float *x, const float *dy, float *y, float *dx,
                         bncl_error *err)
{
    part parts[PARTS] = {{0}};
    exchange e = {.counts = {0}};
    const size_t samples = N / count, elements = samples * C;
    bncl_status status = BNCL_OK;
    for (size_t k = 0; k < count && status == BNCL_OK; ++k) {
        e.counts[k] = samples;
        status = open_part(&parts[k], samples, count, err);
    }
    for (size_t k = 0; k < count && status == BNCL_OK; ++k)
        status =
            give_statistics(&parts[k], x + k * elements, dy + k * elements, e.statistics[k], err);
    for (size_t k = 0; k < count && status == BNCL_OK; ++k)
        status = normalize(&parts[k], &e, count, e.sums[k], err);
    for (size_t k = 0; k < count && status == BNCL_OK; ++k)
        status = differentiate(&parts[k], &e, count, y + k * elements, dx + k * elements, err);
    for (size_t k = 0; k < count; ++k)
        close_part(&parts[k]);
    return status;
}

/* A NaN counts as infinite. */
static double largest_difference(const float *a, const float *b)
{
    double largest = 0.0;
    for (size_t i = 0; i < (size_t)N * C; ++i) {
        double difference = fabs((double)a[i] - (double)b[i]);
        if (!(difference <= largest))
            largest = isnan(difference) ? INFINITY : difference;
    }
    return largest;
}

int main(void)
{
    static float x[N * C], dy[N * C], y[2][N * C], dx[2][N * C];
    bncl_error err = {{0}};
    bncl_status status;
    bncl_random_uniform(1, 0, 998.0f, 1002.0f, x, N * C);
    bncl_random_uniform(1, 1, -1.0f, 1.0f, dy, N * C);
    if ((status = train(PARTS, x, dy, y[0], dx[0], &err)) ||
        (status = train(1, x, dy, y[1], dx[1], &err))) {
        fprintf(stderr, "synchronized: %s: %s\n", bncl_status_string(status), err.text);
        return EXIT_FAILURE;
    }
    const double of_y = largest_difference(y[0], y[1]), of_dx = largest_difference(dx[0], dx[1]);
    printf("[%d,%d] in %d parts and in one: largest difference of y %g, of dx %g\n", N, C, PARTS,
           of_y, of_dx);
    if (of_y <= LARGEST_ALLOWED && of_dx <= LARGEST_ALLOWED)
        return EXIT_SUCCESS;
    fprintf(stderr, "synchronized: expected at most %g\n", LARGEST_ALLOWED);
    return EXIT_FAILURE;
}
