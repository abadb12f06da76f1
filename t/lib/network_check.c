/* Compares a network on the library with the reference: see network_check.h. */
#include "lib/network_check.h"

#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/harness.h"
#include "lib/tolerance.h"

static void take(network_results *results, const char *name, size_t count, const double *values)
{
    if (results->count == network_most_results)
        harness_fail("too many results");
    double *copy = harness_doubles(count);
    memcpy(copy, values, count * sizeof(double));
    results->of[results->count].name = name;
    results->of[results->count].count = count;
    results->of[results->count++].values = copy;
}

static void take_floats(network_results *results, const char *name, size_t count,
                        const float *values)
{
    take(results, name, count, harness_widen(values, count));
}

/* ---- on the library ---- */

static void take_library_state(network_graph *g, network_results *results)
{
    for (size_t i = 0; i < bncl_graph_state_count(g->graph); ++i) {
        bncl_state_entry entry;
        device_ok(g->d, bncl_graph_state_entry(g->graph, i, &entry, &g->d->err), "entry");
        const size_t count =
            entry.rank == 0 ? 1 : entry.dims[0] * (entry.rank > 1 ? entry.dims[1] : 1);
        if (entry.dtype == BNCL_I64) {
            int64_t batches;
            network_graph_entry(g, entry.name, &batches, sizeof batches);
            take(results, entry.name, 1, &(double){(double)batches});
        } else {
            float *values = harness_floats(count);
            network_graph_entry(g, entry.name, values, count * sizeof(float));
            take_floats(results, entry.name, count, values);
        }
    }
}

static void take_library_gradients(network_graph *g, network_results *results)
{
    for (size_t i = 0; i < bncl_graph_parameter_count(g->graph); ++i) {
        const bncl_graph_parameter_info p = network_graph_parameter(g, i);
        take_floats(results, harness_text("gradient of %s", p.name), bncl_tensor_count(&p.gradient),
                    network_graph_read(g, &p.gradient));
    }
    for (int i = 0; i < g->net->input_count; ++i)
        if (g->net->inputs[i].requires_grad) {
            network_shape shapes[network_most_values];
            network_shapes(g->net, shapes);
            take_floats(results, harness_text("gradient of input %d", i), g->n * shapes[i].sample,
                        network_graph_input_gradient(g, (size_t)i));
        }
}

network_results network_course_library(network_graph *g, const network_course *course)
{
    network_results results = {.count = 0};
    device *d = g->d;
    bncl_sgd *sgd = course->steps > 0 ? network_graph_sgd(g, &course->optimizer) : NULL;
    device_ok(d,
              course->training ? bncl_graph_train(g->graph, &d->err)
                               : bncl_graph_eval(g->graph, &d->err),
              "mode");
    const float *output = NULL;
    for (int step = 0; step <= course->steps; ++step) {
        if (step > 0)
            network_graph_step(g, sgd);
        output = network_graph_forward(g, course->data);
        const double loss = (double)network_graph_loss(g, course->data, true);
        take(&results, harness_text("loss %d", step), 1, &loss);
    }
    take_floats(&results, "output", bncl_tensor_count(&g->output), output);
    take_library_gradients(g, &results);
    take_library_state(g, &results);
    return results;
}

/* ---- on the reference ---- */

static void take_reference_norm(const reference_graph *g, int index, network_results *results)
{
    const reference_norm *norm = &g->norms[index];
    const char *name = g->net->layers[index].name;
    if (!norm->tracked)
        return;
    take(results, harness_text("%s.running_mean", name), norm->shape.channels, norm->running_mean);
    take(results, harness_text("%s.running_var", name), norm->shape.channels, norm->running_var);
    take(results, harness_text("%s.num_batches_tracked", name), 1, &norm->batches);
}

/* In the state dict's order. */
static void take_reference_state(const reference_graph *g, network_results *results)
{
    size_t next = 0;
    for (int i = 0; i < g->net->layer_count; ++i) {
        const size_t end =
            i + 1 < g->net->layer_count ? (size_t)g->first_parameter[i + 1] : g->parameter_count;
        for (; next < end; ++next)
            take(results, g->parameters[next].name, g->parameters[next].count,
                 g->parameters[next].value);
        if (g->net->layers[i].kind == NETWORK_BATCH_NORM)
            take_reference_norm(g, i, results);
    }
}

static void take_reference_gradients(const reference_graph *g, network_results *results)
{
    for (size_t i = 0; i < g->parameter_count; ++i) {
        const reference_parameter *p = &g->parameters[i];
        take(results, harness_text("gradient of %s", p->name), p->count, p->gradient);
    }
    for (int i = 0; i < g->net->input_count; ++i)
        if (g->net->inputs[i].requires_grad)
            take(results, harness_text("gradient of input %d", i), g->n * g->shapes[i].sample,
                 g->gradients[i]);
}

