/* Batch sizes that change from call to call: a graph that has seen others gives the same bits as a
   fresh one. */
#include <string.h>

#include "base/alloc.h"
#include "lib/compare.h"
#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/network_graph.h"

/* A last, smaller batch; nothing; growing beyond what was there; more sizes than a graph keeps
   plans for; and back again. */
static const size_t sizes[] = {128, 96, 128, 0, 2, 200, 7, 33, 64, 129, 128, 96, 0, 200, 5, 96};
static const size_t small_sizes[] = {4, 2, 0, 6, 3, 5, 4};

/* A new graph in the state of another, by way of a file. */
static network_graph fresh_copy(const network_graph *g)
{
    device *d = g->d;
    const char *path = files_path(files_folder(), "state");
    network_graph fresh = network_graph_make(d, g->net, 99);
    device_ok(d, bncl_graph_save(g->graph, d->queue, path, &d->err), "bncl_graph_save");
    device_ok(d, bncl_graph_load(fresh.graph, d->queue, path, &d->err), "bncl_graph_load");
    return fresh;
}

static void expect_gradients(network_graph *g, network_graph *fresh, const char *what)
{
    bncl_tensor values, gradients, fresh_gradients;
    device *d = g->d;
    device_ok(d, bncl_graph_parameters(g->graph, &values, &gradients, &d->err), what);
    device_ok(d, bncl_graph_parameters(fresh->graph, &values, &fresh_gradients, &d->err), what);
    check_float_bits(harness_text("gradients, %s", what), network_graph_read(g, &gradients),
                     network_graph_read(fresh, &fresh_gradients), bncl_tensor_count(&gradients));
    network_shape shapes[network_most_values];
    network_shapes(g->net, shapes);
    check_float_bits(harness_text("dx, %s", what), network_graph_input_gradient(g, 0),
                     network_graph_input_gradient(fresh, 0), g->n * shapes[0].sample);
}

/* dy = ±1, ±2, …: no loss, which has no gradient where there are no samples. */
static void backward(network_graph *g)
{
    const size_t count = bncl_tensor_count(&g->output);
    float *dy = harness_floats(count);
    for (size_t i = 0; i < count; ++i)
        dy[i] = (i % 2 == 0 ? 0.25f : -0.25f) * (float)(i % 5);
    network_graph_backward(g, dy);
}

static void compare_with_fresh(network_graph *g, size_t n, bool training)
{
    const char *what = harness_text("%s, %zu samples", training ? "train" : "eval", n);
    const network_data data = network_data_make(g->net, n, n + 1);
    network_graph fresh = fresh_copy(g);
    device *d = g->d;
    device_ok(d,
              training ? bncl_graph_train(g->graph, &d->err) : bncl_graph_eval(g->graph, &d->err),
              what);
    device_ok(d,
              training ? bncl_graph_train(fresh.graph, &d->err)
                       : bncl_graph_eval(fresh.graph, &d->err),
              what);
    const float *y = network_graph_forward(g, &data);
    check_float_bits(what, y, network_graph_forward(&fresh, &data), bncl_tensor_count(&g->output));
    assert_true(g->output.dims[0] == n);
    backward(g);
    backward(&fresh);
    expect_gradients(g, &fresh, what);
    const network_state after = network_graph_state(&fresh);
    network_graph_expect(g, &after, what);
}

static void walk(device *d, const network *net)
{
    const size_t count =
        d->small ? sizeof small_sizes / sizeof small_sizes[0] : sizeof sizes / sizeof sizes[0];
    network_graph g = network_graph_make(d, net, 1);
    for (size_t i = 0; i < count; ++i) {
        compare_with_fresh(&g, d->small ? small_sizes[i] : sizes[i], true);
        if (i % 4 == 1)
            compare_with_fresh(&g, 1, false);
    }
}

static void sizes_change_in_an_mlp(void **state)
{
    walk(device_of(state), &network_mlp);
}

