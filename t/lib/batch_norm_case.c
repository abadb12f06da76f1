/* A batch norm as a test case, run through the public functions: see batch_norm_case.h. */
#include "lib/batch_norm_case.h"

#include <math.h>
#include <string.h>

#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/narrow.h"

batch_norm_case batch_norm_case_make(bncl_layout layout, size_t samples, size_t channels,
                                     size_t positions)
{
    return (batch_norm_case){.layout = layout,
                             .samples = samples,
                             .channels = channels,
                             .positions = positions,
                             .width = 1,
                             .options = bncl_batch_norm_options_default(),
                             .deviation = 1.0,
                             .seed = samples * 1009 + channels * 31 + positions};
}

const char *batch_norm_case_name(const batch_norm_case *c)
{
    return harness_text(
        "%s %s N=%zu C=%zu L=%zu padding %zu offset %g deviation %g eps %g momentum "
        "%g%s%s%s%s%s",
        bncl_dtype_name(c->dtype), bncl_layout_name(c->layout), c->samples, c->channels,
        c->positions, c->padding, c->offset, c->deviation, c->options.eps, c->options.momentum,
        c->options.cumulative ? " cumulative" : "", c->no_gamma ? " no gamma" : "",
        c->no_beta ? " no beta" : "", c->untracked ? " untracked" : "", c->coarse ? " coarse" : "");
}

static bool channels_last(const batch_norm_case *c)
{
    return c->layout == BNCL_LAYOUT_NLC || c->layout == BNCL_LAYOUT_NHWC;
}

reference_shape batch_norm_case_shape(const batch_norm_case *c)
{
    return (reference_shape){c->samples, c->channels, c->positions, channels_last(c)};
}

size_t batch_norm_case_total(const batch_norm_case *c)
{
    return c->samples * c->channels * c->positions;
}

int batch_norm_case_dims(const batch_norm_case *c, size_t dims[BNCL_MAX_RANK])
{
    const bool last = channels_last(c);
    const bool planes = c->layout == BNCL_LAYOUT_NCHW || c->layout == BNCL_LAYOUT_NHWC;
    const int rank = c->layout == BNCL_LAYOUT_NC ? 2 : planes ? 4 : 3;
    dims[0] = c->samples;
    dims[last ? rank - 1 : 1] = c->channels;
    if (rank > 2)
        dims[last ? 1 : 2] = planes ? c->positions / c->width : c->positions;
    if (planes)
        dims[last ? 2 : 3] = c->width;
    return rank;
}

/* NULL for dtypes that are not narrow. */
static const narrow_format *format_of(bncl_dtype dtype)
{
    if (dtype == BNCL_F16)
        return &narrow_f16;
    return dtype == BNCL_BF16 ? &narrow_bf16 : NULL;
}

void batch_norm_case_round(const batch_norm_case *c, float *values, size_t count)
{
    const narrow_format *format = format_of(c->dtype);
    for (size_t i = 0; format != NULL && i < count; ++i)
        values[i] = (float)narrow_round(format, values[i]);
}

/* The floats as elements of the dtype, held; NULL for NULL. */
static const void *packed(bncl_dtype dtype, const float *floats, size_t count)
{
    if (floats == NULL || dtype == BNCL_F32)
        return floats;
    if (dtype == BNCL_F64)
        return harness_widen(floats, count);
    uint16_t *elements = harness_memory(count, sizeof *elements);
    for (size_t i = 0; i < count; ++i)
        elements[i] = narrow_encode(format_of(dtype), floats[i]);
    return elements;
}

float *batch_norm_case_floats(device *d, const bncl_tensor *tensor)
{
    if (tensor->buffer == NULL || tensor->dtype == BNCL_F32)
        return device_floats(d, tensor);
    const size_t count = bncl_tensor_count(tensor);
    float *floats = harness_floats(count);
    unsigned char *elements = harness_memory(count, bncl_dtype_size(tensor->dtype));
    device_read(d, tensor, elements);
    for (size_t i = 0; i < count; ++i) {
        uint16_t bits;
        double wide;
        if (tensor->dtype == BNCL_F64) {
            memcpy(&wide, elements + i * sizeof wide, sizeof wide);
        } else {
            memcpy(&bits, elements + i * sizeof bits, sizeof bits);
            wide = narrow_decode(format_of(tensor->dtype), bits);
        }
        floats[i] = (float)wide;
    }
    return floats;
}

