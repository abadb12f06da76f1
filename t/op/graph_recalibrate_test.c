/* Running statistics estimated anew: against the values themselves and against what training told
   of each batch, in every order, with layers that stay out of it, and what ends it early. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/harness.h"
#include "lib/network_feed.h"
#include "lib/tolerance.h"

enum { most_batches = network_feed_most, features = 5 };

/* momentum = 1: after a pass in training the running statistics are the batch's own. */
static const network_layer norm_layers[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0, .momentum = 1.0},
    {NETWORK_LINEAR, "fc1", .a = 1, .features = features},
    {NETWORK_RELU, "relu", .a = 2},
    {NETWORK_BATCH_NORM, "bn2", .a = 3, .momentum = 1.0},
    {NETWORK_LINEAR, "fc2", .a = 4, .features = features},
    {NETWORK_BATCH_NORM, "bn3", .a = 5, .momentum = 1.0, .bare = true},
};
static const network norms = {.name = "norms",
                              .inputs = {{1, {features}, false}},
                              .input_count = 1,
                              .layers = norm_layers,
                              .layer_count = 6};

static float *entry(const network_graph *g, const char *layer, const char *what)
{
    float *values = harness_floats(features);
    network_graph_entry(g, harness_text("%s.%s", layer, what), values, features * sizeof(float));
    return values;
}

static int64_t counter(const network_graph *g, const char *layer)
{
    int64_t count = -1;
    network_graph_entry(g, harness_text("%s.num_batches_tracked", layer), &count, sizeof count);
    return count;
}

/* ---- what it estimates ---- */

/* The first layer sees the inputs: mean and unbiased variance of all of them, by the reference. */
static void expect_of_inputs(const network_graph *g, const network_feed *f)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < f->count; ++i)
        n += f->batches[i].n;
    double *all = harness_doubles(n * features), mean[features], var[features];
    double mean_bound[features] = {0.0}, var_bound[features];
    for (size_t i = 0; i < f->count; at += f->batches[i++].n * features)
        memcpy(all + at, f->batches[i].wide[0], f->batches[i].n * features * sizeof *all);
    const reference_shape shape = {n, features, 1, false};
    reference_statistics(&shape, all, mean, var);
    for (size_t i = 0; i < n * features; ++i)
        mean_bound[i % features] += fabs(all[i]) / (double)n;
    for (size_t c = 0; c < features; ++c) {
        mean_bound[c] = tolerance_batch_norm_sum(mean_bound[c]);
        var[c] *= (double)n / ((double)n - 1.0);
        var_bound[c] = tolerance_batch_norm_var(var[c]);
    }
    check_floats("bn1.running_mean", entry(g, "bn1", "running_mean"), mean, mean_bound, features);
    check_floats("bn1.running_var", entry(g, "bn1", "running_var"), var, var_bound, features);
}

/* A layer's statistics from those that a twin of the graph leaves after each batch, each rounded to
   f32: pooled in double. The means' rounding moves Σn·d² by up to 2·Σn·|d|·u·|mean|. */
