/* Whole graphs, forward and backward, against the reference in double and against central
   differences of the reference's loss: in training, in evaluation and with a frozen batch norm.

   On Oclgrind, too, the graphs' matrix products are CLBlast's. Its kernels pass all of Oclgrind's
   checks. There they take 0.6 s to build, then 0.03 s for a product as small as these, 4.5 s for
   64 x 64 x 64 and 40 s for 128 x 128 x 128: so nothing is left out there but size. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/harness.h"
#include "lib/network_check.h"

/* No ReLU's input is nearer to 0 than this, so that neither f32's errors nor the differences'
   steps, both of which are far smaller, change which side of its kink it is on. */
static const double margin = 0.02;

typedef struct graph_case {
    const network *net;
    bool training;
    const char *frozen; /* a batch norm, or NULL */
} graph_case;

static const graph_case cases[] = {
    {&network_mlp, true, NULL},           {&network_mlp, false, NULL},
    {&network_mlp, true, "bn1"},          {&network_sequence, true, NULL},
    {&network_sequence, false, NULL},     {&network_sequence, true, "bn1"},
    {&network_channels_last, true, NULL}, {&network_channels_last, false, NULL},
    {&network_two_inputs, true, NULL},    {&network_two_inputs, false, NULL},
    {&network_options, true, NULL},       {&network_options, false, NULL},
    {&network_planes, true, NULL},        {&network_planes, false, NULL},
    {&network_planes, true, "bn2"},
};
enum { case_count = sizeof cases / sizeof cases[0], small_case_count = 4 };

static const char *case_name(const graph_case *c)
{
    return harness_text("%s, %s%s%s", c->net->name, c->training ? "train" : "eval",
                        c->frozen != NULL ? ", frozen " : "", c->frozen != NULL ? c->frozen : "");
}

typedef struct graph_pair {
    network_graph g;
    reference_graph *reference; /* in the same state */
    network_data data;
} graph_pair;

static void freeze(graph_pair *pair, const char *name)
{
    device *d = pair->g.d;
    device_ok(d, bncl_graph_freeze(pair->g.graph, name, true, &d->err), "bncl_graph_freeze");
    for (int i = 0; i < pair->g.net->layer_count; ++i)
        if (strcmp(pair->g.net->layers[i].name, name) == 0)
            pair->reference->norms[i].frozen = true;
}

/* Parameters and running statistics away from their beginnings, and data away from all kinks. */
static graph_pair pair_make(device *d, const graph_case *c)
{
    const size_t n = d->small ? 4 : 6;
    graph_pair pair = {.g = network_graph_make(d, c->net, 1),
                       .reference = reference_graph_make(c->net, n)};
    network_graph_vary(&pair.g, 11);
    for (uint64_t seed = 5000; seed < 5002; ++seed) {
        const network_data other = network_data_make(c->net, n, seed);
        network_graph_forward(&pair.g, &other);
    }
    if (c->frozen != NULL)
        freeze(&pair, c->frozen);
    network_graph_copy(&pair.g, pair.reference);
    pair.data = network_data_smooth(pair.reference, n, c->training, margin);
    return pair;
}

static void passes_are_the_reference(void **state)
{
    device *d = device_of(state);
    for (int i = 0; i < (d->small ? small_case_count : case_count); ++i) {
        graph_pair pair = pair_make(d, &cases[i]);
        const network_course course = {.data = &pair.data, .training = cases[i].training};
        network_course_check(&pair.g, pair.reference, &course, case_name(&cases[i]));
    }
}

/* The spread of the result of this name. */
static double spread_of(const network_results *results, const double *spread, const char *name,
                        double *largest)
{
    for (size_t i = 0; i < results->count; ++i)
        if (strcmp(results->of[i].name, name) == 0) {
            *largest = 0.0;
            for (size_t k = 0; k < results->of[i].count; ++k)
                *largest = fmax(*largest, fabs(results->of[i].values[k]));
            return spread[i];
        }
    harness_fail("there is no result %s", name);
}

/* Compares the library's gradient of `entries`, numbers that the reference's loss depends on, with
   central differences. */
static void check_entries(graph_pair *pair, const graph_case *c, const network_course *course,
                          const char *name, double *entries, const float *gradient, size_t count)
{
    reference_graph *start = reference_graph_make(c->net, pair->reference->most);
    reference_graph *g = reference_graph_make(c->net, pair->reference->most);
    reference_graph_copy(pair->reference, start);
    reference_graph_copy(pair->reference, g);
    const network_results exact = network_course_reference(g, course);
    double largest;
    const double spread =
        spread_of(&exact, network_course_spread(start, course, &exact), name, &largest);
    double *expected = harness_doubles(count);
    double *bound = harness_doubles(count);
    for (size_t i = 0; i < count; ++i) {
        expected[i] = network_difference(pair->reference, &pair->data, c->training, &entries[i]);
        bound[i] = tolerance_graph(spread, largest) + tolerance_difference(exact.of[0].values[0]);
    }
    check_floats(harness_text("%s: %s", case_name(c), name), gradient, expected, bound, count);
}

static void check_differences(device *d, const graph_case *c)
{
    graph_pair pair = pair_make(d, c);
    const network_course course = {.data = &pair.data, .training = c->training};
    device_ok(d,
              c->training ? bncl_graph_train(pair.g.graph, &d->err)
                          : bncl_graph_eval(pair.g.graph, &d->err),
              "mode");
    network_graph_forward(&pair.g, &pair.data);
    network_graph_loss(&pair.g, &pair.data, true);
    for (size_t i = 0; i < pair.reference->parameter_count; ++i) {
        const reference_parameter *p = &pair.reference->parameters[i];
        const bncl_graph_parameter_info info = network_graph_parameter(&pair.g, i);
        check_entries(&pair, c, &course, harness_text("gradient of %s", p->name), p->value,
                      network_graph_read(&pair.g, &info.gradient), p->count);
    }
    for (int i = 0; i < c->net->input_count; ++i)
        if (c->net->inputs[i].requires_grad)
            check_entries(&pair, c, &course, harness_text("gradient of input %d", i),
                          pair.data.wide[i], network_graph_input_gradient(&pair.g, (size_t)i),
                          pair.data.n * pair.reference->shapes[i].sample);
}

static void gradients_are_differences(void **state)
{
    device *d = device_of(state);
    for (int i = 0; i < (d->small ? small_case_count : case_count); ++i)
        check_differences(d, &cases[i]);
}

/* Through eight residual blocks. */
static void deep_chain(void **state)
{
    device *d = device_of(state);
    if (d->small)
        skip();
    const graph_case c = {&network_deep, true, NULL};
    graph_pair pair = pair_make(d, &c);
    const network_course course = {.data = &pair.data, .training = true};
    network_course_check(&pair.g, pair.reference, &course, case_name(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(passes_are_the_reference),
        HARNESS_TEST(gradients_are_differences),
        HARNESS_TEST(deep_chain),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
