/* Batch norm with a residual and an activation, fused and apart: see fused.h. */
#include "lib/fused.h"

#include <bncl/batch_norm_statistics.h>

#include <string.h>

#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/narrow.h"

const char *const fused_names[fused_results] = {
    "y",           "mask",      "dx",           "dresidual",  "dgamma", "dbeta", "running_mean",
    "running_var", "save_mean", "save_mean_lo", "save_invstd"};

static const char *const kinds[BNCL_ACTIVATION_COUNT] = {"none", "relu", "leaky_relu", "hardtanh"};

const char *fused_case_name(const fused_case *c)
{
    return harness_text("%s%s, %s(%g, %g, %g), %s%s, places %u", batch_norm_case_name(&c->norm),
                        c->residual ? " + residual" : "", kinds[c->activation.kind],
                        c->activation.negative_slope, c->activation.min, c->activation.max,
                        c->train ? "train" : "eval", c->accumulate ? ", accumulating" : "",
                        c->places);
}

static float *normals(generator *g, const fused_case *c, size_t count)
{
    float *values = harness_floats(count);
    generate_normal(g, 0.0, 1.0, values, count);
    for (size_t i = 0; i < count; ++i) {
        if (c->norm.dtype == BNCL_F16)
            values[i] = (float)narrow_round(&narrow_f16, values[i]);
        else if (c->norm.dtype == BNCL_BF16)
            values[i] = (float)narrow_round(&narrow_bf16, values[i]);
    }
    return values;
}

fused_data fused_data_make(const fused_case *c)
{
    const size_t total = batch_norm_case_total(&c->norm);
    generator g = generator_seed(c->norm.seed + 5);
    const fused_data data = {.norm = batch_norm_data_make(&c->norm),
                             .residual = normals(&g, c, total),
                             .dx = normals(&g, c, total),
                             .dresidual = normals(&g, c, total),
                             .dgamma = normals(&g, c, c->norm.channels),
                             .dbeta = normals(&g, c, c->norm.channels)};
    for (size_t i = 3; i < total; i += 11) /* zeros of either sign */
        data.norm.dy[i] = data.residual[i] = data.dresidual[i] = i % 2 == 0 ? 0.0f : -0.0f;
    return data;
}

static void release_plan(void *plan)
{
    bncl_batch_norm_destroy(plan);
}

bncl_batch_norm *fused_plan(device *d, const fused_case *c, bool apart)
{
    size_t dims[BNCL_MAX_RANK];
    const int rank = batch_norm_case_dims(&c->norm, dims);
    bncl_batch_norm_options options = c->norm.options;
    bncl_batch_norm *plan = NULL;
    if (!apart)
        options.activation = c->activation;
    device_ok(d,
              bncl_batch_norm_create(d->context, c->norm.layout, c->norm.dtype, rank, dims,
                                     &options, &plan, &d->err),
              fused_case_name(c));
    return device_hold(d, plan, release_plan);
}

static fused_bytes read_bytes(device *d, const bncl_tensor *tensor)
{
    if (tensor->buffer == NULL)
        return (fused_bytes){NULL, 0, 0};
    fused_bytes r = {.size = bncl_dtype_size(tensor->dtype), .count = bncl_tensor_count(tensor)};
    r.bytes = harness_memory(r.count, r.size);
    device_read(d, tensor, r.bytes);
    return r;
}

static void read_forward(device *d, const bncl_batch_norm_forward *f, const bncl_tensor *y,
                         fused_output *out)
{
    const bncl_tensor *of[] = {&f->running_mean, &f->running_var, &f->save_mean, &f->save_mean_lo,
                               &f->save_invstd};
    out->of[0] = read_bytes(d, y);
    for (int i = 0; i < 5; ++i)
        out->of[6 + i] = read_bytes(d, of[i]);
}

