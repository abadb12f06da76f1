/* Matrix products by OpenBLAS, as native kernels.

   A product is one command, which a thread of the driver's runs while its other threads wait;
   OpenBLAS brings the further threads, as many as it was told of (OPENBLAS_NUM_THREADS) or sees
   processors. That number is the process's, not this library's, so it is left alone. OpenBLAS
   takes calls from several threads at once, and each then has the bits it has alone: the number of
   threads decides who computes what, and that number stays. */
#include "ops/cblas.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cblas.h>

#include "base/error.h"
#include "runtime/native.h"

typedef struct cblas_command {
    bncli_product product;
    float beta;
    bncli_gemm_beside beside;
} cblas_command;

_Static_assert(sizeof(cblas_command) <= BNCLI_NATIVE_ARGUMENTS, "a command carries its arguments");

const char *bncli_cblas_obstacle(const bncli_device_facts *facts)
{
    return facts->runs_native ? NULL : "a device that runs native kernels on the host's memory";
}

/* OpenBLAS tells its version as the second word of its configuration. */
void bncli_cblas_describe(char *out, size_t size)
{
    char version[32] = "";
    sscanf(openblas_get_config(), "%*s %31s", version);
    snprintf(out, size, "OpenBLAS %s (native kernel)", version);
}

bncl_status bncli_cblas_workspace_size(bncl_context *context, const bncli_product *product,
                                       size_t *bytes, bncl_error *err)
{
    (void)context;
    if (product->m > INT_MAX || product->n > INT_MAX || product->k > INT_MAX)
        return bncli_fail(err, BNCL_ERROR_SHAPE,
                          "cblas: expected sizes of at most %d, got m %zu, n %zu, k %zu", INT_MAX,
                          product->m, product->n, product->k);
    *bytes = 0;
    return BNCL_OK;
}

static CBLAS_TRANSPOSE transpose_of(bool transposed)
{
    return transposed ? CblasTrans : CblasNoTrans;
}

/* The matrix [rows, columns] as it is stored, times a vector. beta·C is made here: whether 0·NaN
   is 0 there depends on OpenBLAS's version, and C is one row. */
static void multiply_vector(bool transposed, size_t rows, size_t columns, const float *matrix,
                            const float *vector, float beta, float *c)
{
    if (beta == 0.0f)
        memset(c, 0, (transposed ? columns : rows) * sizeof *c);
    cblas_sgemv(CblasRowMajor, transpose_of(transposed), (blasint)rows, (blasint)columns, 1.0f,
                matrix, (blasint)columns, vector, 1, 1.0f, c, 1);
}

/* A vector, of one row or of one column, is dense whichever way it is stored. */
static void multiply(const void *arguments, void *const *first)
{
    const cblas_command *command = arguments;
    const bncli_product *p = &command->product;
    const float *a = first[0], *b = first[1];
    float *c = first[2];
    if (p->m == 1) /* cᵀ = op(B)ᵀ·aᵀ */
        multiply_vector(!p->transpose_b, p->transpose_b ? p->n : p->k, bncli_product_row_of_b(p), b,
                        a, command->beta, c);
    else if (p->n == 1)
        multiply_vector(p->transpose_a, p->transpose_a ? p->k : p->m, bncli_product_row_of_a(p), a,
                        b, command->beta, c);
    else
        cblas_sgemm(CblasRowMajor, transpose_of(p->transpose_a), transpose_of(p->transpose_b),
                    (blasint)p->m, (blasint)p->n, (blasint)p->k, 1.0f, a,
                    (blasint)bncli_product_row_of_a(p), b, (blasint)bncli_product_row_of_b(p),
                    command->beta, c, (blasint)bncli_product_row_of_c(p));
}

/* ---- what is done beside a product ---- */

static void begin_rows(float *c, size_t rows, size_t columns, const float *bias)
{
    for (size_t i = 0; i < rows; ++i)
        memcpy(c + i * columns, bias, columns * sizeof *c);
}

