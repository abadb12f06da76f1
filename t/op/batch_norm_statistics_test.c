/* Statistics and backward's sums as results of their own: of one batch, merged from parts, and
   given back to forward and backward. */
#include <math.h>
#include <string.h>

#include "lib/batch_norm_check.h"
#include "lib/batch_norm_expect.h"
#include "lib/batch_norm_parts.h"
#include "lib/compare.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/tolerance.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};

static void same_results(const char *what, const batch_norm_case *c, const batch_norm_data *got,
                         const batch_norm_data *expected)
{
    const size_t total = batch_norm_case_total(c), channels = c->channels;
    const struct {
        const char *name;
        const float *got, *expected;
        size_t count;
    } results[] = {
        {"y", got->y, expected->y, total},
        {"dx", got->dx, expected->dx, total},
        {"running_mean", got->new_running_mean, expected->new_running_mean, channels},
        {"running_var", got->new_running_var, expected->new_running_var, channels},
        {"save_mean", got->save_mean, expected->save_mean, channels},
        {"save_mean_lo", got->save_mean_lo, expected->save_mean_lo, channels},
        {"save_invstd", got->save_invstd, expected->save_invstd, channels},
        {"dgamma", got->dgamma, expected->dgamma, channels},
        {"dbeta", got->dbeta, expected->dbeta, channels},
    };
    for (size_t i = 0; i < COUNT(results); ++i)
        if (results[i].expected != NULL)
            check_float_bits(
                harness_text("%s of %s, %s", results[i].name, batch_norm_case_name(c), what),
                results[i].got, results[i].expected, results[i].count);
    assert_true(got->num_batches_tracked == expected->num_batches_tracked);
}

/* One part is the whole batch: the bits of forward_train and backward_train. */
static void one_part_gives_the_bits_of_training(void **state)
{
    device *d = device_of(state);
    const size_t shapes[][3] = {{2, 3, 1}, {40, 5, 1}, {6, 4, 17}, {70, 3, 40}, {33, 2, 100}};
    const bncl_dtype dtypes[] = {BNCL_F32, BNCL_F16, BNCL_BF16, BNCL_F64};
    for (size_t i = 0; i < 4 * (d->small ? 3 : COUNT(shapes)); ++i) {
        const size_t *shape = shapes[i / 4];
        batch_norm_case c = batch_norm_case_make(i & 1 ? BNCL_LAYOUT_NLC : BNCL_LAYOUT_NCL,
                                                 shape[0], shape[1], shape[2]);
        c.dtype = dtypes[(i + i / 4) % 4];
        c.offset = 100.0;
        c.padding = i & 2 ? 3 : 0;
        c.options.cumulative = i & 1;
        if (c.dtype == BNCL_F64 && !batch_norm_has_f64(d))
            continue;
        batch_norm_data whole = batch_norm_data_make(&c), parts = batch_norm_data_make(&c);
        const batch_norm_cut cut = {1, &c.samples};
        batch_norm_run_train(d, &c, &whole);
        batch_norm_run_parts(d, &c, &cut, &parts);
        same_results("in one part", &c, &parts, &whole);
        harness_release(NULL);
    }
}

/* Cut in whatever way, the batch is the same within what is promised of it as a whole. */
static void parts_are_the_whole_batch(void **state)
{
    device *d = device_of(state);
    const size_t cuts[][9] = {
        {20, 20},      {1, 39}, {0, 7, 33}, {1, 1, 1, 1, 0, 36}, {5, 5, 5, 5, 5, 5, 5, 4, 1},
        {3, 0, 20, 17}};
    const size_t counts[] = {2, 2, 3, 6, 9, 4};
    const double offsets[] = {0.0, 1e3, -1e6, 1e7};
    for (size_t i = 0; i < (d->small ? 3 : 3 * COUNT(counts)); ++i) {
        const bncl_layout layout = layouts[i % 3];
        batch_norm_case c = batch_norm_case_make(layout, 40, 3,
                                                 layout == BNCL_LAYOUT_NC ? 1
                                                 : d->small               ? 5
                                                                          : 60);
        c.offset = offsets[i % 4];
        c.seed = i + 1;
        const batch_norm_cut cut = {counts[i / 3], cuts[i / 3]};
        batch_norm_data data = batch_norm_data_make(&c);
        batch_norm_run_parts(d, &c, &cut, &data);
        batch_norm_check_train(&c, &data);
        harness_release(NULL);
    }
}

