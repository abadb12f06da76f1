/* Statistics and backward's sums of a batch in parts: computed, merged in a tree, and worked with
   in place of a batch's own. */
#include <bncl/batch_norm_statistics.h>

#include "base/error.h"
#include "ops/batch_norm.h"
#include "ops/operand.h"
#include "runtime/queue.h"
#include "tensor/size.h"

#define STATISTICS_ROWS 3 /* mean, its error, M2 */
#define SUMS_ROWS 4       /* Σdy, its error, Σdy·(x-mean), its error */
#define LEVELS 31         /* of a tree of fewer than 2³¹ parts */
#define MOST_VALUES ((size_t)1 << 31)

static bncl_status check_rows(const bncl_batch_norm *plan, const bncl_tensor *tensor,
                              const char *name, size_t rows, bncl_error *err)
{
    const size_t dims[] = {rows, plan->geometry.channels};
    return bncli_operand_check(plan->context, (bncli_operand){tensor, name}, plan->accumulator, 2,
                               dims, err);
}

/* ---- of one batch ---- */

/* Merges the tiles in plan->partial. */
static bncl_status run_tiles(bncl_batch_norm *plan, bncli_batch_norm_step step, bncl_queue *queue,
                             const bncl_tensor *out, bncl_event **signal, bncl_error *err)
{
    bncli_argument arguments[5] = {bncli_arg_tensor(&plan->partial), bncli_arg_tensor(out),
                                   bncli_arg_uint(plan->geometry.channels)};
    size_t count = 3;
    if (step == BNCLI_STATISTICS_TILES)
        arguments[count++] = bncli_arg_uint(plan->geometry.count);
    arguments[count++] = bncli_arg_uint(plan->tiles);
    return bncli_batch_norm_step_run(plan, step, queue, arguments, count, signal, err);
}