static void expect_of_batches(const network_graph *g, network_graph *twin, const network_feed *f,
                              const char *layer)
{
    double means[most_batches][features], m2s[most_batches][features];
    double n = 0.0, mean[features] = {0.0}, var[features] = {0.0};
    double mean_bound[features] = {0.0}, var_bound[features] = {0.0};
    for (size_t i = 0; i < f->count; ++i) {
        const double count = (double)f->batches[i].n;
        if (f->batches[i].n == 0)
            continue;
        network_graph_forward(twin, &f->batches[i]);
        const float *m = entry(twin, layer, "running_mean");
        const float *v = entry(twin, layer, "running_var");
        n += count;
        for (size_t c = 0; c < features; ++c) {
            means[i][c] = (double)m[c];
            m2s[i][c] = (double)v[c] * (count - 1.0);
            mean[c] += count * means[i][c];
            mean_bound[c] += tolerance_batch_norm_sum(count * fabs(means[i][c]));
        }
    }
    for (size_t c = 0; c < features; ++c) {
        mean[c] /= n;
        mean_bound[c] /= n;
        for (size_t i = 0; i < f->count; ++i) {
            if (f->batches[i].n == 0)
                continue;
            const double d = means[i][c] - mean[c], count = (double)f->batches[i].n;
            var[c] += (m2s[i][c] + count * d * d) / (n - 1.0);
            var_bound[c] +=
                2.0 * count * fabs(d) * tolerance_unit() * fabs(means[i][c]) / (n - 1.0);
        }
        var_bound[c] += tolerance_batch_norm_var(var[c]);
    }
    check_floats(harness_text("%s.running_mean", layer), entry(g, layer, "running_mean"), mean,
                 mean_bound, features);
    check_floats(harness_text("%s.running_var", layer), entry(g, layer, "running_var"), var,
                 var_bound, features);
}

static const size_t sizes[most_batches] = {4, 9, 2, 30, 7, 7, 3, 11, 2, 5, 64, 6};

static void pooled_over_all_batches(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &norms, 1);
    network_graph twin = network_graph_make(d, &norms, 1);
    network_feed f = network_feed_make(d, &norms, sizes, d->small ? 3 : most_batches);
    network_feed_recalibrate(&g, &f);
    expect_of_inputs(&g, &f);
    const char *const layers[] = {"bn1", "bn2", "bn3"};
    for (int i = 0; i < 3; ++i) {
        expect_of_batches(&g, &twin, &f, layers[i]);
        assert_true(counter(&g, layers[i]) == (int64_t)f.count);
    }
}

/* One batch, and cut in two: the first layer's values are the same, within the bounds. What was
   estimated before plays no part. */
static void cut_elsewhere(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &norms, 1);
    network_feed f = network_feed_make(d, &norms, (const size_t[]){40}, 1);
    network_feed_recalibrate(&g, &f);
    expect_of_inputs(&g, &f);
    network_feed halves = network_feed_make(d, &norms, (const size_t[]){13, 27}, 2);
    halves.batches[0].inputs[0] = f.batches[0].inputs[0];
    halves.batches[1].inputs[0] = f.batches[0].inputs[0] + (size_t)13 * features;
    network_feed_recalibrate(&g, &halves);
    expect_of_inputs(&g, &f);
    assert_true(counter(&g, "bn1") == 2);
}

static void swap(size_t *a, size_t *b)
{
    const size_t t = *a;
    *a = *b;
    *b = t;
}

/* Heap's algorithm: every order of the first `count` batches. */
static void permute(network_graph *g, network_feed *f, size_t count, const network_state *expected)
{
    if (count <= 1) {
        network_feed_recalibrate(g, f);
        network_graph_expect(g, expected, "another order");
        return;
    }
    for (size_t i = 0; i < count; ++i) {
        permute(g, f, count - 1, expected);
        swap(&f->order[count % 2 == 0 ? i : 0], &f->order[count - 1]);
    }
}

static void every_order_gives_the_same_bits(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &norms, 1);
    network_feed few = network_feed_make(d, &norms, sizes, d->small ? 3 : 4);
    network_feed_recalibrate(&g, &few);
    network_state expected = network_graph_state(&g);
    permute(&g, &few, few.count, &expected);

    network_feed many = network_feed_make(d, &norms, sizes, d->small ? 3 : most_batches);
    network_feed_recalibrate(&g, &many);
    expected = network_graph_state(&g);
    generator random = generator_seed(5);
    for (int round = 0; round < (d->small ? 1 : 6); ++round) {
        for (size_t i = many.count; i > 1; --i)
            swap(&many.order[i - 1], &many.order[generator_word(&random) % i]);
        permute(&g, &many, 1, &expected);
    }
}

