/* A tensor: dimensions, an element type and a place in a buffer. A plain value that
   owns nothing. */
#ifndef BNCL_TENSOR_H
#define BNCL_TENSOR_H

#include <stddef.h>

#include <bncl/dtype.h>
#include <bncl/export.h>
#include <bncl/status.h>

BNCL_BEGIN_DECLS

#define BNCL_MAX_RANK 4

typedef struct bncl_buffer bncl_buffer;

/* Where the channels lie. N samples, C channels, L positions or H rows of W; the last letter varies
   fastest. */
typedef enum bncl_layout {
    BNCL_LAYOUT_NC = 0, /* [N,C]:     PyTorch's 2-D input */
    BNCL_LAYOUT_NCL,    /* [N,C,L]:   PyTorch's 3-D input */
    BNCL_LAYOUT_NLC,    /* [N,L,C]:   channels last */
    BNCL_LAYOUT_NCHW,   /* [N,C,H,W]: torch.nn.BatchNorm2d's input */
    BNCL_LAYOUT_NHWC,   /* [N,H,W,C]: its channels-last form */
    BNCL_LAYOUT_COUNT
} bncl_layout;

/* Row-major: dims[rank - 1] varies fastest. Dense where all strides are 0, as bncl_tensor_init
   makes it; else element (i, j, …) lies at offset + i·strides[0] + j·strides[1] + …, which only
   calls whose documentation says so take. A tensor whose buffer is NULL is absent: what PyTorch
   writes as None. */
typedef struct bncl_tensor {
    bncl_buffer *buffer; /* borrowed: must outlive every command that uses the tensor */
    size_t offset;       /* of the first element, counted in elements from the buffer's begin */
    bncl_dtype dtype;
    int rank; /* 0 … BNCL_MAX_RANK; a rank of 0 is a scalar */
    size_t dims[BNCL_MAX_RANK];
    size_t strides[BNCL_MAX_RANK]; /* in elements; all 0: dense */
} bncl_tensor;

/* Fills *out with a tensor of `rank` dimensions at `offset` elements into `buffer`.
   Errors: ARGUMENT (out or dims NULL, a rank out of range, the element count or the end of the
   tensor in bytes overflows size_t), DTYPE (no such dtype). The buffer's size is checked when the
   tensor is used. Does not block, does not touch the device. */
BNCL_API bncl_status bncl_tensor_init(bncl_tensor *out, bncl_buffer *buffer, size_t offset,
                                      bncl_dtype dtype, int rank, const size_t *dims,
                                      bncl_error *err);

/* The same with strides, one a dim, in elements: rows with padding between them, a slice of the
   channels of a larger tensor. A dim of one element may have any stride. Errors: as
   bncl_tensor_init. */
BNCL_API bncl_status bncl_tensor_init_strided(bncl_tensor *out, bncl_buffer *buffer, size_t offset,
                                              bncl_dtype dtype, int rank, const size_t *dims,
                                              const size_t *strides, bncl_error *err);

/* The tensor's number of elements: the product of its dims, 1 for rank 0, 0 for NULL. */
BNCL_API size_t bncl_tensor_count(const bncl_tensor *tensor);

/* "NC", "NCL", "NLC", "NCHW", "NHWC"; "unknown" for a number that is no layout. Static. */
BNCL_API const char *bncl_layout_name(bncl_layout layout);

BNCL_END_DECLS

#endif