/* ---- the tree ---- */

/* Statistics of `parts` random batches, of which part k has counts[k] values. */
static bncl_tensor random_parts(device *d, const batch_norm_case *c, const size_t *counts,
                                size_t parts)
{
    const bncl_tensor all = batch_norm_rows_tensor(d, c, parts, 3);
    for (size_t k = 0; k < parts; ++k) {
        batch_norm_case one = *c;
        one.samples = counts[k];
        one.seed = k + 1;
        one.offset = 3.0 * (double)(k % 5);
        const batch_norm_data data = batch_norm_data_make(&one);
        const bncl_tensor x = batch_norm_case_tensor(d, &one, 0, data.x);
        const bncl_tensor out = batch_norm_part_of(&all, k);
        device_ok(
            d,
            bncl_batch_norm_statistics(batch_norm_plan(d, &one), d->queue, &x, &out, NULL, &d->err),
            "bncl_batch_norm_statistics");
    }
    return all;
}

static float *merge(device *d, const batch_norm_case *c, const bncl_tensor *parts,
                    const size_t *counts)
{
    const bncl_tensor merged = batch_norm_rows_tensor(d, c, 0, 3);
    device_ok(d,
              bncl_batch_norm_statistics_merge(batch_norm_plan(d, c), d->queue, parts, counts,
                                               parts->dims[0], &merged, NULL, &d->err),
              "bncl_batch_norm_statistics_merge");
    return device_floats(d, &merged);
}

/* [count][3][C] of parts on the host. */
static bncl_tensor upload(device *d, const batch_norm_case *c, const float *const *parts,
                          size_t count)
{
    const size_t dims[] = {count, 3, c->channels}, elements = 3 * c->channels;
    float *host = harness_floats(count * elements);
    for (size_t k = 0; k < count; ++k)
        memcpy(host + k * elements, parts[k], elements * sizeof *host);
    return device_tensor(d, BNCL_F32, 3, dims, host);
}

static float *merge_two(device *d, const batch_norm_case *c, const float *a, size_t a_count,
                        const float *b, size_t b_count)
{
    const float *const parts[] = {a, b};
    const size_t counts[] = {a_count, b_count};
    const bncl_tensor both = upload(d, c, parts, 2);
    return merge(d, c, &both, counts);
}

/* The tree of parts first … first + count - 1, by its definition: the left subtree is the largest
   power of two that leaves something for the right. */
static const float *tree(device *d, const batch_norm_case *c, const float *const *parts,
                         const size_t *counts, size_t count, size_t *total)
{
    if (count == 1) {
        *total = counts[0];
        return parts[0];
    }
    size_t left = 1, left_total, right_total;
    while (2 * left < count)
        left *= 2;
    const float *a = tree(d, c, parts, counts, left, &left_total);
    const float *b = tree(d, c, parts + left, counts + left, count - left, &right_total);
    *total = left_total + right_total;
    return merge_two(d, c, a, left_total, b, right_total);
}

static void parts_merge_in_the_tree(void **state)
{
    device *d = device_of(state);
    const size_t counts[] = {3, 1, 40, 7, 9, 2, 1, 100, 12, 5, 31};
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 2, 4, 1);
    const bncl_tensor all = random_parts(d, &c, counts, COUNT(counts));
    const float *parts[COUNT(counts)];
    const float *host = device_floats(d, &all);
    for (size_t k = 0; k < COUNT(counts); ++k)
        parts[k] = host + 3 * c.channels * k;
    for (size_t count = 1; count <= (d->small ? 5 : COUNT(counts)); ++count) {
        size_t total;
        bncl_tensor some = all;
        some.dims[0] = count;
        const float *got = merge(d, &c, &some, counts);
        check_float_bits(harness_text("%zu parts", count), got,
                         tree(d, &c, parts, counts, count, &total), 3 * c.channels);
    }
}

