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

bncl_status bncli_clblast_sgemm(bncl_queue *queue, size_t m, size_t n, size_t k, bncli_matrix a,
                                bncli_matrix b, float beta, bncli_matrix c, bncl_error *err)
{
    if (queue->out_of_order) {
        cl_int code = clEnqueueBarrierWithWaitList(queue->cl, 0, NULL, NULL);
        if (code != CL_SUCCESS)
            return bncli_cl_status(code, "clEnqueueBarrierWithWaitList", err);
    }
    CLBlastStatusCode code =
        CLBlastSgemm(CLBlastLayoutRowMajor, transpose_of(a), transpose_of(b), m, n, k, 1.0f,
                     a.tensor->buffer->cl, a.tensor->offset, a.row_length, b.tensor->buffer->cl,
                     b.tensor->offset, b.row_length, beta, c.tensor->buffer->cl, c.tensor->offset,
                     c.row_length, &queue->cl, NULL);
    return status_of(code, err);
}
