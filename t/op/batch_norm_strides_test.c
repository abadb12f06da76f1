/* Where batch norm's tensors lie: rows with padding between them, slices of a larger tensor's
   channels, four dims, y in x's place, gradients added to what is there. None of it changes a bit
   of the results. */
#include <string.h>

#include "lib/batch_norm_check.h"
#include "lib/compare.h"
#include "lib/fingerprint.h"
#include "lib/harness.h"

typedef struct place_row {
    bncl_layout layout;
    size_t samples, channels, positions, width;
} place_row;

/* Vectors and tiles, whole and broken ones, and dims of one element. */
static const place_row places[] = {
    {BNCL_LAYOUT_NC, 37, 5, 1, 1},     {BNCL_LAYOUT_NCL, 3, 4, 17, 1},
    {BNCL_LAYOUT_NCHW, 2, 3, 35, 7},   {BNCL_LAYOUT_NLC, 4, 6, 9, 1},
    {BNCL_LAYOUT_NHWC, 2, 3, 12, 4},   {BNCL_LAYOUT_NC, 20, 1, 1, 1},
    {BNCL_LAYOUT_NCL, 1, 2, 70, 1},    {BNCL_LAYOUT_NCL, 5, 3, 1, 1},
    {BNCL_LAYOUT_NC, 1030, 67, 1, 1},  {BNCL_LAYOUT_NCL, 20, 7, 100, 1},
    {BNCL_LAYOUT_NCHW, 3, 5, 900, 30}, {BNCL_LAYOUT_NHWC, 3, 40, 400, 20},
};
enum { place_count = sizeof places / sizeof places[0], small_place_count = 5 };

static batch_norm_case case_of(const place_row *row)
{
    batch_norm_case c =
        batch_norm_case_make(row->layout, row->samples, row->channels, row->positions);
    c.width = row->width;
    return c;
}

static void expect_same(const batch_norm_case *c, const batch_norm_data *a,
                        const batch_norm_data *b)
{
    const batch_norm_fingerprint first = batch_norm_fingerprint_of(c, a);
    const batch_norm_fingerprint second = batch_norm_fingerprint_of(c, b);
    for (size_t i = 0; i < fingerprint_results; ++i)
        if (first.of[i] != second.of[i])
            harness_fail("%s: other bits in %s", batch_norm_case_name(c), fingerprint_names[i]);
}

/* Dense, within the bounds; then with padding of two widths: the same bits, and the padding as it
   was. */
static void padding(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < (d->small ? small_place_count : place_count); ++i)
        for (int train = 0; train < 2; ++train) {
            void (*run)(device *, const batch_norm_case *, batch_norm_data *) =
                train ? batch_norm_run_train : batch_norm_run_eval;
            batch_norm_case c = case_of(&places[i]);
            batch_norm_data dense = batch_norm_data_make(&c);
            run(d, &c, &dense);
            (train ? batch_norm_check_train : batch_norm_check_eval)(&c, &dense);
            for (c.padding = 1; c.padding <= 13; c.padding += 12) {
                batch_norm_data padded = batch_norm_data_make(&c);
                run(d, &c, &padded);
                expect_same(&c, &dense, &padded);
            }
            harness_release(NULL);
        }
}

/* [N,C,H,W] is [N,C,H·W], and [N,H,W,C] is [N,H·W,C]. */
static void planes_are_lines(void **state)
{
    device *d = device_of(state);
    for (int last = 0; last < 2; ++last) {
        batch_norm_case line =
            batch_norm_case_make(last ? BNCL_LAYOUT_NLC : BNCL_LAYOUT_NCL, 3, 4, 60);
        batch_norm_case plane = line;
        plane.layout = last ? BNCL_LAYOUT_NHWC : BNCL_LAYOUT_NCHW;
        batch_norm_data a = batch_norm_data_make(&line), b = batch_norm_data_make(&plane);
        batch_norm_run_train(d, &line, &a);
        for (plane.width = 1; plane.width <= 60; plane.width *= 60) {
            batch_norm_run_train(d, &plane, &b);
            expect_same(&plane, &a, &b);
        }
        harness_release(NULL);
    }
}

/* y in the place of x: the bits of y apart. */
static void y_in_the_place_of_x(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < (d->small ? small_place_count : place_count); ++i)
        for (int train = 0; train < 2; ++train) {
            batch_norm_case c = case_of(&places[i]);
            c.padding = i % 2;
            batch_norm_data data = batch_norm_data_make(&c);
            bncl_batch_norm *plan = batch_norm_plan(d, &c);
            bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
            const bncl_batch_norm_forward apart = args;
            bncl_status (*forward)(bncl_batch_norm *, bncl_queue *, const bncl_batch_norm_forward *,
                                   const bncl_sync *, bncl_error *) =
                train ? bncl_batch_norm_forward_train : bncl_batch_norm_forward_eval;
            args.save_mean = args.save_mean_lo = args.save_invstd = device_absent();
            args.y = args.x;
            args.next_mean = device_vector(d, c.channels, NULL);
            args.next_var = device_vector(d, c.channels, NULL);
            bncl_batch_norm_forward other = args;
            other.x = batch_norm_forward_tensors(d, &c, &data).x;
            other.y = apart.y;
            device_ok(d, forward(plan, d->queue, &other, NULL, &d->err), "apart");
            device_ok(d, forward(plan, d->queue, &args, NULL, &d->err), "in place");
            check_float_bits(batch_norm_case_name(&c), device_floats(d, &args.y),
                             device_floats(d, &other.y), batch_norm_case_total(&c));
            harness_release(NULL);
        }
}

