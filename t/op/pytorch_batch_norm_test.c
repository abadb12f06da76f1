/* Batch norm against PyTorch's recorded results: the reference agrees with its float64 modules to
   the last digits, the library with those within its own bounds, and with its float32 modules
   within the bounds of both. */
#include <math.h>
#include <string.h>

#include "lib/batch_norm_case.h"
#include "lib/batch_norm_expect.h"
#include "lib/compare.h"
#include "lib/harness.h"
#include "lib/tolerance.h"
#include "lib/vectors.h"

/* A recorded case, as it is run: PyTorch's layouts, or channels last. */
typedef struct run {
    const vectors_case *recorded;
    batch_norm_case c;
    reference_shape pytorch; /* the layout that the vectors are in */
    bool train;
    size_t step;
    double *mean; /* running statistics as double arithmetic carries them from step to step, … */
    double *var;
    double *mean_carried; /* … and how far from them the library's may be before the step */
    double *var_carried;
} run;

static const char *label(const run *r, const char *what, const char *against)
{
    return harness_text("%s of %s as %s, step %zu, against %s", what, r->recorded->name,
                        bncl_layout_name(r->c.layout), r->step, against);
}

/* From PyTorch's layout to the run's. NULL for NULL. */
static double *permuted(const run *r, const double *values)
{
    if (values == NULL)
        return NULL;
    reference_shape to = batch_norm_case_shape(&r->c);
    double *out = harness_doubles(reference_total(&to));
    for (size_t channel = 0; channel < to.channels; ++channel)
        for (size_t k = 0; k < reference_per_channel(&to); ++k)
            out[reference_channel_index(&to, channel, k)] =
                values[reference_channel_index(&r->pytorch, channel, k)];
    return out;
}

/* An input of the shape of x, recorded in f32. */
static float *input(const run *r, const char *name)
{
    const vectors_tensor *t = vectors_get(r->recorded, VECTORS_F32, name);
    const double *values = permuted(r, t->values);
    float *out = harness_floats(t->count);
    for (size_t i = 0; i < t->count; ++i)
        out[i] = (float)values[i];
    return out;
}

static const char *stepped(const run *r, const char *name)
{
    return harness_text("%s.%zu", name, r->step);
}

static run run_make(const vectors_case *recorded, bncl_layout layout)
{
    const vectors_tensor *x = vectors_get(recorded, VECTORS_F32, "x.0");
    size_t positions = x->rank == 3 ? x->dims[2] : 1;
    batch_norm_case c = batch_norm_case_make(layout, x->dims[0], x->dims[1], positions);
    c.options.eps = vectors_number_of(recorded, "eps");
    c.options.momentum = vectors_number_of(recorded, "momentum");
    c.options.cumulative = vectors_number_of(recorded, "cumulative") != 0.0;
    c.no_gamma = c.no_beta = vectors_find(recorded, VECTORS_F32, "gamma") == NULL;
    c.untracked = vectors_find(recorded, VECTORS_F32, "running_mean") == NULL;
    return (run){.recorded = recorded,
                 .c = c,
                 .pytorch = {x->dims[0], x->dims[1], positions, false},
                 .train = vectors_number_of(recorded, "training") != 0.0,
                 .mean = harness_widen(vectors_floats(recorded, "running_mean"), x->dims[1]),
                 .var = harness_widen(vectors_floats(recorded, "running_var"), x->dims[1]),
                 .mean_carried = harness_doubles(x->dims[1]),
                 .var_carried = harness_doubles(x->dims[1])};
}

/* A result next to what PyTorch recorded under the name; nothing where it recorded nothing. */
static void compare(const run *r, const char *name, bool shaped, const float *got,
                    const double *reference, const double *bound, const double *magnitude, size_t n)
{
    const vectors_tensor *truth = vectors_find(r->recorded, VECTORS_F64, name);
    const vectors_tensor *single = vectors_find(r->recorded, VECTORS_F32, name);
    if (truth == NULL)
        return;
    const double *f64 = shaped ? permuted(r, truth->values) : truth->values;
    const double *f32 = shaped ? permuted(r, single->values) : single->values;
    double *agreed = harness_doubles(truth->count);
    double *both = harness_doubles(truth->count);
    for (size_t i = 0; i < truth->count; ++i) {
        agreed[i] = 1e-14 * ((double)n + 16.0) * magnitude[i];
        both[i] = bound[i] + tolerance_pytorch(n, magnitude[i]);
    }
    check_doubles_or_special(label(r, name, "the reference"), f64, reference, agreed, truth->count);
    if (got == NULL)
        harness_fail("%s", label(r, name, "nothing: the library gave none"));
    check_floats_or_special(label(r, name, "float64"), got, f64, bound, truth->count);
    check_floats_or_special(label(r, name, "float32"), got, f32, both, truth->count);
}

/* PyTorch's statistics come from its own of the step before, the library's from its own rounded
   ones: what lay between them then shrinks with the weight they keep. */
