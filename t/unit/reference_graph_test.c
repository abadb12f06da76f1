/* The reference of a whole graph: its gradients against its own central differences, its passes
   against a graph computed by hand, and its noise. */
#include <math.h>

#include "lib/compare.h"
#include "lib/harness.h"
#include "lib/network_check.h"

/* Parameters away from their beginnings; gamma positive. */
static void vary(reference_graph *g, uint64_t seed)
{
    generator random = generator_seed(seed);
    for (size_t i = 0; i < g->parameter_count; ++i)
        for (size_t k = 0; k < g->parameters[i].count; ++k)
            g->parameters[i].value[k] += 1.5 * generator_unit(&random) - 0.75;
}

static void check_entries(reference_graph *g, const network_data *data, bool training,
                          const char *what, double *entries, const double *gradient, size_t count)
{
    double *expected = harness_doubles(count);
    double *bound = harness_doubles(count);
    for (size_t i = 0; i < count; ++i) {
        expected[i] = network_difference(g, data, training, &entries[i]);
        bound[i] = tolerance_difference(reference_graph_loss(g, data->labels, false));
    }
    check_doubles(harness_text("%s of %s, %s", what, g->net->name, training ? "train" : "eval"),
                  gradient, expected, bound, count);
}

static double *copy(const double *values, size_t count)
{
    double *same = harness_doubles(count);
    for (size_t i = 0; i < count; ++i)
        same[i] = values[i];
    return same;
}

static void check_gradients(const network *net, bool training, int frozen)
{
    reference_graph *g = reference_graph_make(net, 6);
    vary(g, 3);
    if (frozen >= 0)
        g->norms[frozen].frozen = true;
    const network_data data = network_data_smooth(g, 6, training, 0.02);
    reference_graph_forward(g, 6, data.wide, training);
    reference_graph_loss(g, data.labels, true);
    double *gradients[network_most_parameters + network_most_inputs];
    for (size_t i = 0; i < g->parameter_count; ++i)
        gradients[i] = copy(g->parameters[i].gradient, g->parameters[i].count);
    for (int i = 0; i < net->input_count; ++i)
        gradients[network_most_parameters + i] = copy(g->gradients[i], 6 * g->shapes[i].sample);
    for (size_t i = 0; i < g->parameter_count; ++i)
        check_entries(g, &data, training, g->parameters[i].name, g->parameters[i].value,
                      gradients[i], g->parameters[i].count);
    for (int i = 0; i < net->input_count; ++i)
        check_entries(g, &data, training, harness_text("input %d", i), data.wide[i],
                      gradients[network_most_parameters + i], 6 * g->shapes[i].sample);
}

static void gradients_are_derivatives(void **state)
{
    (void)state;
    const network *const nets[] = {&network_mlp, &network_sequence, &network_channels_last,
                                   &network_two_inputs, &network_options};
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; ++i) {
        check_gradients(nets[i], true, -1);
        check_gradients(nets[i], false, -1);
    }
    check_gradients(&network_mlp, true, 1);
    check_gradients(&network_sequence, true, 0);
}

/* x + x of max(x,0), flattened; backward brings 2·dy where x is positive. */
static void bare_by_hand(void **state)
{
    (void)state;
    reference_graph *g = reference_graph_make(&network_bare, 1);
    double x[12], dy[12], y[12], dx[12];
    double *const inputs[] = {x};
    const double none[12] = {0.0};
    for (int i = 0; i < 12; ++i) {
        x[i] = i % 3 - 1.0;
        dy[i] = i;
        y[i] = x[i] > 0.0 ? 2.0 : 0.0;
        dx[i] = x[i] > 0.0 ? 2.0 * i : 0.0;
    }
    assert_true(g->parameter_count == 0);
    check_doubles("y", reference_graph_forward(g, 1, inputs, true), y, none, 12);
    reference_graph_backward(g, dy);
    check_doubles("dx", g->gradients[0], dx, none, 12);
}