/* Two norms, each of half the channels of one tensor [N,2C,L]: outputs beside each other, and the
   bits of halves of their own. */
static void slices_of_the_channels(void **state)
{
    enum { samples = 5, channels = 3, positions = 11 };
    device *d = device_of(state);
    batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NCL, samples, channels, positions);
    const size_t dims[] = {samples, channels, positions};
    const size_t strides[] = {2 * channels * positions, positions, 1};
    const size_t whole[] = {samples, 2 * channels, positions};
    float *both = harness_floats(2 * batch_norm_case_total(&c));
    const bncl_tensor y = device_tensor(d, BNCL_F32, 3, whole, NULL);
    batch_norm_data halves[2];
    for (size_t half = 0; half < 2; ++half) {
        c.seed = half;
        halves[half] = batch_norm_data_make(&c);
        for (size_t n = 0; n < samples; ++n)
            memcpy(both + (2 * n + half) * channels * positions,
                   halves[half].x + n * channels * positions, channels * positions * sizeof(float));
    }
    const bncl_tensor x = device_tensor(d, BNCL_F32, 3, whole, both);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    for (size_t half = 0; half < 2; ++half) {
        c.seed = half;
        bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &halves[half]);
        const size_t at = half * channels * positions;
        device_ok(d,
                  bncl_tensor_init_strided(&args.x, x.buffer, x.offset + at, BNCL_F32, 3, dims,
                                           strides, &d->err),
                  "a slice of x");
        device_ok(d,
                  bncl_tensor_init_strided(&args.y, y.buffer, y.offset + at, BNCL_F32, 3, dims,
                                           strides, &d->err),
                  "a slice of y");
        device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err), "slice");
        batch_norm_run_train(d, &c, &halves[half]);
    }
    const float *got = device_floats(d, &y);
    for (size_t n = 0; n < samples; ++n)
        for (size_t half = 0; half < 2; ++half)
            check_float_bits("y", got + (2 * n + half) * channels * positions,
                             halves[half].y + n * channels * positions, channels * positions);
}

/* What accumulating adds to. */
static void fill(device *d, const bncl_batch_norm_backward *args)
{
    const bncl_tensor *outputs[] = {&args->dgamma, &args->dbeta};
    float values[16];
    for (size_t i = 0; i < 16; ++i)
        values[i] = 0.5f + (float)i;
    for (size_t i = 0; i < 2; ++i)
        device_write(d, outputs[i], values);
}

static bncl_status backward(device *d, bncl_batch_norm *plan, bool train,
                            const bncl_batch_norm_backward *args)
{
    return train ? bncl_batch_norm_backward_train(plan, d->queue, args, NULL, &d->err)
                 : bncl_batch_norm_backward_eval(plan, d->queue, args, NULL, &d->err);
}

static void expect_sum(const char *what, const float *got, const float *before, const float *added,
                       size_t count)
{
    float *sum = harness_floats(count);
    for (size_t i = 0; i < count; ++i)
        sum[i] = before[i] + added[i];
    check_float_bits(what, got, sum, count);
}

/* Added, or written: each alone, and both. */
static void accumulating(void **state)
{
    device *d = device_of(state);
    for (unsigned run = 0; run < 4 * small_place_count; ++run) {
        const bool train = run & 1u, both = run & 2u;
        batch_norm_case c = case_of(&places[run / 4]);
        c.padding = both ? 2 : 0;
        const size_t total = batch_norm_case_total(&c);
        batch_norm_data data = batch_norm_data_make(&c);
        bncl_batch_norm *plan = batch_norm_plan(d, &c);
        const bncl_batch_norm_forward forward = batch_norm_forward_tensors(d, &c, &data);
        device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &forward, NULL, &d->err), "");
        bncl_batch_norm_backward args = batch_norm_backward_tensors(d, &c, &data, &forward);
        device_ok(d, backward(d, plan, train, &args), "written");
        batch_norm_read_backward(d, &args, &data);
        fill(d, &args);
        device_write(d, &args.dx, data.x);
        const float *dgamma = device_floats(d, &args.dgamma),
                    *dbeta = device_floats(d, &args.dbeta);
        args.accumulate_dx = both;
        args.accumulate_parameters = true;
        device_ok(d, backward(d, plan, train, &args), "added");
        expect_sum("dgamma", device_floats(d, &args.dgamma), dgamma, data.dgamma, c.channels);
        expect_sum("dbeta", device_floats(d, &args.dbeta), dbeta, data.dbeta, c.channels);
        if (both)
            expect_sum("dx", device_floats(d, &args.dx), data.x, data.dx, total);
        else
            check_float_bits("dx", device_floats(d, &args.dx), data.dx, total);
        harness_release(NULL);
    }
}

