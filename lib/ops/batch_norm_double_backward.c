/* Double backward: five sums over a channel, coefficients and dgamma from them, then dx and ddy.
   Its kernels and its workspace are made at the first call. */
#include "ops/batch_norm.h"

#include "base/error.h"
#include "ops/operand.h"
#include "runtime/queue.h"
#include "tensor/size.h"

#define PARTIAL_ROWS 10
#define COEFFICIENT_ROWS 10

/* As the .cl files name them. */
enum {
    HAS_DDX = 1,
    HAS_DDGAMMA = 2,
    HAS_DDBETA = 4,
    HAS_GAMMA = 8,
    HAS_DGAMMA = 16,
    FROZEN = 32,
    ACCUMULATE = 64,
    READS_X = 128,
    HAS_DX = 256,
    HAS_DDY = 512,
    ACCUMULATE_DX = 1024,
    ACCUMULATE_DDY = 2048
};

/* The statistics that a call goes through, and what its operands make of it. */
typedef struct call {
    const bncl_batch_norm_double_backward *args;
    const bncl_tensor *mean, *mean_lo; /* mean_lo: mean once more when frozen, where nothing reads
                                          what comes of it */
    const bncl_tensor *invstd;         /* running_var when frozen */
    unsigned flags;
    bool needs_sums;
} call;

static unsigned flag_if(const bncl_tensor *tensor, unsigned flag)
{
    return bncli_present(tensor) ? flag : 0u;
}

static call call_of(const bncl_batch_norm_double_backward *args, bool frozen)
{
    call c = {.args = args,
              .mean = frozen ? &args->running_mean : &args->save_mean,
              .mean_lo = frozen ? &args->running_mean : &args->save_mean_lo,
              .invstd = frozen ? &args->running_var : &args->save_invstd};
    c.flags = flag_if(&args->ddx, HAS_DDX) | flag_if(&args->ddgamma, HAS_DDGAMMA) |
              flag_if(&args->ddbeta, HAS_DDBETA) | flag_if(&args->gamma, HAS_GAMMA) |
              flag_if(&args->dgamma, HAS_DGAMMA) | flag_if(&args->dx, HAS_DX) |
              flag_if(&args->ddy, HAS_DDY) | (frozen ? FROZEN : 0u) |
              (args->accumulate_parameters ? ACCUMULATE : 0u) |
              (args->accumulate_dx ? ACCUMULATE_DX : 0u) |
              (args->accumulate_ddy ? ACCUMULATE_DDY : 0u);
    if (c.flags & HAS_DDGAMMA || (c.flags & HAS_DDX && !frozen))
        c.flags |= READS_X;
    /* Frozen statistics need Σ(dy·ddx) for dgamma; the batch's all five sums where there is a ddx,
       and of ddgamma's part those with dy for dx. */
    if (frozen)
        c.needs_sums = c.flags & HAS_DDX && c.flags & HAS_DGAMMA;
    else
        c.needs_sums = c.flags & HAS_DDX || (c.flags & HAS_DDGAMMA && c.flags & HAS_DX);
    return c;
}

static bncl_status create_workspace(bncl_batch_norm *plan, bncl_error *err)
{
    const size_t partial_dims[] = {PARTIAL_ROWS, plan->tiles, plan->geometry.channels};
    const size_t coefficient_dims[] = {COEFFICIENT_ROWS, plan->geometry.channels};
    size_t partial, coefficients, floats, bytes;
    if (!bncli_size_product(3, partial_dims, &partial) ||
        !bncli_size_product(2, coefficient_dims, &coefficients) ||
        !bncli_size_add(partial, coefficients, &floats) ||
        !bncli_size_mul(floats, bncl_dtype_size(plan->accumulator), &bytes))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "the workspace's size overflows");
    bncl_buffer *workspace;
    bncl_status status = bncl_buffer_create(plan->context, bytes, &workspace, err);
    if (status != BNCL_OK)
        return status;
    status = bncl_tensor_init(&plan->double_partial, workspace, 0, plan->accumulator, 3,
                              partial_dims, err);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&plan->double_coefficients, workspace, partial, plan->accumulator,
                                  2, coefficient_dims, err);
    if (status == BNCL_OK)
        plan->double_workspace = workspace;
    else
        bncl_buffer_destroy(workspace);
    return status;
}

/* What the plan's first call makes. */
static bncl_status prepare(bncl_batch_norm *plan, bncl_error *err)
{
    if (plan->double_workspace != NULL)
        return BNCL_OK;
    bncl_status status = BNCL_OK;
    for (bncli_batch_norm_step step = BNCLI_DOUBLE_BACKWARD_SUMS;
         step <= BNCLI_DOUBLE_BACKWARD_APPLY && status == BNCL_OK; ++step)
        status = bncli_batch_norm_need(plan, step, err);
    return status == BNCL_OK ? create_workspace(plan, err) : status;
}

/* Of an operand that plays no part, dy takes the place: it is read anyway. */
static bncl_status run_sums(bncl_batch_norm *plan, bncl_queue *queue, const call *c,
                            bncl_error *err)
{
    const bncl_batch_norm_double_backward *args = c->args;
    bncli_argument arguments[6 + BNCLI_TILE_ARGUMENTS] = {
        bncli_batch_norm_arg(plan, c->flags & FROZEN ? &args->dy : &args->x),
        bncli_batch_norm_arg(plan, &args->dy),
        bncli_batch_norm_arg(plan, c->flags & HAS_DDX ? &args->ddx : &args->dy),
        bncli_arg_tensor(c->mean),
        bncli_arg_tensor(c->mean_lo),
        bncli_arg_tensor(&plan->double_partial),
    };
    const size_t count = 6 + bncli_batch_norm_tile_arguments(plan, arguments + 6);
    return bncli_batch_norm_step_run(plan, BNCLI_DOUBLE_BACKWARD_SUMS, queue, arguments, count,
                                     NULL, err);
}

