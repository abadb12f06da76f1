/* The double backward of a batch norm case, run through the public functions: see
   double_backward.h. */
#include "lib/double_backward.h"

#include "lib/generate.h"
#include "lib/harness.h"

double_backward_data double_backward_data_make(const batch_norm_case *c)
{
    const size_t total = batch_norm_case_total(c);
    generator g = generator_seed(c->seed + 77);
    double_backward_data data = {.norm = batch_norm_data_make(c),
                                 .ddx = harness_floats(total),
                                 .ddgamma = harness_floats(c->channels),
                                 .ddbeta = harness_floats(c->channels)};
    generate_normal(&g, -0.5, 1.0, data.ddx, total);
    batch_norm_case_round(c, data.ddx, total);
    generate_normal(&g, 0.0, 1.0, data.ddgamma, c->channels);
    generate_normal(&g, 0.0, 1.0, data.ddbeta, c->channels);
    return data;
}

static bncl_batch_norm_double_backward tensors(device *d, const batch_norm_case *c,
                                               const double_backward_data *data,
                                               const bncl_batch_norm_forward *forward)
{
    const bncl_tensor absent = device_absent();
    return (bncl_batch_norm_double_backward){
        .x = forward->x,
        .dy = batch_norm_case_tensor(d, c, 2, data->norm.dy),
        .gamma = forward->gamma,
        .running_mean = forward->running_mean,
        .running_var = forward->running_var,
        .save_mean = forward->save_mean,
        .save_mean_lo = forward->save_mean_lo,
        .save_invstd = forward->save_invstd,
        .ddx = data->ddx != NULL ? batch_norm_case_tensor(d, c, 3, data->ddx) : absent,
        .ddgamma = data->ddgamma != NULL ? batch_norm_case_vector(d, c, data->ddgamma) : absent,
        .ddbeta = data->ddbeta != NULL ? batch_norm_case_vector(d, c, data->ddbeta) : absent,
        .dx = batch_norm_case_tensor(d, c, 4, NULL),
        .ddy = batch_norm_case_tensor(d, c, 5, NULL),
        .dgamma = batch_norm_case_vector(d, c, NULL),
    };
}

double_backward double_backward_make(device *d, const batch_norm_case *c, bool train,
                                     double_backward_data *data)
{
    double_backward of = {.c = *c, .train = train, .plan = batch_norm_plan(d, c)};
    bncl_batch_norm_forward forward = batch_norm_forward_tensors(d, c, &data->norm);
    if (!train && !c->untracked)
        forward.save_mean = forward.save_mean_lo = forward.save_invstd = device_absent();
    device_ok(d,
              train ? bncl_batch_norm_forward_train(of.plan, d->queue, &forward, NULL, &d->err)
                    : bncl_batch_norm_forward_eval(of.plan, d->queue, &forward, NULL, &d->err),
              batch_norm_case_name(c));
    batch_norm_read_forward(d, &forward, &data->norm);
    of.args = tensors(d, c, data, &forward);
    return of;
}

void double_backward_call(device *d, const double_backward *of)
{
    device_ok(
        d,
        of->train
            ? bncl_batch_norm_double_backward_train(of->plan, d->queue, &of->args, NULL, &d->err)
            : bncl_batch_norm_double_backward_eval(of->plan, d->queue, &of->args, NULL, &d->err),
        batch_norm_case_name(&of->c));
}

void double_backward_read(device *d, const double_backward *of, double_backward_data *data)
{
    data->dx = batch_norm_case_floats(d, &of->args.dx);
    data->ddy = batch_norm_case_floats(d, &of->args.ddy);
    data->dgamma = batch_norm_case_floats(d, &of->args.dgamma);
}

void double_backward_run(device *d, const batch_norm_case *c, bool train,
                         double_backward_data *data)
{
    const double_backward of = double_backward_make(d, c, train, data);
    double_backward_call(d, &of);
    double_backward_read(d, &of, data);
}