network_results network_course_reference(reference_graph *g, const network_course *course)
{
    network_results results = {.count = 0};
    const bncl_sgd_options *o = &course->optimizer;
    const reference_sgd optimizer = {o->lr, o->momentum, o->dampening, o->weight_decay,
                                     o->nesterov};
    const double *output = NULL;
    for (int step = 0; step <= course->steps; ++step) {
        if (step > 0)
            reference_graph_step(g, &optimizer);
        output = reference_graph_forward(g, course->data->n, course->data->wide, course->training);
        const double loss = reference_graph_loss(g, course->data->labels, true);
        take(&results, harness_text("loss %d", step), 1, &loss);
    }
    take(&results, "output", g->n * g->shapes[g->value_count - 1].sample, output);
    take_reference_gradients(g, &results);
    take_reference_state(g, &results);
    return results;
}

double *network_course_spread(const reference_graph *start, const network_course *course,
                              const network_results *exact)
{
    double *spread = harness_doubles(exact->count);
    for (uint64_t run = 0; run < 16; ++run) {
        generator noise = generator_seed(run);
        reference_graph *g = reference_graph_make(start->net, start->most);
        reference_graph_copy(start, g);
        g->noise = &noise;
        const network_results noisy = network_course_reference(g, course);
        for (size_t i = 0; i < exact->count; ++i)
            for (size_t k = 0; k < exact->of[i].count; ++k)
                spread[i] = fmax(spread[i], fabs(noisy.of[i].values[k] - exact->of[i].values[k]));
    }
    return spread;
}

double tolerance_graph(double spread, double largest)
{
    return 2.0 * spread + tolerance_unit() * largest;
}

static double largest_of(const double *values, size_t count)
{
    double largest = 0.0;
    for (size_t i = 0; i < count; ++i)
        largest = fmax(largest, fabs(values[i]));
    return largest;
}

void network_course_check(network_graph *g, reference_graph *reference,
                          const network_course *course, const char *what)
{
    network_graph_copy(g, reference);
    reference_graph *start = reference_graph_make(reference->net, reference->most);
    reference_graph_copy(reference, start);
    const network_results expected = network_course_reference(reference, course);
    const double *spread = network_course_spread(start, course, &expected);
    const network_results got = network_course_library(g, course);
    if (got.count != expected.count)
        harness_fail("%s: expected %zu results, got %zu", what, expected.count, got.count);
    for (size_t i = 0; i < got.count; ++i) {
        const size_t count = expected.of[i].count;
        if (strcmp(got.of[i].name, expected.of[i].name) != 0 || got.of[i].count != count)
            harness_fail("%s: expected %s, got %s", what, expected.of[i].name, got.of[i].name);
        double *bound = harness_doubles(count);
        const double each = tolerance_graph(spread[i], largest_of(expected.of[i].values, count));
        for (size_t k = 0; k < count; ++k)
            bound[k] = each;
        check_doubles(harness_text("%s: %s", what, got.of[i].name), got.of[i].values,
                      expected.of[i].values, bound, count);
    }
}

/* ---- central differences ---- */

static const double difference_step = 0x1p-10;

static double loss_at(reference_graph *g, const network_data *data, bool training, double *entry,
                      double value, double margin)
{
    *entry = value;
    reference_graph_forward(g, data->n, data->wide, training);
    if (!(reference_graph_margin(g) >= 0.5 * margin))
        harness_fail("a ReLU came to %g of its kink, from %g", reference_graph_margin(g), margin);
    return reference_graph_loss(g, data->labels, false);
}

double network_difference(reference_graph *g, const network_data *data, bool training,
                          double *entry)
{
    const double at = *entry, h = difference_step;
    reference_graph_forward(g, data->n, data->wide, training);
    const double margin = reference_graph_margin(g);
    const double near = loss_at(g, data, training, entry, at + h, margin) -
                        loss_at(g, data, training, entry, at - h, margin);
    const double far = loss_at(g, data, training, entry, at + 2.0 * h, margin) -
                       loss_at(g, data, training, entry, at - 2.0 * h, margin);
    *entry = at;
    return (8.0 * near - far) / (12.0 * h);
}

double tolerance_difference(double loss)
{
    /* h⁴/30 is 3e-14; fifth derivatives of these small networks' losses stay below 1e5 */
    const double truncation = pow(difference_step, 4.0) / 30.0 * 1e5;
    return truncation + 64.0 * 0x1p-52 * fmax(1.0, fabs(loss)) / difference_step;
}

network_data network_data_smooth(reference_graph *g, size_t n, bool training, double margin)
{
    for (uint64_t seed = 1; seed < 2000; ++seed) {
        const network_data data = network_data_make(g->net, n, seed);
        reference_graph *trial = reference_graph_make(g->net, g->most);
        reference_graph_copy(g, trial);
        reference_graph_forward(trial, n, data.wide, training);
        if (reference_graph_margin(trial) >= margin)
            return data;
    }
    harness_fail("%s: no data with every ReLU %g from its kink", g->net->name, margin);
}
