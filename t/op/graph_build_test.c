/* Building a graph: names, shapes and values that are refused, and how parameters begin. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/fingerprint.h"
#include "lib/harness.h"
#include "lib/network_graph.h"

static void release_graph(void *graph)
{
    bncl_graph_destroy(graph);
}

static bncl_graph *empty_graph(device *d)
{
    bncl_graph *graph = NULL;
    device_ok(d, bncl_graph_create(d->context, &graph, &d->err), "bncl_graph_create");
    return device_hold(d, graph, release_graph);
}

static bncl_value input_of(device *d, bncl_graph *graph, int rank, size_t a, size_t b, size_t c)
{
    bncl_value value;
    device_ok(d, bncl_graph_input(graph, rank, (const size_t[]){a, b, c}, false, &value, &d->err),
              "bncl_graph_input");
    return value;
}

static void graphs_refused(void **state)
{
    device *d = device_of(state);
    bncl_graph *graph = NULL;
    device_refused(d, bncl_graph_create(NULL, &graph, &d->err), BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(d, bncl_graph_create(d->context, NULL, &d->err), BNCL_ERROR_ARGUMENT, "NULL");
    assert_null(graph);
    bncl_graph_destroy(NULL);
}

static void inputs_refused(void **state)
{
    device *d = device_of(state);
    bncl_graph *graph = empty_graph(d);
    const size_t dims[] = {2, 3, 4, 5}, huge[] = {SIZE_MAX / 2, 3, 1};
    bncl_value x = -7;
    device_refused(d, bncl_graph_input(NULL, 1, dims, false, &x, &d->err), BNCL_ERROR_ARGUMENT, "");
    device_refused(d, bncl_graph_input(graph, 1, NULL, false, &x, &d->err), BNCL_ERROR_ARGUMENT,
                   "");
    device_refused(d, bncl_graph_input(graph, 1, dims, false, NULL, &d->err), BNCL_ERROR_ARGUMENT,
                   "");
    device_refused(d, bncl_graph_input(graph, 0, dims, false, &x, &d->err), BNCL_ERROR_SHAPE,
                   "got 0");
    device_refused(d, bncl_graph_input(graph, 4, dims, false, &x, &d->err), BNCL_ERROR_SHAPE,
                   "got 4");
    device_refused(d, bncl_graph_input(graph, 3, huge, false, &x, &d->err), BNCL_ERROR_SHAPE,
                   "overflow");
    assert_true(x == -7);
}

/* A name is refused by every kind of layer, which leaves no trace of the layer. */
static void names_refused(void **state)
{
    device *d = device_of(state);
    bncl_graph *graph = empty_graph(d);
    char longest[128], longer[129];
    memset(longest, 'a', 127);
    longest[127] = '\0';
    memset(longer, 'a', 128);
    longer[128] = '\0';
    const char *const names[] = {NULL,   "",         " ",    "fc 1", "fc/1",
                                 "fc\n", "\xc3\xa4", longer, "fc-1", "taken"};
    bncl_value values[2] = {input_of(d, graph, 1, 3, 0, 0)}, x = -7;
    device_ok(d, bncl_graph_relu(graph, "taken", values[0], &values[1], &d->err), "taken");
    for (int kind = 0; kind < NETWORK_KIND_COUNT; ++kind)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
            const network_layer layer = {(network_kind)kind, names[i], .features = 3};
            bncl_status status = network_layer_add(graph, &layer, values, &x, &d->err);
            device_refused(d, status, BNCL_ERROR_ARGUMENT, names[i] == NULL ? "NULL" : "");
            assert_true(x == -7 && d->err.text[0] != '\0');
        }
    const char *const legal[] = {longest, "0", "_", ".", "block.1.Fc_2"};
    for (size_t i = 0; i < sizeof legal / sizeof legal[0]; ++i)
        device_ok(d, bncl_graph_relu(graph, legal[i], values[0], &x, &d->err), legal[i]);
}

