/* oneDNN as a contestant: batch norm, with 4-D descriptors [N,C,1,L], since those of fewer dims
   fall to its reference; and [1,C,1,N] for [N,C], since it takes nhwc of H = W = 1 for nchw, which
   is slow, and the sums are the same. Without HAVE_ONEDNN, which configure finds out, one that is
   never there. */
#include "bench_contestant.h"
#include "bench_threads.h"

#include "fail.h"

#if HAVE_ONEDNN

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_numbers.h"
#include "onednn.h"

#define EPS 1e-5f

enum { TRIES = 3, BLOCK = 16 }; /* nChw16c has channels in blocks of that many */

static const struct {
    dnnl_format_tag_t tag;
    const char *name;
} formats[] = {{dnnl_nchw, "nchw"}, {dnnl_nhwc, "nhwc"}, {dnnl_nChw16c, "nChw16c"}};
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* What a channel has one of. */
enum { MEAN, VARIANCE, SCALE, SHIFT, DSCALE, DSHIFT, VECTORS };

/* Tensors as large as x. */
enum { X, Y, DY, WHOLES };

enum { MOST_ARGUMENTS = WHOLES + VECTORS + 1 };

/* A case in one format. */
typedef struct run {
    dnnl_memory_desc_t format, channel;
    bool has_format, has_channel;
    dnnl_memory_t whole[WHOLES], vector[VECTORS], workspace;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[MOST_ARGUMENTS];
    int argument_count;
} run;

typedef struct contestant {
    onednn *library;
    bool given; /* the case's own format only */
    void *data[WHOLES];
    run best;
} contestant;

static void drop_run(run *r)
{
    if (r->primitive != NULL)
        dnnl_primitive_destroy(r->primitive);
    for (int i = 0; i < WHOLES; ++i)
        if (r->whole[i] != NULL)
            dnnl_memory_destroy(r->whole[i]);
    for (int i = 0; i < VECTORS; ++i)
        if (r->vector[i] != NULL)
            dnnl_memory_destroy(r->vector[i]);
    if (r->workspace != NULL)
        dnnl_memory_destroy(r->workspace);
    onednn_forget(&r->format, r->has_format);
    onednn_forget(&r->channel, r->has_channel);
    *r = (run){.has_format = false};
}

static void drop_case(contestant *one)
{
    drop_run(&one->best);
    for (int i = 0; i < WHOLES; ++i) {
        free(one->data[i]);
        one->data[i] = NULL;
    }
}

/* ---- making a case ---- */

static dnnl_status_t describe(run *r, const bench_case *c, dnnl_format_tag_t tag)
{
    const bool plane = c->shape.rank == 2;
    const dnnl_dim_t samples = (dnnl_dim_t)c->shape.dims[0];
    const dnnl_dims_t channels = {(dnnl_dim_t)bench_case_channels(c)};
    const dnnl_dims_t dims = {plane ? 1 : samples, channels[0], 1,
                              plane ? samples : (dnnl_dim_t)c->shape.dims[2]};
    const dnnl_data_type_t type = c->dtype == BNCL_F32   ? dnnl_f32
                                  : c->dtype == BNCL_F16 ? dnnl_f16
                                                         : dnnl_bf16;
    dnnl_status_t status = onednn_describe(&r->format, &r->has_format, 4, dims, type, tag);
    if (status == dnnl_success)
        status = onednn_describe(&r->channel, &r->has_channel, 1, channels, dnnl_f32, dnnl_a);
    return status;
}

/* All but x and its like begin as zeros, variance and scale as ones. */
static dnnl_status_t make_memory(run *r, dnnl_engine_t engine, void *const data[WHOLES],
                                 size_t channels)
{
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < WHOLES && status == dnnl_success; ++i)
        status = dnnl_memory_create(&r->whole[i], ONEDNN_DESCRIPTOR(r->format), engine, data[i]);
    for (int i = 0; i < VECTORS && status == dnnl_success; ++i) {
        void *place = NULL;
        status = dnnl_memory_create(&r->vector[i], ONEDNN_DESCRIPTOR(r->channel), engine,
                                    DNNL_MEMORY_ALLOCATE);
        if (status == dnnl_success)
            status = dnnl_memory_get_data_handle(r->vector[i], &place);
        for (size_t k = 0; k < channels && status == dnnl_success; ++k)
            ((float *)place)[k] = i == VARIANCE || i == SCALE ? 1.0f : 0.0f;
    }
    return status;
}

static void add_argument(run *r, int argument, dnnl_memory_t memory)
{
    r->arguments[r->argument_count++] = (dnnl_exec_arg_t){argument, memory};
}