/* An empty batch adds nothing. */
static void accumulating_nothing(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 0, 5, 1);
    batch_norm_data data = batch_norm_data_make(&c);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    const bncl_batch_norm_forward forward = batch_norm_forward_tensors(d, &c, &data);
    bncl_batch_norm_backward args = batch_norm_backward_tensors(d, &c, &data, &forward);
    fill(d, &args);
    args.accumulate_parameters = true;
    device_ok(d, backward(d, plan, true, &args), "backward");
    check_all_equal("the first of dgamma", device_floats(d, &args.dgamma), 0.5f, 1);
    args.accumulate_parameters = false;
    device_ok(d, backward(d, plan, true, &args), "backward");
    check_all_equal("dgamma", device_floats(d, &args.dgamma), 0.0f, 5);
}

static void refuse_strides(device *d, bncl_layout layout, int rank, const size_t *strides,
                           const char *words)
{
    static const size_t dims[BNCL_MAX_RANK] = {3, 4, 5, 2};
    batch_norm_case c = batch_norm_case_make(layout, 3, layout == BNCL_LAYOUT_NLC ? 5 : 4,
                                             rank == 4                   ? 10
                                             : layout == BNCL_LAYOUT_NLC ? 4
                                                                         : 5);
    c.width = 2;
    if (rank == 2)
        c.positions = 1;
    batch_norm_data data = batch_norm_data_make(&c);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
    const bncl_tensor large = device_vector(d, 4000, NULL);
    device_ok(d,
              bncl_tensor_init_strided(&args.x, large.buffer, large.offset, BNCL_F32, rank, dims,
                                       strides, &d->err),
              "bncl_tensor_init_strided");
    device_refused(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err),
                   BNCL_ERROR_UNSUPPORTED, words);
    device_untouched(d, "y", &args.y);
}

static void refused(void **state)
{
    device *d = device_of(state);
    refuse_strides(d, BNCL_LAYOUT_NC, 2, (const size_t[]){8, 2},
                   "x: expected neighbours along the fastest dim, got a stride of 2; bncl_copy "
                   "makes such a tensor");
    refuse_strides(d, BNCL_LAYOUT_NC, 2, (const size_t[]){3, 1}, "x: its elements overlap");
    refuse_strides(d, BNCL_LAYOUT_NCL, 3, (const size_t[]){40, 10, 2}, "expected neighbours");
    refuse_strides(d, BNCL_LAYOUT_NCL, 3, (const size_t[]){40, 4, 1}, "its elements overlap");
    refuse_strides(d, BNCL_LAYOUT_NCL, 3, (const size_t[]){19, 5, 1}, "its elements overlap");
    refuse_strides(d, BNCL_LAYOUT_NLC, 3, (const size_t[]){30, 6, 1},
                   "layout NLC that walk evenly");
    refuse_strides(d, BNCL_LAYOUT_NCHW, 4, (const size_t[]){60, 15, 3, 1}, "layout NCHW");
}

/* A permuted tensor: samples closer than channels. */
static void samples_within_channels(void **state)
{
    enum { samples = 6, channels = 4, positions = 9, total = samples * channels * positions };
    device *d = device_of(state);
    batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NCL, samples, channels, positions);
    const size_t dims[] = {samples, channels, positions};
    const size_t strides[] = {positions, samples * positions, 1};
    batch_norm_data data = batch_norm_data_make(&c), dense = data;
    batch_norm_run_train(d, &c, &dense);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
    args.x = device_strided(d, BNCL_F32, 3, dims, strides, data.x);
    device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err), "train");
    check_float_bits("y", device_floats(d, &args.y), dense.y, total);
}

/* In place is all or nothing; other calls take no strides. */
static void overlaps_and_other_calls(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 6, 5, 1);
    batch_norm_data data = batch_norm_data_make(&c);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
    args.y = args.x;
    args.y.offset -= 1;
    device_refused(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, "y overlaps x");
    const size_t dims[] = {6, 5}, strides[] = {7, 1};
    const bncl_tensor padded = device_strided(d, BNCL_F32, 2, dims, strides, NULL);
    args.x = args.y = padded;
    memset(args.y.strides, 0, sizeof args.y.strides); /* and dense, from the same place on */
    device_refused(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, "y overlaps x");
    device_untouched(d, "x", &padded);
    device_refused(d, bncl_tensor_fill(d->queue, &padded, 1.0, NULL, &d->err),
                   BNCL_ERROR_UNSUPPORTED, "expected a dense tensor, got strides");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(padding),
        HARNESS_TEST(planes_are_lines),
        HARNESS_TEST(y_in_the_place_of_x),
        HARNESS_TEST(slices_of_the_channels),
        HARNESS_TEST(samples_within_channels),
        HARNESS_TEST(accumulating),
        HARNESS_TEST(accumulating_nothing),
        HARNESS_TEST(refused),
        HARNESS_TEST(overlaps_and_other_calls),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
