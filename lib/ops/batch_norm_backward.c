/* Backward: of g, which is dy behind the activation, the sums Σg and Σg·(x-mean), dgamma and dbeta
   from them, then dx and dresidual: which may take dy's place, as by then the sums have read it. */
#include "ops/batch_norm.h"

#include "base/error.h"
#include "ops/operand.h"
#include "runtime/queue.h"

/* The statistics that a backward call goes through. */
typedef struct through {
    bool frozen;
    const bncl_tensor *mean, *mean_lo;    /* mean_lo absent when frozen */
    const bncl_tensor *invstd;            /* running_var when frozen */
    const bncli_batch_norm_parts *merged; /* sums of more than this batch; NULL: its own */
} through;

static through through_batch(const bncl_batch_norm_backward *args,
                             const bncli_batch_norm_parts *merged)
{
    return (through){.frozen = false,
                     .mean = &args->save_mean,
                     .mean_lo = &args->save_mean_lo,
                     .invstd = &args->save_invstd,
                     .merged = merged};
}

static bncl_status run_sums(bncl_batch_norm *plan, bncl_queue *queue,
                            const bncl_batch_norm_backward *args, const through *stats,
                            bncl_error *err)
{
    bncli_argument arguments[8 + BNCLI_TILE_ARGUMENTS] = {
        bncli_batch_norm_arg(plan, &args->x), bncli_batch_norm_arg(plan, &args->dy),
        bncli_arg_tensor(stats->mean),        bncli_arg_tensor(stats->mean_lo),
        bncli_arg_tensor(&args->mask),        bncli_arg_tensor(&plan->partial),
        bncli_arg_uint(!stats->frozen),
    };
    size_t count = 7;
    count += bncli_batch_norm_tile_arguments(plan, arguments + count);
    arguments[count++] = bncli_batch_norm_low(plan);
    return bncli_batch_norm_step_run(plan, BNCLI_BACKWARD_SUMS, queue, arguments, count, NULL, err);
}

bncl_status bncli_batch_norm_run_sums(bncl_batch_norm *plan, bncl_queue *queue,
                                      const bncl_batch_norm_backward *args, bncl_error *err)
{
    const through stats = through_batch(args, NULL);
    return run_sums(plan, queue, args, &stats, err);
}

static unsigned merge_flags(const bncl_batch_norm_backward *args)
{
    return (bncli_present(&args->gamma) ? BNCLI_HAS_GAMMA : 0u) |
           (bncli_present(&args->dgamma) ? BNCLI_HAS_DGAMMA : 0u) |
           (bncli_present(&args->dbeta) ? BNCLI_HAS_DBETA : 0u) |
           (args->accumulate_parameters ? BNCLI_ACCUMULATE : 0u);
}

static unsigned apply_flags(const bncl_batch_norm_backward *args)
{
    return (bncli_present(&args->dx) ? BNCLI_HAS_DX : 0u) |
           (args->accumulate_dx ? BNCLI_ACCUMULATE_DX : 0u) |
           (bncli_present(&args->dresidual) ? BNCLI_HAS_DRESIDUAL : 0u) |
           (args->accumulate_dresidual ? BNCLI_ACCUMULATE_DRESIDUAL : 0u);
}

static bncl_status run_merge(bncl_batch_norm *plan, bncl_queue *queue,
                             const bncl_batch_norm_backward *args, const through *stats,
                             bncl_event **signal, bncl_error *err)
{
    const bncli_batch_norm_parts own = {&plan->partial, plan->tiles, plan->geometry.count};
    const bncli_batch_norm_parts *parts = stats->merged != NULL ? stats->merged : &own;
    const bncli_argument arguments[] = {
        bncli_arg_tensor(parts->partial),
        bncli_arg_tensor(&plan->coefficients),
        bncli_arg_tensor(&args->gamma),
        bncli_arg_tensor(stats->mean),
        bncli_arg_tensor(stats->mean_lo),
        bncli_arg_tensor(stats->invstd),
        bncli_arg_tensor(&args->dgamma),
        bncli_arg_tensor(&args->dbeta),
        bncli_arg_uint(merge_flags(args) | (stats->frozen ? BNCLI_FROZEN : 0u)),
        bncli_arg_uint(plan->geometry.channels),
        bncli_arg_uint(parts->count),
        bncli_arg_uint(parts->tiles),
        bncli_batch_norm_real(plan, plan->options.eps),
    };
    return bncli_batch_norm_step_run(plan, BNCLI_BACKWARD_MERGE, queue, arguments,
                                     BNCLI_COUNT(arguments), signal, err);
}