/* An empty batch is counted, and that is all. */
static void empty_batches(void **state)
{
    device *d = device_of(state);
    const size_t with[] = {6, 0, 9}, without[] = {6, 9};
    network_graph g = network_graph_make(d, &norms, 1), other = network_graph_make(d, &norms, 1);
    network_feed f = network_feed_make(d, &norms, with, 3),
                 plain = network_feed_make(d, &norms, without, 2);
    plain.batches[1] = f.batches[2];
    network_feed_recalibrate(&g, &f);
    network_feed_recalibrate(&other, &plain);
    for (int i = 0; i < 2; ++i)
        check_float_bits("statistics", entry(&g, "bn2", i ? "running_mean" : "running_var"),
                         entry(&other, "bn2", i ? "running_mean" : "running_var"), features);
    assert_true(counter(&g, "bn2") == 3 && counter(&other, "bn2") == 2);
}

/* A NaN in one channel makes that channel's statistics NaN, whenever it comes. */
static void one_nan(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &norms, 1);
    network_feed f = network_feed_make(d, &norms, sizes, 3);
    f.batches[1].inputs[0][features + 2] = NAN;
    network_feed_recalibrate(&g, &f);
    const float *mean = entry(&g, "bn1", "running_mean"), *var = entry(&g, "bn1", "running_var");
    for (size_t c = 0; c < features; ++c)
        assert_true(isnan(mean[c]) == (c == 2) && isnan(var[c]) == (c == 2));
}

/* ---- what stays ---- */

static void freeze(network_graph *g, const char *layer)
{
    device_ok(g->d, bncl_graph_freeze(g->graph, layer, true, &g->d->err), "bncl_graph_freeze");
}

static void stop_tracking(network_graph *g, const char *layer)
{
    device_ok(g->d, bncl_graph_track_running_stats(g->graph, layer, false, &g->d->err),
              "bncl_graph_track_running_stats");
}

/* The layers before it decide what a layer sees: a frozen one normalizes with its running
   statistics, an untracked one with the batch's. */
static void layers_that_stay_out(void **state)
{
    device *d = device_of(state);
    for (int tracking = 0; tracking < 2; ++tracking) {
        network_graph g = network_graph_make(d, &norms, 1);
        network_graph twin = network_graph_make(d, &norms, 1);
        network_feed f = network_feed_make(d, &norms, sizes, 3);
        network_feed_recalibrate(&g, &f);
        network_feed_recalibrate(&twin, &f);
        const float *mean = entry(&g, "bn2", "running_mean"),
                    *var = entry(&g, "bn2", "running_var");
        (tracking ? stop_tracking : freeze)(&g, "bn2");
        (tracking ? stop_tracking : freeze)(&twin, "bn2");
        for (size_t i = 0; i < 3; ++i)
            f.batches[i] = network_data_make(&norms, sizes[i], 90 + i);
        f.count = 2;
        network_feed_recalibrate(&g, &f);
        check_float_bits("bn2.running_mean", entry(&g, "bn2", "running_mean"), mean, features);
        check_float_bits("bn2.running_var", entry(&g, "bn2", "running_var"), var, features);
        assert_true(counter(&g, "bn2") == 3 && counter(&g, "bn3") == 2);
        expect_of_batches(&g, &twin, &f, "bn3");
        harness_release(NULL);
    }
}

/* Without a layer to estimate for, the source is not asked. */
static void nothing_to_do(void **state)
{
    device *d = device_of(state);
    network_graph bare = network_graph_make(d, &network_bare, 1);
    network_feed f = {.d = d, .net = &network_bare};
    device_ok(d, network_feed_try(&bare, &f), "without batch norm");
    network_graph g = network_graph_make(d, &norms, 1);
    freeze(&g, "bn1");
    freeze(&g, "bn2");
    stop_tracking(&g, "bn3");
    const network_state before = network_graph_state(&g);
    network_feed some = network_feed_make(d, &norms, sizes, 2);
    device_ok(d, network_feed_try(&g, &some), "all layers out of it");
    assert_true(f.given == 0 && some.given == 0);
    network_graph_expect(&g, &before, "nothing to do");
}

