/* The shapes a graph may have: sums of a value with itself, values with two consumers, several
   inputs, nothing to learn; and several graphs on one context. */
#include <string.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/harness.h"
#include "lib/network_graph.h"

/* Everything here is exact in f32: small whole numbers. */
static float *whole_numbers(size_t count, int begin)
{
    float *values = harness_floats(count);
    for (size_t i = 0; i < count; ++i)
        values[i] = (float)((int)(i * 7 % 11) - 5 + begin);
    return values;
}

/* flatten(relu(x) + relu(x)): y = 2·max(x,0), dx = 2·dy where x > 0. */
static void sum_of_a_value_with_itself(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &network_bare, 1);
    const network_data data = {.n = 3, .inputs = {whole_numbers(36, 0)}};
    const float *x = data.inputs[0], *dy = whole_numbers(36, 3);
    float *y = harness_floats(36), *dx = harness_floats(36);
    for (size_t i = 0; i < 36; ++i) {
        y[i] = x[i] > 0.0f ? 2.0f * x[i] : 0.0f;
        dx[i] = x[i] > 0.0f ? 2.0f * dy[i] : 0.0f;
    }
    check_float_bits("y", network_graph_forward(&g, &data), y, 36);
    assert_true(g.output.rank == 2 && g.output.dims[0] == 3 && g.output.dims[1] == 12);
    network_graph_backward(&g, dy);
    const float *got = network_graph_input_gradient(&g, 0);
    for (size_t i = 0; i < 36; ++i)
        if (!(got[i] == dx[i])) /* -0 equals 0 */
            harness_fail("dx[%zu]: got %g, expected %g", i, (double)got[i], (double)dx[i]);
}

/* x + relu(x) + (x + relu(x)): every value but the last has two consumers, x three. */
static const network_layer web_layers[] = {
    {NETWORK_RELU, "relu", .a = 0},          /* 1 */
    {NETWORK_ADD, "first", .a = 0, .b = 1},  /* 2 */
    {NETWORK_ADD, "second", .a = 1, .b = 0}, /* 3 */
    {NETWORK_ADD, "third", .a = 2, .b = 3},  /* 4 */
    {NETWORK_ADD, "fourth", .a = 4, .b = 0}, /* 5 */
};
static const network web = {.name = "web",
                            .inputs = {{2, {3, 5}, true}},
                            .input_count = 1,
                            .layers = web_layers,
                            .layer_count = 5};

static void gradients_of_all_consumers_add_up(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &web, 1);
    const network_data data = {.n = 2, .inputs = {whole_numbers(30, 0)}};
    const float *x = data.inputs[0], *dy = whole_numbers(30, 2);
    float *y = harness_floats(30), *dx = harness_floats(30);
    for (size_t i = 0; i < 30; ++i) {
        y[i] = x[i] > 0.0f ? 5.0f * x[i] : 3.0f * x[i];
        dx[i] = x[i] > 0.0f ? 5.0f * dy[i] : 3.0f * dy[i];
    }
    check_float_bits("y", network_graph_forward(&g, &data), y, 30);
    for (int again = 0; again < 2; ++again) {
        network_graph_backward(&g, dy);
        check_float_bits("dx", network_graph_input_gradient(&g, 0), dx, 30);
    }
}

static const network_layer flatten_layer[] = {{NETWORK_FLATTEN, "flatten", .a = 0}};
static const network flatten_alone = {.name = "flatten",
                                      .inputs = {{2, {3, 5}, true}},
                                      .input_count = 1,
                                      .layers = flatten_layer,
                                      .layer_count = 1};

static void flatten_keeps_every_element(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &flatten_alone, 1);
    const network_data data = {.n = 2, .inputs = {whole_numbers(30, 0)}};
    const float *dy = whole_numbers(30, 2);
    check_float_bits("y", network_graph_forward(&g, &data), data.inputs[0], 30);
    assert_true(g.output.rank == 2 && g.output.dims[0] == 2 && g.output.dims[1] == 15);
    network_graph_backward(&g, dy);
    check_float_bits("dx", network_graph_input_gradient(&g, 0), dy, 30);
}

static void nothing_to_learn(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &network_bare, 1);
    bncl_tensor values, gradients;
    bncl_graph_parameter_info info;
    bncl_state_entry entry;
    assert_true(bncl_graph_parameter_count(g.graph) == 0);
    assert_true(bncl_graph_state_count(g.graph) == 0);
    device_ok(d, bncl_graph_parameters(g.graph, &values, &gradients, &d->err), "parameters");
    assert_true(bncl_tensor_count(&values) == 0 && bncl_tensor_count(&gradients) == 0);
    device_refused(d, bncl_graph_parameter(g.graph, 0, &info, &d->err), BNCL_ERROR_ARGUMENT, "0");
    device_refused(d, bncl_graph_state_entry(g.graph, 0, &entry, &d->err), BNCL_ERROR_ARGUMENT,
                   "0");
    const bncl_sgd_options options = {.lr = 0.1, .momentum = 0.9};
    network_graph_step(&g, network_graph_sgd(&g, &options));
    device_finish(d);
}