/* The kernel for frozen statistics is that of batch statistics without x; without dx it reads no
   coefficients, and serves both. */
static bncli_batch_norm_step apply_step(bool frozen, bool dx)
{
    return frozen || !dx ? BNCLI_BACKWARD_APPLY_FROZEN : BNCLI_BACKWARD_APPLY;
}

/* dx and dresidual. */
static bncl_status run_apply(bncl_batch_norm *plan, bncl_queue *queue,
                             const bncl_batch_norm_backward *args, bool frozen, bncl_event **signal,
                             bncl_error *err)
{
    const bncli_geometry *g = &plan->geometry;
    const bncli_argument arguments[] = {
        bncli_batch_norm_arg(plan, &args->x),
        bncli_batch_norm_arg(plan, &args->dy),
        bncli_batch_norm_arg(plan, &args->dx),
        bncli_batch_norm_arg(plan, &args->dresidual),
        bncli_arg_tensor(&args->mask),
        bncli_arg_tensor(&plan->coefficients),
        bncli_arg_uint(apply_flags(args)),
        bncli_arg_uint(g->outer),
        bncli_arg_uint(g->inner == 1 ? g->channels : g->inner),
        bncli_arg_uint(g->channels),
        bncli_batch_norm_low(plan),
    };
    const bncli_batch_norm_step step = apply_step(frozen, bncli_present(&args->dx));
    const size_t first = step == BNCLI_BACKWARD_APPLY ? 0 : 1; /* no x */
    return bncli_batch_norm_step_run(plan, step, queue, arguments + first,
                                     BNCLI_COUNT(arguments) - first, signal, err);
}

/* An empty batch has zero gradients, and an empty dx. */
static bncl_status run_empty(bncl_queue *queue, const bncl_batch_norm_backward *args,
                             const bncl_sync *sync, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    if (args->accumulate_parameters)
        return bncli_queue_end(queue, sync, err);
    if (bncli_present(&args->dgamma))
        status = bncl_tensor_fill(queue, &args->dgamma, 0.0, NULL, err);
    if (status == BNCL_OK && bncli_present(&args->dbeta))
        status = bncl_tensor_fill(queue, &args->dbeta, 0.0, NULL, err);
    return status == BNCL_OK ? bncli_queue_end(queue, sync, err) : status;
}

/* All of it in one launch, through the batch's own statistics. */
static bncl_status run_whole(bncl_batch_norm *plan, bncl_queue *queue,
                             const bncl_batch_norm_backward *args, bncl_event **signal,
                             bncl_error *err)
{
    const bncli_geometry *g = &plan->geometry;
    bncli_argument arguments[19] = {
        bncli_batch_norm_arg(plan, &args->x),
        bncli_batch_norm_arg(plan, &args->dy),
        bncli_batch_norm_arg(plan, &args->dx),
        bncli_batch_norm_arg(plan, &args->dresidual),
        bncli_arg_tensor(&args->mask),
        bncli_arg_tensor(&plan->partial),
        bncli_arg_tensor(&args->gamma),
        bncli_arg_tensor(&args->save_mean),
        bncli_arg_tensor(&args->save_mean_lo),
        bncli_arg_tensor(&args->save_invstd),
        bncli_arg_tensor(&args->dgamma),
        bncli_arg_tensor(&args->dbeta),
        bncli_arg_uint(merge_flags(args) | apply_flags(args)),
    };
    size_t count = 13;
    if (g->inner != 1)
        arguments[count++] = bncli_arg_uint(g->outer);
    count += bncli_batch_norm_tile_arguments(plan, arguments + count);
    arguments[count++] = bncli_batch_norm_low(plan);
    return bncli_batch_norm_step_run(plan, BNCLI_BACKWARD_WHOLE, queue, arguments, count, signal,
                                     err);
}

/* Builds what the call's steps lack before the first of them runs: one that cannot be built fails a
   call that has changed nothing, nor added to anything. */