static void values_refused(void **state)
{
    device *d = device_of(state);
    bncl_graph *graph = empty_graph(d);
    const bncl_value x = input_of(d, graph, 1, 3, 0, 0);
    const bncl_value wrong[] = {-1, 1, 1000, INT32_MIN, INT32_MAX};
    bncl_value out = -7;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
        for (int kind = 0; kind < NETWORK_KIND_COUNT; ++kind) {
            const network_layer layer = {(network_kind)kind, "layer", .features = 3};
            device_refused(d, network_layer_add(graph, &layer, &wrong[i], &out, &d->err),
                           BNCL_ERROR_ARGUMENT, "layer: ");
        }
        device_refused(d, bncl_graph_add(graph, "sum", x, wrong[i], &out, &d->err),
                       BNCL_ERROR_ARGUMENT, "sum: ");
    }
    assert_true(out == -7);
}

static void shapes_refused(void **state)
{
    device *d = device_of(state);
    bncl_graph *graph = empty_graph(d);
    const bncl_value flat = input_of(d, graph, 1, 3, 0, 0), wide = input_of(d, graph, 2, 3, 2, 0);
    const bncl_value deep = input_of(d, graph, 3, 3, 2, 2), none = input_of(d, graph, 1, 0, 0, 0);
    const bncl_value other = input_of(d, graph, 2, 2, 3, 0);
    bncl_value out = -7;
    device_refused(d, bncl_graph_linear(graph, "fc", wide, 2, true, &out, &d->err),
                   BNCL_ERROR_SHAPE, "fc: ");
    device_refused(d, bncl_graph_linear(graph, "fc", flat, 0, true, &out, &d->err),
                   BNCL_ERROR_SHAPE, "fc: ");
    device_refused(d, bncl_graph_linear(graph, "fc", none, 2, true, &out, &d->err),
                   BNCL_ERROR_SHAPE, "fc: ");
    device_refused(d, bncl_graph_batch_norm(graph, "bn", deep, NULL, &out, &d->err),
                   BNCL_ERROR_SHAPE, "bn: expected 2D or 3D input (got 4D input)");
    device_refused(d, bncl_graph_batch_norm(graph, "bn", none, NULL, &out, &d->err),
                   BNCL_ERROR_SHAPE, "bn: ");
    const bncl_value many = input_of(d, graph, 1, (size_t)INT32_MAX + 1, 0, 0);
    device_refused(d, bncl_graph_batch_norm(graph, "bn", many, NULL, &out, &d->err),
                   BNCL_ERROR_SHAPE, "bn: expected at most 2147483647 channels, got 2147483648");
    device_refused(d, bncl_graph_add(graph, "sum", flat, wide, &out, &d->err), BNCL_ERROR_SHAPE,
                   "sum: ");
    device_refused(d, bncl_graph_add(graph, "sum", other, wide, &out, &d->err), BNCL_ERROR_SHAPE,
                   "sum: ");
    assert_true(out == -7);
    device_ok(d, bncl_graph_linear(graph, "fc", flat, 2, true, &out, &d->err), "the name is free");
}

