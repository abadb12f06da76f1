/* Forward: statistics, coefficients, y, and last of all the running statistics, so that nothing
   that fails on the way has changed them. */
#include "ops/batch_norm.h"

#include <inttypes.h>

#include "base/error.h"
#include "ops/operand.h"
#include "runtime/queue.h"

static bncl_status run_statistics(bncl_batch_norm *plan, bncl_queue *queue, const bncl_tensor *x,
                                  bncl_error *err)
{
    const bncli_geometry *g = &plan->geometry;
    if (g->inner == 1) {
        const bncli_argument rows[] = {
            bncli_batch_norm_arg(plan, x), bncli_arg_tensor(&plan->partial),
            bncli_arg_uint(g->channels), bncli_arg_uint(g->count), bncli_arg_uint(plan->tiles)};
        return bncli_batch_norm_step_run(plan, BNCLI_STATISTICS, queue, rows, BNCLI_COUNT(rows),
                                         NULL, err);
    }
    const bncli_argument inner[] = {bncli_batch_norm_arg(plan, x), bncli_arg_tensor(&plan->partial),
                                    bncli_arg_uint(g->channels),   bncli_arg_uint(g->inner),
                                    bncli_arg_uint(g->count),      bncli_arg_uint(plan->tiles)};
    return bncli_batch_norm_step_run(plan, BNCLI_STATISTICS, queue, inner, BNCLI_COUNT(inner), NULL,
                                     err);
}

static bncl_status run_merge(bncl_batch_norm *plan, bncl_queue *queue,
                             const bncl_batch_norm_forward *args, bncl_error *err)
{
    unsigned flags = (bncli_present(&args->gamma) ? BNCLI_HAS_GAMMA : 0u) |
                     (bncli_present(&args->beta) ? BNCLI_HAS_BETA : 0u) |
                     (bncli_present(&args->save_mean) ? BNCLI_HAS_SAVE : 0u);
    const bncli_argument arguments[] = {
        bncli_arg_tensor(&plan->partial),
        bncli_arg_tensor(&plan->coefficients),
        bncli_arg_tensor(&args->gamma),
        bncli_arg_tensor(&args->beta),
        bncli_arg_tensor(&args->save_mean),
        bncli_arg_tensor(&args->save_mean_lo),
        bncli_arg_tensor(&args->save_invstd),
        bncli_arg_uint(flags),
        bncli_arg_uint(plan->geometry.channels),
        bncli_arg_uint(plan->geometry.count),
        bncli_arg_uint(plan->tiles),
        bncli_batch_norm_real(plan, plan->options.eps),
    };
    return bncli_batch_norm_step_run(plan, BNCLI_STATISTICS_MERGE, queue, arguments,
                                     BNCLI_COUNT(arguments), NULL, err);
}

static bncl_status run_apply(bncl_batch_norm *plan, bncl_queue *queue,
                             const bncl_batch_norm_forward *args, bncl_event **signal,
                             bncl_error *err)
{
    const bncli_geometry *g = &plan->geometry;
    const bool rows = g->inner == 1;
    const unsigned flags = (bncli_present(&args->residual) ? BNCLI_HAS_RESIDUAL : 0u) |
                           (bncli_present(&args->mask) ? BNCLI_HAS_MASK : 0u);
    const bncli_argument arguments[] = {
        bncli_batch_norm_arg(plan, &args->x),
        bncli_batch_norm_arg(plan, &args->y),
        bncli_batch_norm_arg(plan, &args->residual),
        bncli_arg_tensor(&args->mask),
        bncli_arg_tensor(&plan->coefficients),
        bncli_arg_uint(flags),
        bncli_arg_uint(g->outer),
        bncli_arg_uint(rows ? g->channels : g->inner),
        bncli_arg_uint(g->channels),
        bncli_batch_norm_low(plan),
        bncli_batch_norm_real(plan, plan->options.activation.max),
    };
    return bncli_batch_norm_step_run(plan, BNCLI_APPLY, queue, arguments, BNCLI_COUNT(arguments),
                                     signal, err);
}

static bncl_status run_update(bncl_batch_norm *plan, bncl_queue *queue,
                              const bncl_batch_norm_forward *args, double momentum,
                              bncl_event **signal, bncl_error *err)
{
    const bool in_place = !bncli_present(&args->next_mean);
    const bncli_argument arguments[] = {
        bncli_arg_tensor(&plan->coefficients),
        bncli_arg_tensor(&args->running_mean),
        bncli_arg_tensor(&args->running_var),
        bncli_arg_tensor(in_place ? &args->running_mean : &args->next_mean),
        bncli_arg_tensor(in_place ? &args->running_var : &args->next_var),
        bncli_arg_uint(plan->geometry.channels),
        bncli_batch_norm_real(plan, 1.0 - momentum),
        bncli_batch_norm_real(plan, momentum),
    };
    return bncli_batch_norm_step_run(plan, BNCLI_RUNNING_UPDATE, queue, arguments,
                                     BNCLI_COUNT(arguments), signal, err);
}

