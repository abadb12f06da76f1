/* Graphs that fuse batch norms with what stands behind them, against the same graphs with every
   layer by itself: all results bit for bit, in any mode and of any batch size; and which layers are
   fused, by the graph's own notes. */
#include <string.h>

#include <bncl/recalibrate.h>

#include "graph/graph.h"
#include "lib/compare.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/network_graph.h"

typedef enum kind { NORM, LINEAR, RELU, LEAKY, CLAMP, ADD, FLATTEN } kind;

/* Values are numbered: 0 is the input, then what each layer gives. */
typedef struct layer_row {
    kind kind;
    int a, b;
} layer_row;

enum { most_layers = 12, width = 5 };

typedef struct graph_row {
    const char *name;
    int rank; /* of a sample: [5], [5,9], [9,5], [5,3,3] */
    size_t dims[3];
    bool last;
    size_t absorbed; /* layers that run with another one */
    layer_row layers[most_layers];
    int count;
} graph_row;

static const graph_row graphs[] = {
    {"norm, relu", 1, {width}, false, 1, {{NORM, 0, 0}, {RELU, 1, 0}, {LINEAR, 2, 0}}, 3},
    {"norm, leaky, [N,C,L]", 2, {width, 9}, false, 1, {{NORM, 0, 0}, {LEAKY, 1, 0}}, 2},
    {"norm, clamp, [N,L,C]", 2, {9, width}, true, 1, {{NORM, 0, 0}, {CLAMP, 1, 0}}, 2},
    {"norm, relu, planes",
     3,
     {width, 3, 3},
     false,
     1,
     {{NORM, 0, 0}, {RELU, 1, 0}, {FLATTEN, 2, 0}, {LINEAR, 3, 0}},
     4},
    {"norm alone", 1, {width}, false, 0, {{LINEAR, 0, 0}, {NORM, 1, 0}}, 2},
    {"x + norm(x)",
     1,
     {width},
     false,
     2,
     {{LINEAR, 0, 0}, {NORM, 1, 0}, {ADD, 1, 2}, {RELU, 3, 0}, {LINEAR, 4, 0}},
     5},
    {"norm(x) + x, no activation", 2, {width, 9}, false, 1, {{NORM, 0, 0}, {ADD, 1, 0}}, 2},
    {"block",
     1,
     {width},
     false,
     3,
     {{LINEAR, 0, 0},
      {NORM, 1, 0},
      {LEAKY, 2, 0},
      {LINEAR, 3, 0},
      {NORM, 4, 0},
      {ADD, 5, 0},
      {CLAMP, 6, 0}},
     7},
    {"two norms meet",
     1,
     {width},
     false,
     2,
     {{LINEAR, 0, 0}, {NORM, 1, 0}, {LINEAR, 0, 0}, {NORM, 3, 0}, {ADD, 2, 4}, {RELU, 5, 0}},
     6},
    {"norm used twice",
     1,
     {width},
     false,
     0,
     {{NORM, 0, 0}, {RELU, 1, 0}, {LINEAR, 1, 0}, {ADD, 2, 3}},
     4},
    {"norm + norm itself", 1, {width}, false, 0, {{NORM, 0, 0}, {ADD, 1, 1}, {RELU, 2, 0}}, 3},
    {"sum used twice",
     1,
     {width},
     false,
     1,
     {{NORM, 0, 0}, {ADD, 1, 0}, {RELU, 2, 0}, {ADD, 2, 3}},
     4},
    {"x + norm(x), and x again",
     1,
     {width},
     false,
     2,
     {{LINEAR, 0, 0}, {NORM, 1, 0}, {ADD, 1, 2}, {RELU, 3, 0}, {ADD, 4, 1}},
     5},
    /* Fused, the norm's part of the input's gradient would arrive before that of the Linear. */
    {"input used between",
     1,
     {width},
     false,
     0,
     {{NORM, 0, 0}, {LINEAR, 0, 0}, {ADD, 1, 2}, {RELU, 3, 0}, {ADD, 4, 0}},
     5},
    {"input used before",
     1,
     {width},
     false,
     2,
     {{LINEAR, 0, 0}, {NORM, 0, 0}, {ADD, 2, 1}, {RELU, 3, 0}, {ADD, 4, 0}},
     5},
    /* The same of the residual, which a Linear uses between the sum and the activation. */
    {"residual used between",
     1,
     {width},
     false,
     0,
     {{LINEAR, 0, 0},
      {NORM, 1, 0},
      {ADD, 2, 0},
      {LINEAR, 0, 0},
      {RELU, 3, 0},
      {ADD, 5, 4},
      {ADD, 6, 0}},
     7},
};
enum { graph_count = sizeof graphs / sizeof graphs[0] };

