/* What folding refuses: each time with the batch norm's name, the reason, and nothing made or
   changed. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/fold_case.h"
#include "lib/harness.h"

#define LAYERS(table) .layers = table, .layer_count = sizeof table / sizeof table[0]

/* The graph is refused in evaluation mode, and stays as it was. */
static void refused(network_graph *g, bncl_status status, const char *const *words)
{
    char sentinel;
    bncl_graph *made = (void *)&sentinel;
    const network_image image = network_graph_image(g);
    for (size_t i = 0; words[i] != NULL; ++i)
        device_refused(g->d, bncl_graph_fold(g->graph, g->d->queue, &made, &g->d->err), status,
                       words[i]);
    assert_ptr_equal(made, &sentinel);
    network_graph_expect_image(g, &image, "a refused fold");
}

static void refused_network(device *d, const network *net, const char *const *words)
{
    network_graph g = fold_case_make(d, net, 0.0);
    refused(&g, BNCL_ERROR_UNSUPPORTED, words);
}

#define WORDS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

/* ---- nothing to go into ---- */

static const network_layer alone_layers[] = {{NETWORK_BATCH_NORM, "bn", .a = 0}};
static const network alone = {
    .name = "alone", .inputs = {{2, {3, 2}, true}}, .input_count = 1, LAYERS(alone_layers)};

/* bn1 finds a place, bn2 does not: nothing is folded. */
static const network_layer half_layers[] = {
    {NETWORK_LINEAR, "fc1", .a = 0, .features = 4},
    {NETWORK_BATCH_NORM, "bn1", .a = 1},
    {NETWORK_RELU, "relu1", .a = 2},
    {NETWORK_BATCH_NORM, "bn2", .a = 3},
    {NETWORK_RELU, "relu2", .a = 4},
    {NETWORK_LINEAR, "fc2", .a = 5, .features = 3},
};
static const network half = {
    .name = "half", .inputs = {{1, {3}, true}}, .input_count = 1, LAYERS(half_layers)};

static void no_linear_beside_it(void **state)
{
    device *d = device_of(state);
    const char *const none = "no Linear comes before it, and none comes after";
    refused_network(d, &alone, WORDS("bn: cannot be folded", none));
    refused_network(d, &half, WORDS("bn2: cannot be folded", none));
    refused_network(d, &network_sequence, WORDS("bn1: cannot be folded", none));
    refused_network(d, &network_channels_last, WORDS("bn1: cannot be folded", none));
    refused_network(d, &network_planes, WORDS("bn1: cannot be folded", none));
    refused_network(d, &network_deep, WORDS("bn1: cannot be folded", none));
    refused_network(d, &network_two_inputs, WORDS("bn: cannot be folded", none));
}

/* ---- something else looks ---- */

/* The Linear's own result is added to the batch norm's. */
static const network_layer before_shared_layers[] = {
    {NETWORK_LINEAR, "fc1", .a = 0, .features = 4},
    {NETWORK_BATCH_NORM, "bn1", .a = 1},
    {NETWORK_ADD, "sum", .a = 2, .b = 1},
};
static const network before_shared = {.name = "the Linear's result is shared",
                                      .inputs = {{1, {3}, true}},
                                      .input_count = 1,
                                      LAYERS(before_shared_layers)};

/* It is what Flatten hands on that is used twice. */
static const network_layer flat_shared_layers[] = {
    {NETWORK_LINEAR, "fc1", .a = 0, .features = 4},
    {NETWORK_FLATTEN, "flat", .a = 1},
    {NETWORK_BATCH_NORM, "bn1", .a = 2},
    {NETWORK_ADD, "sum", .a = 2, .b = 3},
};
static const network flat_shared = {.name = "Flatten's result is shared",
                                    .inputs = {{1, {3}, true}},
                                    .input_count = 1,
                                    LAYERS(flat_shared_layers)};

/* Two Linears take the batch norm's result. */
static const network_layer after_shared_layers[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0},
    {NETWORK_LINEAR, "fc1", .a = 1, .features = 4},
    {NETWORK_LINEAR, "fc2", .a = 1, .features = 4},
    {NETWORK_ADD, "sum", .a = 2, .b = 3},
};
static const network after_shared = {.name = "two Linears",
                                     .inputs = {{1, {3}, true}},
                                     .input_count = 1,
                                     LAYERS(after_shared_layers)};

/* The one Linear takes what a sum makes of it, and the sum takes it twice. */
static const network_layer twice_layers[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0},
    {NETWORK_ADD, "sum", .a = 1, .b = 1},
    {NETWORK_LINEAR, "fc1", .a = 2, .features = 4},
};
static const network twice = {
    .name = "twice", .inputs = {{1, {3}, true}}, .input_count = 1, LAYERS(twice_layers)};