static void compare_running(run *r, const batch_norm_data *data, const batch_norm_expectation *e)
{
    double kept = fabs(1.0 - e->weight);
    for (size_t c = 0; c < r->c.channels; ++c) {
        r->mean_carried[c] = kept * r->mean_carried[c] + e->bounds.running_mean[c];
        r->var_carried[c] = kept * r->var_carried[c] + e->bounds.running_var[c];
    }
    reference_running(&e->shape, e->results.mean, e->results.var, e->weight, r->mean, r->var);
    compare(r, stepped(r, "running_mean"), false, data->new_running_mean, r->mean, r->mean_carried,
            e->magnitudes.running_mean, e->n);
    compare(r, stepped(r, "running_var"), false, data->new_running_var, r->var, r->var_carried,
            e->magnitudes.running_var, e->n);
}

static void compare_all(run *r, const batch_norm_data *data)
{
    batch_norm_expectation e = batch_norm_expect(&r->c, data, r->train);
    const batch_norm_values *v = &e.results;
    const batch_norm_values *b = &e.bounds;
    const batch_norm_values *m = &e.magnitudes;
    if (data->dy != NULL) {
        compare(r, "dx", true, data->dx, v->dx, b->dx, m->dx, e.n);
        compare(r, "dgamma", false, data->dgamma, v->dgamma, b->dgamma, m->dgamma, e.n);
        compare(r, "dbeta", false, data->dbeta, v->dbeta, b->dbeta, m->dbeta, e.n);
    }
    if (r->step + 1 == (size_t)vectors_number_of(r->recorded, "steps"))
        compare(r, "y", true, data->y, v->y, b->y, m->y, e.n);
    if (r->train && data->running_mean != NULL)
        compare_running(r, data, &e);
}

/* One step of the recorded case, from the running statistics that the step before left. */
static void run_step(device *d, run *r, batch_norm_data *data)
{
    const vectors_tensor *x = vectors_get(r->recorded, VECTORS_F32, stepped(r, "x"));
    r->c.samples = r->pytorch.samples = x->dims[0];
    bool last = r->step + 1 == (size_t)vectors_number_of(r->recorded, "steps");
    bool backward = last && vectors_find(r->recorded, VECTORS_F32, "dy") != NULL;
    data->x = input(r, stepped(r, "x"));
    data->dy = backward ? input(r, "dy") : NULL;

    batch_norm_data used = *data;
    if (!backward)
        used.dy = harness_floats(batch_norm_case_total(&r->c));
    if (r->train)
        batch_norm_run_train(d, &r->c, &used);
    else
        batch_norm_run_eval(d, &r->c, &used);
    used.dy = data->dy;
    compare_all(r, &used);
    data->num_batches_tracked = used.num_batches_tracked;
    data->running_mean = used.new_running_mean;
    data->running_var = used.new_running_var;
}

static void run_case(device *d, const vectors_case *recorded, bncl_layout layout)
{
    run r = run_make(recorded, layout);
    batch_norm_data data = {.gamma = vectors_floats(recorded, "gamma"),
                            .beta = vectors_floats(recorded, "beta"),
                            .running_mean = vectors_floats(recorded, "running_mean"),
                            .running_var = vectors_floats(recorded, "running_var")};
    size_t steps = (size_t)vectors_number_of(recorded, "steps");
    for (r.step = 0; r.step < steps; ++r.step)
        run_step(d, &r, &data);
    if (!r.c.untracked)
        assert_true((double)data.num_batches_tracked ==
                    vectors_number_of(recorded, "num_batches_tracked"));
}

/* All cases whose name begins with one of the words, in every layout that they fit. Each case reads
   the file anew, so that its memory goes with it. */
static void run_cases(device *d, const char *const *words, size_t word_count, size_t at_least)
{
    size_t total = vectors_open("batch_norm.txt")->count;
    size_t matched = 0;
    for (size_t i = 0; i < total; ++i) {
        const vectors_case *c = &vectors_open("batch_norm.txt")->cases[i];
        bool match = false;
        for (size_t w = 0; w < word_count; ++w)
            match = match || strncmp(c->name, words[w], strlen(words[w])) == 0;
        if (match) {
            ++matched;
            const vectors_tensor *x = vectors_get(c, VECTORS_F32, "x.0");
            run_case(d, c, x->rank == 2 ? BNCL_LAYOUT_NC : BNCL_LAYOUT_NCL);
            run_case(d, c, x->rank == 2 ? BNCL_LAYOUT_NCL : BNCL_LAYOUT_NLC);
        }
        harness_release(NULL);
    }
    if (matched < at_least)
        harness_fail("%zu cases of at least %zu that were recorded", matched, at_least);
}

static void training(void **state)
{
    const char *const words[] = {"train_", "same_", "offset_"};
    run_cases(device_of(state), words, 3, 19);
}

static void evaluation(void **state)
{
    const char *const words[] = {"eval_"};
    run_cases(device_of(state), words, 1, 12);
}

static void running_statistics(void **state)
{
    const char *const words[] = {"momentum_", "sizes_vary"};
    run_cases(device_of(state), words, 2, 17);
}

static void constant_channels(void **state)
{
    const char *const words[] = {"constant_"};
    run_cases(device_of(state), words, 1, 4);
}

static void empty_batches(void **state)
{
    const char *const words[] = {"empty_"};
    run_cases(device_of(state), words, 1, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(training),           HARNESS_TEST(evaluation),
        HARNESS_TEST(running_statistics), HARNESS_TEST(constant_channels),
        HARNESS_TEST(empty_batches),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
