/* An operator of libbncl, ready to be called again and again. */
#ifndef BENCH_OPERATION_H
#define BENCH_OPERATION_H

#include "bench_world.h"

enum { BENCH_MOST_PARTS = 12 };

/* Plan, tensors and arguments of one case. Those that its operator has no use for are NULL. */
typedef struct bench_operation {
    bench_world *world;
    bench_case c;
    bncl_buffer *parts[BENCH_MOST_PARTS]; /* of the tensors that are not as large as x */
    size_t part_count;
    bncl_batch_norm *norm;
    bncl_batch_norm_forward forward;
    bncl_batch_norm_backward backward;
    bncl_elementwise *elementwise;
    bncl_activation activation;
    bncl_tensor mask;
    bncl_linear *linear;
    bncl_tensor weight, bias, y;
    bncl_linear_backward_args linear_backward;
    bncl_cross_entropy *loss;
    bncl_cross_entropy_args loss_args;
    bncl_sgd *sgd;
} bench_operation;

/* Makes plan and arguments; *operation holds world and case, and nothing else. May run kernels. */
bncl_status bench_batch_norm_prepare(bench_operation *operation, bncl_error *err);
bncl_status bench_activation_prepare(bench_operation *operation, bncl_error *err);
bncl_status bench_add_prepare(bench_operation *operation, bncl_error *err);
bncl_status bench_linear_prepare(bench_operation *operation, bncl_error *err);
bncl_status bench_loss_prepare(bench_operation *operation, bncl_error *err);
bncl_status bench_sgd_prepare(bench_operation *operation, bncl_error *err);

/* One call. Enqueues and returns. */
bncl_status bench_batch_norm_call(bench_operation *operation, bncl_error *err);
bncl_status bench_activation_call(bench_operation *operation, bncl_error *err);
bncl_status bench_add_call(bench_operation *operation, bncl_error *err);
bncl_status bench_linear_call(bench_operation *operation, bncl_error *err);
bncl_status bench_loss_call(bench_operation *operation, bncl_error *err);
bncl_status bench_sgd_call(bench_operation *operation, bncl_error *err);

/* A tensor of its own, in which every element is `value`. */
bncl_status bench_operation_part(bench_operation *operation, bncl_dtype dtype, int rank,
                                 const size_t *dims, double value, bncl_tensor *out,
                                 bncl_error *err);

#endif