/* One batch norm on [1,3] values 1, 2, 3 and 3, 6, 9; mean 2 and 6, var 2/3 and 6, unbiased 1 and
   9. */
static void running_statistics_by_hand(void **state)
{
    (void)state;
    static const network_layer layer[] = {
        {NETWORK_BATCH_NORM, "bn", .a = 0, .momentum = 0.5, .bare = true}};
    static const network net = {.name = "one",
                                .inputs = {{1, {2}, false}},
                                .input_count = 1,
                                .layers = layer,
                                .layer_count = 1};
    double x[] = {1, 3, 2, 6, 3, 9};
    double *const inputs[] = {x};
    reference_graph *g = reference_graph_make(&net, 3);
    reference_graph_forward(g, 3, inputs, false);
    assert_true(g->norms[0].batches == 0.0 && g->norms[0].running_mean[0] == 0.0);
    reference_graph_forward(g, 3, inputs, true);
    const double bound[] = {1e-15, 1e-15};
    check_doubles("running_mean", g->norms[0].running_mean, (const double[]){1, 3}, bound, 2);
    check_doubles("running_var", g->norms[0].running_var, (const double[]){1, 5}, bound, 2);
    assert_true(g->norms[0].batches == 1.0);
    g->norms[0].frozen = true;
    reference_graph_forward(g, 3, inputs, true);
    check_doubles("running_mean", g->norms[0].running_mean, (const double[]){1, 3}, bound, 2);
    assert_true(g->norms[0].batches == 1.0);
}

/* What a pass computes is moved, and by little; what it only reads is not. */
static void noise_is_of_the_size_of_f32(void **state)
{
    (void)state;
    reference_graph *g = reference_graph_make(&network_mlp, 6);
    reference_graph *start = reference_graph_make(&network_mlp, 6);
    vary(start, 4);
    const network_data data = network_data_smooth(start, 6, true, 0.02);
    const network_course course = {.data = &data, .training = true};
    reference_graph_copy(start, g);
    const network_results exact = network_course_reference(g, &course);
    const double *spread = network_course_spread(start, &course, &exact);
    size_t still = 0;
    for (size_t i = 0; i < exact.count; ++i) {
        if (!(spread[i] == 0.0 || (spread[i] > 0x1p-27 && spread[i] < 5e-5)))
            harness_fail("%s: the spread is %g", exact.of[i].name, spread[i]);
        still += spread[i] == 0.0;
    }
    assert_true(still == g->parameter_count + 2); /* and two counters */
}

/* A step of plain gradient descent goes down the slope, and as far as it says. */
static void steps_follow_the_gradient(void **state)
{
    (void)state;
    reference_graph *g = reference_graph_make(&network_mlp, 6);
    vary(g, 5);
    const network_data data = network_data_smooth(g, 6, true, 0.02);
    const network_course course = {
        .data = &data, .training = true, .steps = 1, .optimizer = {.lr = 1e-5}};
    reference_graph_forward(g, 6, data.wide, true);
    const double before = reference_graph_loss(g, data.labels, true);
    double squares = 0.0;
    for (size_t i = 0; i < g->parameter_count; ++i)
        for (size_t k = 0; k < g->parameters[i].count; ++k)
            squares += pow(g->parameters[i].gradient[k], 2.0);
    const network_results results = network_course_reference(g, &course);
    assert_string_equal(results.of[1].name, "loss 1");
    const double drop = before - results.of[1].values[0];
    const double bound = 1e-3 * 1e-5 * squares;
    check_doubles("drop", &drop, &(double){1e-5 * squares}, &bound, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(gradients_are_derivatives),  HARNESS_TEST(bare_by_hand),
        HARNESS_TEST(running_statistics_by_hand), HARNESS_TEST(noise_is_of_the_size_of_f32),
        HARNESS_TEST(steps_follow_the_gradient),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