static void plans_refused(void **state)
{
    device *d = device_of(state);
    bncl_graph *graph = empty_graph(d);
    const bncl_value x = input_of(d, graph, 1, 3, 0, 0);
    bncl_value y, z;
    device_ok(d, bncl_graph_relu(graph, "used", x, &y, &d->err), "used");
    device_ok(d, bncl_graph_relu(graph, "unused", y, &z, &d->err), "unused");
    device_refused(d, bncl_graph_plan(graph, y, 1, d->queue, &d->err), BNCL_ERROR_SHAPE,
                   "'unused'");
    device_refused(d, bncl_graph_plan(graph, x, 1, d->queue, &d->err), BNCL_ERROR_ARGUMENT, "");
    device_refused(d, bncl_graph_plan(graph, -1, 1, d->queue, &d->err), BNCL_ERROR_ARGUMENT, "-1");
    device_refused(d, bncl_graph_plan(graph, 3, 1, d->queue, &d->err), BNCL_ERROR_ARGUMENT, "3");
    device_refused(d, bncl_graph_plan(graph, z, 1, NULL, &d->err), BNCL_ERROR_ARGUMENT, "queue");
    device_refused(d, bncl_graph_plan(NULL, z, 1, d->queue, &d->err), BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(d, bncl_graph_parameters(graph, NULL, NULL, &d->err), BNCL_ERROR_ARGUMENT,
                   "NULL");
    device_ok(d, bncl_graph_plan(graph, z, 1, d->queue, &d->err), "after all that");
}

/* A branch that ends in nothing is refused, also where its parts use one another. */
static void dead_branches_refused(void **state)
{
    device *d = device_of(state);
    bncl_graph *graph = empty_graph(d);
    const bncl_value x = input_of(d, graph, 1, 3, 0, 0);
    bncl_value dead, y;
    device_ok(d, bncl_graph_relu(graph, "dead1", x, &dead, &d->err), "dead1");
    device_ok(d, bncl_graph_add(graph, "dead2", dead, dead, &dead, &d->err), "dead2");
    device_ok(d, bncl_graph_relu(graph, "y", x, &y, &d->err), "y");
    device_refused(d, bncl_graph_plan(graph, y, 1, d->queue, &d->err), BNCL_ERROR_SHAPE, "'dead2'");
}

/* ---- forward's own arguments ---- */

static void forward_refused(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &network_two_inputs, 1);
    const network_state before = network_graph_state(&g);
    const size_t good[] = {4, 3}, other[] = {4, 4}, more[] = {5, 4}, deep[] = {4, 4, 1};
    const bncl_tensor a = device_tensor(d, BNCL_F32, 2, good, NULL);
    const bncl_tensor b = device_tensor(d, BNCL_F32, 2, other, NULL);
    bncl_tensor beyond = b, absent = b;
    beyond.offset = 1000;
    absent.buffer = NULL;
    const struct {
        bncl_tensor first, second;
        bncl_status status;
        const char *words;
    } rows[] = {
        {b, a, BNCL_ERROR_SHAPE, "input 0: expected [4, 3], got [4, 4]"},
        {a, device_tensor(d, BNCL_F32, 2, more, NULL), BNCL_ERROR_SHAPE,
         "input 1: expected [4, 4], got [5, 4]"},
        {a, device_tensor(d, BNCL_F32, 3, deep, NULL), BNCL_ERROR_SHAPE, "input 1: "},
        {a, device_tensor(d, BNCL_I32, 2, other, NULL), BNCL_ERROR_DTYPE, "input 1: expected f32"},
        {a, beyond, BNCL_ERROR_SHAPE, "input 1 ends beyond its buffer"},
        {absent, b, BNCL_ERROR_ARGUMENT, "input 0 is absent"},
    };
    bncl_tensor out;
    memset(&out, 0x5a, sizeof out);
    const bncl_tensor none = out;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        const bncl_tensor inputs[] = {rows[i].first, rows[i].second};
        device_refused(d, bncl_graph_forward(g.graph, d->queue, inputs, 2, &out, NULL, &d->err),
                       rows[i].status, rows[i].words);
    }
    const bncl_tensor inputs[] = {a, b, b};
    for (size_t count = 0; count < 4; ++count)
        if (count != 2)
            device_refused(
                d, bncl_graph_forward(g.graph, d->queue, inputs, count, &out, NULL, &d->err),
                BNCL_ERROR_ARGUMENT, harness_text("expected 2 inputs, got %zu", count));
    device_refused(d, bncl_graph_forward(g.graph, d->queue, NULL, 2, &out, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(d, bncl_graph_forward(g.graph, NULL, inputs, 2, &out, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, "queue");
    assert_memory_equal(&out, &none, sizeof out);
    network_graph_expect(&g, &before, "refused inputs");
}

/* ---- how parameters begin ---- */

static void expect_uniform(const network_graph *g, const bncl_graph_parameter_info *p, size_t in)
{
    const size_t count = bncl_tensor_count(&p->value);
    const float *values = network_graph_read(g, &p->value);
    const double bound = 1.0 / sqrt((double)in);
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < count; ++i) {
        if (!(fabs((double)values[i]) <= bound * (1.0 + 0x1p-23)))
            harness_fail("%s[%zu] is %g, beyond ±%g", p->name, i, (double)values[i], bound);
        sum += (double)values[i] / bound;
        squares += pow((double)values[i] / bound, 2.0);
    }
    /* five deviations of the mean of x, var 1/3, and of the mean of x², var 4/45 */
    const double n = (double)count;
    if (!(fabs(sum / n) <= 5.0 * sqrt(1.0 / 3.0 / n)) ||
        !(fabs(squares / n - 1.0 / 3.0) <= 5.0 * sqrt(4.0 / 45.0 / n)))
        harness_fail("%s: mean %g, mean square %g of ±1", p->name, sum / n, squares / n);
}

static void linear_begins_uniform(void **state)
{
    device *d = device_of(state);
    static const network_layer layers[] = {{NETWORK_LINEAR, "fc1", .a = 0, .features = 200},
                                           {NETWORK_LINEAR, "fc2", .a = 1, .features = 150}};
    static const network net = {.name = "wide",
                                .inputs = {{1, {64}, false}},
                                .input_count = 1,
                                .layers = layers,
                                .layer_count = 2};
    const network_graph g = network_graph_make(d, &net, 5);
    for (size_t i = 0; i < 4; ++i) {
        const bncl_graph_parameter_info p = network_graph_parameter(&g, i);
        expect_uniform(&g, &p, i < 2 ? 64 : 200);
    }
}

static void batch_norm_begins_neutral(void **state)
{
    device *d = device_of(state);
    const network_graph g = network_graph_make(d, &network_mlp, 5);
    float values[5];
    int64_t batches = -1;
    network_graph_entry(&g, "bn1.weight", values, sizeof values);
    check_all_equal("gamma", values, 1.0f, 5);
    network_graph_entry(&g, "bn1.bias", values, sizeof values);
    check_all_equal("beta", values, 0.0f, 5);
    network_graph_entry(&g, "bn1.running_mean", values, sizeof values);
    check_all_equal("running_mean", values, 0.0f, 5);
    network_graph_entry(&g, "bn1.running_var", values, sizeof values);
    check_all_equal("running_var", values, 1.0f, 5);
    network_graph_entry(&g, "bn1.num_batches_tracked", &batches, sizeof batches);
    assert_true(batches == 0);
}

static uint64_t beginning(device *d, uint64_t seed)
{
    const network_graph g = network_graph_make(d, &network_mlp, seed);
    const network_state s = network_graph_state(&g);
    return fingerprint(s.bytes, s.count);
}

/* The recorded hashes are those of every device, and of an implementation in another language;
   they may change only with a major version. */
static void beginnings_are_the_same_everywhere(void **state)
{
    device *d = device_of(state);
    static const struct {
        uint64_t seed, hash;
    } recorded[] = {{0, UINT64_C(0xe1572b911b9451ce)},
                    {1, UINT64_C(0x960048dbe77e0991)},
                    {UINT64_C(0x123456789abcdef0), UINT64_C(0xafa805e7442b3a46)}};
    for (size_t i = 0; i < 3; ++i) {
        const uint64_t hash = beginning(d, recorded[i].seed);
        if (hash != recorded[i].hash)
            harness_fail("seed %#llx: hash %#llx, recorded was %#llx",
                         (unsigned long long)recorded[i].seed, (unsigned long long)hash,
                         (unsigned long long)recorded[i].hash);
    }
}

/* All parameters lie in one tensor, padding between them zero, all gradients in another. */
static void parameters_lie_in_one_tensor(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &network_mlp, 5);
    const network_data data = network_data_make(&network_mlp, 4, 5);
    network_graph_forward(&g, &data);
    network_graph_loss(&g, &data, true);
    bncl_tensor flat[2];
    device_ok(d, bncl_graph_parameters(g.graph, &flat[0], &flat[1], &d->err), "parameters");
    for (int which = 0; which < 2; ++which) {
        const size_t total = bncl_tensor_count(&flat[which]);
        float *all = network_graph_read(&g, &flat[which]);
        size_t end = 0;
        for (size_t i = 0; i < bncl_graph_parameter_count(g.graph); ++i) {
            const bncl_graph_parameter_info p = network_graph_parameter(&g, i);
            const bncl_tensor *part = which == 0 ? &p.value : &p.gradient;
            const size_t count = bncl_tensor_count(part);
            assert_true(part->buffer == flat[which].buffer && part->offset >= end);
            end = part->offset + count;
            assert_true(end <= total);
            check_float_bits(p.name, all + part->offset, network_graph_read(&g, part), count);
            memset(all + part->offset, 0, count * sizeof(float));
        }
        check_all_equal("padding", all, 0.0f, total);
    }
}