static bncl_status add_layer(bncl_graph *graph, const graph_row *row, int index,
                             const bncl_value *values, bncl_value *out, bncl_error *err)
{
    const layer_row *layer = &row->layers[index];
    const bncl_value x = values[layer->a];
    const char *name = harness_text("layer%d", index);
    bncl_graph_batch_norm_options options = bncl_graph_batch_norm_options_default();
    options.channels_last = row->last;
    switch (layer->kind) {
    case NORM:
        return (row->rank == 3 ? bncl_graph_batch_norm2d
                               : bncl_graph_batch_norm)(graph, name, x, &options, out, err);
    case LINEAR:
        return bncl_graph_linear(graph, name, x, width, true, out, err);
    case RELU:
        return bncl_graph_relu(graph, name, x, out, err);
    case LEAKY:
        return bncl_graph_leaky_relu(graph, name, x, 0.2, out, err);
    case CLAMP:
        return bncl_graph_hardtanh(graph, name, x, 0.0, 1.25, out, err);
    case FLATTEN:
        return bncl_graph_flatten(graph, name, x, out, err);
    case ADD:
        break;
    }
    return bncl_graph_add(graph, name, x, values[layer->b], out, err);
}

static void release_graph(void *graph)
{
    bncl_graph_destroy(graph);
}

static network_graph make(device *d, const graph_row *row, bool fuse)
{
    network_graph g = {.d = d};
    bncl_value values[most_layers + 1];
    device_ok(d, bncl_graph_create(d->context, &g.graph, &d->err), "bncl_graph_create");
    device_hold(d, g.graph, release_graph);
    if (!fuse)
        device_ok(d, bncl_graph_fuse(g.graph, false, &d->err), "bncl_graph_fuse");
    device_ok(d, bncl_graph_input(g.graph, row->rank, row->dims, true, &values[0], &d->err),
              "bncl_graph_input");
    for (int i = 0; i < row->count; ++i)
        device_ok(d, add_layer(g.graph, row, i, values, &values[i + 1], &d->err), row->name);
    device_ok(d, bncl_graph_plan(g.graph, values[row->count], 3, d->queue, &d->err), row->name);
    if (bncl_graph_parameter_count(g.graph) > 0)
        network_graph_vary(&g, 17);
    return g;
}

static size_t absorbed_of(const bncl_graph *graph)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->layer_count; ++i)
        count += graph->layers[i].fusion.absorbed;
    return count;
}

static void groups_are_found(void **state)
{
    device *d = device_of(state);
    for (int i = 0; i < graph_count; ++i) {
        network_graph fused = make(d, &graphs[i], true), apart = make(d, &graphs[i], false);
        if (absorbed_of(fused.graph) != graphs[i].absorbed)
            harness_fail("%s: expected %zu layers to run with others, got %zu", graphs[i].name,
                         graphs[i].absorbed, absorbed_of(fused.graph));
        assert_int_equal(absorbed_of(apart.graph), 0);
        harness_release(NULL);
    }
}

static void expect_same(const char *name, const char *what, const float *got, const float *expected,
                        size_t count)
{
    for (size_t i = 0; i < count; ++i)
        if (memcmp(&got[i], &expected[i], sizeof *got) != 0)
            harness_fail("%s: %s[%zu] is %a, by separate layers %a", name, what, i, (double)got[i],
                         (double)expected[i]);
}

/* What a pass of n samples gives, on the host. */
typedef struct results {
    float *y, *dx, *gradients;
    size_t total, parameters, input;
} results;

static results run(network_graph *g, const graph_row *row, size_t n, uint64_t seed)
{
    device *d = g->d;
    results r = {.input = n};
    size_t dims[BNCL_MAX_RANK] = {n};
    generator random = generator_seed(seed);
    for (int i = 0; i < row->rank; ++i)
        r.input *= dims[i + 1] = row->dims[i];
    float *x = harness_floats(r.input);
    generate_normal(&random, 0.25, 1.5, x, r.input);
    const bncl_tensor input = device_tensor(d, BNCL_F32, row->rank + 1, dims, x);
    device_ok(d, bncl_graph_forward(g->graph, d->queue, &input, 1, &g->output, NULL, &d->err),
              row->name);
    r.total = bncl_tensor_count(&g->output);
    r.y = network_graph_read(g, &g->output);
    float *dy = harness_floats(r.total);
    generate_normal(&random, 0.0, 1.0, dy, r.total);
    network_graph_backward(g, dy);
    r.dx = network_graph_input_gradient(g, 0);
    bncl_tensor values, gradients;
    device_ok(d, bncl_graph_parameters(g->graph, &values, &gradients, &d->err), row->name);
    r.parameters = bncl_tensor_count(&gradients);
    r.gradients = network_graph_read(g, &gradients);
    return r;
}

static void expect_same_pass(network_graph *fused, network_graph *apart, const graph_row *row,
                             size_t n, uint64_t seed, const char *mode)
{
    const char *name = harness_text("%s, %zu samples, %s", row->name, n, mode);
    const results got = run(fused, row, n, seed), expected = run(apart, row, n, seed);
    expect_same(name, "y", got.y, expected.y, expected.total);
    expect_same(name, "dx", got.dx, expected.dx, expected.input);
    expect_same(name, "gradients", got.gradients, expected.gradients, expected.parameters);
    const network_state state = network_graph_state(apart);
    network_graph_expect(fused, &state, name);
}

