/* Training, evaluation and frozen layers: which statistics a pass uses, which it moves, and what
   training refuses. */
#include <string.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/harness.h"
#include "lib/network_graph.h"

static void train(const network_graph *g)
{
    device_ok(g->d, bncl_graph_train(g->graph, &g->d->err), "bncl_graph_train");
}

static void eval(const network_graph *g)
{
    device_ok(g->d, bncl_graph_eval(g->graph, &g->d->err), "bncl_graph_eval");
}

static void freeze(const network_graph *g, const char *layer, bool frozen)
{
    device_ok(g->d, bncl_graph_freeze(g->graph, layer, frozen, &g->d->err), "bncl_graph_freeze");
}

/* num_batches_tracked of a layer. */
static int64_t batches(const network_graph *g, const char *layer)
{
    int64_t count = -1;
    network_graph_entry(g, harness_text("%s.num_batches_tracked", layer), &count, sizeof count);
    return count;
}

/* The running_mean of a layer of mlp. */
static float *running_mean(const network_graph *g, const char *layer)
{
    float *mean = harness_floats(5);
    network_graph_entry(g, harness_text("%s.running_mean", layer), mean, 5 * sizeof(float));
    return mean;
}

/* The layer's running statistics have moved since `before`. */
static bool moved(const network_graph *g, const char *layer, const float *before)
{
    return compare_bits(running_mean(g, layer), before, sizeof(float), 5) < 5;
}

static void training_is_the_default(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&network_mlp, 5, 1);
    network_graph plain = network_graph_make(d, &network_mlp, 1);
    network_graph told = network_graph_make(d, &network_mlp, 1);
    train(&told);
    const float *y = network_graph_forward(&plain, &data);
    check_float_bits("y", y, network_graph_forward(&told, &data), 5 * 4);
    assert_true(batches(&plain, "bn1") == 1 && batches(&plain, "bn2") == 1);
    const network_state after = network_graph_state(&told);
    network_graph_expect(&plain, &after, "by default");
}

/* A mode that is set while the graph is still being built, and a layer frozen there, stay so. */
static void modes_from_before_the_plan_hold(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&network_mlp, 5, 1);
    bncl_value output;
    for (int mode = 0; mode < 2; ++mode) {
        network_graph g = network_graph_build(d, &network_mlp, &output);
        if (mode == 0)
            eval(&g);
        else
            freeze(&g, "bn1", true);
        device_ok(d, bncl_graph_plan(g.graph, output, 1, d->queue, &d->err), "bncl_graph_plan");
        network_graph_forward(&g, &data);
        assert_true(batches(&g, "bn1") == 0);
        assert_true(batches(&g, "bn2") == mode);
    }
}

static void evaluation_moves_nothing(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&network_options, 5, 1);
    network_graph g = network_graph_make(d, &network_options, 1);
    network_graph_forward(&g, &data);
    const network_state before = network_graph_state(&g);
    eval(&g);
    const float *y = network_graph_forward(&g, &data);
    network_graph_loss(&g, &data, true);
    network_graph_expect(&g, &before, "evaluation");
    check_float_bits("y of the same input", network_graph_forward(&g, &data), y, 5 * 4);
    train(&g);
    network_graph_forward(&g, &data);
    assert_true(batches(&g, "bn1") == 2 && batches(&g, "bn3") == 2);
}

static const network_layer norm_layer[] = {{NETWORK_BATCH_NORM, "bn", .a = 0}};
static const network norm_alone = {.name = "batch norm",
                                   .inputs = {{1, {5}, false}},
                                   .input_count = 1,
                                   .layers = norm_layer,
                                   .layer_count = 1};

/* In evaluation a sample's output is its own; in training it is not. */
static void samples_do_not_see_each_other_in_evaluation(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&norm_alone, 4, 1);
    network_graph g = network_graph_make(d, &norm_alone, 1);
    const float *together = network_graph_forward(&g, &data);
    eval(&g);
    const float *apart = network_graph_forward(&g, &data);
    assert_true(compare_bits(apart, together, sizeof(float), 20) < 20);
    for (size_t i = 0; i < 4; ++i) {
        network_data one = {.n = 1, .inputs = {data.inputs[0] + 5 * i}};
        check_float_bits("y of one", network_graph_forward(&g, &one), apart + 5 * i, 5);
    }
}

static void frozen_layers_keep_their_statistics(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&network_mlp, 5, 1);
    network_graph g = network_graph_make(d, &network_mlp, 1);
    network_graph_forward(&g, &data);
    freeze(&g, "bn1", true);
    const float *first = running_mean(&g, "bn1"), *second = running_mean(&g, "bn2");
    train(&g);
    network_graph_forward(&g, &data);
    eval(&g);
    network_graph_forward(&g, &data);
    train(&g);
    network_graph_forward(&g, &data);
    assert_false(moved(&g, "bn1", first));
    assert_true(moved(&g, "bn2", second));
    assert_true(batches(&g, "bn1") == 1 && batches(&g, "bn2") == 3);

    freeze(&g, "bn1", false);
    network_graph_forward(&g, &data);
    assert_true(moved(&g, "bn1", first));
    assert_true(batches(&g, "bn1") == 2);
}