bncl_status bncl_batch_norm_statistics(bncl_batch_norm *plan, bncl_queue *queue,
                                       const bncl_tensor *x, const bncl_tensor *statistics,
                                       const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    if (plan == NULL || x == NULL || statistics == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan, x or statistics is NULL");
    const bncli_operand input = {x, "x"};
    bncl_status status = bncli_queue_check(plan->context, queue, err);
    if (status == BNCL_OK)
        status = bncli_batch_norm_check_inputs(plan, &input, 1, err);
    if (status == BNCL_OK)
        status = check_rows(plan, statistics, "statistics", STATISTICS_ROWS, err);
    if (status != BNCL_OK)
        return status;
    if (plan->geometry.total == 0)
        return bncl_tensor_fill(queue, statistics, 0.0, sync, err);
    status = bncli_queue_begin(queue, sync, err);
    if (status == BNCL_OK)
        status = bncli_batch_norm_run_statistics(plan, queue, x, err);
    if (status == BNCL_OK)
        status = run_tiles(plan, BNCLI_STATISTICS_TILES, queue, statistics, bncli_sync_signal(sync),
                           err);
    return status;
}

bncl_status bncl_batch_norm_backward_sums(bncl_batch_norm *plan, bncl_queue *queue,
                                          const bncl_batch_norm_backward *args,
                                          const bncl_tensor *sums, const bncl_sync *sync,
                                          bncl_error *err)
{
    bncli_error_clear(err);
    if (plan == NULL || args == NULL || sums == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan, args or sums is NULL");
    bncl_status status =
        bncli_batch_norm_check_backward(plan, queue, args, BNCLI_MERGED_STATISTICS, err);
    if (status == BNCL_OK)
        status = check_rows(plan, sums, "sums", SUMS_ROWS, err);
    if (status != BNCL_OK)
        return status;
    if (plan->geometry.total == 0)
        return bncl_tensor_fill(queue, sums, 0.0, sync, err);
    status = bncli_queue_begin(queue, sync, err);
    if (status == BNCL_OK)
        status = bncli_batch_norm_run_sums(plan, queue, args, err);
    if (status == BNCL_OK)
        status = run_tiles(plan, BNCLI_BACKWARD_TILES, queue, sums, bncli_sync_signal(sync), err);
    return status;
}

/* ---- merging parts ---- */

/* A merging of parts: the tree of kernels/merge_order.cl, walked on the host, one launch a node. A
   node waits on the stack where it lies: a part in `parts`; a merged one in `out` when it is the
   stack's first, so that the root ends there, else in a slot of the plan's that is its level's. */
typedef struct merging {
    bncl_batch_norm *plan;
    bncl_queue *queue;
    bncli_batch_norm_step step;
    const bncl_tensor *parts, *out;
    const size_t *counts; /* NULL: backward's sums, which need none */
    size_t part_count;
    size_t rows;
} merging;

typedef struct node {
    bncl_tensor tensor;
    size_t count;
} node;

static bool takes_part(const merging *m, size_t part)
{
    return m->counts == NULL || m->counts[part] > 0;
}

static bncl_tensor slice(const merging *m, bncl_buffer *buffer, size_t offset)
{
    bncl_tensor tensor = *m->out;
    tensor.buffer = buffer;
    tensor.offset = offset;
    return tensor;
}

static node leaf_of(const merging *m, size_t part)
{
    const size_t elements = m->rows * m->plan->geometry.channels;
    return (node){slice(m, m->parts->buffer, m->parts->offset + part * elements),
                  m->counts != NULL ? m->counts[part] : 0};
}

/* Where the node at this level of the stack is written. */
static bncl_tensor slot_of(const merging *m, size_t level)
{
    if (level == 0)
        return *m->out;
    return slice(m, m->plan->nodes, (level - 1) * SUMS_ROWS * m->plan->geometry.channels);
}

static bncl_status merge_pair(const merging *m, const node *a, const node *b, size_t level,
                              node *out, bncl_error *err)
{
    const node both = {slot_of(m, level), a->count + b->count};
    bncli_argument arguments[6] = {bncli_arg_tensor(&a->tensor), bncli_arg_tensor(&b->tensor),
                                   bncli_arg_tensor(&both.tensor),
                                   bncli_arg_uint(m->plan->geometry.channels)};
    size_t count = 4;
    if (m->counts != NULL) {
        arguments[count++] = bncli_arg_uint(a->count);
        arguments[count++] = bncli_arg_uint(b->count);
    }
    *out = both;
    return bncli_batch_norm_step_run(m->plan, m->step, m->queue, arguments, count, NULL, err);
}

/* The root, on the last of `top` nodes; they merge from the last to the first. */
static bncl_status merge_rest(const merging *m, node *stack, size_t top, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (; top > 1 && status == BNCL_OK; --top)
        status = merge_pair(m, &stack[top - 2], &stack[top - 1], top - 2, &stack[top - 2], err);
    return status;
}

/* Leaves the root in stack[0]. After part t of those that take part, one merge for each trailing 1
   bit of t. */
static bncl_status merge_all(const merging *m, node *stack, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    size_t top = 0, t = 0;
    for (size_t part = 0; part < m->part_count && status == BNCL_OK; ++part) {
        if (!takes_part(m, part))
            continue;
        stack[top++] = leaf_of(m, part);
        for (size_t bits = t++; (bits & 1) != 0 && status == BNCL_OK; bits >>= 1, --top)
            status = merge_pair(m, &stack[top - 2], &stack[top - 1], top - 2, &stack[top - 2], err);
    }
    return status == BNCL_OK ? merge_rest(m, stack, top, err) : status;
}

/* Slots for every level but the first, where nodes above it can come to be. */
static bncl_status create_slots(bncl_batch_norm *plan, size_t part_count, bncl_error *err)
{
    if (plan->nodes != NULL || part_count < 4)
        return BNCL_OK;
    const size_t row = (LEVELS - 1) * SUMS_ROWS * bncl_dtype_size(plan->accumulator);
    size_t bytes;
    if (!bncli_size_mul(row, plan->geometry.channels, &bytes))
        return bncli_fail(err, BNCL_ERROR_SHAPE, "workspace for %zu channels overflows",
                          plan->geometry.channels);
    return bncl_buffer_create(plan->context, bytes, &plan->nodes, err);
}

static bncl_status run_merging(const merging *m, const bncl_sync *sync, bncl_error *err)
{
    node stack[LEVELS + 1];
    size_t taking_part = 0, only = 0;
    for (size_t part = 0; part < m->part_count; ++part)
        if (takes_part(m, part)) {
            ++taking_part;
            only = part;
        }
    if (taking_part == 0)
        return bncl_tensor_fill(m->queue, m->out, 0.0, sync, err);
    if (taking_part == 1) {
        const node leaf = leaf_of(m, only);
        return bncl_tensor_copy(m->queue, &leaf.tensor, m->out, sync, err);
    }
    bncl_status status = create_slots(m->plan, taking_part, err);
    if (status == BNCL_OK)
        status = bncli_queue_begin(m->queue, sync, err);
    if (status == BNCL_OK)
        status = merge_all(m, stack, err);
    return status == BNCL_OK ? bncli_queue_end(m->queue, sync, err) : status;
}

static bncl_status check_merging(const merging *m, bncl_error *err)
{
    const bncl_batch_norm *plan = m->plan;
    const bncli_operand parts = {m->parts, "parts"}, merged = {m->out, "merged"};
    const size_t dims[] = {m->part_count, m->rows, plan->geometry.channels};
    bncl_status status = bncli_queue_check(plan->context, m->queue, err);
    if (status == BNCL_OK && (m->part_count == 0 || m->part_count >= MOST_VALUES))
        status =
            bncli_fail(err, BNCL_ERROR_ARGUMENT,
                       "part_count: expected 1 or more, below 2147483648, got %zu", m->part_count);
    if (status == BNCL_OK)
        status = bncli_operand_check(plan->context, parts, plan->accumulator, 3, dims, err);
    if (status == BNCL_OK)
        status = check_rows(plan, m->out, "merged", m->rows, err);
    return status == BNCL_OK ? bncli_operand_check_apart(merged, parts, err) : status;
}

static bncl_status check_counts(const size_t *counts, size_t part_count, bncl_error *err)
{
    size_t total = 0;
    for (size_t part = 0; part < part_count; ++part) {
        if (counts[part] >= MOST_VALUES - total)
            return bncli_fail(err, BNCL_ERROR_SHAPE,
                              "counts: expected fewer than 2147483648 values in all, got more with "
                              "counts[%zu]",
                              part);
        total += counts[part];
    }
    return BNCL_OK;
}

bncl_status bncl_batch_norm_statistics_merge(bncl_batch_norm *plan, bncl_queue *queue,
                                             const bncl_tensor *parts, const size_t *counts,
                                             size_t part_count, const bncl_tensor *merged,
                                             const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    if (plan == NULL || parts == NULL || counts == NULL || merged == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan, parts, counts or merged is NULL");
    const merging m = {plan,   queue,      BNCLI_STATISTICS_PAIR, parts, merged,
                       counts, part_count, STATISTICS_ROWS};
    bncl_status status = check_merging(&m, err);
    if (status == BNCL_OK)
        status = check_counts(counts, part_count, err);
    return status == BNCL_OK ? run_merging(&m, sync, err) : status;
}

bncl_status bncl_batch_norm_backward_merge(bncl_batch_norm *plan, bncl_queue *queue,
                                           const bncl_tensor *parts, size_t part_count,
                                           const bncl_tensor *merged, const bncl_sync *sync,
                                           bncl_error *err)
{
    bncli_error_clear(err);
    if (plan == NULL || parts == NULL || merged == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan, parts or merged is NULL");
    const merging m = {plan,   queue, BNCLI_BACKWARD_PAIR, parts,
                       merged, NULL,  part_count,          SUMS_ROWS};
    bncl_status status = check_merging(&m, err);
    return status == BNCL_OK ? run_merging(&m, sync, err) : status;
}

/* ---- working with what is merged ---- */

static bncl_status check_count(const bncl_batch_norm *plan, size_t count, bncl_error *err)
{
    if (count >= MOST_VALUES)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "count: expected less than 2147483648, got %zu",
                          count);
    if (count == 0 && plan->geometry.total > 0)
        return bncli_fail(err, BNCL_ERROR_SHAPE, "count: expected 1 or more for an x of %zu values",
                          plan->geometry.total);
    return BNCL_OK;
}

bncl_status bncl_batch_norm_forward_with(bncl_batch_norm *plan, bncl_queue *queue,
                                         const bncl_batch_norm_forward *args,
                                         const bncl_tensor *statistics, size_t count,
                                         const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    if (plan == NULL || args == NULL || statistics == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan, args or statistics is NULL");
    /* A batch of one value is refused as in training, by its shape. */
    const bncli_statistics used = count == 1 ? BNCLI_BATCH_STATISTICS : BNCLI_MERGED_STATISTICS;
    bncl_status status = bncli_batch_norm_check_forward(plan, queue, args, used, err);
    if (status == BNCL_OK)
        status = check_rows(plan, statistics, "statistics", STATISTICS_ROWS, err);
    if (status == BNCL_OK && count == 1)
        status = bncli_fail(err, BNCL_ERROR_SHAPE,
                            "Expected more than 1 value per channel when training, got a count "
                            "of 1");
    if (status == BNCL_OK)
        status = check_count(plan, count, err);
    const bncli_batch_norm_parts merged = {statistics, 1, count};
    return status == BNCL_OK ? bncli_batch_norm_train(plan, queue, args, &merged, sync, err)
                             : status;
}

bncl_status bncl_batch_norm_backward_with(bncl_batch_norm *plan, bncl_queue *queue,
                                          const bncl_batch_norm_backward *args,
                                          const bncl_tensor *sums, size_t count,
                                          const bncl_sync *sync, bncl_error *err)
{
    bncli_error_clear(err);
    if (plan == NULL || args == NULL || sums == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "plan, args or sums is NULL");
    bncl_status status =
        bncli_batch_norm_check_backward(plan, queue, args, BNCLI_MERGED_STATISTICS, err);
    if (status == BNCL_OK)
        status = check_rows(plan, sums, "sums", SUMS_ROWS, err);
    if (status == BNCL_OK)
        status = check_count(plan, count, err);
    const bncli_batch_norm_parts merged = {sums, 1, count};
    return status == BNCL_OK ? bncli_batch_norm_backpropagate(plan, queue, args, &merged, sync, err)
                             : status;
}