/* An empty batch: nothing to normalize. New statistics, where asked for apart, are the old ones. */
static bncl_status run_empty(bncl_queue *queue, const bncl_batch_norm_forward *args, bool update,
                             const bncl_sync *sync, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    if (update && bncli_present(&args->next_mean)) {
        status = bncl_tensor_copy(queue, &args->running_mean, &args->next_mean, NULL, err);
        if (status == BNCL_OK)
            status = bncl_tensor_copy(queue, &args->running_var, &args->next_var, NULL, err);
    }
    return status == BNCL_OK ? bncli_queue_end(queue, sync, err) : status;
}

/* Normalizes with the batch's statistics; with `update` the running ones follow. */
static bncl_status run_batch(bncl_batch_norm *plan, bncl_queue *queue,
                             const bncl_batch_norm_forward *args, double momentum, bool update,
                             const bncl_sync *sync, bncl_error *err)
{
    if (plan->geometry.total == 0)
        return run_empty(queue, args, update, sync, err);
    bncl_event **signal = bncli_sync_signal(sync);
    bncl_status status = run_statistics(plan, queue, &args->x, err);
    if (status == BNCL_OK)
        status = run_merge(plan, queue, args, err);
    if (status == BNCL_OK)
        status = run_apply(plan, queue, args, update ? NULL : signal, err);
    if (status == BNCL_OK && update)
        status = run_update(plan, queue, args, momentum, signal, err);
    return status;
}

static bncl_status check_pointers(const bncl_batch_norm *plan, const void *args, bncl_error *err)
{
    if (plan == NULL || args == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan or args is NULL");
    return BNCL_OK;
}

bncl_status bncl_batch_norm_forward_train(bncl_batch_norm *plan, bncl_queue *queue,
                                          const bncl_batch_norm_forward *args,
                                          const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check_pointers(plan, args, err);
    if (status == BNCL_OK)
        status = bncli_batch_norm_check_forward(plan, queue, args, BNCLI_BATCH_STATISTICS, err);
    if (status != BNCL_OK)
        return status;
    const bool update = bncli_present(&args->running_mean);
    if (plan->options.cumulative && update && args->num_batches_tracked == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT,
                          "num_batches_tracked is NULL, which a cumulative average needs");
    if (args->num_batches_tracked != NULL &&
        (*args->num_batches_tracked < 0 || *args->num_batches_tracked == INT64_MAX))
        return bncli_fail(
            err, BNCL_ERROR_ARGUMENT,
            "num_batches_tracked: expected 0 or more, with room for one, got %" PRId64,
            *args->num_batches_tracked);
    double momentum = plan->options.momentum;
    if (plan->options.cumulative && update)
        momentum = 1.0 / ((double)*args->num_batches_tracked + 1.0);
    status = bncli_queue_begin(queue, sync, err);
    if (status == BNCL_OK)
        status = run_batch(plan, queue, args, momentum, update, sync, err);
    if (status == BNCL_OK && args->num_batches_tracked != NULL)
        ++*args->num_batches_tracked;
    return status;
}

bncl_status bncl_batch_norm_forward_eval(bncl_batch_norm *plan, bncl_queue *queue,
                                         const bncl_batch_norm_forward *args, const bncl_sync *sync,
                                         bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check_pointers(plan, args, err);
    if (status != BNCL_OK)
        return status;
    const bool running = bncli_present(&args->running_mean) || bncli_present(&args->running_var);
    status = bncli_batch_norm_check_forward(
        plan, queue, args, running ? BNCLI_RUNNING_STATISTICS : BNCLI_BATCH_STATISTICS, err);
    if (status == BNCL_OK)
        status = bncli_queue_begin(queue, sync, err);
    if (status != BNCL_OK)
        return status;
    if (!running)
        return run_batch(plan, queue, args, 0.0, false, sync, err);
    if (plan->geometry.total == 0)
        return bncli_queue_end(queue, sync, err);
    status = bncli_batch_norm_use_running(plan, queue, &args->running_mean, &args->running_var,
                                          &args->gamma, &args->beta, err);
    if (status == BNCL_OK)
        status = run_apply(plan, queue, args, bncli_sync_signal(sync), err);
    return status;
}
