/* Stochastic gradient descent: one launch over one flat tensor. */
#include <bncl/sgd.h>

#include <bncl/buffer.h>

#include "base/alloc.h"
#include "base/error.h"
#include "ops/operand.h"
#include "program/build.h"
#include "program/tuning.h"
#include "runtime/context.h"
#include "runtime/launch.h"
#include "runtime/queue.h"

enum { HAS_MOMENTUM = 1, NESTEROV = 2, FIRST_STEP = 4 };

struct bncl_sgd {
    bncl_context *context; /* borrowed */
    size_t count;
    bncl_sgd_options options;
    bncli_tuning tuning;
    bncl_buffer *momentum; /* 0 bytes without momentum */
    bool stepped;
    bncli_kernel *step;
};

bncl_sgd_options bncl_sgd_options_default(void)
{
    return (bncl_sgd_options){.lr = 1e-3};
}

/* PyTorch's checks, which let NaN pass: here it does not. */
static bncl_status check_options(const bncl_sgd_options *o, bncl_error *err)
{
    if (!(o->lr >= 0.0))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "Invalid learning rate: %g", o->lr);
    if (!(o->momentum >= 0.0))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "Invalid momentum value: %g", o->momentum);
    if (!(o->weight_decay >= 0.0))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "Invalid weight_decay value: %g",
                          o->weight_decay);
    if (o->nesterov && !(o->momentum > 0.0 && o->dampening == 0.0))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                          "Nesterov momentum requires a momentum and zero dampening");
    return BNCL_OK;
}

static bncl_status create_parts(bncl_sgd *sgd, bncl_error *err)
{
    const size_t bytes = sgd->options.momentum != 0.0 ? sgd->count * sizeof(float) : 0;
    bncl_status status = bncli_tuning_of(sgd->context, &sgd->tuning, err);
    const bncli_macro macros[] = {{"VEC", sgd->tuning.vector}};
    if (status == BNCL_OK)
        status = bncl_buffer_create(sgd->context, bytes, &sgd->momentum, err);
    if (status == BNCL_OK)
        status = bncli_kernel_build(sgd->context, "sgd_step", macros, BNCLI_COUNT(macros),
                                    &sgd->step, err);
    return status;
}

bncl_status bncl_sgd_create(bncl_context *context, size_t count, const bncl_sgd_options *options,
                            bncl_sgd **out, bncl_error *err)
{
    bncli_error_clear(err);
    const bncl_sgd_options chosen = options != NULL ? *options : bncl_sgd_options_default();
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    bncl_status status = check_options(&chosen, err);
    if (status != BNCL_OK)
        return status;
    if (count > BNCLI_MAX_COUNT)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected at most 2^31 elements, got %zu",
                          count);
    bncl_sgd *sgd;
    status = bncli_new(&sgd, 1, sizeof *sgd, err);
    if (status != BNCL_OK)
        return status;
    sgd->context = context;
    sgd->count = count;
    sgd->options = chosen;
    status = create_parts(sgd, err);
    if (status != BNCL_OK) {
        bncl_sgd_destroy(sgd);
        return status;
    }
    *out = sgd;
    return BNCL_OK;
}

void bncl_sgd_destroy(bncl_sgd *sgd)
{
    if (sgd == NULL)
        return;
    bncli_kernel_destroy(sgd->step);
    bncl_buffer_destroy(sgd->momentum);
    bncli_free(sgd);
}

bncl_status bncl_sgd_set_lr(bncl_sgd *sgd, double lr, bncl_error *err)
{
    bncli_error_clear(err);
    if (sgd == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "sgd is NULL");
    bncl_sgd_options changed = sgd->options;
    changed.lr = lr;
    bncl_status status = check_options(&changed, err);
    if (status == BNCL_OK)
        sgd->options = changed;
    return status;
}

static bncl_status check_step(const bncl_sgd *sgd, const bncl_queue *queue, const bncl_tensor *w,
                              const bncl_tensor *dw, bncl_error *err)
{
    if (sgd == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "sgd is NULL");
    bncl_status status = bncli_queue_check(sgd->context, queue, err);
    if (status == BNCL_OK)
        status = bncli_operand_check_count(sgd->context, (bncli_operand){w, "w"}, BNCL_F32,
                                           sgd->count, err);
    if (status == BNCL_OK)
        status = bncli_operand_check_count(sgd->context, (bncli_operand){dw, "dw"}, BNCL_F32,
                                           sgd->count, err);
    return status;
}

bncl_status bncl_sgd_step(bncl_sgd *sgd, bncl_queue *queue, const bncl_tensor *w,
                          const bncl_tensor *dw, const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check_step(sgd, queue, w, dw, err);
    if (status == BNCL_OK)
        status = bncli_queue_begin(queue, sync, err);
    if (status != BNCL_OK)
        return status;
    if (sgd->count == 0)
        return bncli_queue_end(queue, sync, err);
    const bncl_sgd_options *o = &sgd->options;
    unsigned flags = (o->momentum != 0.0 ? HAS_MOMENTUM : 0u) | (o->nesterov ? NESTEROV : 0u) |
                     (sgd->stepped ? 0u : FIRST_STEP);
    const bncli_argument arguments[] = {bncli_arg_tensor(w),
                                        bncli_arg_tensor(dw),
                                        bncli_arg_buffer(sgd->momentum),
                                        bncli_arg_uint(flags),
                                        bncli_arg_uint(sgd->count),
                                        bncli_arg_float(o->lr),
                                        bncli_arg_float(o->momentum),
                                        bncli_arg_float(1.0 - o->dampening),
                                        bncli_arg_float(o->weight_decay)};
    const size_t vectors = (sgd->count + sgd->tuning.vector - 1) / sgd->tuning.vector;
    const bncli_grid grid = {{vectors, 1}, {sgd->tuning.group, 1}};
    status = bncli_launch(queue, sgd->step, &grid, arguments, BNCLI_COUNT(arguments),
                          bncli_sync_signal(sync), err);
    if (status == BNCL_OK)
        sgd->stepped = true;
    return status;
}
