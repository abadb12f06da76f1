/* Forward: in one launch where the plan says so; else statistics, coefficients, y, and last of all
   the running statistics, so that nothing that fails on the way has changed them. */
#include "ops/batch_norm.h"

#include <inttypes.h>

#include "base/error.h"
#include "ops/operand.h"
#include "runtime/queue.h"

bncl_status bncli_batch_norm_run_statistics(bncl_batch_norm *plan, bncl_queue *queue,
                                            const bncl_tensor *x, bncl_error *err)
{
    bncli_argument arguments[2 + BNCLI_TILE_ARGUMENTS] = {bncli_batch_norm_arg(plan, x),
                                                          bncli_arg_tensor(&plan->partial)};
    const size_t count = 2 + bncli_batch_norm_tile_arguments(plan, arguments + 2);
    return bncli_batch_norm_step_run(plan, BNCLI_STATISTICS, queue, arguments, count, NULL, err);
}

static unsigned merge_flags(const bncl_batch_norm_forward *args)
{
    return (bncli_present(&args->gamma) ? BNCLI_HAS_GAMMA : 0u) |
           (bncli_present(&args->beta) ? BNCLI_HAS_BETA : 0u) |
           (bncli_present(&args->save_mean) ? BNCLI_HAS_SAVE : 0u);
}

static unsigned apply_flags(const bncl_batch_norm_forward *args)
{
    return (bncli_present(&args->residual) ? BNCLI_HAS_RESIDUAL : 0u) |
           (bncli_present(&args->mask) ? BNCLI_HAS_MASK : 0u);
}

static unsigned running_flags(const bncl_batch_norm_forward *args)
{
    return (bncli_present(&args->running_mean) ? BNCLI_HAS_RUNNING_MEAN : 0u) |
           (bncli_present(&args->running_var) ? BNCLI_HAS_RUNNING_VAR : 0u);
}