/* Behind Flatten, a residual around the Linear. */
static const network_layer around_layers[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0},
    {NETWORK_FLATTEN, "flat", .a = 1},
    {NETWORK_LINEAR, "fc1", .a = 2, .features = 6},
    {NETWORK_ADD, "sum", .a = 2, .b = 3},
};
static const network around = {.name = "a residual around the Linear",
                               .inputs = {{2, {3, 2}, true}},
                               .input_count = 1,
                               LAYERS(around_layers)};

/* Two Flattens take it, each for a Linear of its own. */
static const network_layer two_flat_layers[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0},
    {NETWORK_FLATTEN, "flat1", .a = 1},
    {NETWORK_LINEAR, "fc1", .a = 2, .features = 4},
    {NETWORK_FLATTEN, "flat2", .a = 1},
    {NETWORK_LINEAR, "fc2", .a = 4, .features = 4},
    {NETWORK_ADD, "sum", .a = 3, .b = 5},
};
static const network two_flat = {.name = "two Flattens",
                                 .inputs = {{2, {3, 2}, true}},
                                 .input_count = 1,
                                 LAYERS(two_flat_layers)};

/* Neither side: both are shared. */
static const network_layer both_layers[] = {
    {NETWORK_LINEAR, "fc1", .a = 0, .features = 4}, {NETWORK_BATCH_NORM, "bn1", .a = 1},
    {NETWORK_LINEAR, "fc2", .a = 2, .features = 4}, {NETWORK_ADD, "sum", .a = 2, .b = 3},
    {NETWORK_ADD, "again", .a = 1, .b = 4},
};
static const network both = {
    .name = "both", .inputs = {{1, {3}, true}}, .input_count = 1, LAYERS(both_layers)};

static void more_than_one_consumer(void **state)
{
    device *d = device_of(state);
    const char *const fc1 = "what fc1 before it gives is used more than once, and none comes after";
    const char *const own = "no Linear comes before it, and what it gives is used more than once";
    refused_network(d, &before_shared, WORDS("bn1: cannot be folded", fc1));
    refused_network(d, &flat_shared, WORDS("bn1: cannot be folded", fc1));
    refused_network(d, &after_shared, WORDS("bn1: cannot be folded", own));
    refused_network(d, &twice, WORDS("bn1: cannot be folded", own));
    refused_network(d, &around, WORDS("bn1: cannot be folded", own));
    refused_network(d, &two_flat, WORDS("bn1: cannot be folded", own));
    refused_network(d, &both,
                    WORDS("fc1 before it gives is used more than once, and what it gives "
                          "is used more than once"));
}

/* ---- modes and statistics ---- */

static void without_running_statistics(void **state)
{
    refused_network(device_of(state), &network_options,
                    WORDS("bn2: cannot be folded: it has no running statistics"));
}

static void training_mode(void **state)
{
    device *d = device_of(state);
    const network net = fold_case_from(&fold_affine[0]), folded = fold_case_to(&fold_affine[0]);
    network_graph g = fold_case_make(d, &net, 0.0);
    bncl_graph *made = NULL;
    device_ok(d, bncl_graph_train(g.graph, &d->err), "bncl_graph_train");
    for (int frozen = 0; frozen < 2; ++frozen) {
        device_refused(d, bncl_graph_fold(g.graph, d->queue, &made, &d->err), BNCL_ERROR_STATE,
                       "the graph is in training mode: call bncl_graph_eval first");
        device_ok(d, bncl_graph_freeze(g.graph, "bn", true, &d->err), "bncl_graph_freeze");
    }
    assert_null(made);
    device_ok(d, bncl_graph_eval(g.graph, &d->err), "bncl_graph_eval");
    fold_case_fold(&g, &folded);
}

static void still_building(void **state)
{
    device *d = device_of(state);
    const network net = fold_case_from(&fold_affine[0]);
    bncl_value output;
    bncl_graph *made = NULL;
    network_graph g = network_graph_build(d, &net, &output);
    device_ok(d, bncl_graph_eval(g.graph, &d->err), "bncl_graph_eval");
    device_refused(d, bncl_graph_fold(g.graph, d->queue, &made, &d->err), BNCL_ERROR_STATE,
                   "bncl_graph_fold: the graph is still being built");
    assert_null(made);
}

/* ---- numbers ---- */

/* Element `at` of a parameter becomes `value`. */
static void set(network_graph *g, const char *name, size_t at, float value)
{
    bncl_tensor flat, gradients;
    device_ok(g->d, bncl_graph_parameters(g->graph, &flat, &gradients, &g->d->err), name);
    float *all = network_graph_read(g, &flat);
    for (size_t i = 0; i < bncl_graph_parameter_count(g->graph); ++i) {
        const bncl_graph_parameter_info p = network_graph_parameter(g, i);
        if (strcmp(p.name, name) == 0)
            all[p.value.offset + at] = value;
    }
    device_ok(g->d, bncl_tensor_write(g->d->queue, &flat, all, NULL, &g->d->err), name);
    device_finish(g->d);
}