/* a + max(b,0) is not b + max(a,0): the inputs keep the order in which they were added. */
static const network_layer order_layers[] = {
    {NETWORK_RELU, "relu", .a = 1},
    {NETWORK_ADD, "sum", .a = 0, .b = 2},
};
static const network order = {.name = "order",
                              .inputs = {{1, {4}, true}, {1, {4}, true}},
                              .input_count = 2,
                              .layers = order_layers,
                              .layer_count = 2};

static void inputs_keep_their_order(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &order, 1);
    float a[] = {1, 2, 3, 4}, b[] = {-1, 5, -2, 6}, dy[] = {1, 2, 3, 4};
    network_data data = {.n = 1, .inputs = {a, b}};
    const float y[] = {1, 7, 3, 10}, db[] = {0, 2, 0, 4};
    check_float_bits("y", network_graph_forward(&g, &data), y, 4);
    network_graph_backward(&g, dy);
    check_float_bits("da", network_graph_input_gradient(&g, 0), dy, 4);
    check_float_bits("db", network_graph_input_gradient(&g, 1), db, 4);
}

/* Gradients that nobody asked for cannot be had; those of an input that nothing depends on are
   none. */
static void gradients_of_inputs(void **state)
{
    device *d = device_of(state);
    static const network_layer layer[] = {{NETWORK_RELU, "relu", .a = 0}};
    static const network net = {.name = "unused input",
                                .inputs = {{1, {4}, true}, {1, {4}, false}, {1, {2}, true}},
                                .input_count = 3,
                                .layers = layer,
                                .layer_count = 1};
    network_graph g = network_graph_make(d, &net, 1);
    const network_data data = network_data_make(&net, 2, 1);
    bncl_tensor gradient;
    network_graph_forward(&g, &data);
    network_graph_backward(&g, whole_numbers(8, 0));
    device_ok(d, bncl_graph_input_gradient(g.graph, 0, &gradient, &d->err), "input 0");
    device_refused(d, bncl_graph_input_gradient(g.graph, 1, &gradient, &d->err),
                   BNCL_ERROR_ARGUMENT, "input 1");
    device_ok(d, bncl_graph_input_gradient(g.graph, 2, &gradient, &d->err), "input 2");
    assert_null(gradient.buffer);
    device_refused(d, bncl_graph_input_gradient(g.graph, 3, &gradient, &d->err),
                   BNCL_ERROR_ARGUMENT, "3");
}

/* dy of another shape, type or place is refused, and the pass can still be gone back through. */
static void dy_refused(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &web, 1);
    const network_data data = network_data_make(&web, 2, 1);
    const size_t flat[] = {2, 15}, fewer[] = {1, 3, 5}, good[] = {2, 3, 5};
    const struct {
        bncl_tensor dy;
        bncl_status status;
    } rows[] = {
        {device_tensor(d, BNCL_F32, 2, flat, NULL), BNCL_ERROR_SHAPE},
        {device_tensor(d, BNCL_F32, 3, fewer, NULL), BNCL_ERROR_SHAPE},
        {device_tensor(d, BNCL_I32, 3, good, NULL), BNCL_ERROR_DTYPE},
        {device_absent(), BNCL_ERROR_ARGUMENT},
    };
    network_graph_forward(&g, &data);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i)
        device_refused(d, bncl_graph_backward(g.graph, d->queue, &rows[i].dy, NULL, &d->err),
                       rows[i].status, "dy");
    device_refused(d, bncl_graph_backward(g.graph, d->queue, NULL, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, "dy");
    network_graph_backward(&g, whole_numbers(30, 0));
}

/* Two graphs take turns on one context and one queue: each gives what it gives alone. */
static void graphs_do_not_disturb_each_other(void **state)
{
    device *d = device_of(state);
    const network *const nets[] = {&network_mlp, &network_sequence};
    network_graph g[2], alone[2];
    network_data data[2];
    for (int i = 0; i < 2; ++i) {
        g[i] = network_graph_make(d, nets[i], 1);
        data[i] = network_data_make(nets[i], 4, 1);
    }
    for (int turn = 0; turn < 3; ++turn) {
        for (int i = 0; i < 2; ++i)
            device_ok(d, network_graph_try(&g[i], &data[i]), "forward");
        for (int i = 0; i < 2; ++i)
            network_graph_loss(&g[i], &data[i], true);
    }
    for (int i = 0; i < 2; ++i) {
        alone[i] = network_graph_make(d, nets[i], 1);
        for (int turn = 0; turn < 3; ++turn)
            network_graph_forward(&alone[i], &data[i]);
        network_graph_loss(&alone[i], &data[i], true);
        const network_state expected = network_graph_state(&alone[i]);
        network_graph_expect(&g[i], &expected, nets[i]->name);
        const bncl_tensor first = network_graph_parameter(&g[i], 0).gradient;
        const bncl_tensor other = network_graph_parameter(&alone[i], 0).gradient;
        check_float_bits("gradient", network_graph_read(&g[i], &first),
                         network_graph_read(&alone[i], &other), bncl_tensor_count(&first));
    }
}

