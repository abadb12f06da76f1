/* Double backward against PyTorch's recorded results: the reference agrees with its float64 modules
   to the last digits, the library with those within its bounds, and with its float32 modules within
   the bounds of both. */
#include <string.h>

#include "lib/compare.h"
#include "lib/double_backward_check.h"
#include "lib/harness.h"
#include "lib/tolerance.h"
#include "lib/vectors.h"

/* A recorded case, as it is run: PyTorch's layouts, or channels last. */
typedef struct run {
    const vectors_case *recorded;
    batch_norm_case c;
    reference_shape pytorch; /* the layout that the vectors are in */
    bool train;
    double_backward_data data;
} run;

/* From PyTorch's layout to the run's, values of x's shape. */
static double *permuted(const run *r, const double *values)
{
    const reference_shape to = batch_norm_case_shape(&r->c);
    double *out = harness_doubles(reference_total(&to));
    for (size_t channel = 0; channel < to.channels; ++channel)
        for (size_t k = 0; k < reference_per_channel(&to); ++k)
            out[reference_channel_index(&to, channel, k)] =
                values[reference_channel_index(&r->pytorch, channel, k)];
    return out;
}

/* An input of x's shape; NULL where the case has none. */
static float *shaped_input(const run *r, const char *name)
{
    const vectors_tensor *t = vectors_find(r->recorded, VECTORS_F32, name);
    if (t == NULL)
        return NULL;
    const double *values = permuted(r, t->values);
    float *out = harness_floats(t->count);
    for (size_t i = 0; i < t->count; ++i)
        out[i] = (float)values[i];
    return out;
}

static run run_make(const vectors_case *recorded, bncl_layout layout)
{
    const vectors_tensor *x = vectors_get(recorded, VECTORS_F32, "x.0");
    const size_t positions = x->rank == 3 ? x->dims[2] : 1;
    run r = {.recorded = recorded,
             .c = batch_norm_case_make(layout, x->dims[0], x->dims[1], positions),
             .pytorch = {x->dims[0], x->dims[1], positions, false},
             .train = vectors_number_of(recorded, "training") != 0.0};
    r.c.options.eps = vectors_number_of(recorded, "eps");
    r.c.untracked = vectors_find(recorded, VECTORS_F32, "running_mean") == NULL;
    r.data =
        (double_backward_data){.norm = {.x = shaped_input(&r, "x.0"),
                                        .dy = shaped_input(&r, "dy"),
                                        .gamma = vectors_floats(recorded, "gamma"),
                                        .beta = vectors_floats(recorded, "beta"),
                                        .running_mean = vectors_floats(recorded, "running_mean"),
                                        .running_var = vectors_floats(recorded, "running_var")},
                               .ddx = shaped_input(&r, "ddx"),
                               .ddgamma = vectors_floats(recorded, "ddgamma"),
                               .ddbeta = vectors_floats(recorded, "ddbeta")};
    return r;
}

/* A result next to what PyTorch recorded under the name. Where it recorded nothing, the result does
   not depend on what arrived: it is 0. PyTorch's float32 sums may enter thrice into one term. */
static void compare(const run *r, const char *name, bool shaped, const float *got,
                    const double *reference, const double *bound, const double *magnitude,
                    size_t count)
{
    const vectors_tensor *truth = vectors_find(r->recorded, VECTORS_F64, name);
    const size_t n = reference_per_channel(&r->pytorch);
    const char *label =
        harness_text("%s of %s as %s", name, r->recorded->name, bncl_layout_name(r->c.layout));
    if (truth == NULL) {
        check_all_equal(label, got, 0.0f, count);
        return;
    }
    const vectors_tensor *single = vectors_get(r->recorded, VECTORS_F32, name);
    const double *f64 = shaped ? permuted(r, truth->values) : truth->values;
    const double *f32 = shaped ? permuted(r, single->values) : single->values;
    double *agreed = harness_doubles(count);
    double *both = harness_doubles(count);
    assert_int_equal(truth->count, count);
    for (size_t i = 0; i < count; ++i) {
        agreed[i] = 1e-14 * ((double)n + 16.0) * magnitude[i];
        both[i] = bound[i] + tolerance_pytorch(3 * n, magnitude[i]);
    }
    check_doubles(harness_text("%s, the reference", label), f64, reference, agreed, count);
    check_floats(harness_text("%s, float64", label), got, f64, bound, count);
    check_floats(harness_text("%s, float32", label), got, f32, both, count);
}

static void run_case(device *d, const vectors_case *recorded, bncl_layout layout)
{
    run r = run_make(recorded, layout);
    double_backward_run(d, &r.c, r.train, &r.data);
    const double_backward_expectation e = double_backward_expect(
        &r.c, &r.data, r.train || r.c.untracked ? DOUBLE_BACKWARD_EXACT : DOUBLE_BACKWARD_RUNNING);
    compare(&r, "dx", true, r.data.dx, e.results.dx, e.bounds.dx, e.magnitudes.dx, e.total);
    compare(&r, "ddy", true, r.data.ddy, e.results.ddy, e.bounds.ddy, e.magnitudes.ddy, e.total);
    if (r.data.norm.gamma != NULL)
        compare(&r, "dgamma", false, r.data.dgamma, e.results.dgamma, e.bounds.dgamma,
                e.magnitudes.dgamma, r.c.channels);
}

/* All cases whose name begins with the word, in every layout that they fit. Each reads the file
   anew, so that its memory goes with it. */
static void run_cases(device *d, const char *word, size_t at_least)
{
    const size_t total = vectors_open("double_backward.txt")->count;
    size_t matched = 0;
    for (size_t i = 0; i < total; ++i) {
        const vectors_case *c = &vectors_open("double_backward.txt")->cases[i];
        if (strncmp(c->name, word, strlen(word)) == 0) {
            const bool flat = vectors_get(c, VECTORS_F32, "x.0")->rank == 2;
            ++matched;
            run_case(d, c, flat ? BNCL_LAYOUT_NC : BNCL_LAYOUT_NCL);
            run_case(d, c, flat ? BNCL_LAYOUT_NCL : BNCL_LAYOUT_NLC);
        }
        harness_release(NULL);
    }
    if (matched < at_least)
        harness_fail("%zu cases of at least %zu that were recorded", matched, at_least);
}

static void training(void **state)
{
    run_cases(device_of(state), "train_", 13);
}

static void evaluation(void **state)
{
    run_cases(device_of(state), "eval_", 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(training),
        HARNESS_TEST(evaluation),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