static void read_backward(device *d, const bncl_batch_norm_backward *b,
                          const bncl_tensor *dresidual, fused_output *out)
{
    const bncl_tensor *of[] = {&b->dx, dresidual, &b->dgamma, &b->dbeta};
    for (int i = 0; i < 4; ++i)
        out->of[2 + i] = read_bytes(d, of[i]);
}

static bncl_tensor bytes_tensor(device *d, size_t bytes)
{
    return device_tensor(d, BNCL_U8, 1, &bytes, NULL);
}

/* Batch norm's tensors; eval saves no statistics unless it computes them. */
static bncl_batch_norm_forward forward_tensors(device *d, const fused_case *c, fused_data *data)
{
    bncl_batch_norm_forward f = batch_norm_forward_tensors(d, &c->norm, &data->norm);
    if (!c->train && !c->norm.untracked)
        f.save_mean = f.save_mean_lo = f.save_invstd = device_absent();
    return f;
}

static bncl_batch_norm_backward backward_tensors(device *d, const fused_case *c,
                                                 const fused_data *data,
                                                 const bncl_batch_norm_forward *forward)
{
    bncl_batch_norm_backward b = batch_norm_backward_tensors(d, &c->norm, &data->norm, forward);
    if (!c->accumulate)
        return b;
    const bncl_dtype dtype = c->norm.dtype == BNCL_F64 ? BNCL_F64 : BNCL_F32;
    const double *wide[] = {harness_widen(data->dgamma, c->norm.channels),
                            harness_widen(data->dbeta, c->norm.channels)};
    device_write(d, &b.dgamma, dtype == BNCL_F64 ? (const void *)wide[0] : data->dgamma);
    device_write(d, &b.dbeta, dtype == BNCL_F64 ? (const void *)wide[1] : data->dbeta);
    b.dx = batch_norm_case_tensor(d, &c->norm, 3, data->dx);
    b.accumulate_dx = b.accumulate_parameters = true;
    return b;
}

/* [rows][C] of a plan's statistics or sums. */
static bncl_tensor rows_tensor(device *d, const fused_case *c, size_t rows)
{
    const size_t dims[] = {rows, c->norm.channels};
    return device_tensor(d, c->norm.dtype == BNCL_F64 ? BNCL_F64 : BNCL_F32, 2, dims, NULL);
}

static size_t values_of(const fused_case *c)
{
    return c->norm.samples * c->norm.positions;
}

static void run_forward_in_parts(device *d, const fused_case *c, bncl_batch_norm *plan,
                                 const bncl_batch_norm_forward *f)
{
    const bncl_tensor rows = rows_tensor(d, c, 3);
    device_ok(d, bncl_batch_norm_statistics(plan, d->queue, &f->x, &rows, NULL, &d->err),
              fused_case_name(c));
    device_ok(d,
              bncl_batch_norm_forward_with(plan, d->queue, f, &rows, values_of(c), NULL, &d->err),
              fused_case_name(c));
}

static void run_backward_in_parts(device *d, const fused_case *c, bncl_batch_norm *plan,
                                  const bncl_batch_norm_backward *b)
{
    const bncl_tensor rows = rows_tensor(d, c, 4);
    device_ok(d, bncl_batch_norm_backward_sums(plan, d->queue, b, &rows, NULL, &d->err),
              fused_case_name(c));
    device_ok(d,
              bncl_batch_norm_backward_with(plan, d->queue, b, &rows, values_of(c), NULL, &d->err),
              fused_case_name(c));
}

static void run_forward(device *d, const fused_case *c, bncl_batch_norm *plan,
                        const bncl_batch_norm_forward *f)
{
    if (c->in_parts) {
        run_forward_in_parts(d, c, plan, f);
        return;
    }
    device_ok(d,
              c->train ? bncl_batch_norm_forward_train(plan, d->queue, f, NULL, &d->err)
                       : bncl_batch_norm_forward_eval(plan, d->queue, f, NULL, &d->err),
              fused_case_name(c));
}