static bncl_status run_merge(bncl_batch_norm *plan, bncl_queue *queue, const call *c,
                             bncl_event **signal, bncl_error *err)
{
    const bncl_batch_norm_double_backward *args = c->args;
    const bncli_argument arguments[] = {
        bncli_arg_tensor(&plan->double_partial),
        bncli_arg_tensor(&plan->double_coefficients),
        bncli_arg_tensor(&args->gamma),
        bncli_arg_tensor(c->mean),
        bncli_arg_tensor(c->mean_lo),
        bncli_arg_tensor(c->invstd),
        bncli_arg_tensor(&args->ddgamma),
        bncli_arg_tensor(&args->ddbeta),
        bncli_arg_tensor(&args->dgamma),
        bncli_arg_uint(c->flags),
        bncli_arg_uint(plan->geometry.channels),
        bncli_arg_uint(plan->geometry.count),
        bncli_arg_uint(c->needs_sums ? plan->tiles : 0),
        bncli_batch_norm_real(plan, plan->options.eps),
    };
    return bncli_batch_norm_step_run(plan, BNCLI_DOUBLE_BACKWARD_MERGE, queue, arguments,
                                     BNCLI_COUNT(arguments), signal, err);
}

static bncl_status run_apply(bncl_batch_norm *plan, bncl_queue *queue, const call *c,
                             bncl_event **signal, bncl_error *err)
{
    const bncli_geometry *g = &plan->geometry;
    const bncl_batch_norm_double_backward *args = c->args;
    const bncli_argument arguments[] = {
        bncli_batch_norm_arg(plan, &args->x),
        bncli_batch_norm_arg(plan, &args->dy),
        bncli_batch_norm_arg(plan, &args->ddx),
        bncli_batch_norm_arg(plan, &args->dx),
        bncli_batch_norm_arg(plan, &args->ddy),
        bncli_arg_tensor(&plan->double_coefficients),
        bncli_arg_uint(c->flags),
        bncli_arg_uint(g->outer),
        bncli_arg_uint(g->inner == 1 ? g->channels : g->inner),
        bncli_arg_uint(g->channels),
    };
    return bncli_batch_norm_step_run(plan, BNCLI_DOUBLE_BACKWARD_APPLY, queue, arguments,
                                     BNCLI_COUNT(arguments), signal, err);
}

/* An empty batch has a dgamma of zeros, and an empty dx and ddy. */
static bncl_status run_empty(bncl_queue *queue, const call *c, const bncl_sync *sync,
                             bncl_error *err)
{
    bncl_status status = BNCL_OK;
    if (c->flags & HAS_DGAMMA && !(c->flags & ACCUMULATE))
        status = bncl_tensor_fill(queue, &c->args->dgamma, 0.0, NULL, err);
    return status == BNCL_OK ? bncli_queue_end(queue, sync, err) : status;
}

static bncl_status run(bncl_batch_norm *plan, bncl_queue *queue, const call *c,
                       const bncl_sync *sync, bncl_error *err)
{
    const bool elementwise = c->flags & (HAS_DX | HAS_DDY);
    const bool nothing = !elementwise && !(c->flags & HAS_DGAMMA);
    bncl_event **signal = bncli_sync_signal(sync);
    bncl_status status = bncli_queue_begin(queue, sync, err);
    if (status != BNCL_OK)
        return status;
    if (plan->geometry.total == 0)
        return run_empty(queue, c, sync, err);
    if (nothing)
        return bncli_queue_end(queue, sync, err);
    status = prepare(plan, err);
    if (status == BNCL_OK && c->needs_sums)
        status = run_sums(plan, queue, c, err);
    if (status == BNCL_OK)
        status = run_merge(plan, queue, c, elementwise ? NULL : signal, err);
    if (status == BNCL_OK && elementwise)
        status = run_apply(plan, queue, c, signal, err);
    return status;
}

bncl_status bncl_batch_norm_double_backward_train(bncl_batch_norm *plan, bncl_queue *queue,
                                                  const bncl_batch_norm_double_backward *args,
                                                  const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    if (plan == NULL || args == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan or args is NULL");
    bncl_status status =
        bncli_batch_norm_check_double_backward(plan, queue, args, BNCLI_BATCH_STATISTICS, err);
    if (status != BNCL_OK)
        return status;
    const call c = call_of(args, false);
    return run(plan, queue, &c, sync, err);
}

bncl_status bncl_batch_norm_double_backward_eval(bncl_batch_norm *plan, bncl_queue *queue,
                                                 const bncl_batch_norm_double_backward *args,
                                                 const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    if (plan == NULL || args == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan or args is NULL");
    if (!bncli_present(&args->running_mean) && !bncli_present(&args->running_var))
        return bncl_batch_norm_double_backward_train(plan, queue, args, sync, err);
    bncl_status status =
        bncli_batch_norm_check_double_backward(plan, queue, args, BNCLI_RUNNING_STATISTICS, err);
    if (status != BNCL_OK)
        return status;
    const call c = call_of(args, true);
    return run(plan, queue, &c, sync, err);
}
