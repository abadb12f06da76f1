/* oneDNN; see onednn.h. Without it, nothing. */
#if HAVE_ONEDNN
#include "onednn.h"

#include <stdlib.h>

#include "fail.h"

bncl_status onednn_open(onednn **out, bncl_error *err)
{
    onednn *peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    dnnl_status_t status = dnnl_engine_create(&peer->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&peer->stream, peer->engine, dnnl_stream_default_flags);
    if (status != dnnl_success) {
        onednn_close(peer);
        return bench_fail(err, BNCL_ERROR_UNSUPPORTED, "it has no CPU engine: status %d",
                          (int)status);
    }
    *out = peer;
    return BNCL_OK;
}

void onednn_close(onednn *peer)
{
    if (peer == NULL)
        return;
    if (peer->stream != NULL)
        dnnl_stream_destroy(peer->stream);
    if (peer->engine != NULL)
        dnnl_engine_destroy(peer->engine);
    free(peer);
}

dnnl_status_t onednn_make(dnnl_primitive_desc_t description, dnnl_primitive_t *out)
{
    dnnl_status_t status = dnnl_primitive_create(out, description);
    dnnl_primitive_desc_destroy(description);
    return status;
}

#if DNNL_VERSION_MAJOR >= 3
dnnl_status_t onednn_describe(dnnl_memory_desc_t *out, bool *has, int rank, const dnnl_dims_t dims,
                              dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    dnnl_status_t status = dnnl_memory_desc_create_with_tag(out, rank, dims, type, tag);
    *has = status == dnnl_success;
    return status;
}

void onednn_forget(dnnl_memory_desc_t *member, bool has)
{
    if (has)
        dnnl_memory_desc_destroy(*member);
}

dnnl_status_t onednn_describe_forward(dnnl_engine_t engine, dnnl_prop_kind_t kind,
                                      onednn_descriptor format, float eps, unsigned flags,
                                      dnnl_primitive_desc_t *out)
{
    return dnnl_batch_normalization_forward_primitive_desc_create(out, engine, kind, format, format,
                                                                  eps, flags, NULL);
}

dnnl_status_t onednn_describe_backward(dnnl_engine_t engine, dnnl_prop_kind_t kind,
                                       onednn_descriptor format, float eps, unsigned flags,
                                       dnnl_primitive_desc_t forward, dnnl_primitive_desc_t *out)
{
    return dnnl_batch_normalization_backward_primitive_desc_create(
        out, engine, kind, format, format, format, eps, flags, forward, NULL);
}
#else
dnnl_status_t onednn_describe(dnnl_memory_desc_t *out, bool *has, int rank, const dnnl_dims_t dims,
                              dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    *has = false;
    return dnnl_memory_desc_init_by_tag(out, rank, dims, type, tag);
}

void onednn_forget(dnnl_memory_desc_t *member, bool has)
{
    (void)member;
    (void)has;
}

dnnl_status_t onednn_describe_forward(dnnl_engine_t engine, dnnl_prop_kind_t kind,
                                      onednn_descriptor format, float eps, unsigned flags,
                                      dnnl_primitive_desc_t *out)
{
    dnnl_batch_normalization_desc_t operation;
    dnnl_status_t status =
        dnnl_batch_normalization_forward_desc_init(&operation, kind, format, eps, flags);
    if (status != dnnl_success)
        return status;
    return dnnl_primitive_desc_create(out, &operation, NULL, engine, NULL);
}

dnnl_status_t onednn_describe_backward(dnnl_engine_t engine, dnnl_prop_kind_t kind,
                                       onednn_descriptor format, float eps, unsigned flags,
                                       dnnl_primitive_desc_t forward, dnnl_primitive_desc_t *out)
{
    dnnl_batch_normalization_desc_t operation;
    dnnl_status_t status =
        dnnl_batch_normalization_backward_desc_init(&operation, kind, format, format, eps, flags);
    if (status != dnnl_success)
        return status;
    return dnnl_primitive_desc_create(out, &operation, NULL, engine, forward);
}
#endif
#else
typedef int onednn_is_not_here; /* ISO C wants a declaration */
#endif