static void run_backward(device *d, const fused_case *c, bncl_batch_norm *plan,
                         const bncl_batch_norm_backward *b)
{
    if (c->in_parts) {
        run_backward_in_parts(d, c, plan, b);
        return;
    }
    device_ok(d,
              c->train ? bncl_batch_norm_backward_train(plan, d->queue, b, NULL, &d->err)
                       : bncl_batch_norm_backward_eval(plan, d->queue, b, NULL, &d->err),
              fused_case_name(c));
}

fused_output fused_run(device *d, const fused_case *c, const fused_data *inputs)
{
    fused_output out = {.mask = NULL};
    fused_data data = *inputs;
    bncl_batch_norm *plan = fused_plan(d, c, false);
    bncl_batch_norm_forward f = forward_tensors(d, c, &data);
    if (c->residual)
        f.residual = batch_norm_case_tensor(d, &c->norm, 5, data.residual);
    if (c->activation.kind != BNCL_ACTIVATION_NONE)
        f.mask = bytes_tensor(d, bncl_batch_norm_mask_bytes(plan));
    if (c->places & (FUSED_Y_IN_X | FUSED_Y_IN_RESIDUAL))
        f.y = c->places & FUSED_Y_IN_X ? f.x : f.residual;
    run_forward(d, c, plan, &f);
    bncl_batch_norm_backward b = backward_tensors(d, c, &data, &f);
    b.mask = f.mask;
    if (c->residual)
        b.dresidual = batch_norm_case_tensor(d, &c->norm, 4, c->accumulate ? data.dresidual : NULL);
    b.accumulate_dresidual = c->accumulate;
    if (c->places & FUSED_Y_IN_X) /* which backward lacks, then */
        b.x = batch_norm_case_tensor(d, &c->norm, 0, data.norm.x);
    if (c->places & (FUSED_DX_IN_DY | FUSED_DX_IN_X))
        b.dx = c->places & FUSED_DX_IN_DY ? b.dy : b.x;
    if (c->places & (FUSED_DRESIDUAL_IN_DY | FUSED_DRESIDUAL_IN_X))
        b.dresidual = c->places & FUSED_DRESIDUAL_IN_DY ? b.dy : b.x;
    run_backward(d, c, plan, &b);
    read_forward(d, &f, &f.y, &out);
    read_backward(d, &b, &b.dresidual, &out);
    if (f.mask.buffer == NULL)
        return out;
    const fused_bytes mask = read_bytes(d, &f.mask);
    const size_t total = batch_norm_case_total(&c->norm);
    out.mask = mask.bytes;
    out.mask_bytes = mask.count;
    out.of[1] = (fused_bytes){fused_unpack(mask.bytes, fused_line(c), total), 1, total};
    return out;
}

/* What gradients are added to where they take an input's place. */
static fused_data with_places(const fused_case *c, const fused_data *inputs)
{
    fused_data data = *inputs;
    if (c->places & (FUSED_DX_IN_DY | FUSED_DX_IN_X))
        data.dx = c->places & FUSED_DX_IN_DY ? data.norm.dy : data.norm.x;
    if (c->places & (FUSED_DRESIDUAL_IN_DY | FUSED_DRESIDUAL_IN_X))
        data.dresidual = c->places & FUSED_DRESIDUAL_IN_DY ? data.norm.dy : data.norm.x;
    return data;
}