bncl_tensor batch_norm_case_vector(device *d, const batch_norm_case *c, const float *host)
{
    const bncl_dtype dtype = c->dtype == BNCL_F64 ? BNCL_F64 : BNCL_F32;
    return device_tensor(d, dtype, 1, &c->channels, packed(dtype, host, c->channels));
}

bncl_tensor batch_norm_case_tensor(device *d, const batch_norm_case *c, size_t more,
                                   const float *host)
{
    size_t dims[BNCL_MAX_RANK], strides[BNCL_MAX_RANK];
    const int rank = batch_norm_case_dims(c, dims);
    const void *elements = packed(c->dtype, host, batch_norm_case_total(c));
    if (c->padding == 0)
        return device_tensor(d, c->dtype, rank, dims, elements);
    const int channel = channels_last(c) ? rank - 1 : 1;
    size_t stride = 1;
    for (int i = rank; i-- > 0; stride *= dims[i] > 0 ? dims[i] : 1) {
        if (i == channel - 1 || (i == channel && channel + 1 < rank && c->positions > 1))
            stride += c->padding + more;
        strides[i] = stride;
    }
    return device_strided(d, c->dtype, rank, dims, strides, elements);
}

static float *uniform(generator *g, double low, double high, size_t count)
{
    float *values = harness_floats(count);
    generate_uniform(g, low, high, values, count);
    return values;
}

/* Rounds to whole numbers; what is small becomes a zero that keeps its sign. */
static void coarsen(float *values, size_t count)
{
    for (size_t i = 0; values != NULL && i < count; ++i)
        values[i] = rintf(values[i]);
}

static void coarsen_case(const batch_norm_case *c, batch_norm_data *data)
{
    const reference_shape shape = batch_norm_case_shape(c);
    coarsen(data->x, reference_total(&shape));
    coarsen(data->dy, reference_total(&shape));
    coarsen(data->gamma, c->channels);
    coarsen(data->beta, c->channels);
    coarsen(data->running_mean, c->channels);
    coarsen(data->running_var, c->channels);
    for (size_t n = 0; n < shape.samples; ++n)
        for (size_t channel = 0; channel < shape.channels; ++channel)
            for (size_t l = 0; l < shape.positions && channel % 3 != 2; ++l) {
                float *x = &data->x[reference_index(&shape, n, channel, l)];
                *x = channel % 3 == 0 ? copysignf(0.0f, *x) : 3.0f;
            }
}

batch_norm_data batch_norm_data_make(const batch_norm_case *c)
{
    generator g = generator_seed(c->seed);
    size_t total = batch_norm_case_total(c);
    batch_norm_data data = {.x = harness_floats(total), .dy = harness_floats(total)};
    generate_normal(&g, c->offset, c->deviation, data.x, total);
    generate_normal(&g, 0.25, 1.0, data.dy, total);
    batch_norm_case_round(c, data.x, total);
    batch_norm_case_round(c, data.dy, total);
    if (!c->no_gamma)
        data.gamma = uniform(&g, -1.5, 1.5, c->channels);
    if (!c->no_beta)
        data.beta = uniform(&g, -2.0, 2.0, c->channels);
    if (!c->untracked) {
        double away = c->deviation;
        data.running_mean = uniform(&g, c->offset - away, c->offset + away, c->channels);
        data.running_var = uniform(&g, 0.25 * away * away, 4.0 * away * away, c->channels);
    }
    if (c->coarse)
        coarsen_case(c, &data);
    return data;
}

bool batch_norm_has_f64(device *d)
{
    const size_t dims[] = {4, 1};
    bncl_batch_norm *plan = NULL;
    const bncl_status status =
        bncl_batch_norm_create(d->context, BNCL_LAYOUT_NC, BNCL_F64, 2, dims, NULL, &plan, &d->err);
    bncl_batch_norm_destroy(plan);
    if (status == BNCL_OK)
        return true;
    device_refused(d, status, BNCL_ERROR_UNSUPPORTED, "f64 needs a device with double");
    harness_note("the device has no f64");
    return false;
}

static void release_plan(void *plan)
{
    bncl_batch_norm_destroy(plan);
}

bncl_batch_norm *batch_norm_plan(device *d, const batch_norm_case *c)
{
    size_t dims[BNCL_MAX_RANK];
    int rank = batch_norm_case_dims(c, dims);
    bncl_batch_norm *plan = NULL;
    device_ok(d,
              bncl_batch_norm_create(d->context, c->layout, c->dtype, rank, dims, &c->options,
                                     &plan, &d->err),
              batch_norm_case_name(c));
    return device_hold(d, plan, release_plan);
}

