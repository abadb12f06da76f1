/* Internal: checks that all operators make of their tensors. */
#ifndef BNCLI_OPERAND_H
#define BNCLI_OPERAND_H

#include <stdbool.h>
#include <stddef.h>

#include <bncl/context.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

/* A tensor that an operator was given, and its name in texts. */
typedef struct bncli_operand {
    const bncl_tensor *tensor;
    const char *name;
} bncli_operand;

/* Most elements an elementwise kernel counts, in 32 bits with room to round up. */
#define BNCLI_MAX_COUNT ((size_t)1 << 31)

/* Checks that the queue is of the context, for every run call. Errors: ARGUMENT. */
bncl_status bncli_queue_check(const bncl_context *context, const bncl_queue *queue,
                              bncl_error *err);

/* Checks that values may have this dtype, on the context's device; `what` asks. Errors: DTYPE,
   UNSUPPORTED (f64 on a device without it). */
bncl_status bncli_values_check(const bncl_context *context, bncl_dtype dtype, const char *what,
                               bncl_error *err);

/* Checks dtype, dims and buffer. Errors: ARGUMENT, DTYPE, SHAPE ("y: expected [4, 3], got [4]"). */
bncl_status bncli_operand_check(const bncl_context *context, bncli_operand operand,
                                bncl_dtype dtype, int rank, const size_t *dims, bncl_error *err);

/* The same for operators that take strides. */
bncl_status bncli_operand_check_strided(const bncl_context *context, bncli_operand operand,
                                        bncl_dtype dtype, int rank, const size_t *dims,
                                        bncl_error *err);

/* Checks that an output of an elementwise kernel is its input's place or apart from it; both were
   checked, and are of one dtype. Of two with strides nothing is seen: channels of one tensor may
   interleave. Errors: ARGUMENT. */
bncl_status bncli_operand_check_in_place(bncli_operand out, bncli_operand in, bncl_error *err);

/* The same for two outputs, which must not be one place either. Errors: ARGUMENT. */
bncl_status bncli_operand_check_apart(bncli_operand a, bncli_operand b, bncl_error *err);

/* Checks that two dense tensors, of whatever dtypes, have no byte in common; with strides nothing
   is seen. Errors: ARGUMENT. */
bncl_status bncli_operand_check_bytes_apart(bncli_operand a, bncli_operand b, bncl_error *err);

/* Checks dtype, number of elements (of whatever dims) and buffer. Errors: as above. */
bncl_status bncli_operand_check_count(const bncl_context *context, bncli_operand operand,
                                      bncl_dtype dtype, size_t count, bncl_error *err);

/* Whether the tensor is there. */
static inline bool bncli_present(const bncl_tensor *tensor)
{
    return tensor->buffer != NULL;
}

/* Writes "[4, 3]" for texts, cut to size. */
void bncli_shape_text(int rank, const size_t *dims, char *out, size_t size);

#endif