static bncl_status run_merge(bncl_batch_norm *plan, bncl_queue *queue,
                             const bncl_batch_norm_forward *args,
                             const bncli_batch_norm_parts *parts, bncl_error *err)
{
    const bncli_argument arguments[] = {
        bncli_arg_tensor(parts->partial),
        bncli_arg_tensor(&plan->coefficients),
        bncli_arg_tensor(&args->gamma),
        bncli_arg_tensor(&args->beta),
        bncli_arg_tensor(&args->save_mean),
        bncli_arg_tensor(&args->save_mean_lo),
        bncli_arg_tensor(&args->save_invstd),
        bncli_arg_uint(merge_flags(args)),
        bncli_arg_uint(plan->geometry.channels),
        bncli_arg_uint(parts->count),
        bncli_arg_uint(parts->tiles),
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
    const bncli_argument arguments[] = {
        bncli_batch_norm_arg(plan, &args->x),
        bncli_batch_norm_arg(plan, &args->y),
        bncli_batch_norm_arg(plan, &args->residual),
        bncli_arg_tensor(&args->mask),
        bncli_arg_tensor(&plan->coefficients),
        bncli_arg_uint(apply_flags(args)),
        bncli_arg_uint(g->outer),
        bncli_arg_uint(rows ? g->channels : g->inner),
        bncli_arg_uint(g->channels),
        bncli_batch_norm_low(plan),
        bncli_batch_norm_real(plan, plan->options.activation.max),
    };
    return bncli_batch_norm_step_run(plan, BNCLI_APPLY, queue, arguments, BNCLI_COUNT(arguments),
                                     signal, err);
}

/* Where a new running statistic goes: apart, where that is asked for, else in place. */
static const bncl_tensor *next_of(const bncl_tensor *running, const bncl_tensor *next)
{
    return bncli_present(next) ? next : running;
}

static bncl_status run_update(bncl_batch_norm *plan, bncl_queue *queue,
                              const bncl_batch_norm_forward *args, double momentum,
                              bncl_event **signal, bncl_error *err)
{
    const bncli_argument arguments[] = {
        bncli_arg_tensor(&plan->coefficients),
        bncli_arg_tensor(&args->running_mean),
        bncli_arg_tensor(&args->running_var),
        bncli_arg_tensor(next_of(&args->running_mean, &args->next_mean)),
        bncli_arg_tensor(next_of(&args->running_var, &args->next_var)),
        bncli_arg_uint(running_flags(args)),
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
    if (update && bncli_present(&args->next_mean))
        status = bncl_tensor_copy(queue, &args->running_mean, &args->next_mean, NULL, err);
    if (status == BNCL_OK && update && bncli_present(&args->next_var))
        status = bncl_tensor_copy(queue, &args->running_var, &args->next_var, NULL, err);
    return status == BNCL_OK ? bncli_queue_end(queue, sync, err) : status;
}

/* All of it in one launch. */
static bncl_status run_whole(bncl_batch_norm *plan, bncl_queue *queue,
                             const bncl_batch_norm_forward *args, const double *momentum,
                             bncl_event **signal, bncl_error *err)
{
    const bncli_geometry *g = &plan->geometry;
    const double take = momentum != NULL ? *momentum : 0.0;
    bncli_argument arguments[25] = {
        bncli_batch_norm_arg(plan, &args->x),
        bncli_batch_norm_arg(plan, &args->y),
        bncli_batch_norm_arg(plan, &args->residual),
        bncli_arg_tensor(&args->mask),
        bncli_arg_tensor(&plan->partial),
        bncli_arg_tensor(&args->gamma),
        bncli_arg_tensor(&args->beta),
        bncli_arg_tensor(&args->save_mean),
        bncli_arg_tensor(&args->save_mean_lo),
        bncli_arg_tensor(&args->save_invstd),
        bncli_arg_tensor(&args->running_mean),
        bncli_arg_tensor(&args->running_var),
        bncli_arg_tensor(next_of(&args->running_mean, &args->next_mean)),
        bncli_arg_tensor(next_of(&args->running_var, &args->next_var)),
        bncli_arg_uint(merge_flags(args) | apply_flags(args) |
                       (momentum != NULL ? running_flags(args) : 0u)),
    };
    size_t count = 15;
    if (g->inner != 1)
        arguments[count++] = bncli_arg_uint(g->outer);
    count += bncli_batch_norm_tile_arguments(plan, arguments + count);
    arguments[count++] = bncli_batch_norm_real(plan, plan->options.eps);
    arguments[count++] = bncli_batch_norm_real(plan, 1.0 - take);
    arguments[count++] = bncli_batch_norm_real(plan, take);
    arguments[count++] = bncli_batch_norm_low(plan);
    arguments[count++] = bncli_batch_norm_real(plan, plan->options.activation.max);
    return bncli_batch_norm_step_run(plan, BNCLI_FORWARD_WHOLE, queue, arguments, count, signal,
                                     err);
}

/* Builds what the steps behind merged statistics lack before the first of them runs: one that
   cannot be built fails a call that has changed nothing, not even an x that is y. */
static bncl_status need_steps(bncl_batch_norm *plan, bool apply, bool update, bncl_error *err)
{
    bncl_status status = bncli_batch_norm_need(plan, BNCLI_STATISTICS_MERGE, err);
    if (status == BNCL_OK && apply)
        status = bncli_batch_norm_need(plan, BNCLI_APPLY, err);
    if (status == BNCL_OK && update)
        status = bncli_batch_norm_need(plan, BNCLI_RUNNING_UPDATE, err);
    return status;
}

/* Normalizes with what is merged, or else with the batch's own statistics; where there is a
   momentum the running ones follow. */
static bncl_status run_batch(bncl_batch_norm *plan, bncl_queue *queue,
                             const bncl_batch_norm_forward *args,
                             const bncli_batch_norm_parts *merged, const double *momentum,
                             const bncl_sync *sync, bncl_error *err)
{
    const bncli_batch_norm_parts own = {&plan->partial, plan->tiles, plan->geometry.count};
    const bncli_batch_norm_parts *parts = merged != NULL ? merged : &own;
    if (parts->count == 0)
        return run_empty(queue, args, momentum != NULL, sync, err);
    const bool some = plan->geometry.total > 0;
    bncl_event **signal = bncli_sync_signal(sync);
    if (merged == NULL && plan->whole)
        return run_whole(plan, queue, args, momentum, signal, err);
    bncl_status status = need_steps(plan, some, momentum != NULL, err);
    if (status == BNCL_OK && merged == NULL)
        status = bncli_batch_norm_run_statistics(plan, queue, &args->x, err);
    if (status == BNCL_OK)
        status = run_merge(plan, queue, args, parts, err);
    if (status == BNCL_OK && some)
        status = run_apply(plan, queue, args, momentum != NULL ? NULL : signal, err);
    if (status == BNCL_OK && momentum != NULL)
        status = run_update(plan, queue, args, *momentum, signal, err);
    else if (status == BNCL_OK && !some)
        status = bncli_queue_end(queue, sync, err);
    return status;
}

/* Evaluation in one launch. */
static bncl_status run_direct(bncl_batch_norm *plan, bncl_queue *queue,
                              const bncl_batch_norm_forward *args, bncl_event **signal,
                              bncl_error *err)
{
    const bncli_geometry *g = &plan->geometry;
    const bncli_argument arguments[] = {
        bncli_batch_norm_arg(plan, &args->x),
        bncli_batch_norm_arg(plan, &args->y),
        bncli_batch_norm_arg(plan, &args->residual),
        bncli_arg_tensor(&args->mask),
        bncli_arg_tensor(&args->running_mean),
        bncli_arg_tensor(&args->running_var),
        bncli_arg_tensor(&args->gamma),
        bncli_arg_tensor(&args->beta),
        bncli_arg_uint(merge_flags(args) | apply_flags(args)),
        bncli_arg_uint(g->outer),
        bncli_arg_uint(g->inner == 1 ? g->channels : g->inner),
        bncli_arg_uint(g->channels),
        bncli_batch_norm_real(plan, plan->options.eps),
        bncli_batch_norm_low(plan),
        bncli_batch_norm_real(plan, plan->options.activation.max),
    };
    return bncli_batch_norm_step_run(plan, BNCLI_RUNNING_APPLY, queue, arguments,
                                     BNCLI_COUNT(arguments), signal, err);
}

static bncl_status check_pointers(const bncl_batch_norm *plan, const void *args, bncl_error *err)
{
    if (plan == NULL || args == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan or args is NULL");
    return BNCL_OK;
}

bncl_status bncli_batch_norm_train(bncl_batch_norm *plan, bncl_queue *queue,
                                   const bncl_batch_norm_forward *args,
                                   const bncli_batch_norm_parts *merged, const bncl_sync *sync,
                                   bncl_error *err)
{
    const bool update = bncli_present(&args->running_mean) || bncli_present(&args->running_var);
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
    bncl_status status = bncli_queue_begin(queue, sync, err);
    if (status == BNCL_OK)
        status = run_batch(plan, queue, args, merged, update ? &momentum : NULL, sync, err);
    if (status == BNCL_OK && args->num_batches_tracked != NULL)
        ++*args->num_batches_tracked;
    return status;
}

bncl_status bncl_batch_norm_forward_train(bncl_batch_norm *plan, bncl_queue *queue,
                                          const bncl_batch_norm_forward *args,
                                          const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    bncl_status status = check_pointers(plan, args, err);
    if (status == BNCL_OK)
        status = bncli_batch_norm_check_forward(plan, queue, args, BNCLI_BATCH_STATISTICS, err);
    return status == BNCL_OK ? bncli_batch_norm_train(plan, queue, args, NULL, sync, err) : status;
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
        return run_batch(plan, queue, args, NULL, NULL, sync, err);
    if (plan->geometry.total == 0)
        return bncli_queue_end(queue, sync, err);
    if (plan->direct)
        return run_direct(plan, queue, args, bncli_sync_signal(sync), err);
    status = bncli_batch_norm_use_running(plan, queue, &args->running_mean, &args->running_var,
                                          &args->gamma, &args->beta, err);
    if (status == BNCL_OK)
        status = run_apply(plan, queue, args, bncli_sync_signal(sync), err);
    return status;
}
