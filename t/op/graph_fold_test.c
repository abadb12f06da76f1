/* Folding batch norms into Linears: what the folded parameters are, and that the folded graph gives
   what the unfolded one does. (What is refused: graph_fold_refused_test.) */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/files.h"
#include "lib/fold_bound.h"
#include "lib/fold_case.h"
#include "lib/harness.h"
#include "lib/network_check.h"
#include "lib/tolerance.h"

enum { samples = 6 };

static reference_graph *reference_of(network_graph *g, const network *net, size_t most)
{
    reference_graph *reference = reference_graph_make(net, most);
    network_graph_copy(g, reference);
    return reference;
}

/* Compares the outputs of the two graphs; returns the largest error, in bounds. */
static double check_outputs(network_graph *from, network_graph *to, const char *ends,
                            const network_data *data)
{
    reference_graph *reference = reference_of(from, from->net, data->n);
    const float *folded = network_graph_forward(to, data);
    const float *unfolded = network_graph_forward(from, data);
    const size_t count = bncl_tensor_count(&from->output);
    reference_graph_forward(reference, data->n, data->wide, false);
    const double *bound = fold_bound(reference, ends);
    check_floats(from->net->name, folded, harness_widen(unfolded, count), bound, count);
    double largest = 0.0;
    for (size_t i = 0; i < count; ++i)
        largest = fmax(largest, fabs((double)folded[i] - (double)unfolded[i]) / bound[i]);
    return largest;
}

/* What an affine network computes, asked of the reference: b' is its value at 0, column j of W' the
   difference that unit vector j makes. In double, so that what is left is the one rounding. */
static void check_parameters(network_graph *from, network_graph *to)
{
    network_shape shapes[network_most_values];
    const int values = network_shapes(from->net, shapes);
    const size_t in = shapes[0].sample, out = shapes[values - 1].sample;
    reference_graph *reference = reference_of(from, from->net, in + 1);
    double *unit = harness_doubles((in + 1) * in);
    for (size_t j = 0; j < in; ++j)
        unit[(j + 1) * in + j] = 1.0;
    const double *y = reference_graph_forward(reference, in + 1, &unit, false);
    double *weight = harness_doubles(out * in), *bound = harness_doubles(out * in);
    double *bias_bound = harness_doubles(out);
    for (size_t i = 0; i < out * in; ++i) {
        const double bias = y[i / in], sum = y[(i % in + 1) * out + i / in];
        weight[i] = sum - bias;
        bound[i] = tolerance_unit() * fabs(weight[i]) + 1e-13 * (fabs(sum) + fabs(bias));
    }
    for (size_t i = 0; i < out; ++i)
        bias_bound[i] = tolerance_unit() * fabs(y[i]) + 1e-13;
    assert_true(bncl_graph_parameter_count(to->graph) == 2);
    const bncl_graph_parameter_info w = network_graph_parameter(to, 0);
    const bncl_graph_parameter_info b = network_graph_parameter(to, 1);
    assert_string_equal(w.name, "fc.weight");
    assert_string_equal(b.name, "fc.bias");
    check_floats(w.name, network_graph_read(to, &w.value), weight, bound, out * in);
    check_floats(b.name, network_graph_read(to, &b.value), y, bias_bound, out);
}

/* The folded graph is one like any other: of its own parameters it computes what it should, forward
   and backward. */
static void check_graph(network_graph *to, const network_data *data)
{
    const network_course course = {.data = data, .training = false};
    network_course_check(to, reference_of(to, to->net, data->n), &course, to->net->name);
    network_graph fresh = network_graph_make(to->d, to->net, 1);
    assert_true(bncl_graph_state_count(to->graph) == bncl_graph_state_count(fresh.graph));
}

static void check_case(device *d, const fold_case *c, double offset, bool affine)
{
    network *nets = harness_memory(2, sizeof *nets);
    nets[0] = fold_case_from(c);
    nets[1] = fold_case_to(c);
    network_graph from = fold_case_make(d, &nets[0], offset);
    const network_image image = network_graph_image(&from);
    network_graph to = fold_case_fold(&from, &nets[1]);
    network_graph_expect_image(&from, &image, "the graph that was folded");
    const network_data data = fold_case_data(&nets[0], samples, 7, offset);
    if (affine)
        check_parameters(&from, &to);
    const double error = check_outputs(&from, &to, c->ends, &data);
    harness_note("%s, inputs around %g: %.2f of the bound", c->name, offset, error);
    check_graph(&to, &data);
}

