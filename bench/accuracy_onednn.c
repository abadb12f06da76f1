/* oneDNN as a peer; see accuracy_peer.h. Without HAVE_ONEDNN, which configure finds out, a peer
   that is never there. */
#include "accuracy_peer.h"

#include "fail.h"

#if HAVE_ONEDNN

#include <stdio.h>

#include "accuracy_exact.h"
#include "onednn.h"

/* What one run makes. given: the case's layout; format: the one that is tried. */
typedef struct onednn_run {
    dnnl_memory_desc_t given, format, channel;
    bool has_given, has_format, has_channel;
    dnnl_memory_t given_x, given_y, format_x, format_y, mean, variance;
    dnnl_primitive_t reorder_in, normalize, reorder_out;
} onednn_run;

static const dnnl_format_tag_t formats[] = {dnnl_nchw, dnnl_nhwc, dnnl_nChw16c};
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* ---- one run ---- */

static dnnl_status_t describe_all(onednn_run *run, const accuracy_case *c, size_t way)
{
    const dnnl_dims_t channels = {(dnnl_dim_t)c->channels};
    const dnnl_dims_t dims = {(dnnl_dim_t)c->samples, channels[0], 1, (dnnl_dim_t)c->length};
    const dnnl_format_tag_t given = c->layout == BNCL_LAYOUT_NCL ? dnnl_nchw : dnnl_nhwc;
    dnnl_status_t status = onednn_describe(&run->given, &run->has_given, 4, dims, dnnl_f32, given);
    if (status == dnnl_success)
        status = onednn_describe(&run->format, &run->has_format, 4, dims, dnnl_f32, formats[way]);
    if (status == dnnl_success)
        status = onednn_describe(&run->channel, &run->has_channel, 1, channels, dnnl_f32, dnnl_a);
    return status;
}

static dnnl_status_t make_memory(onednn_run *run, dnnl_engine_t engine, const float *x, float *y)
{
    struct {
        dnnl_memory_t *out;
        onednn_descriptor shape;
        void *place;
    } rows[] = {
        {&run->given_x, ONEDNN_DESCRIPTOR(run->given), (void *)x}, /* only read */
        {&run->given_y, ONEDNN_DESCRIPTOR(run->given), y},
        {&run->format_x, ONEDNN_DESCRIPTOR(run->format), DNNL_MEMORY_ALLOCATE},
        {&run->format_y, ONEDNN_DESCRIPTOR(run->format), DNNL_MEMORY_ALLOCATE},
        {&run->mean, ONEDNN_DESCRIPTOR(run->channel), DNNL_MEMORY_ALLOCATE},
        {&run->variance, ONEDNN_DESCRIPTOR(run->channel), DNNL_MEMORY_ALLOCATE},
    };
    dnnl_status_t status = dnnl_success;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && status == dnnl_success; ++i)
        status = dnnl_memory_create(rows[i].out, rows[i].shape, engine, rows[i].place);
    return status;
}

static dnnl_status_t make_reorder(dnnl_engine_t engine, onednn_descriptor from,
                                  onednn_descriptor to, dnnl_primitive_t *out)
{
    dnnl_primitive_desc_t description;
    dnnl_status_t status =
        dnnl_reorder_primitive_desc_create(&description, from, engine, to, engine, NULL);
    return status == dnnl_success ? onednn_make(description, out) : status;
}

static dnnl_status_t make_primitives(onednn_run *run, dnnl_engine_t engine)
{
    const onednn_descriptor given = ONEDNN_DESCRIPTOR(run->given),
                            format = ONEDNN_DESCRIPTOR(run->format);
    dnnl_primitive_desc_t description;
    dnnl_status_t status = onednn_describe_forward(engine, dnnl_forward_training, format,
                                                   (float)ACCURACY_EPS, 0, &description);
    if (status == dnnl_success)
        status = onednn_make(description, &run->normalize);
    if (status == dnnl_success)
        status = make_reorder(engine, given, format, &run->reorder_in);
    if (status == dnnl_success)
        status = make_reorder(engine, format, given, &run->reorder_out);
    return status;
}