/* Whether the named gradient has a value that is not 0. */
static bool has_gradient(const network_graph *g, const char *name)
{
    for (size_t i = 0; i < bncl_graph_parameter_count(g->graph); ++i) {
        const bncl_graph_parameter_info p = network_graph_parameter(g, i);
        const float *gradient = network_graph_read(g, &p.gradient);
        for (size_t k = 0; strcmp(p.name, name) == 0 && k < bncl_tensor_count(&p.gradient); ++k)
            if (gradient[k] != 0.0f)
                return true;
    }
    return false;
}

static void frozen_layers_still_learn(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&network_mlp, 5, 1);
    network_graph g = network_graph_make(d, &network_mlp, 1);
    freeze(&g, "bn2", true);
    network_graph_forward(&g, &data);
    network_graph_loss(&g, &data, true);
    assert_true(has_gradient(&g, "bn2.weight") && has_gradient(&g, "bn2.bias"));
    assert_true(has_gradient(&g, "fc2.weight"));
}

/* Backward goes back through the statistics that its forward used, whatever the mode is by then. */
static void mode_of_backward_is_that_of_its_forward(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&network_mlp, 5, 1);
    network_graph g = network_graph_make(d, &network_mlp, 1);
    network_graph_forward(&g, &data);
    network_graph_loss(&g, &data, true);
    const float *expected = network_graph_input_gradient(&g, 0);
    eval(&g);
    freeze(&g, "bn1", true);
    network_graph_loss(&g, &data, true);
    check_float_bits("dx", network_graph_input_gradient(&g, 0), expected, 5 * 6);
}

static void freezing_refused(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &network_mlp, 1);
    device_refused(d, bncl_graph_freeze(g.graph, "bn9", true, &d->err), BNCL_ERROR_ARGUMENT,
                   "'bn9'");
    device_refused(d, bncl_graph_freeze(g.graph, NULL, true, &d->err), BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(d, bncl_graph_freeze(NULL, "bn1", true, &d->err), BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(d, bncl_graph_train(NULL, &d->err), BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(d, bncl_graph_eval(NULL, &d->err), BNCL_ERROR_ARGUMENT, "NULL");
    device_ok(d, bncl_graph_freeze(g.graph, "fc1", true, &d->err), "freeze a linear layer");
}

/* ---- one value per channel ---- */

static const char words[] = "Expected more than 1 value per channel when training, got input size ";

static void refuse_one(network_graph *g, const char *layer, const char *size)
{
    const network_data one = network_data_make(g->net, 1, 4);
    const network_state before = network_graph_state(g);
    device_refused(g->d, network_graph_try(g, &one), BNCL_ERROR_SHAPE,
                   harness_text("%s: %s%s", layer, words, size));
    assert_true(strncmp(g->d->err.text, layer, strlen(layer)) == 0);
    network_graph_expect(g, &before, "a refused sample");
}

static void one_sample_refused_in_training(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&network_mlp, 5, 1);
    const network_data one = network_data_make(&network_mlp, 1, 4);
    network_graph g = network_graph_make(d, &network_mlp, 1);
    refuse_one(&g, "bn1", "[1, 5]");
    network_graph_forward(&g, &data);
    refuse_one(&g, "bn1", "[1, 5]");
    freeze(&g, "bn1", true);
    refuse_one(&g, "bn2", "[1, 5]");
    freeze(&g, "bn2", true);
    network_graph_forward(&g, &one);
    freeze(&g, "bn1", false);
    freeze(&g, "bn2", false);
    eval(&g);
    network_graph_forward(&g, &one);
    assert_true(batches(&g, "bn1") == 1 && batches(&g, "bn2") == 1);
}

/* The first layer has 5 positions and passes, the second is refused: the first must not have
   counted the batch either. */
static void statistics_of_earlier_layers_stay(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&network_sequence, 3, 1);
    network_graph g = network_graph_make(d, &network_sequence, 1);
    network_graph twin = network_graph_make(d, &network_sequence, 1);
    network_graph_forward(&g, &data);
    network_graph_forward(&twin, &data);
    refuse_one(&g, "bn2", "[1, 4]");
    refuse_one(&g, "bn2", "[1, 4]");
    network_graph_forward(&g, &data);
    network_graph_forward(&twin, &data);
    const network_state after = network_graph_state(&twin);
    network_graph_expect(&g, &after, "the batch after a refused one");
}