static void sizes_change_in_a_sequence(void **state)
{
    device *d = device_of(state);
    if (d->small)
        skip();
    walk(d, &network_sequence);
}

/* A larger backward than the ones before, after a smaller forward. */
static void backward_grows_later(void **state)
{
    device *d = device_of(state);
    const size_t large = d->small ? 8 : 150;
    network_graph g = network_graph_make(d, &network_mlp, 1);
    const network_data first = network_data_make(&network_mlp, large, 1);
    network_graph_forward(&g, &first);
    compare_with_fresh(&g, 3, true);
    compare_with_fresh(&g, large, true);
    compare_with_fresh(&g, 3, true);
}

static void release_graph(void *graph)
{
    bncl_graph_destroy(graph);
}

/* Linear, ReLU, Linear, ReLU, Linear, each with `features` outputs, planned. */
static bncl_graph *chain_of(device *d, size_t features)
{
    static const char *const names[] = {"fc1", "relu1", "fc2", "relu2", "fc3"};
    bncl_graph *graph = NULL;
    bncl_value value;
    device_ok(d, bncl_graph_create(d->context, &graph, &d->err), "bncl_graph_create");
    harness_hold(graph, release_graph);
    device_ok(d, bncl_graph_input(graph, 1, &features, false, &value, &d->err), "input");
    for (int i = 0; i < 5; ++i)
        device_ok(d,
                  i % 2 == 0
                      ? bncl_graph_linear(graph, names[i], value, features, true, &value, &d->err)
                      : bncl_graph_relu(graph, names[i], value, &value, &d->err),
                  names[i]);
    device_ok(d, bncl_graph_plan(graph, value, 1, d->queue, &d->err), "bncl_graph_plan");
    return graph;
}

/* Counted by hand: backward reads both ReLUs' results, fc3's is the caller's, and fc1's and fc2's
   need a place for two steps each; a mask of 32 bytes takes 64. Of the gradients, two are needed at
   a time. */
static void memory_is_used_again(void **state)
{
    enum { rows = 4, features = 64, value = rows * features * sizeof(float) };
    device *d = device_of(state);
    const size_t dims[] = {rows, features};
    bncl_graph *graph = chain_of(d, features);
    bncl_graph_memory_info memory;
    bncl_tensor y;
    float *values = harness_floats(rows * features);
    const bncl_tensor x = device_tensor(d, BNCL_F32, 2, dims, values);
    device_ok(d, bncl_graph_forward(graph, d->queue, &x, 1, &y, NULL, &d->err), "forward");
    device_ok(d, bncl_graph_memory(graph, &memory, &d->err), "bncl_graph_memory");
    assert_int_equal(memory.values, 3 * value + 2 * 64);
    assert_int_equal(memory.naive_values, 5 * value);
    assert_int_equal(memory.gradients, 0);
    device_ok(d, bncl_graph_backward(graph, d->queue, &x, NULL, &d->err), "backward");
    device_ok(d, bncl_graph_memory(graph, &memory, &d->err), "bncl_graph_memory");
    assert_int_equal(memory.gradients, 2 * value);
    assert_int_equal(memory.naive_gradients, 4 * value);
}

/* No samples: the statistics stay, but it counts; all gradients become 0. */
static void no_samples(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &network_mlp, 1);
    const network_data data = network_data_make(&network_mlp, 4, 1);
    const network_data none = network_data_make(&network_mlp, 0, 1);
    float before[5], after[5];
    int64_t batches;
    network_graph_forward(&g, &data);
    network_graph_loss(&g, &data, true);
    network_graph_entry(&g, "bn1.running_var", before, sizeof before);
    for (int64_t i = 0; i < 3; ++i) {
        network_graph_forward(&g, &none);
        backward(&g);
        network_graph_entry(&g, "bn1.running_var", after, sizeof after);
        network_graph_entry(&g, "bn1.num_batches_tracked", &batches, sizeof batches);
        check_float_bits("running_var", after, before, 5);
        assert_true(batches == 2 + i);
    }
    bncl_tensor values, gradients;
    device_ok(d, bncl_graph_parameters(g.graph, &values, &gradients, &d->err), "parameters");
    check_all_equal("gradients", network_graph_read(&g, &gradients), 0.0f,
                    bncl_tensor_count(&gradients));
}