static void bad_number(device *d, const network *net, const char *name, float value,
                       const char *const *words)
{
    network_graph g = fold_case_make(d, net, 0.0);
    set(&g, name, 3, value);
    refused(&g, BNCL_ERROR_ARGUMENT, words);
}

static void results_that_f32_cannot_hold(void **state)
{
    device *d = device_of(state);
    const network before = fold_case_from(&fold_affine[0]), after = fold_case_from(&fold_affine[7]);
    const float large = 3e38f;
    for (int i = 0; i < 2; ++i) {
        const network *net = i == 0 ? &before : &after;
        bad_number(d, net, "bn.weight", NAN,
                   WORDS("bn: cannot be folded: gamma/sqrt(running_var + eps) of channel 3 is"));
        bad_number(d, net, "bn.weight", INFINITY, WORDS("bn: cannot be folded", "channel 3"));
        bad_number(d, net, "fc.weight", NAN, WORDS("fc.weight: element 3 becomes nan"));
        bad_number(d, net, "fc.bias", INFINITY, WORDS("fc.bias: element 3 becomes inf"));
        bad_number(d, net, "bn.bias", -INFINITY, WORDS("fc.bias: element"));
    }
    network_graph g = fold_case_make(d, &before, 0.0);
    set(&g, "fc.weight", 0, large);
    set(&g, "bn.weight", 0, 100.0f);
    refused(&g, BNCL_ERROR_ARGUMENT,
            WORDS("fc.weight: element 0 becomes", "which f32 cannot hold"));
}

/* running_var + eps is 0 with eps in f32, as batch norm has it; in double it would not be. */
static void eps_is_rounded_as_batch_norms(void **state)
{
    device *d = device_of(state);
    static const network_layer layers[] = {
        {NETWORK_LINEAR, "fc", .a = 0, .features = 1},
        {NETWORK_BATCH_NORM, "bn", .a = 1, .eps = -0.9999999999},
    };
    const network net = {
        .name = "eps", .inputs = {{1, {2}, true}}, .input_count = 1, LAYERS(layers)};
    network_graph g = network_graph_make(d, &net, 1);
    device_ok(d, bncl_graph_eval(g.graph, &d->err), "bncl_graph_eval");
    refused(&g, BNCL_ERROR_ARGUMENT, WORDS("bn: cannot be folded", "channel 0 is inf"));
}

/* The largest number of all stays what it is, and the smallest. */
static const network_layer unit_layers[] = {
    {NETWORK_LINEAR, "fc", .a = 0, .features = 1},
    {NETWORK_BATCH_NORM, "bn", .a = 1, .no_beta = true, .eps = 3.0},
};
static const network_layer unit_folded_layers[] = {{NETWORK_LINEAR, "fc", .a = 0, .features = 1}};
static const network unit = {
    .name = "unit", .inputs = {{1, {2}, true}}, .input_count = 1, LAYERS(unit_layers)};
static const network unit_folded = {.name = "unit, folded",
                                    .inputs = {{1, {2}, true}},
                                    .input_count = 1,
                                    LAYERS(unit_folded_layers)};

/* gamma/√(1+3) = 1 for gamma = 2: nothing is rounded. */
static void what_f32_can_just_hold(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &unit, 1);
    const float ends[] = {0x1.fffffep127f, 0x1p-149f};
    float got[2];
    set(&g, "fc.weight", 0, ends[0]);
    set(&g, "fc.weight", 1, ends[1]);
    set(&g, "bn.weight", 0, 2.0f);
    device_ok(d, bncl_graph_eval(g.graph, &d->err), "bncl_graph_eval");
    network_graph to = fold_case_fold(&g, &unit_folded);
    network_graph_entry(&to, "fc.weight", got, sizeof got);
    check_float_bits("fc.weight", got, ends, 2);
    set(&g, "bn.weight", 0, 0x1.000002p1f);
    refused(&g, BNCL_ERROR_ARGUMENT, WORDS("fc.weight: element 0 becomes 3.40282e+38"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(no_linear_beside_it),
        HARNESS_TEST(more_than_one_consumer),
        HARNESS_TEST(without_running_statistics),
        HARNESS_TEST(training_mode),
        HARNESS_TEST(still_building),
        HARNESS_TEST(results_that_f32_cannot_hold),
        HARNESS_TEST(eps_is_rounded_as_batch_norms),
        HARNESS_TEST(what_f32_can_just_hold),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