/* The bits of ReLU, if the primitive keeps any. */
static dnnl_status_t make_workspace(run *r, dnnl_engine_t engine, dnnl_primitive_desc_t description)
{
    onednn_descriptor needs = dnnl_primitive_desc_query_md(description, dnnl_query_workspace_md, 0);
    void *place = NULL;
    if (needs == NULL || dnnl_memory_desc_get_size(needs) == 0)
        return dnnl_success;
    dnnl_status_t status = dnnl_memory_create(&r->workspace, needs, engine, DNNL_MEMORY_ALLOCATE);
    if (status == dnnl_success)
        status = dnnl_memory_get_data_handle(r->workspace, &place);
    if (status != dnnl_success)
        return status;
    memset(place, 0x55, dnnl_memory_desc_get_size(needs));
    add_argument(r, DNNL_ARG_WORKSPACE, r->workspace);
    return dnnl_success;
}

static void set_arguments(run *r, bench_direction direction)
{
    add_argument(r, DNNL_ARG_SRC, r->whole[X]);
    add_argument(r, DNNL_ARG_MEAN, r->vector[MEAN]);
    add_argument(r, DNNL_ARG_VARIANCE, r->vector[VARIANCE]);
    if (direction != BENCH_FROZEN) {
        add_argument(r, DNNL_ARG_SCALE, r->vector[SCALE]);
        add_argument(r, DNNL_ARG_SHIFT, r->vector[SHIFT]); /* backward wants it, too */
    }
    if (direction == BENCH_TRAIN || direction == BENCH_EVAL) {
        add_argument(r, DNNL_ARG_DST, r->whole[Y]);
        return;
    }
    add_argument(r, DNNL_ARG_DIFF_DST, r->whole[DY]);
    add_argument(r, DNNL_ARG_DIFF_SRC, r->whole[Y]);
    if (direction == BENCH_BACKWARD) {
        add_argument(r, DNNL_ARG_DIFF_SCALE, r->vector[DSCALE]);
        add_argument(r, DNNL_ARG_DIFF_SHIFT, r->vector[DSHIFT]);
    }
}

/* Version 2.6 has no dx alone with gamma: frozen is then without it. */
static unsigned flags_of(const bench_case *c)
{
    unsigned flags = 0;
    if (c->direction != BENCH_FROZEN)
        flags |= (unsigned)dnnl_use_scale | (unsigned)dnnl_use_shift;
    if (c->direction == BENCH_EVAL || c->direction == BENCH_FROZEN)
        flags |= (unsigned)dnnl_use_global_stats;
    if (c->kind == BENCH_BATCH_NORM_RELU)
        flags |= (unsigned)dnnl_fuse_norm_relu;
    return flags;
}

static dnnl_status_t make_primitive(run *r, dnnl_engine_t engine, const bench_case *c)
{
    const onednn_descriptor format = ONEDNN_DESCRIPTOR(r->format);
    const bool back = c->direction == BENCH_BACKWARD || c->direction == BENCH_FROZEN;
    const unsigned flags = flags_of(c);
    dnnl_primitive_desc_t forward, description;
    dnnl_status_t status = onednn_describe_forward(
        engine, c->direction == BENCH_EVAL ? dnnl_forward_inference : dnnl_forward_training, format,
        EPS, flags, &forward);
    if (status != dnnl_success)
        return status;
    if (back) {
        status = onednn_describe_backward(
            engine, c->direction == BENCH_FROZEN ? dnnl_backward_data : dnnl_backward, format, EPS,
            flags, forward, &description);
        dnnl_primitive_desc_destroy(forward);
        if (status != dnnl_success)
            return status;
    } else
        description = forward;
    status = make_workspace(r, engine, description);
    if (status != dnnl_success) {
        dnnl_primitive_desc_destroy(description);
        return status;
    }
    set_arguments(r, c->direction);
    return onednn_make(description, &r->primitive);
}

static dnnl_status_t make_run(contestant *one, const bench_case *c, int format, run *r)
{
    const dnnl_engine_t engine = one->library->engine;
    dnnl_status_t status = describe(r, c, formats[format].tag);
    if (status == dnnl_success)
        status = make_memory(r, engine, one->data, bench_case_channels(c));
    if (status == dnnl_success)
        status = make_primitive(r, engine, c);
    return status;
}

/* ---- running it ---- */

static dnnl_status_t execute(const run *r, dnnl_stream_t stream, size_t calls, double *seconds)
{
    dnnl_status_t status = dnnl_success;
    const double begin = bench_now();
    for (size_t i = 0; i < calls && status == dnnl_success; ++i)
        status = dnnl_primitive_execute(r->primitive, stream, r->argument_count, r->arguments);
    if (status == dnnl_success)
        status = dnnl_stream_wait(stream);
    *seconds = bench_now() - begin;
    return status;
}