static void release_context(void *context)
{
    bncl_context_destroy(context);
}

static void release_queue(void *queue)
{
    bncl_queue_destroy(queue);
}

static void release_buffer(void *buffer)
{
    bncl_buffer_destroy(buffer);
}

/* Queues and tensors of another context are refused, and change nothing. */
static void contexts_do_not_mix(void **state)
{
    device *d = device_of(state);
    bncl_context *context = NULL;
    bncl_queue *queue = NULL;
    bncl_buffer *buffer = NULL;
    bncl_value output;
    bncl_tensor y;
    device_ok(d, bncl_context_create(NULL, &context, &d->err), "bncl_context_create");
    device_hold(d, context, release_context);
    device_ok(d, bncl_queue_create(context, &queue, &d->err), "bncl_queue_create");
    device_hold(d, queue, release_queue);
    device_ok(d, bncl_buffer_create(context, 4096, &buffer, &d->err), "bncl_buffer_create");
    device_hold(d, buffer, release_buffer);
    network_graph g = network_graph_build(d, &web, &output);
    const bncl_tensor own = device_tensor(d, BNCL_F32, 3, (const size_t[]){2, 3, 5}, NULL);
    bncl_tensor foreign = own;
    foreign.buffer = buffer;
    foreign.offset = 0;
    static const char words[] = "another context";
    device_refused(d, bncl_graph_plan(g.graph, output, 1, queue, &d->err), BNCL_ERROR_ARGUMENT,
                   words);
    device_ok(d, bncl_graph_plan(g.graph, output, 1, d->queue, &d->err), "bncl_graph_plan");
    device_refused(d, bncl_graph_forward(g.graph, queue, &own, 1, &y, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, words);
    device_refused(d, bncl_graph_forward(g.graph, d->queue, &foreign, 1, &y, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, words);
    device_ok(d, bncl_graph_forward(g.graph, d->queue, &own, 1, &y, NULL, &d->err), "forward");
    device_refused(d, bncl_graph_backward(g.graph, queue, &own, NULL, &d->err), BNCL_ERROR_ARGUMENT,
                   words);
    device_refused(d, bncl_graph_backward(g.graph, d->queue, &foreign, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, words);
    device_refused(d, bncl_graph_save(g.graph, queue, "nowhere", &d->err), BNCL_ERROR_ARGUMENT,
                   words);
    device_ok(d, bncl_graph_backward(g.graph, d->queue, &own, NULL, &d->err), "backward");
    device_finish(d);
}

/* A signal of forward and of backward completes, and the output is there then. */
static void events_signal_the_end(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &web, 1);
    const size_t dims[] = {2, 3, 5};
    const float *x = whole_numbers(30, 0);
    const bncl_tensor in = device_tensor(d, BNCL_F32, 3, dims, x);
    bncl_event *event = NULL, *second = NULL;
    const bncl_sync first = {.signal = &event};
    device_ok(d, bncl_graph_forward(g.graph, d->queue, &in, 1, &g.output, &first, &d->err),
              "forward");
    assert_non_null(event);
    bncl_event *const wait[] = {event};
    const bncl_sync then = {.wait_count = 1, .wait = wait, .signal = &second};
    device_ok(d, bncl_graph_backward(g.graph, d->queue, &in, &then, &d->err), "backward");
    assert_non_null(second);
    device_ok(d, bncl_event_wait(second, &d->err), "bncl_event_wait");
    bncl_event_destroy(event);
    bncl_event_destroy(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(sum_of_a_value_with_itself),
        HARNESS_TEST(gradients_of_all_consumers_add_up),
        HARNESS_TEST(flatten_keeps_every_element),
        HARNESS_TEST(nothing_to_learn),
        HARNESS_TEST(inputs_keep_their_order),
        HARNESS_TEST(gradients_of_inputs),
        HARNESS_TEST(dy_refused),
        HARNESS_TEST(graphs_do_not_disturb_each_other),
        HARNESS_TEST(contexts_do_not_mix),
        HARNESS_TEST(events_signal_the_end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