static bncl_tensor optional(device *d, const batch_norm_case *c, const float *host)
{
    return host != NULL ? batch_norm_case_vector(d, c, host) : device_absent();
}

bncl_batch_norm_forward batch_norm_forward_tensors(device *d, const batch_norm_case *c,
                                                   batch_norm_data *data)
{
    return (bncl_batch_norm_forward){
        .x = batch_norm_case_tensor(d, c, 0, data->x),
        .y = batch_norm_case_tensor(d, c, 1, NULL),
        .gamma = optional(d, c, data->gamma),
        .beta = optional(d, c, data->beta),
        .running_mean = optional(d, c, data->running_mean),
        .running_var = optional(d, c, data->running_var),
        .save_mean = batch_norm_case_vector(d, c, NULL),
        .save_mean_lo = batch_norm_case_vector(d, c, NULL),
        .save_invstd = batch_norm_case_vector(d, c, NULL),
        .num_batches_tracked = &data->num_batches_tracked,
    };
}

bncl_batch_norm_backward batch_norm_backward_tensors(device *d, const batch_norm_case *c,
                                                     const batch_norm_data *data,
                                                     const bncl_batch_norm_forward *forward)
{
    return (bncl_batch_norm_backward){
        .x = forward->x,
        .dy = batch_norm_case_tensor(d, c, 2, data->dy),
        .gamma = forward->gamma,
        .running_mean = forward->running_mean,
        .running_var = forward->running_var,
        .save_mean = forward->save_mean,
        .save_mean_lo = forward->save_mean_lo,
        .save_invstd = forward->save_invstd,
        .dx = batch_norm_case_tensor(d, c, 3, NULL),
        .dgamma = batch_norm_case_vector(d, c, NULL),
        .dbeta = batch_norm_case_vector(d, c, NULL),
    };
}

void batch_norm_read_forward(device *d, const bncl_batch_norm_forward *args, batch_norm_data *data)
{
    data->y = batch_norm_case_floats(d, &args->y);
    data->new_running_mean = batch_norm_case_floats(d, &args->running_mean);
    data->new_running_var = batch_norm_case_floats(d, &args->running_var);
    data->save_mean = batch_norm_case_floats(d, &args->save_mean);
    data->save_mean_lo = batch_norm_case_floats(d, &args->save_mean_lo);
    data->save_invstd = batch_norm_case_floats(d, &args->save_invstd);
}

void batch_norm_read_backward(device *d, const bncl_batch_norm_backward *args,
                              batch_norm_data *data)
{
    data->dx = batch_norm_case_floats(d, &args->dx);
    data->dgamma = batch_norm_case_floats(d, &args->dgamma);
    data->dbeta = batch_norm_case_floats(d, &args->dbeta);
}

void batch_norm_run_train(device *d, const batch_norm_case *c, batch_norm_data *data)
{
    bncl_batch_norm *plan = batch_norm_plan(d, c);
    bncl_batch_norm_forward forward = batch_norm_forward_tensors(d, c, data);
    device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &forward, NULL, &d->err),
              batch_norm_case_name(c));
    bncl_batch_norm_backward backward = batch_norm_backward_tensors(d, c, data, &forward);
    device_ok(d, bncl_batch_norm_backward_train(plan, d->queue, &backward, NULL, &d->err),
              batch_norm_case_name(c));
    batch_norm_read_forward(d, &forward, data);
    batch_norm_read_backward(d, &backward, data);
}

void batch_norm_run_eval(device *d, const batch_norm_case *c, batch_norm_data *data)
{
    bncl_batch_norm *plan = batch_norm_plan(d, c);
    bncl_batch_norm_forward forward = batch_norm_forward_tensors(d, c, data);
    if (!c->untracked) /* the batch's own statistics are not computed, so there is none to save */
        forward.save_mean = forward.save_mean_lo = forward.save_invstd = device_absent();
    device_ok(d, bncl_batch_norm_forward_eval(plan, d->queue, &forward, NULL, &d->err),
              batch_norm_case_name(c));
    bncl_batch_norm_backward backward = batch_norm_backward_tensors(d, c, data, &forward);
    device_ok(d, bncl_batch_norm_backward_eval(plan, d->queue, &backward, NULL, &d->err),
              batch_norm_case_name(c));
    batch_norm_read_forward(d, &forward, data);
    batch_norm_read_backward(d, &backward, data);
}