/* Evaluation is evaluation still, training training; and a backward pass wants a forward first. */
static void mode_and_pass(void **state)
{
    device *d = device_of(state);
    for (int training = 0; training < 2; ++training) {
        const network_data data = network_data_make(&norms, 6, 1);
        network_graph g = network_graph_make(d, &norms, 1);
        network_feed f = network_feed_make(d, &norms, sizes, 2);
        device_ok(d, (training ? bncl_graph_train : bncl_graph_eval)(g.graph, &d->err), "mode");
        network_graph_forward(&g, &data);
        network_feed_recalibrate(&g, &f);
        const bncl_tensor dy =
            device_tensor(d, BNCL_F32, 2, (const size_t[]){6, features}, data.inputs[0]);
        device_refused(d, bncl_graph_backward(g.graph, d->queue, &dy, NULL, &d->err),
                       BNCL_ERROR_STATE, "bncl_graph_forward");
        const network_state before = network_graph_state(&g);
        network_graph_forward(&g, &data);
        assert_true(counter(&g, "bn1") == 2 + training);
        if (!training)
            network_graph_expect(&g, &before, "evaluation");
        device_ok(d, bncl_graph_backward(g.graph, d->queue, &dy, NULL, &d->err), "backward");
        harness_release(NULL);
    }
}

/* ---- what ends it ---- */

/* The recalibration fails, and nothing has changed; then it works. */
static void expect_refused(network_graph *g, network_feed *f, bncl_status status, const char *words)
{
    const network_data data = network_data_make(&norms, 6, 1);
    const network_state before = network_graph_state(g);
    device_refused(g->d, network_feed_try(g, f), status, words);
    network_graph_expect(g, &before, words);
    network_graph_forward(g, &data); /* in evaluation: the mode is as it was */
    network_graph_expect(g, &before, words);
}

static void failures_change_nothing(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &norms, 1);
    network_feed f = network_feed_make(d, &norms, sizes, 3);
    network_feed_recalibrate(&g, &f);
    device_ok(d, bncl_graph_eval(g.graph, &d->err), "bncl_graph_eval");

    f.fails_at = 2;
    f.text = "the disk is gone";
    expect_refused(&g, &f, BNCL_ERROR_IO, "the disk is gone");
    f.text = NULL;
    expect_refused(&g, &f, BNCL_ERROR_IO, "the source of batches");
    f.fails_at = 0;

    network_feed none = {.d = d, .net = &norms};
    expect_refused(&g, &none, BNCL_ERROR_SHAPE, "bn1: no values");
    const size_t empty[] = {0, 0}, one[] = {5, 1, 5};
    network_feed nothing = network_feed_make(d, &norms, empty, 2);
    expect_refused(&g, &nothing, BNCL_ERROR_SHAPE, "bn1: no values");
    network_feed single = network_feed_make(d, &norms, one, 3);
    expect_refused(&g, &single, BNCL_ERROR_SHAPE,
                   "bn1: Expected more than 1 value per channel when training, got input size "
                   "[1, 5]");
    assert_int_equal(single.given, 2);

    network_feed sequence = network_feed_make(d, &network_sequence, sizes, 1);
    expect_refused(&g, &sequence, BNCL_ERROR_SHAPE, "input: expected [4, 5], got [4, 3, 5]");
    network_feed_recalibrate(&g, &f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(pooled_over_all_batches),
        HARNESS_TEST(cut_elsewhere),
        HARNESS_TEST(every_order_gives_the_same_bits),
        HARNESS_TEST(empty_batches),
        HARNESS_TEST(one_nan),
        HARNESS_TEST(layers_that_stay_out),
        HARNESS_TEST(nothing_to_do),
        HARNESS_TEST(mode_and_pass),
        HARNESS_TEST(failures_change_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
