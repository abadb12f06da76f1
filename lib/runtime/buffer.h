/* Internal: checks of tensors against their buffers, transfers that block, and the exchange of two
   buffers' memory. */
#ifndef BNCLI_BUFFER_H
#define BNCLI_BUFFER_H

#include <bncl/buffer.h>

/* Checks that the tensor is dense, has a buffer of this context and lies inside it. `name` is the
   argument's, for the text. Errors: ARGUMENT (no buffer, another context), DTYPE, SHAPE,
   UNSUPPORTED (strides). */
bncl_status bncli_tensor_check(const bncl_context *context, const bncl_tensor *tensor,
                               const char *name, bncl_error *err);

/* The same for calls that take strides. Errors: the same but UNSUPPORTED. */
bncl_status bncli_tensor_check_strided(const bncl_context *context, const bncl_tensor *tensor,
                                       const char *name, bncl_error *err);

/* Exchanges the memory behind two handles, so that tensors that name either stay valid. Cannot
   fail. */
void bncli_buffer_swap(bncl_buffer *a, bncl_buffer *b);

/* bncl_tensor_write that has read the host memory when it returns, whether it failed or not: that
   memory may go. Blocks. Errors: as there. */
bncl_status bncli_tensor_upload(bncl_queue *queue, const bncl_tensor *tensor, const void *host,
                                bncl_error *err);

/* The buffer's context; borrowed. */
bncl_context *bncli_buffer_context(const bncl_buffer *buffer);

#endif