static dnnl_status_t execute(const onednn_run *run, dnnl_stream_t stream)
{
    const dnnl_exec_arg_t in[] = {{DNNL_ARG_FROM, run->given_x}, {DNNL_ARG_TO, run->format_x}};
    const dnnl_exec_arg_t normalize[] = {{DNNL_ARG_SRC, run->format_x},
                                         {DNNL_ARG_DST, run->format_y},
                                         {DNNL_ARG_MEAN, run->mean},
                                         {DNNL_ARG_VARIANCE, run->variance}};
    const dnnl_exec_arg_t out[] = {{DNNL_ARG_FROM, run->format_y}, {DNNL_ARG_TO, run->given_y}};
    dnnl_status_t status = dnnl_primitive_execute(run->reorder_in, stream, 2, in);
    if (status == dnnl_success)
        status = dnnl_primitive_execute(run->normalize, stream, 4, normalize);
    if (status == dnnl_success)
        status = dnnl_primitive_execute(run->reorder_out, stream, 2, out);
    return status == dnnl_success ? dnnl_stream_wait(stream) : status;
}

static void drop_run(onednn_run *run)
{
    const dnnl_primitive_t primitives[] = {run->reorder_in, run->normalize, run->reorder_out};
    const dnnl_memory_t memories[] = {run->given_x,  run->given_y, run->format_x,
                                      run->format_y, run->mean,    run->variance};
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; ++i)
        if (primitives[i] != NULL)
            dnnl_primitive_destroy(primitives[i]);
    for (size_t i = 0; i < sizeof memories / sizeof memories[0]; ++i)
        if (memories[i] != NULL)
            dnnl_memory_destroy(memories[i]);
    onednn_forget(&run->given, run->has_given);
    onednn_forget(&run->format, run->has_format);
    onednn_forget(&run->channel, run->has_channel);
}

static bncl_status run_onednn(void *state, const accuracy_case *c, size_t way, const float *x,
                              float *y, bncl_error *err)
{
    onednn *peer = state;
    onednn_run run = {.has_given = false};
    dnnl_status_t status = describe_all(&run, c, way);
    if (status == dnnl_success)
        status = make_memory(&run, peer->engine, x, y);
    if (status == dnnl_success)
        status = make_primitives(&run, peer->engine);
    if (status == dnnl_success)
        status = execute(&run, peer->stream);
    drop_run(&run);
    if (status != dnnl_success)
        return bench_fail(err, BNCL_ERROR_UNSUPPORTED, "it fails with status %d", (int)status);
    return BNCL_OK;
}

/* ---- the peer ---- */

static void close_onednn(void *state)
{
    onednn_close(state);
}

static bncl_status open_onednn(const accuracy_options *options, void **state, char *about,
                               bncl_error *err)
{
    (void)options;
    onednn *peer;
    bncl_status status = onednn_open(&peer, err);
    if (status != BNCL_OK)
        return status;
    const dnnl_version_t *version = dnnl_version();
    snprintf(about, ACCURACY_ABOUT_SIZE,
             "oneDNN %d.%d.%d, CPU, the best of its formats nchw, nhwc and nChw16c", version->major,
             version->minor, version->patch);
    *state = peer;
    return BNCL_OK;
}

const accuracy_peer accuracy_onednn = {"oneDNN", FORMATS, open_onednn, run_onednn, close_onednn};

#else

static bncl_status open_onednn(const accuracy_options *options, void **state, char *about,
                               bncl_error *err)
{
    (void)options;
    (void)state;
    (void)about;
    return bench_fail(err, BNCL_ERROR_UNSUPPORTED,
                      "configure did not find it (Debian: apt-get install libdnnl-dev)");
}

const accuracy_peer accuracy_onednn = {"oneDNN", 0, open_onednn, NULL, NULL};

#endif