/* The same layers whatever the input, as PyTorch's Lazy modules have them: none is told how many
   channels or features it gets. */
static bncl_graph *lazy_graph(device *d, int rank, const size_t *dims, bool channels_last)
{
    const bncl_graph_batch_norm_options options = {bncl_batch_norm_options_default(), true, true,
                                                   true, channels_last};
    bncl_graph *graph = empty_graph(d);
    bncl_value v = input_of(d, graph, rank, dims[0], dims[1], dims[2]);
    device_ok(d, bncl_graph_batch_norm(graph, "bn1", v, &options, &v, &d->err), "bn1");
    device_ok(d, bncl_graph_flatten(graph, "flat", v, &v, &d->err), "flat");
    device_ok(d, bncl_graph_linear(graph, "fc", v, 4, true, &v, &d->err), "fc");
    device_ok(d, bncl_graph_batch_norm(graph, "bn2", v, NULL, &v, &d->err), "bn2");
    device_ok(d, bncl_graph_plan(graph, v, 1, d->queue, &d->err), "bncl_graph_plan");
    return graph;
}

static void expect_entry(device *d, const bncl_graph *graph, const char *name, size_t dim0,
                         size_t dim1)
{
    bncl_state_entry entry;
    for (size_t i = 0; i < bncl_graph_state_count(graph); ++i) {
        device_ok(d, bncl_graph_state_entry(graph, i, &entry, &d->err), name);
        if (strcmp(entry.name, name) != 0)
            continue;
        assert_int_equal(entry.rank, dim1 > 0 ? 2 : 1);
        assert_true(entry.dims[0] == dim0 && (dim1 == 0 || entry.dims[1] == dim1));
        return;
    }
    harness_fail("there is no %s", name);
}