/* Without running statistics evaluation takes the batch's, so that one value is too few there
   too. */
static void one_sample_refused_without_statistics(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&network_options, 4, 1);
    network_graph g = network_graph_make(d, &network_options, 1);
    network_graph_forward(&g, &data);
    eval(&g);
    refuse_one(&g, "bn2", "[1, 4]");
    network_graph_forward(&g, &data);
}

static void track(const network_graph *g, const char *layer, bool on)
{
    device_ok(g->d, bncl_graph_track_running_stats(g->graph, layer, on, &g->d->err), "track");
}

/* Switched off later: training moves that layer's statistics no more, though it normalizes as
   before; evaluation still uses them; and on again they go on from where they were. */
static void tracking_switched_off(void **state)
{
    device *d = device_of(state);
    const network_data data = network_data_make(&network_options, 5, 1);
    network_graph g = network_graph_make(d, &network_options, 1);
    network_graph same = network_graph_make(d, &network_options, 1);
    network_graph_forward(&g, &data);
    network_graph_forward(&same, &data);
    const network_state before = network_graph_state(&g);
    track(&g, "bn1", false);
    track(&g, "bn3", false); /* cumulative */
    const float *y = network_graph_forward(&g, &data);
    check_float_bits("y", y, network_graph_forward(&same, &data), 5 * 4);
    network_graph_expect(&g, &before, "training without tracking");
    network_graph_loss(&g, &data, true);
    assert_true(batches(&g, "bn1") == 1 && batches(&same, "bn1") == 2);
    eval(&g);
    const float *evaluated = network_graph_forward(&g, &data);
    track(&g, "bn1", true);
    track(&g, "bn3", true);
    check_float_bits("in evaluation", network_graph_forward(&g, &data), evaluated, 5 * 4);
    train(&g);
    network_graph_forward(&g, &data);
    const network_state after = network_graph_state(&same);
    network_graph_expect(&g, &after, "tracking again");
}

/* The gradients of all parameters, one behind the other. */
static float *gradients(const network_graph *g)
{
    bncl_tensor values, all;
    device_ok(g->d, bncl_graph_parameters(g->graph, &values, &all, &g->d->err), "parameters");
    return network_graph_read(g, &all);
}

static size_t gradient_count(const network_graph *g)
{
    bncl_tensor values, all;
    device_ok(g->d, bncl_graph_parameters(g->graph, &values, &all, &g->d->err), "parameters");
    return bncl_tensor_count(&all);
}

/* A second backward doubles the gradients, which is exact; zeroed, they are as after the first. */
static void gradients_add_up(void **state)
{
    device *d = device_of(state);
    const network *const nets[] = {&network_options, &network_planes};
    for (int i = 0; i < 2; ++i) {
        const network_data data = network_data_make(nets[i], 5, 1);
        network_graph g = network_graph_make(d, nets[i], 1);
        const size_t count = gradient_count(&g);
        network_graph_forward(&g, &data);
        network_graph_loss(&g, &data, true);
        const float *once = gradients(&g);
        float *twice = harness_floats(count);
        for (size_t k = 0; k < count; ++k)
            twice[k] = 2.0f * once[k];
        network_graph_loss(&g, &data, true);
        check_float_bits("overwritten", gradients(&g), once, count);
        device_ok(d, bncl_graph_accumulate(g.graph, true, &d->err), "bncl_graph_accumulate");
        network_graph_loss(&g, &data, true);
        check_float_bits("added", gradients(&g), twice, count);
        device_ok(d, bncl_graph_zero_gradients(g.graph, d->queue, NULL, &d->err), "zero");
        check_all_equal("zeroed", gradients(&g), 0.0f, count);
        network_graph_loss(&g, &data, true);
        check_float_bits("added to zero", gradients(&g), once, count);
        device_ok(d, bncl_graph_accumulate(g.graph, false, &d->err), "bncl_graph_accumulate");
        network_graph_loss(&g, &data, true);
        check_float_bits("overwritten again", gradients(&g), once, count);
        harness_release(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(training_is_the_default),
        HARNESS_TEST(modes_from_before_the_plan_hold),
        HARNESS_TEST(evaluation_moves_nothing),
        HARNESS_TEST(samples_do_not_see_each_other_in_evaluation),
        HARNESS_TEST(frozen_layers_keep_their_statistics),
        HARNESS_TEST(frozen_layers_still_learn),
        HARNESS_TEST(mode_of_backward_is_that_of_its_forward),
        HARNESS_TEST(freezing_refused),
        HARNESS_TEST(one_sample_refused_in_training),
        HARNESS_TEST(statistics_of_earlier_layers_stay),
        HARNESS_TEST(one_sample_refused_without_statistics),
        HARNESS_TEST(tracking_switched_off),
        HARNESS_TEST(gradients_add_up),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