/* [N,3,0]: samples without positions are as good as none. */
static void no_positions(void **state)
{
    static const network_layer layers[] = {{NETWORK_BATCH_NORM, "bn", .a = 0},
                                           {NETWORK_RELU, "relu", .a = 1},
                                           {NETWORK_FLATTEN, "flatten", .a = 2}};
    static const network net = {.name = "no positions",
                                .inputs = {{2, {3, 0}, true}},
                                .input_count = 1,
                                .layers = layers,
                                .layer_count = 3};
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &net, 1);
    const network_data data = network_data_make(&net, 4, 1);
    float var[3], gradient[3];
    int64_t batches;
    for (int64_t i = 1; i < 3; ++i) {
        network_graph_forward(&g, &data);
        assert_true(g.output.rank == 2 && g.output.dims[0] == 4 && g.output.dims[1] == 0);
        network_graph_backward(&g, var);
        network_graph_entry(&g, "bn.running_var", var, sizeof var);
        network_graph_entry(&g, "bn.num_batches_tracked", &batches, sizeof batches);
        check_all_equal("running_var", var, 1.0f, 3);
        assert_true(batches == i);
        const bncl_tensor dgamma = network_graph_parameter(&g, 0).gradient;
        memcpy(gradient, network_graph_read(&g, &dgamma), sizeof gradient);
        check_all_equal("gradient of gamma", gradient, 0.0f, 3);
    }
}

/* How many allocations one pass forward and backward makes. */
static unsigned long allocations(network_graph *g, size_t n)
{
    device *d = g->d;
    const network_data data = network_data_make(g->net, n, n);
    const size_t in[] = {n, 6}, out[] = {n, 4};
    const bncl_tensor x = device_tensor(d, BNCL_F32, 2, in, data.inputs[0]);
    const bncl_tensor dy = device_tensor(d, BNCL_F32, 2, out, data.inputs[0]);
    bncli_alloc_fault(0, 0);
    bncl_status status = bncl_graph_forward(g->graph, d->queue, &x, 1, NULL, NULL, &d->err);
    if (status == BNCL_OK)
        status = bncl_graph_backward(g->graph, d->queue, &dy, NULL, &d->err);
    const unsigned long count = bncli_alloc_fault(0, 0);
    device_ok(d, status, "forward and backward");
    return count;
}

/* Four batch sizes are remembered: a pass of one of them allocates nothing, whatever the order. A
   fifth takes the place of the one that was used longest ago. */
static void batch_sizes_are_remembered(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &network_mlp, 1);
    const size_t four[] = {6, 3, 5, 2}, again[] = {2, 2, 5, 6, 3, 5, 2, 6};
    for (size_t i = 0; i < 4; ++i)
        assert_true(allocations(&g, four[i]) > 0);
    for (size_t i = 0; i < 8; ++i)
        if (allocations(&g, again[i]) != 0)
            harness_fail("a batch of %zu, seen before, allocates", again[i]);
    assert_true(allocations(&g, 4) > 0);
    assert_true(allocations(&g, 6) == 0 && allocations(&g, 2) == 0 && allocations(&g, 5) == 0);
    assert_true(allocations(&g, 3) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(sizes_change_in_an_mlp),
        HARNESS_TEST(sizes_change_in_a_sequence),
        HARNESS_TEST(backward_grows_later),
        HARNESS_TEST(memory_is_used_again),
        HARNESS_TEST(no_samples),
        HARNESS_TEST(no_positions),
        HARNESS_TEST(batch_sizes_are_remembered),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