static void affine_networks_become_one_linear(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < fold_affine_count; ++i)
        check_case(d, &fold_affine[i], 0.0, true);
}

static void deep_networks(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < fold_deep_count; ++i)
        check_case(d, &fold_deep[i], 0.0, false);
}

static void large_offsets(void **state)
{
    device *d = device_of(state);
    for (double offset = 1e2; offset < 1e7; offset *= 100.0)
        for (size_t i = 0; i < fold_affine_count; i += d->small ? 6 : 1)
            check_case(d, &fold_affine[i], offset, true);
}

/* ---- sums of many terms ---- */

static const network_layer wide_before[] = {
    {NETWORK_LINEAR, "fc", .a = 0, .features = 8},
    {NETWORK_BATCH_NORM, "bn", .a = 1},
};
static const network_layer wide_after[] = {
    {NETWORK_BATCH_NORM, "bn", .a = 0},
    {NETWORK_LINEAR, "fc", .a = 1, .features = 8},
};
static const network_layer wide_folded[] = {{NETWORK_LINEAR, "fc", .a = 0, .features = 8}};

/* How near the two are as K grows: where that says much, it is to be 2·√K and no more. */
static void sums_of_many_terms(void **state)
{
    device *d = device_of(state);
    static const size_t inputs[] = {1, 2, 3, 16, 65, 257, 784};
    const size_t count = d->small ? 4 : sizeof inputs / sizeof inputs[0];
    for (size_t i = 0; i < 2 * count; ++i) {
        const size_t k = inputs[i / 2];
        const network_input input = {1, {k}, true};
        const fold_case c =
            i % 2 == 0 ? (fold_case){"before", input, wide_before, 2, wide_folded, 1, "bn "}
                       : (fold_case){"after", input, wide_after, 2, wide_folded, 1, "fc "};
        network *nets = harness_memory(2, sizeof *nets);
        nets[0] = fold_case_from(&c);
        nets[1] = fold_case_to(&c);
        for (double offset = 0.0; offset < 2e4; offset += 1e4) {
            network_graph from = fold_case_make(d, &nets[0], offset);
            network_graph to = fold_case_fold(&from, &nets[1]);
            const network_data data = fold_case_data(&nets[0], d->small ? 4 : 64, 8, offset);
            const double root = sqrt(((double)k + 3.0) / (double)k);
            const double error = root * check_outputs(&from, &to, c.ends, &data);
            harness_note("%s, K = %zu, inputs around %g: %.3f·2·√K", c.name, k, offset, error);
            if (k >= 16 && !(error <= 1.0))
                harness_fail("%s, K = %zu: beyond 2·√K units in the last place", c.name, k);
        }
    }
}

/* ---- graphs ---- */

static const network_layer pair_layers[] = {
    {NETWORK_LINEAR, "left", .a = 0, .features = 4},  /* 2 */
    {NETWORK_BATCH_NORM, "bn1", .a = 2},              /* 3 */
    {NETWORK_LINEAR, "right", .a = 1, .features = 4}, /* 4 */
    {NETWORK_BATCH_NORM, "bn2", .a = 4},              /* 5 */
    {NETWORK_ADD, "sum", .a = 5, .b = 3},             /* 6 */
};
static const network_layer pair_folded_layers[] = {
    {NETWORK_LINEAR, "left", .a = 0, .features = 4},  /* 2 */
    {NETWORK_LINEAR, "right", .a = 1, .features = 4}, /* 3 */
    {NETWORK_ADD, "sum", .a = 3, .b = 2},             /* 4 */
};
static const network pair = {.name = "two inputs",
                             .inputs = {{1, {3}, true}, {1, {5}, false}},
                             .input_count = 2,
                             .layers = pair_layers,
                             .layer_count = 5};
static const network pair_folded = {.name = "two inputs, folded",
                                    .inputs = {{1, {3}, true}, {1, {5}, false}},
                                    .input_count = 2,
                                    .layers = pair_folded_layers,
                                    .layer_count = 3};

static void inputs_keep_their_order_and_gradients(void **state)
{
    device *d = device_of(state);
    network_graph from = fold_case_make(d, &pair, 0.0);
    network_graph to = fold_case_fold(&from, &pair_folded);
    const network_data data = fold_case_data(&pair, samples, 9, 0.0);
    bncl_tensor dx;
    check_outputs(&from, &to, "bn1 bn2 ", &data);
    check_graph(&to, &data);
    device_refused(d, bncl_graph_input_gradient(to.graph, 1, &dx, &d->err), BNCL_ERROR_ARGUMENT,
                   "input 1 does not require a gradient");
}