static bncl_status run_onednn(void *state, size_t calls, double *seconds, bncl_error *err)
{
    contestant *one = state;
    const dnnl_status_t status = execute(&one->best, one->library->stream, calls, seconds);
    if (status == dnnl_success)
        return BNCL_OK;
    return bench_fail(err, BNCL_ERROR_UNSUPPORTED, "it fails with status %d", (int)status);
}

/* The shortest of a few runs after one that warms up. */
static dnnl_status_t try_run(const contestant *one, const run *r, double *shortest)
{
    double seconds;
    dnnl_status_t status = execute(r, one->library->stream, 1, shortest);
    for (int i = 0; i < TRIES && status == dnnl_success; ++i) {
        status = execute(r, one->library->stream, 1, &seconds);
        if (i == 0 || seconds < *shortest)
            *shortest = seconds;
    }
    return status;
}

static bncl_status make_data(contestant *one, const bench_case *c, bncl_error *err)
{
    const size_t channels = (bench_case_channels(c) + BLOCK - 1) / BLOCK * BLOCK;
    for (int i = 0; i < WHOLES; ++i) {
        one->data[i] = bench_numbers(c->dtype, channels * bench_case_values(c));
        if (one->data[i] == NULL)
            return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    }
    return BNCL_OK;
}

static bncl_status prepare_onednn(void *state, const bench_case *c, const bench_model *model,
                                  char *way, bncl_error *err)
{
    contestant *one = state;
    const int own = c->has_layout && c->layout == BNCL_LAYOUT_NCL ? 0 : 1;
    double best = 0.0, seconds;
    (void)model;
    drop_case(one);
    if ((c->kind != BENCH_BATCH_NORM && c->kind != BENCH_BATCH_NORM_RELU) || c->dtype == BNCL_F64)
        return bench_fail(err, BNCL_ERROR_UNSUPPORTED, "it has no such operator");
    bncl_status status = make_data(one, c, err);
    for (int i = 0; i < FORMATS && status == BNCL_OK; ++i) {
        run r = {.has_format = false};
        if (one->given && i != own)
            continue;
        const bool works =
            make_run(one, c, i, &r) == dnnl_success && try_run(one, &r, &seconds) == dnnl_success;
        if (!works || (one->best.primitive != NULL && best <= seconds)) {
            drop_run(&r);
            continue;
        }
        drop_run(&one->best);
        one->best = r;
        best = seconds;
        snprintf(way, BENCH_WAY_SIZE, "%s", formats[i].name);
    }
    if (status == BNCL_OK && one->best.primitive == NULL)
        return bench_fail(err, BNCL_ERROR_UNSUPPORTED, "it has no such operator");
    return status;
}

/* ---- the contestants ---- */

static void close_onednn(void *state)
{
    contestant *one = state;
    if (one == NULL)
        return;
    drop_case(one);
    onednn_close(one->library);
    free(one);
}

static bncl_status open_either(bool given, void **state, bncl_error *err)
{
    contestant *one = calloc(1, sizeof *one);
    if (one == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    one->given = given;
    bncl_status status = onednn_open(&one->library, err);
    if (status != BNCL_OK) {
        close_onednn(one);
        return status;
    }
    *state = one;
    return BNCL_OK;
}

static bncl_status open_onednn(const bench_setup *setup, void **state, char *about, bncl_error *err)
{
    const dnnl_version_t *version = dnnl_version();
    (void)setup;
    snprintf(about, BENCH_ABOUT_SIZE,
             "oneDNN %d.%d.%d, CPU, in the fastest of its formats, with the data in it already, "
             "and in the given one",
             version->major, version->minor, version->patch);
    return open_either(false, state, err);
}

static bncl_status open_onednn_given(const bench_setup *setup, void **state, char *about,
                                     bncl_error *err)
{
    (void)setup;
    about[0] = '\0';
    return open_either(true, state, err);
}

#else

#define prepare_onednn NULL
#define run_onednn NULL
#define close_onednn NULL

static bncl_status open_onednn(const bench_setup *setup, void **state, char *about, bncl_error *err)
{
    (void)setup;
    (void)state;
    about[0] = '\0';
    return bench_fail(err, BNCL_ERROR_UNSUPPORTED,
                      "configure did not find it (Debian: apt-get install libdnnl-dev)");
}

#define open_onednn_given open_onednn

#endif

const bench_contestant bench_onednn = {"oneDNN",       "onednn",   BENCH_OPENMP_REST, open_onednn,
                                       prepare_onednn, run_onednn, close_onednn};
const bench_contestant bench_onednn_given = {"oneDNN given",    "onednn_given", BENCH_OPENMP_REST,
                                             open_onednn_given, prepare_onednn, run_onednn,
                                             close_onednn};