fused_output fused_run_apart(device *d, const fused_case *dense, const fused_data *inputs)
{
    fused_output out = {.mask = NULL};
    fused_data data = with_places(dense, inputs);
    fused_case c = *dense;
    c.norm.padding = 0;
    const size_t total = batch_norm_case_total(&c.norm);
    bncl_batch_norm *plan = fused_plan(d, &c, true);
    bncl_elementwise *op = device_elementwise(d, c.norm.dtype);
    bncl_batch_norm_forward f = forward_tensors(d, &c, &data);
    run_forward(d, &c, plan, &f);
    const bncl_tensor residual = batch_norm_case_tensor(d, &c.norm, 0, data.residual);
    if (c.residual)
        device_ok(d, bncl_add(op, d->queue, &f.y, &residual, &f.y, NULL, &d->err), "add");
    const bncl_tensor y = batch_norm_case_tensor(d, &c.norm, 0, NULL);
    const bncl_tensor mask = bytes_tensor(d, (total + 7) / 8);
    device_ok(d,
              bncl_activation_forward(op, d->queue, &c.activation, &f.y, &y, &mask, NULL, &d->err),
              "activation");
    bncl_batch_norm_backward b = backward_tensors(d, &c, &data, &f);
    device_ok(
        d,
        bncl_activation_backward(op, d->queue, &c.activation, &mask, &b.dy, &b.dy, NULL, &d->err),
        "activation");
    bncl_tensor dresidual = device_absent();
    if (c.residual && c.accumulate) {
        dresidual = batch_norm_case_tensor(d, &c.norm, 0, data.dresidual);
        device_ok(d, bncl_add(op, d->queue, &dresidual, &b.dy, &dresidual, NULL, &d->err), "add");
    } else if (c.residual) {
        dresidual = b.dy;
    }
    run_backward(d, &c, plan, &b);
    read_forward(d, &f, &y, &out);
    read_backward(d, &b, &dresidual, &out);
    if (c.activation.kind != BNCL_ACTIVATION_NONE)
        out.of[1] = (fused_bytes){fused_unpack(read_bytes(d, &mask).bytes, total, total), 1, total};
    return out;
}

/* Whether the element is a NaN of its size: all exponent bits and some other. bf16 has those of the
   upper half of an f32. */
static bool is_nan(const unsigned char *element, size_t size, bncl_dtype dtype)
{
    uint64_t bits = 0;
    for (size_t i = size; i-- > 0;)
        bits = bits << 8 | element[i];
    const uint64_t infinity = size == 8           ? 0x7FF0000000000000
                              : size == 4         ? 0x7F800000
                              : dtype == BNCL_F16 ? 0x7C00
                                                  : 0x7F80;
    return size > 1 && (bits & ~((uint64_t)1 << (8 * size - 1))) > infinity;
}

void fused_expect_same(const fused_case *c, const fused_output *got, const fused_output *expected)
{
    for (int r = 0; r < fused_results; ++r) {
        const fused_bytes a = got->of[r], b = expected->of[r];
        if ((a.bytes == NULL) != (b.bytes == NULL) || a.count != b.count || a.size != b.size)
            harness_fail("%s: %s is there in one of both only", fused_case_name(c), fused_names[r]);
        for (size_t i = 0; i < a.count; ++i) {
            const unsigned char *x = a.bytes + i * a.size, *y = b.bytes + i * b.size;
            if (memcmp(x, y, a.size) != 0 &&
                !(is_nan(x, a.size, c->norm.dtype) && is_nan(y, b.size, c->norm.dtype)))
                harness_fail("%s: %s[%zu] has other bits than by separate calls",
                             fused_case_name(c), fused_names[r], i);
        }
    }
}

size_t fused_line(const fused_case *c)
{
    const batch_norm_case *n = &c->norm;
    const bool last = n->layout == BNCL_LAYOUT_NLC || n->layout == BNCL_LAYOUT_NHWC;
    return last || n->positions == 1 ? n->channels : n->positions;
}

unsigned char *fused_unpack(const unsigned char *mask, size_t line, size_t count)
{
    unsigned char *bits = harness_memory(count, 1);
    const size_t bytes = (line + 7) / 8;
    for (size_t i = 0; i < count; ++i)
        bits[i] = mask[i / line * bytes + i % line / 8] >> (i % line % 8) & 1;
    for (size_t first = 0; first < count; first += line)
        for (size_t i = line; i < 8 * bytes; ++i)
            if (mask[first / line * bytes + i / 8] >> (i % 8) & 1)
                harness_fail("unused bit %zu of the line at element %zu is 1", i, first);
    return bits;
}
