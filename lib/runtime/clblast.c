/* The one CLBlast call. */
#include "runtime/clblast.h"

#include "base/error.h"
#include "runtime/objects.h"
#include "runtime/recorder.h"
#include "tensor/tensor.h"

#include <clblast_c.h>

/* CLBlast's own codes lie below -1000, apart from OpenCL's. */
static bncl_status status_of(CLBlastStatusCode code, bncl_error *err)
{
    if (code == CLBlastSuccess)
        return BNCL_OK;
    bncl_status known = bncli_cl_status((cl_int)code, "CLBlastSgemm", err);
    if (known != BNCL_ERROR_OPENCL)
        return known;
    return bncli_fail(err, BNCL_ERROR_BLAS, "CLBlastSgemm failed with code %d (%s)", (int)code,
                      bncli_cl_error_name((cl_int)code));
}

static CLBlastTranspose transpose_of(bool transposed)
{
    return transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

/* CLBlast copies large matrices into a workspace. Left to itself it makes one in every call, and
   where it cannot have the memory, 1.5.3 ends the process: it releases the buffer that was never
   made, and throws from a destructor. So the caller makes it, once.

   The size depends on the device, which CLBlast asks of a queue, and on whether a matrix begins at
   its buffer's start: one that does not needs a copy, so offset 1 gives the most. */
bncl_status bncli_clblast_workspace_size(bncl_context *context, const bncli_product *product,
                                         size_t *bytes, bncl_error *err)
{
    const size_t offset = 1;
    cl_int code = CL_SUCCESS;
    cl_command_queue queue = clCreateCommandQueue(context->cl, context->device, 0, &code);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clCreateCommandQueue", err);
    *bytes = 0;
    CLBlastStatusCode told = CLBlastSGemmTempBufferSize(
        CLBlastLayoutRowMajor, transpose_of(product->transpose_a),
        transpose_of(product->transpose_b), product->m, product->n, product->k, offset,
        bncli_product_row_of_a(product), offset, bncli_product_row_of_b(product), offset,
        bncli_product_row_of_c(product), &queue, bytes);
    clReleaseCommandQueue(queue);
    return status_of(told, err);
}

bncl_status bncli_clblast_sgemm(bncl_queue *queue, const bncli_product *product,
                                const bncl_tensor *a, const bncl_tensor *b, float beta,
                                const bncl_tensor *c, const bncl_buffer *workspace, bncl_error *err)
{
    if (queue->out_of_order) {
        cl_int code = clEnqueueBarrierWithWaitList(queue->cl, 0, NULL, NULL);
        if (code != CL_SUCCESS)
            return bncli_cl_status(code, "clEnqueueBarrierWithWaitList", err);
    }
    atomic_store(&queue->context->used_clblast, true);
    bncli_recording recording = bncli_recording_begin(queue, NULL);
    bncli_recording_mark(&recording, queue); /* the event is the last of several kernels' */
    const CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutRowMajor, transpose_of(product->transpose_a),
        transpose_of(product->transpose_b), product->m, product->n, product->k, 1.0f, a->buffer->cl,
        a->offset, bncli_product_row_of_a(product), b->buffer->cl, b->offset,
        bncli_product_row_of_b(product), beta, c->buffer->cl, c->offset,
        bncli_product_row_of_c(product), &queue->cl, bncli_recording_event(&recording),
        workspace != NULL ? workspace->cl : NULL);
    const bncli_command_facts facts = {.name = "sgemm",
                                       .kind = BNCLI_COMMAND_PRODUCT,
                                       .bytes = bncli_tensor_bytes(a) + bncli_tensor_bytes(b) +
                                                bncli_tensor_bytes(c)};
    bncli_recording_told(&recording, (cl_int)code, &facts);
    return status_of(code, err);
}

void bncli_clblast_forget(const bncl_context *context)
{
    if (atomic_load(&context->used_clblast))
        CLBlastClearCache();
}