static void both(device *d, const network_graph *a, const network_graph *b,
                 bncl_status (*call)(bncl_graph *graph, bncl_error *err))
{
    device_ok(d, call(a->graph, &d->err), "mode");
    device_ok(d, call(b->graph, &d->err), "mode");
}

/* The index of the first batch norm. */
static int norm_of(const graph_row *row)
{
    int i = 0;
    while (row->layers[i].kind != NORM)
        ++i;
    return i;
}

static void results_keep_their_bits(void **state)
{
    device *d = device_of(state);
    for (int i = 0; i < graph_count; ++i) {
        const graph_row *row = &graphs[i];
        network_graph fused = make(d, row, true), apart = make(d, row, false);
        const char *norm = harness_text("layer%d", norm_of(row));
        expect_same_pass(&fused, &apart, row, 6, 1, "training");
        if (!d->small)
            expect_same_pass(&fused, &apart, row, 33, 2, "training");
        both(d, &fused, &apart, bncl_graph_eval);
        expect_same_pass(&fused, &apart, row, 1, 3, "evaluation");
        both(d, &fused, &apart, bncl_graph_train);
        device_ok(d, bncl_graph_freeze(fused.graph, norm, true, &d->err), norm);
        device_ok(d, bncl_graph_freeze(apart.graph, norm, true, &d->err), norm);
        device_ok(d, bncl_graph_accumulate(fused.graph, true, &d->err), norm);
        device_ok(d, bncl_graph_accumulate(apart.graph, true, &d->err), norm);
        expect_same_pass(&fused, &apart, row, 6, 4, "frozen, accumulating");
        expect_same_pass(&fused, &apart, row, 0, 5, "an empty batch");
        harness_release(NULL);
    }
}

/* Two batches, the second one smaller. */
typedef struct feed {
    device *d;
    const graph_row *row;
    int given;
} feed;

static bncl_status next_batch(void *user, bncl_tensor *inputs, size_t count, bool *more,
                              bncl_error *err)
{
    feed *f = user;
    (void)count, (void)err;
    size_t dims[BNCL_MAX_RANK] = {f->given == 0 ? 7 : 4}, total = dims[0];
    for (int i = 0; i < f->row->rank; ++i)
        total *= dims[i + 1] = f->row->dims[i];
    generator random = generator_seed((uint64_t)f->given);
    float *x = harness_floats(total);
    generate_normal(&random, 1.0, 2.0, x, total);
    *more = f->given < 2;
    if (*more)
        inputs[0] = device_tensor(f->d, BNCL_F32, f->row->rank + 1, dims, x);
    ++f->given;
    return BNCL_OK;
}

static void recalibrated_alike(void **state)
{
    device *d = device_of(state);
    for (int i = 0; i < graph_count; ++i) {
        network_graph graphs_of[2];
        for (int fuse = 0; fuse < 2; ++fuse) {
            feed f = {.d = d, .row = &graphs[i]};
            graphs_of[fuse] = make(d, &graphs[i], fuse);
            device_ok(
                d, bncl_graph_recalibrate(graphs_of[fuse].graph, d->queue, next_batch, &f, &d->err),
                graphs[i].name);
            assert_int_equal(f.given, 3);
        }
        const network_state apart = network_graph_state(&graphs_of[0]);
        network_graph_expect(&graphs_of[1], &apart, graphs[i].name);
        harness_release(NULL);
    }
}

/* The activations alone, against their formulas. */
static void activations_are_pytorchs(void **state)
{
    device *d = device_of(state);
    const kind kinds[] = {RELU, LEAKY, CLAMP};
    const float slopes[] = {0.0f, 0.2f, 0.0f};
    for (int k = 0; k < 3; ++k) {
        const graph_row row = {"activation", 1, {width}, false, 0, {{kinds[k], 0, 0}}, 1};
        network_graph g = make(d, &row, true);
        const size_t dims[] = {3, width};
        const float x[3 * width] = {-3, -1, -0.0f, 0,     0.5f, 1,    1.25f, 1.5f,
                                    2,  7,  -7,    0.25f, -2,   1.1f, 1.2f};
        const bncl_tensor input = device_tensor(d, BNCL_F32, 2, dims, x);
        float dy[3 * width], *y, *dx;
        for (int i = 0; i < 3 * width; ++i)
            dy[i] = (float)(i + 1);
        device_ok(d, bncl_graph_forward(g.graph, d->queue, &input, 1, &g.output, NULL, &d->err),
                  "bncl_graph_forward");
        y = network_graph_read(&g, &g.output);
        network_graph_backward(&g, dy);
        dx = network_graph_input_gradient(&g, 0);
        for (int i = 0; i < 3 * width; ++i) {
            const bool above = kinds[k] == CLAMP && x[i] >= 1.25f, passes = x[i] > 0 && !above;
            assert_true(y[i] == (above ? 1.25f : x[i] > 0 ? x[i] : slopes[k] * x[i]));
            assert_true(dx[i] == (passes ? dy[i] : slopes[k] * dy[i]));
        }
        harness_release(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(groups_are_found),
        HARNESS_TEST(results_keep_their_bits),
        HARNESS_TEST(recalibrated_alike),
        HARNESS_TEST(activations_are_pytorchs),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
