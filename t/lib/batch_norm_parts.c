/* Batch norm in parts: see batch_norm_parts.h. */
#include "lib/batch_norm_parts.h"

#include <string.h>

#include "lib/compare.h"
#include "lib/harness.h"

enum { statistics_rows = 3, sums_rows = 4 };

typedef struct part {
    batch_norm_case c;
    batch_norm_data data;
    bncl_batch_norm *plan;
    bncl_batch_norm_forward forward;
    bncl_batch_norm_backward backward;
    size_t first, total; /* its elements among the case's */
} part;

typedef struct whole {
    device *d;
    const batch_norm_case *c;
    const batch_norm_cut *cut;
    part *parts;
    size_t *counts; /* values of a channel in each */
    size_t count;   /* in all */
} whole;

bncl_tensor batch_norm_rows_tensor(device *d, const batch_norm_case *c, size_t parts, size_t rows)
{
    const size_t dims[] = {parts, rows, c->channels};
    const bncl_dtype dtype = c->dtype == BNCL_F64 ? BNCL_F64 : BNCL_F32;
    return parts > 0 ? device_tensor(d, dtype, 3, dims, NULL)
                     : device_tensor(d, dtype, 2, dims + 1, NULL);
}

bncl_tensor batch_norm_part_of(const bncl_tensor *parts, size_t k)
{
    bncl_tensor one = *parts;
    one.rank = 2;
    one.dims[0] = parts->dims[1];
    one.dims[1] = parts->dims[2];
    one.offset += k * one.dims[0] * one.dims[1];
    return one;
}

static void cut_up(whole *w, const batch_norm_data *data)
{
    const size_t sample = w->c->channels * w->c->positions;
    size_t first = 0;
    w->parts = harness_memory(w->cut->count, sizeof *w->parts);
    w->counts = harness_memory(w->cut->count, sizeof *w->counts);
    for (size_t k = 0; k < w->cut->count; ++k) {
        part *p = &w->parts[k];
        p->c = *w->c;
        p->c.samples = w->cut->samples[k];
        p->first = first;
        p->total = p->c.samples * sample;
        p->data = *data;
        p->data.x += first;
        p->data.dy += first;
        first += p->total;
        p->plan = batch_norm_plan(w->d, &p->c);
        p->forward = batch_norm_forward_tensors(w->d, &p->c, &p->data);
        p->backward = batch_norm_backward_tensors(w->d, &p->c, &p->data, &p->forward);
        w->counts[k] = p->c.samples * p->c.positions;
        w->count += w->counts[k];
    }
    assert_true(first == batch_norm_case_total(w->c));
}

static void run_forward(whole *w)
{
    device *d = w->d;
    const bncl_tensor parts = batch_norm_rows_tensor(d, w->c, w->cut->count, statistics_rows);
    const bncl_tensor merged = batch_norm_rows_tensor(d, w->c, 0, statistics_rows);
    for (size_t k = 0; k < w->cut->count; ++k) {
        const bncl_tensor out = batch_norm_part_of(&parts, k);
        device_ok(d,
                  bncl_batch_norm_statistics(w->parts[k].plan, d->queue, &w->parts[k].forward.x,
                                             &out, NULL, &d->err),
                  "bncl_batch_norm_statistics");
    }
    device_ok(d,
              bncl_batch_norm_statistics_merge(w->parts[0].plan, d->queue, &parts, w->counts,
                                               w->cut->count, &merged, NULL, &d->err),
              "bncl_batch_norm_statistics_merge");
    for (size_t k = 0; k < w->cut->count; ++k)
        device_ok(d,
                  bncl_batch_norm_forward_with(w->parts[k].plan, d->queue, &w->parts[k].forward,
                                               &merged, w->count, NULL, &d->err),
                  "bncl_batch_norm_forward_with");
}

static void run_backward(whole *w)
{
    device *d = w->d;
    const bncl_tensor parts = batch_norm_rows_tensor(d, w->c, w->cut->count, sums_rows);
    const bncl_tensor merged = batch_norm_rows_tensor(d, w->c, 0, sums_rows);
    for (size_t k = 0; k < w->cut->count; ++k) {
        const bncl_tensor out = batch_norm_part_of(&parts, k);
        device_ok(d,
                  bncl_batch_norm_backward_sums(w->parts[k].plan, d->queue, &w->parts[k].backward,
                                                &out, NULL, &d->err),
                  "bncl_batch_norm_backward_sums");
    }
    device_ok(d,
              bncl_batch_norm_backward_merge(w->parts[0].plan, d->queue, &parts, w->cut->count,
                                             &merged, NULL, &d->err),
              "bncl_batch_norm_backward_merge");
    for (size_t k = 0; k < w->cut->count; ++k)
        device_ok(d,
                  bncl_batch_norm_backward_with(w->parts[k].plan, d->queue, &w->parts[k].backward,
                                                &merged, w->count, NULL, &d->err),
                  "bncl_batch_norm_backward_with");
}

static void same(const char *what, const float *got, const float *expected, size_t channels)
{
    if (expected != NULL)
        check_float_bits(what, got, expected, channels);
}

/* What one part has in common with the first. */
static void compare(const batch_norm_data *got, const batch_norm_data *first, size_t channels)
{
    same("a part's running_mean", got->new_running_mean, first->new_running_mean, channels);
    same("a part's running_var", got->new_running_var, first->new_running_var, channels);
    same("a part's save_mean", got->save_mean, first->save_mean, channels);
    same("a part's save_mean_lo", got->save_mean_lo, first->save_mean_lo, channels);
    same("a part's save_invstd", got->save_invstd, first->save_invstd, channels);
    same("a part's dgamma", got->dgamma, first->dgamma, channels);
    same("a part's dbeta", got->dbeta, first->dbeta, channels);
    assert_true(got->num_batches_tracked == first->num_batches_tracked);
}

void batch_norm_run_parts(device *d, const batch_norm_case *c, const batch_norm_cut *cut,
                          batch_norm_data *data)
{
    whole w = {.d = d, .c = c, .cut = cut};
    cut_up(&w, data);
    run_forward(&w);
    run_backward(&w);
    float *y = harness_floats(batch_norm_case_total(c));
    float *dx = harness_floats(batch_norm_case_total(c));
    for (size_t k = 0; k < cut->count; ++k) {
        part *p = &w.parts[k];
        batch_norm_read_forward(d, &p->forward, &p->data);
        batch_norm_read_backward(d, &p->backward, &p->data);
        memcpy(y + p->first, p->data.y, p->total * sizeof *y);
        memcpy(dx + p->first, p->data.dx, p->total * sizeof *dx);
        compare(&p->data, &w.parts[0].data, c->channels);
    }
    const batch_norm_data inputs = *data;
    *data = w.parts[0].data;
    data->x = inputs.x;
    data->dy = inputs.dy;
    data->y = y;
    data->dx = dx;
}