/* As many columns of a sum as are worked on at once. */
enum { SUMS_WIDTH = 64, SUMS_LEAF = 32 };

/* (hi, lo) += leaf, for each of `width` columns: twofold_add of kernels/arithmetic.cl. */
static inline void add_leaf(float *hi, float *lo, const float *leaf, size_t width)
{
    for (size_t i = 0; i < width; ++i) {
        const float sum = hi[i] + leaf[i], part = sum - hi[i];
        const float error = ((hi[i] - (sum - part)) + (leaf[i] - part)) + lo[i];
        const float better = sum + error;
        lo[i] = error - (better - sum);
        hi[i] = fabsf(sum) <= FLT_MAX ? better : sum;
    }
}

/* The sums of `width` columns, at most SUMS_WIDTH, of a matrix whose rows are `stride` apart. */
static inline void sum_block(const float *matrix, size_t rows, size_t stride, size_t width,
                             bool add, float *sums)
{
    float hi[SUMS_WIDTH] = {0.0f}, lo[SUMS_WIDTH] = {0.0f};
    for (size_t first = 0; first < rows; first += SUMS_LEAF) {
        const size_t end = first + SUMS_LEAF < rows ? first + SUMS_LEAF : rows;
        float leaf[SUMS_WIDTH] = {0.0f};
        for (size_t r = first; r < end; ++r)
            for (size_t i = 0; i < width; ++i)
                leaf[i] += matrix[r * stride + i];
        add_leaf(hi, lo, leaf, width);
    }
    for (size_t i = 0; i < width; ++i)
        sums[i] = add ? sums[i] + hi[i] : hi[i];
}

/* Full blocks by themselves: the compiler makes vectors of a width that it knows. */
static void sum_columns(const float *matrix, size_t rows, size_t columns, bool add, float *sums)
{
    size_t at = 0;
    for (; at + SUMS_WIDTH <= columns; at += SUMS_WIDTH)
        sum_block(matrix + at, rows, columns, SUMS_WIDTH, add, sums + at);
    if (at < columns)
        sum_block(matrix + at, rows, columns, columns - at, add, sums + at);
}

/* first: A, B, C, the vector. */
static void multiply_beside(const void *arguments, void *const *first)
{
    cblas_command command = *(const cblas_command *)arguments;
    const bncli_product *p = &command.product;
    if (command.beside == BNCLI_GEMM_BIAS) {
        begin_rows(first[2], p->m, p->n, first[3]);
        command.beta = 1.0f;
    } else {
        sum_columns(first[0], p->k, p->m, command.beside == BNCLI_GEMM_ADDED, first[3]);
    }
    multiply(&command, first);
}

/* ---- commands ---- */

bncl_status bncli_cblas_sgemm(bncl_queue *queue, const bncli_product *product, const bncl_tensor *a,
                              const bncl_tensor *b, float beta, const bncl_tensor *c,
                              const bncl_buffer *workspace, bncl_error *err)
{
    (void)workspace;
    const cblas_command command = {.product = *product, .beta = beta, .beside = BNCLI_GEMM_ALONE};
    const bncl_tensor *const tensors[] = {a, b, c};
    return bncli_native_run(queue, "sgemm", multiply, &command, sizeof command, tensors, 3, err);
}

bncl_status bncli_cblas_sgemm_beside(bncl_queue *queue, const bncli_product *product,
                                     const bncl_tensor *a, const bncl_tensor *b, float beta,
                                     const bncl_tensor *c, bncli_gemm_beside beside,
                                     const bncl_tensor *vector, bncl_error *err)
{
    const cblas_command command = {.product = *product, .beta = beta, .beside = beside};
    const bncl_tensor *const tensors[] = {a, b, c, vector};
    return bncli_native_run(queue, "sgemm", multiply_beside, &command, sizeof command, tensors, 4,
                            err);
}