static void channels_come_from_the_input(void **state)
{
    device *d = device_of(state);
    static const struct {
        int rank;
        size_t dims[3];
        bool last;
        size_t channels, features;
    } inputs[] = {{1, {5, 0, 0}, false, 5, 5},
                  {1, {19, 0, 0}, false, 19, 19},
                  {2, {3, 7, 0}, false, 3, 21},
                  {2, {3, 7, 0}, true, 7, 21}};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; ++i) {
        bncl_graph *graph = lazy_graph(d, inputs[i].rank, inputs[i].dims, inputs[i].last);
        expect_entry(d, graph, "bn1.weight", inputs[i].channels, 0);
        expect_entry(d, graph, "bn1.running_var", inputs[i].channels, 0);
        expect_entry(d, graph, "fc.weight", 4, inputs[i].features);
        expect_entry(d, graph, "bn2.weight", 4, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(graphs_refused),
        HARNESS_TEST(inputs_refused),
        HARNESS_TEST(names_refused),
        HARNESS_TEST(values_refused),
        HARNESS_TEST(shapes_refused),
        HARNESS_TEST(plans_refused),
        HARNESS_TEST(dead_branches_refused),
        HARNESS_TEST(forward_refused),
        HARNESS_TEST(linear_begins_uniform),
        HARNESS_TEST(batch_norm_begins_neutral),
        HARNESS_TEST(beginnings_are_the_same_everywhere),
        HARNESS_TEST(parameters_lie_in_one_tensor),
        HARNESS_TEST(channels_come_from_the_input),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