/* Empty parts, whatever stands in them, are as if they were not there. */
static void empty_parts_change_nothing(void **state)
{
    device *d = device_of(state);
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 2, 4, 1);
    const size_t counts[] = {3, 17, 1, 40, 7}, holes[] = {0, 3, 0, 0, 17, 1, 40, 0, 7, 0};
    const bncl_tensor some = random_parts(d, &c, counts, COUNT(counts));
    const float *expected = merge(d, &c, &some, counts);
    const float *parts[COUNT(holes)];
    const float *host = device_floats(d, &some);
    float *nothing = harness_floats(3 * c.channels);
    for (size_t i = 0; i < 3 * c.channels; ++i)
        nothing[i] = NAN;
    for (size_t k = 0, next = 0; k < COUNT(holes); ++k) {
        parts[k] = holes[k] > 0 ? host + 3 * c.channels * next : nothing;
        next += holes[k] > 0;
    }
    const bncl_tensor all = upload(d, &c, parts, COUNT(holes));
    check_float_bits("with empty parts", merge(d, &c, &all, holes), expected, 3 * c.channels);

    const size_t one[] = {0, 3, 0}, none[] = {0, 0, 0};
    bncl_tensor three = all;
    three.dims[0] = 3;
    check_float_bits("one part", merge(d, &c, &three, one), parts[1], 3 * c.channels);
    check_all_equal("no part", merge(d, &c, &three, none), 0.0f, 3 * c.channels);
}

/* Many parts of large means: mean within 8u of Σ|x|/n, var within 2e-6, by the double reference. */
static void many_parts_keep_the_bounds(void **state)
{
    device *d = device_of(state);
    const double offsets[] = {0.0, 1e4, 1e7};
    const size_t parts = d->small ? 9 : 300;
    for (size_t o = 0; o < COUNT(offsets); ++o) {
        size_t *cut_samples = harness_memory(parts, sizeof *cut_samples);
        generator g = generator_seed(o);
        batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 0, 3, 1);
        for (size_t k = 0; k < parts; ++k)
            c.samples += cut_samples[k] = generator_word(&g) % (d->small ? 6 : 40);
        c.offset = offsets[o];
        const batch_norm_data data = batch_norm_data_make(&c);
        const batch_norm_expectation e = batch_norm_expect(&c, &data, true);
        const bncl_tensor all = batch_norm_rows_tensor(d, &c, parts, 3);
        size_t first = 0;
        for (size_t k = 0; k < parts; ++k) {
            batch_norm_case one = c;
            one.samples = cut_samples[k];
            const bncl_tensor x = batch_norm_case_tensor(d, &one, 0, data.x + 3 * first);
            const bncl_tensor out = batch_norm_part_of(&all, k);
            device_ok(d,
                      bncl_batch_norm_statistics(batch_norm_plan(d, &one), d->queue, &x, &out, NULL,
                                                 &d->err),
                      "bncl_batch_norm_statistics");
            first += one.samples;
        }
        const float *got = merge(d, &c, &all, cut_samples);
        float var[3];
        double bound[3];
        for (size_t i = 0; i < 3; ++i) {
            var[i] = got[6 + i] / (float)c.samples;
            bound[i] = tolerance_batch_norm_var(e.results.var[i]);
        }
        check_floats("mean", got, e.results.mean, e.bounds.mean, 3);
        check_floats("var", var, e.results.var, bound, 3);
        harness_release(NULL);
    }
}

/* ---- edges ---- */

static float *statistics(device *d, const batch_norm_case *c, const float *x)
{
    const bncl_tensor in = batch_norm_case_tensor(d, c, 0, x);
    const bncl_tensor out = batch_norm_rows_tensor(d, c, 0, 3);
    device_ok(d,
              bncl_batch_norm_statistics(batch_norm_plan(d, c), d->queue, &in, &out, NULL, &d->err),
              "bncl_batch_norm_statistics");
    return device_floats(d, &out);
}

/* One value, none, one value repeated; a channel that has none keeps to itself. */
static void statistics_of_edges(void **state)
{
    device *d = device_of(state);
    const float values[] = {7.25f, -3.0f};
    batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 1, 2, 1);
    const float *got = statistics(d, &c, values);
    check_float_bits("mean of one value", got, values, 2);
    check_all_equal("its error and M2", got + 2, 0.0f, 4);
    c.samples = 0;
    check_all_equal("of no values", statistics(d, &c, values), 0.0f, 6);

    c.samples = d->small ? 40 : 1500;
    float *x = harness_floats(2 * c.samples);
    for (size_t i = 0; i < c.samples; ++i) {
        x[2 * i] = 0.1f;
        x[2 * i + 1] = i == 20 ? INFINITY : 1.0f;
    }
    got = statistics(d, &c, x);
    assert_true(got[0] == 0.1f && got[2] == 0.0f && got[4] == 0.0f);
    assert_true(isinf(got[1]) && got[1] > 0.0f && isnan(got[5]));
    const float finite[] = {1.0f, 2.0f, 0.0f, 0.0f, 1.0f, 1.0f};
    const float *both = merge_two(d, &c, finite, 4, got, c.samples);
    assert_true(isfinite(both[0]) && isfinite(both[4]));
    assert_true(isinf(both[1]) && both[1] > 0.0f && isnan(both[5]));
}

