/* oneDNN, versions 2 and 3, whose C interfaces differ: what both can be asked in one way. To be
   included where HAVE_ONEDNN, which configure finds out. */
#ifndef BENCH_ONEDNN_H
#define BENCH_ONEDNN_H

#include <stdbool.h>

#include <oneapi/dnnl/dnnl.h>

#include <bncl/status.h>

/* Version 3 has descriptors of memory as objects, version 2 as values. A member that holds one is a
   dnnl_memory_desc_t; functions take it as ONEDNN_DESCRIPTOR(member). */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t onednn_descriptor;
#define ONEDNN_DESCRIPTOR(member) (member)
#else
typedef const dnnl_memory_desc_t *onednn_descriptor;
#define ONEDNN_DESCRIPTOR(member) (&(member))
#endif

typedef struct onednn {
    dnnl_engine_t engine; /* the CPU */
    dnnl_stream_t stream;
} onednn;

/* The caller owns *out. Errors: MEMORY, UNSUPPORTED (no CPU engine). */
bncl_status onednn_open(onednn **out, bncl_error *err);

/* NULL is fine. */
void onednn_close(onednn *peer);

/* Describes memory. *has: whether *out is something that onednn_forget must destroy. */
dnnl_status_t onednn_describe(dnnl_memory_desc_t *out, bool *has, int rank, const dnnl_dims_t dims,
                              dnnl_data_type_t type, dnnl_format_tag_t tag);
void onednn_forget(dnnl_memory_desc_t *member, bool has);

/* Batch normalization of memory in one format; flags: dnnl_use_scale and the like. The caller owns
   *out. `forward`: the forward primitive's description. */
dnnl_status_t onednn_describe_forward(dnnl_engine_t engine, dnnl_prop_kind_t kind,
                                      onednn_descriptor format, float eps, unsigned flags,
                                      dnnl_primitive_desc_t *out);
dnnl_status_t onednn_describe_backward(dnnl_engine_t engine, dnnl_prop_kind_t kind,
                                       onednn_descriptor format, float eps, unsigned flags,
                                       dnnl_primitive_desc_t forward, dnnl_primitive_desc_t *out);

/* Destroys the description and makes the primitive that it describes. */
dnnl_status_t onednn_make(dnnl_primitive_desc_t description, dnnl_primitive_t *out);

#endif