static bncl_status need_steps(bncl_batch_norm *plan, const through *stats, bool dx, bool apply,
                              bool gradients, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    if (dx && stats->frozen && !gradients)
        status = bncli_batch_norm_need(plan, BNCLI_RUNNING_COEFFICIENTS, err);
    else if (dx || gradients) {
        status = bncli_batch_norm_need(plan, BNCLI_BACKWARD_MERGE, err);
        if (status == BNCL_OK && stats->merged == NULL)
            status = bncli_batch_norm_need(plan, BNCLI_BACKWARD_SUMS, err);
    }
    if (status == BNCL_OK && apply)
        status = bncli_batch_norm_need(plan, apply_step(stats->frozen, dx), err);
    return status;
}

/* What dx, dgamma and dbeta need before dx can be written. */
static bncl_status run_coefficients(bncl_batch_norm *plan, bncl_queue *queue,
                                    const bncl_batch_norm_backward *args, const through *stats,
                                    bool gradients, bncl_event **signal, bncl_error *err)
{
    if (stats->frozen && !gradients) {
        const bncl_tensor absent = {0};
        return bncli_batch_norm_use_running(plan, queue, stats->mean, stats->invstd, &args->gamma,
                                            &absent, err);
    }
    bncl_status status = BNCL_OK;
    if (stats->merged == NULL)
        status = run_sums(plan, queue, args, stats, err);
    return status == BNCL_OK ? run_merge(plan, queue, args, stats, signal, err) : status;
}

static bncl_status run(bncl_batch_norm *plan, bncl_queue *queue,
                       const bncl_batch_norm_backward *args, const through *stats,
                       const bncl_sync *sync, bncl_error *err)
{
    bncl_status status = bncli_queue_begin(queue, sync, err);
    if (status != BNCL_OK)
        return status;
    if ((stats->merged != NULL ? stats->merged->count : plan->geometry.total) == 0)
        return run_empty(queue, args, sync, err);
    bncl_event **signal = bncli_sync_signal(sync);
    const bool dx = bncli_present(&args->dx) && plan->geometry.total > 0;
    const bool apply = dx || (bncli_present(&args->dresidual) && plan->geometry.total > 0);
    const bool gradients = bncli_present(&args->dgamma) || bncli_present(&args->dbeta);
    if (!apply && !gradients)
        return bncli_queue_end(queue, sync, err);
    if (plan->whole && !stats->frozen && stats->merged == NULL &&
        (dx || !bncli_present(&args->dresidual)))
        return run_whole(plan, queue, args, signal, err);
    status = need_steps(plan, stats, dx, apply, gradients, err);
    if (status == BNCL_OK && (dx || gradients))
        status = run_coefficients(plan, queue, args, stats, gradients, apply ? NULL : signal, err);
    if (status == BNCL_OK && apply)
        status = run_apply(plan, queue, args, stats->frozen, signal, err);
    return status;
}

bncl_status bncli_batch_norm_backpropagate(bncl_batch_norm *plan, bncl_queue *queue,
                                           const bncl_batch_norm_backward *args,
                                           const bncli_batch_norm_parts *merged,
                                           const bncl_sync *sync, bncl_error *err)
{
    const through stats = through_batch(args, merged);
    return run(plan, queue, args, &stats, sync, err);
}

bncl_status bncl_batch_norm_backward_train(bncl_batch_norm *plan, bncl_queue *queue,
                                           const bncl_batch_norm_backward *args,
                                           const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    if (plan == NULL || args == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan or args is NULL");
    bncl_status status =
        bncli_batch_norm_check_backward(plan, queue, args, BNCLI_BATCH_STATISTICS, err);
    return status == BNCL_OK ? bncli_batch_norm_backpropagate(plan, queue, args, NULL, sync, err)
                             : status;
}

bncl_status bncl_batch_norm_backward_eval(bncl_batch_norm *plan, bncl_queue *queue,
                                          const bncl_batch_norm_backward *args,
                                          const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    if (plan == NULL || args == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan or args is NULL");
    if (!bncli_present(&args->running_mean) && !bncli_present(&args->running_var))
        return bncl_batch_norm_backward_train(plan, queue, args, sync, err);
    bncl_status status =
        bncli_batch_norm_check_backward(plan, queue, args, BNCLI_RUNNING_STATISTICS, err);
    if (status != BNCL_OK)
        return status;
    const bncl_tensor absent = {0};
    const through stats = {.frozen = true,
                           .mean = &args->running_mean,
                           .mean_lo = &absent,
                           .invstd = &args->running_var};
    return run(plan, queue, args, &stats, sync, err);
}
