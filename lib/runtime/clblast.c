/* The CLBlast calls: a product of matrices, or of a matrix and a vector. */
#include "runtime/clblast.h"

#include "base/error.h"
#include "runtime/clblast_parameters.h"
#include "runtime/objects.h"
#include "runtime/recorder.h"
#include "tensor/tensor.h"

#include <stdbool.h>

#include <clblast_c.h>

/* CLBlast's own codes lie below -1000, apart from OpenCL's. */
static bncl_status status_of(CLBlastStatusCode code, const char *call, bncl_error *err)
{
    if (code == CLBlastSuccess)
        return BNCL_OK;
    bncl_status known = bncli_cl_status((cl_int)code, call, err);
    if (known != BNCL_ERROR_OPENCL)
        return known;
    return bncli_fail(err, BNCL_ERROR_BLAS, "%s failed with code %d (%s)", call, (int)code,
                      bncli_cl_error_name((cl_int)code));
}

static CLBlastTranspose transpose_of(bool transposed)
{
    return transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

/* One row or one column of C. */
static bool is_vector(const bncli_product *product)
{
    return product->m == 1 || product->n == 1;
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
    *bytes = 0;
    if (is_vector(product))
        return BNCL_OK;
    bncl_status status = status_of(bncli_clblast_suit(context), "CLBlastOverrideParameters", err);
    if (status != BNCL_OK)
        return status;
    cl_command_queue queue = clCreateCommandQueue(context->cl, context->device, 0, &code);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clCreateCommandQueue", err);
    CLBlastStatusCode told = CLBlastSGemmTempBufferSize(
        CLBlastLayoutRowMajor, transpose_of(product->transpose_a),
        transpose_of(product->transpose_b), product->m, product->n, product->k, offset,
        bncli_product_row_of_a(product), offset, bncli_product_row_of_b(product), offset,
        bncli_product_row_of_c(product), &queue, bytes);
    clReleaseCommandQueue(queue);
    return status_of(told, "CLBlastSGemmTempBufferSize", err);
}

/* The matrix as it is stored, [rows, columns], times a vector: with a row of C that is
   cᵀ += op(B)ᵀ·aᵀ. CLBlast's product of matrices works on blocks of many rows, of which such a
   product would use one. */
static CLBlastStatusCode multiply_vector(bncl_queue *queue, const bncli_product *p,
                                         const bncl_tensor *a, const bncl_tensor *b,
                                         const bncl_tensor *c, cl_event *event)
{
    const bool row = p->m == 1;
    const bncl_tensor *matrix = row ? b : a, *vector = row ? a : b;
    const bool transposed = row ? !p->transpose_b : p->transpose_a;
    const size_t columns = row ? bncli_product_row_of_b(p) : bncli_product_row_of_a(p);
    const size_t outputs = row ? p->n : p->m, rows = transposed ? p->k : outputs;
    return CLBlastSgemv(CLBlastLayoutRowMajor, transpose_of(transposed), rows, columns, 1.0f,
                        matrix->buffer->cl, matrix->offset, columns, vector->buffer->cl,
                        vector->offset, 1, 1.0f, c->buffer->cl, c->offset, 1, &queue->cl, event);
}

static bncl_status keep_order(bncl_queue *queue, bncl_error *err)
{
    if (!queue->out_of_order)
        return BNCL_OK;
    cl_int code = clEnqueueBarrierWithWaitList(queue->cl, 0, NULL, NULL);
    return bncli_cl_status(code, "clEnqueueBarrierWithWaitList", err);
}

/* CLBlast adds 0·C, which is NaN where C is, as memory that was never written may be. */
static bncl_status clear(bncl_queue *queue, const bncl_tensor *c, size_t count, bncl_error *err)
{
    const float zero = 0.0f;
    cl_int code = clEnqueueFillBuffer(queue->cl, c->buffer->cl, &zero, sizeof zero,
                                      c->offset * sizeof zero, count * sizeof zero, 0, NULL, NULL);
    bncl_status status = bncli_cl_status(code, "clEnqueueFillBuffer", err);
    return status == BNCL_OK ? keep_order(queue, err) : status;
}

bncl_status bncli_clblast_sgemm(bncl_queue *queue, const bncli_product *product,
                                const bncl_tensor *a, const bncl_tensor *b, float beta,
                                const bncl_tensor *c, const bncl_buffer *workspace, bncl_error *err)
{
    bncl_status status = keep_order(queue, err);
    if (status == BNCL_OK && is_vector(product) && beta == 0.0f)
        status = clear(queue, c, product->m * product->n, err);
    if (status != BNCL_OK)
        return status;
    atomic_store(&queue->context->used_clblast, true);
    const bool vector = is_vector(product);
    bncli_recording recording = bncli_recording_begin(queue, NULL);
    bncli_recording_mark(&recording, queue); /* the event is the last of several kernels' */
    cl_event *event = bncli_recording_event(&recording);
    const CLBlastStatusCode code =
        vector
            ? multiply_vector(queue, product, a, b, c, event)
            : CLBlastSgemmWithTempBuffer(CLBlastLayoutRowMajor, transpose_of(product->transpose_a),
                                         transpose_of(product->transpose_b), product->m, product->n,
                                         product->k, 1.0f, a->buffer->cl, a->offset,
                                         bncli_product_row_of_a(product), b->buffer->cl, b->offset,
                                         bncli_product_row_of_b(product), beta, c->buffer->cl,
                                         c->offset, bncli_product_row_of_c(product), &queue->cl,
                                         event, workspace != NULL ? workspace->cl : NULL);
    const bncli_command_facts facts = {.name = vector ? "sgemv" : "sgemm",
                                       .kind = BNCLI_COMMAND_PRODUCT,
                                       .bytes = bncli_tensor_bytes(a) + bncli_tensor_bytes(b) +
                                                bncli_tensor_bytes(c)};
    bncli_recording_told(&recording, (cl_int)code, &facts);
    return status_of(code, vector ? "CLBlastSgemv" : "CLBlastSgemm", err);
}

void bncli_clblast_forget(const bncl_context *context)
{
    if (atomic_load(&context->used_clblast))
        CLBlastClearCache();
}