/* What no batch norm goes into is copied bit by bit: fc2, and a graph without batch norms. */
static void others_are_copied(void **state)
{
    device *d = device_of(state);
    const network between = fold_case_from(&fold_deep[3]), folded = fold_case_to(&fold_deep[3]);
    network_graph from = fold_case_make(d, &between, 0.0);
    network_graph to = fold_case_fold(&from, &folded);
    float before[5 * 6], after[5 * 6];
    network_graph_entry(&from, "fc2.weight", before, sizeof before);
    network_graph_entry(&to, "fc2.weight", after, sizeof after);
    check_float_bits("fc2.weight", after, before, 5 * 6);
    network_graph again = fold_case_fold(&to, &folded);
    const network_state state_of_to = network_graph_state(&to);
    network_graph_expect(&again, &state_of_to, "a copy");
    const network_data data = fold_case_data(&between, samples, 9, 0.0);
    check_float_bits("y of a copy", network_graph_forward(&again, &data),
                     network_graph_forward(&to, &data), samples * 5);
    network_graph bare = network_graph_make(d, &network_bare, 1);
    device_ok(d, bncl_graph_eval(bare.graph, &d->err), "bncl_graph_eval");
    network_graph copy = fold_case_fold(&bare, &network_bare);
    assert_true(bncl_graph_parameter_count(copy.graph) == 0);
    const network_data cubes = network_data_make(&network_bare, samples, 10);
    check_float_bits("y of bare", network_graph_forward(&copy, &cubes),
                     network_graph_forward(&bare, &cubes), samples * 12);
}

/* A fold does not depend on what has run before, nor leave anything that does: the same bits again,
   also of a graph that was never run in evaluation, or whose tracking was switched off. */
static void the_same_bits_again(void **state)
{
    device *d = device_of(state);
    const network mlp = fold_case_from(&fold_deep[0]), folded = fold_case_to(&fold_deep[0]);
    const network_data data = fold_case_data(&mlp, samples, 9, 0.0);
    network_graph from = fold_case_make(d, &mlp, 0.0);
    network_graph first = fold_case_fold(&from, &folded);
    const network_state expected = network_graph_state(&first);
    network_graph_forward(&from, &data);
    device_ok(d, bncl_graph_track_running_stats(from.graph, "bn1", false, &d->err), "tracking");
    network_graph second = fold_case_fold(&from, &folded);
    network_graph_expect(&second, &expected, "folded again");
}

/* The folded graph has a life of its own: saved, loaded, trained, and outliving what it came of. */
static void saved_loaded_and_trained(void **state)
{
    device *d = device_of(state);
    const network mlp = fold_case_from(&fold_deep[0]), folded = fold_case_to(&fold_deep[0]);
    const network_data data = fold_case_data(&mlp, samples, 9, 0.0);
    const char *path = files_path(files_folder(), "folded.safetensors");
    network_graph from = fold_case_make(d, &mlp, 0.0);
    network_graph to = fold_case_fold(&from, &folded);
    const float *y = network_graph_forward(&to, &data);
    device_ok(d, bncl_graph_save(to.graph, d->queue, path, &d->err), "bncl_graph_save");
    network_graph loaded = network_graph_make(d, &folded, 99);
    device_ok(d, bncl_graph_load(loaded.graph, d->queue, path, &d->err), "bncl_graph_load");
    const network_state saved = network_graph_state(&to);
    network_graph_expect(&loaded, &saved, "saved and loaded");
    check_float_bits("y", network_graph_forward(&loaded, &data), y, samples * 4);
    const network_image image = network_graph_image(&from);
    const network_course course = {
        .data = &data, .training = true, .steps = 2, .optimizer = {.lr = 0.05, .momentum = 0.9}};
    network_course_check(&to, reference_of(&to, &folded, samples), &course, "training it");
    network_graph_expect_image(&from, &image, "after training the folded one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(affine_networks_become_one_linear),
        HARNESS_TEST(deep_networks),
        HARNESS_TEST(large_offsets),
        HARNESS_TEST(sums_of_many_terms),
        HARNESS_TEST(inputs_keep_their_order_and_gradients),
        HARNESS_TEST(others_are_copied),
        HARNESS_TEST(the_same_bits_again),
        HARNESS_TEST(saved_loaded_and_trained),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
