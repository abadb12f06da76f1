/* The one CLBlast call. */
#include "runtime/clblast.h"

#include "base/error.h"
#include "runtime/objects.h"

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

static CLBlastTranspose transpose_of(bncli_matrix matrix)
{
    return matrix.transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

/* CLBlast copies large matrices into a workspace of its own. Where it cannot have that memory,
   1.5.3 ends the process: it releases the buffer that was never made, and throws from a destructor.
   So we make the workspace, which fails like any other buffer; *out is NULL where none is needed.
   */
static bncl_status create_workspace(bncl_queue *queue, size_t m, size_t n, size_t k, bncli_matrix a,
                                    bncli_matrix b, bncli_matrix c, bncl_buffer **out,
                                    bncl_error *err)
{
    size_t bytes = 0;
    CLBlastStatusCode code =
        CLBlastSGemmTempBufferSize(CLBlastLayoutRowMajor, transpose_of(a), transpose_of(b), m, n, k,
                                   a.tensor->offset, a.row_length, b.tensor->offset, b.row_length,
                                   c.tensor->offset, c.row_length, &queue->cl, &bytes);
    *out = NULL;
    if (code != CLBlastSuccess || bytes == 0)
        return status_of(code, err);
    return bncl_buffer_create(queue->context, bytes, out, err);
}

bncl_status bncli_clblast_sgemm(bncl_queue *queue, size_t m, size_t n, size_t k, bncli_matrix a,
                                bncli_matrix b, float beta, bncli_matrix c, bncl_error *err)
{
    if (queue->out_of_order) {
        cl_int code = clEnqueueBarrierWithWaitList(queue->cl, 0, NULL, NULL);
        if (code != CL_SUCCESS)
            return bncli_cl_status(code, "clEnqueueBarrierWithWaitList", err);
    }
    bncl_buffer *workspace;
    bncl_status status = create_workspace(queue, m, n, k, a, b, c, &workspace, err);
    if (status != BNCL_OK)
        return status;
    CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutRowMajor, transpose_of(a), transpose_of(b), m, n, k, 1.0f,
        a.tensor->buffer->cl, a.tensor->offset, a.row_length, b.tensor->buffer->cl,
        b.tensor->offset, b.row_length, beta, c.tensor->buffer->cl, c.tensor->offset, c.row_length,
        &queue->cl, NULL, workspace != NULL ? workspace->cl : NULL);
    bncl_buffer_destroy(workspace); /* the enqueued commands keep its memory */
    return status_of(code, err);
}
