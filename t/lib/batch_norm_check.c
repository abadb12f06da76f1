/* Checks a batch norm case against the reference: see batch_norm_check.h. */
#include "lib/batch_norm_check.h"

#include <math.h>

#include "lib/batch_norm_expect.h"
#include "lib/compare.h"
#include "lib/harness.h"
#include "lib/tolerance.h"

static void check_result(const batch_norm_case *c, const char *what, const float *got,
                         const double *expected, const double *bound, size_t count)
{
    if (got != NULL)
        check_floats(harness_text("%s of %s", what, batch_norm_case_name(c)), got, expected, bound,
                     count);
}

/* The saved mean in both its parts. One that is off by more than y may be would move every y. */
static void check_both_means(const batch_norm_case *c, const batch_norm_data *data,
                             const batch_norm_expectation *e)
{
    size_t channels = e->shape.channels;
    double *both = harness_doubles(channels);
    double *bound = harness_doubles(channels);
    for (size_t i = 0; i < channels; ++i) {
        both[i] = (double)data->save_mean[i] + (double)data->save_mean_lo[i];
        double visible = tolerance_batch_norm_y(0.0, 1.0, 0.0);
        bound[i] = e->bounds.mean[i];
        if (e->results.invstd[i] > 0.0)
            bound[i] = fmin(bound[i], visible / e->results.invstd[i]);
    }
    check_doubles(harness_text("save_mean + save_mean_lo of %s", batch_norm_case_name(c)), both,
                  e->results.mean, bound, channels);
}

static void check_all(const batch_norm_case *c, const batch_norm_data *data,
                      const batch_norm_expectation *e)
{
    size_t channels = e->shape.channels;
    check_result(c, "y", data->y, e->results.y, e->bounds.y, e->total);
    if (e->batch) {
        check_result(c, "save_mean", data->save_mean, e->results.mean, e->bounds.mean, channels);
        check_result(c, "save_invstd", data->save_invstd, e->results.invstd, e->bounds.invstd,
                     channels);
        if (data->save_mean != NULL)
            check_both_means(c, data, e);
    }
    check_result(c, "dx", data->dx, e->results.dx, e->bounds.dx, e->total);
    check_result(c, "dgamma", data->dgamma, e->results.dgamma, e->bounds.dgamma, channels);
    check_result(c, "dbeta", data->dbeta, e->results.dbeta, e->bounds.dbeta, channels);
}

void batch_norm_check_train(const batch_norm_case *c, const batch_norm_data *data)
{
    batch_norm_expectation e = batch_norm_expect(c, data, true);
    check_all(c, data, &e);
    if (data->running_mean == NULL)
        return;
    check_result(c, "running_mean", data->new_running_mean, e.results.running_mean,
                 e.bounds.running_mean, c->channels);
    check_result(c, "running_var", data->new_running_var, e.results.running_var,
                 e.bounds.running_var, c->channels);
}

void batch_norm_check_eval(const batch_norm_case *c, const batch_norm_data *data)
{
    batch_norm_expectation e = batch_norm_expect(c, data, false);
    check_all(c, data, &e);
    if (data->running_mean == NULL)
        return;
    check_float_bits("running_mean", data->new_running_mean, data->running_mean, c->channels);
    check_float_bits("running_var", data->new_running_var, data->running_var, c->channels);
}