/* A batch of which every part is empty counts, and changes nothing. */
static void all_parts_empty(void **state)
{
    device *d = device_of(state);
    const size_t samples[] = {0, 0};
    const batch_norm_cut cut = {2, samples};
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 0, 5, 1);
    batch_norm_data whole = batch_norm_data_make(&c), data = batch_norm_data_make(&c);
    batch_norm_run_train(d, &c, &whole);
    batch_norm_run_parts(d, &c, &cut, &data);
    check_float_bits("running_mean", data.new_running_mean, data.running_mean, 5);
    check_float_bits("running_var", data.new_running_var, data.running_var, 5);
    check_all_equal("dgamma", data.dgamma, 0.0f, 5);
    assert_true(data.num_batches_tracked == 1 && whole.num_batches_tracked == 1);
}

/* One value a part is enough where all parts together have two. */
static void one_value_a_part(void **state)
{
    device *d = device_of(state);
    const size_t samples[] = {1, 1};
    const batch_norm_cut cut = {2, samples};
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 2, 5, 1);
    batch_norm_data data = batch_norm_data_make(&c);
    batch_norm_run_parts(d, &c, &cut, &data);
    batch_norm_check_train(&c, &data);
}

static void refused(void **state)
{
    device *d = device_of(state);
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 4, 3, 1);
    batch_norm_data data = batch_norm_data_make(&c);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    const bncl_batch_norm_forward f = batch_norm_forward_tensors(d, &c, &data);
    const bncl_batch_norm_backward b = batch_norm_backward_tensors(d, &c, &data, &f);
    const bncl_tensor three = batch_norm_rows_tensor(d, &c, 0, 3);
    const bncl_tensor four = batch_norm_rows_tensor(d, &c, 0, 4);
    const struct {
        size_t count;
        const char *words;
    } rows[] = {{0, "count: expected 1 or more for an x of 12 values"},
                {1, "Expected more than 1 value per channel when training"},
                {(size_t)1 << 31, "count: expected less than 2147483648, got 2147483648"}};
    for (size_t i = 0; i < COUNT(rows); ++i) {
        device_refused(
            d,
            bncl_batch_norm_forward_with(plan, d->queue, &f, &three, rows[i].count, NULL, &d->err),
            BNCL_ERROR_SHAPE, rows[i].words);
        if (rows[i].count != 1)
            device_refused(d,
                           bncl_batch_norm_backward_with(plan, d->queue, &b, &four, rows[i].count,
                                                         NULL, &d->err),
                           BNCL_ERROR_SHAPE, rows[i].words);
    }
    device_untouched(d, "y", &f.y);
    device_untouched(d, "dx", &b.dx);
    assert_true(data.num_batches_tracked == 0);

    const bncl_tensor parts = batch_norm_rows_tensor(d, &c, 3, 3);
    const size_t counts[] = {1, (size_t)1 << 30, ((size_t)1 << 30) - 1};
    device_refused(
        d,
        bncl_batch_norm_statistics_merge(plan, d->queue, &parts, counts, 3, &three, NULL, &d->err),
        BNCL_ERROR_SHAPE, "counts[2]");
    device_untouched(d, "merged", &three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(one_part_gives_the_bits_of_training),
        HARNESS_TEST(parts_are_the_whole_batch),
        HARNESS_TEST(parts_merge_in_the_tree),
        HARNESS_TEST(empty_parts_change_nothing),
        HARNESS_TEST(many_parts_keep_the_bounds),
        HARNESS_TEST(statistics_of_edges),
        HARNESS_TEST(all_parts_empty),
        HARNESS_TEST(one_value_a_part),
        HARNESS_TEST(refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
