/* Running a network as the library's graph: see network_graph.h. */
#include "lib/network_graph.h"

#include <string.h>

#include "lib/harness.h"

bncl_status network_graph_try(network_graph *g, const network_data *data)
{
    bncl_tensor inputs[network_most_inputs];
    for (int i = 0; i < g->net->input_count; ++i) {
        const network_input *in = &g->net->inputs[i];
        const size_t dims[] = {data->n, in->dims[0], in->dims[1], in->dims[2]};
        inputs[i] = device_tensor(g->d, BNCL_F32, in->rank + 1, dims, data->inputs[i]);
    }
    bncl_status status = bncl_graph_forward(
        g->graph, g->d->queue, inputs, (size_t)g->net->input_count, &g->output, NULL, &g->d->err);
    if (status == BNCL_OK)
        g->n = data->n;
    return status;
}

float *network_graph_forward(network_graph *g, const network_data *data)
{
    device_ok(g->d, network_graph_try(g, data),
              harness_text("forward of %s with %zu samples", g->net->name, data->n));
    return network_graph_read(g, &g->output);
}

static void release_cross_entropy(void *plan)
{
    bncl_cross_entropy_destroy(plan);
}

/* Plans the loss for the last output; the plan is kept for outputs of as many rows. */
static void plan_loss(network_graph *g)
{
    device *d = g->d;
    const size_t *dims = g->output.dims;
    if (g->loss != NULL && g->loss_rows == dims[0])
        return;
    device_ok(d, bncl_cross_entropy_create(d->context, dims[0], dims[1], &g->loss, &d->err),
              "bncl_cross_entropy_create");
    device_hold(d, g->loss, release_cross_entropy);
    g->loss_rows = dims[0];
}

float network_graph_loss(network_graph *g, const network_data *data, bool backward)
{
    device *d = g->d;
    const size_t one = 1, rows = g->output.dims[0];
    bncl_cross_entropy_args args = {.logits = g->output};
    plan_loss(g);
    args.labels = device_tensor(d, BNCL_I32, 1, &rows, data->labels);
    args.loss = device_tensor(d, BNCL_F32, 1, &one, NULL);
    if (backward)
        args.dlogits = device_tensor(d, BNCL_F32, 2, g->output.dims, NULL);
    device_ok(d, bncl_cross_entropy_run(g->loss, d->queue, &args, NULL, &d->err),
              "bncl_cross_entropy_run");
    if (backward)
        device_ok(d, bncl_graph_backward(g->graph, d->queue, &args.dlogits, NULL, &d->err),
                  "bncl_graph_backward");
    return *device_floats(d, &args.loss);
}

void network_graph_backward(network_graph *g, const float *dy)
{
    bncl_tensor at = device_tensor(g->d, BNCL_F32, g->output.rank, g->output.dims, dy);
    device_ok(g->d, bncl_graph_backward(g->graph, g->d->queue, &at, NULL, &g->d->err),
              "bncl_graph_backward");
}

static void release_sgd(void *sgd)
{
    bncl_sgd_destroy(sgd);
}

bncl_sgd *network_graph_sgd(network_graph *g, const bncl_sgd_options *options)
{
    device *d = g->d;
    bncl_tensor values, gradients;
    bncl_sgd *sgd = NULL;
    device_ok(d, bncl_graph_parameters(g->graph, &values, &gradients, &d->err),
              "bncl_graph_parameters");
    device_ok(d, bncl_sgd_create(d->context, bncl_tensor_count(&values), options, &sgd, &d->err),
              "bncl_sgd_create");
    return device_hold(d, sgd, release_sgd);
}

void network_graph_step(network_graph *g, bncl_sgd *sgd)
{
    device *d = g->d;
    bncl_tensor values, gradients;
    device_ok(d, bncl_graph_parameters(g->graph, &values, &gradients, &d->err),
              "bncl_graph_parameters");
    device_ok(d, bncl_sgd_step(sgd, d->queue, &values, &gradients, NULL, &d->err), "bncl_sgd_step");
}

float *network_graph_input_gradient(const network_graph *g, size_t index)
{
    bncl_tensor gradient;
    device_ok(g->d, bncl_graph_input_gradient(g->graph, index, &gradient, &g->d->err),
              "bncl_graph_input_gradient");
    return network_graph_read(g, &gradient);
}
