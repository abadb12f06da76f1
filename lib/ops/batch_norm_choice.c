/* What a plan's training and evaluation are made of, one launch or several: geometry and device
   facts say. */
#include "ops/batch_norm_choice.h"

#include "ops/shares.h"
#include "runtime/context.h"
#include "tensor/dtype.h"

#define CLOSE_PART 16 /* of the last cache: a share that each unit's own may hold */
#define SCATTERED 256 /* lines of a channel, each in a page of its own */
#define LONG_RUN 8192 /* bytes of a line that make up for the way to it */
#define LONG_LINE 256 /* elements */
#define RUN 512       /* elements of a line that a processor's work-item takes */
#define SHARES 256    /* work-items of a compute unit that such runs must leave */
#define MANY 256      /* values that make up for their channel's coefficients */

size_t bncli_batch_norm_bytes_of_x(const bncl_batch_norm *plan)
{
    return plan->geometry.total * bncl_dtype_size(plan->dtype);
}

bool bncli_batch_norm_keeps_busy(const bncl_batch_norm *plan, size_t groups)
{
    const size_t units = bncli_context_facts(plan->context)->compute_units;
    return bncli_blocks(groups, units) * units * 4 <= groups * 5;
}

unsigned bncli_batch_norm_whole_row_vectors(const bncl_batch_norm *plan, unsigned vector)
{
    const bncli_device_facts *facts = bncli_context_facts(plan->context);
    const size_t channels = plan->geometry.channels;
    const bool close = bncli_batch_norm_bytes_of_x(plan) <= facts->cache_bytes / CLOSE_PART;
    const size_t least = facts->compute_units * (close ? 2 : 1);
    unsigned vectors = bncli_vectors_for(plan->tuning.vectors, vector, channels);
    while (vectors > 1 && bncli_blocks(channels, (size_t)vector * vectors) < least)
        vectors /= 2;
    return vectors;
}

/* Bytes of a tensor that are over so soon that launches cost more than memory does. */
static size_t small_bytes(const bncl_batch_norm *plan)
{
    return plan->tuning.direct * (size_t)1024;
}

static bool is_small(const bncl_batch_norm *plan)
{
    return bncli_batch_norm_bytes_of_x(plan) <= small_bytes(plan);
}

bool bncli_batch_norm_streams(const bncl_batch_norm *plan)
{
    const size_t least = plan->tuning.stream * (size_t)1024;
    return least > 0 && bncli_batch_norm_bytes_of_x(plan) >= least;
}

unsigned bncli_batch_norm_inner_lines(const bncl_batch_norm *plan)
{
    const bool apart = plan->geometry.inner >= LONG_LINE || bncli_batch_norm_streams(plan);
    return apart ? 1 : plan->tuning.lines;
}

unsigned bncli_batch_norm_line_steps(const bncl_batch_norm *plan, unsigned lines, size_t step)
{
    const bncli_geometry *g = &plan->geometry;
    const bncli_device_facts *facts = bncli_context_facts(plan->context);
    if (!facts->runs_native || g->inner == 1 || bncli_batch_norm_streams(plan))
        return 1;
    const size_t least = facts->compute_units * (size_t)SHARES;
    const size_t shares = g->channels * bncli_blocks(g->outer, lines);
    size_t steps = step < RUN ? RUN / step : 1;
    while (steps > 1 &&
           (steps / 2 * step >= g->inner || shares * bncli_blocks(g->inner, steps * step) < least))
        steps /= 2;
    return (unsigned)steps;
}

/* Values of one channel of NCL that a work-item of an elementwise step takes. */
static size_t values_of_item(const bncl_batch_norm *plan)
{
    const bncli_geometry *g = &plan->geometry;
    const unsigned vector = bncli_vector_for(plan->tuning.vector, g->inner);
    const size_t step = (size_t)vector * bncli_vectors_for(plan->tuning.vectors, vector, g->inner);
    const unsigned lines = bncli_batch_norm_inner_lines(plan);
    const size_t run = step * bncli_batch_norm_line_steps(plan, lines, step);
    return (lines < g->outer ? lines : g->outer) * (run < g->inner ? run : g->inner);
}

bool bncli_batch_norm_is_direct(const bncl_batch_norm *plan)
{
    if (is_small(plan) || plan->tuning.direct == 0)
        return is_small(plan);
    return bncli_context_facts(plan->context)->runs_native && plan->geometry.inner > 1 &&
           values_of_item(plan) >= MANY;
}

/* Whether a processor is faster with two passes over whole tensors, in memory's order, than channel
   by channel. Of NCL it is where a channel lies in many lines that are not long, since it keeps the
   addresses of few pages at hand; of NC and NLC, where a channel is a few bytes of each row,
   soon. */
static bool is_scattered(const bncl_batch_norm *plan)
{
    if (!bncli_context_facts(plan->context)->runs_native)
        return false;
    if (plan->geometry.inner == 1)
        return bncli_batch_norm_bytes_of_x(plan) > small_bytes(plan) / 2;
    const size_t run = plan->geometry.inner * bncl_dtype_size(plan->dtype);
    return plan->geometry.outer >= SCATTERED && run < LONG_RUN && !is_small(plan);
}

/* Values of a channel of NCL, or of a vector of channels of NC and NLC for each work-item of a
   group, which takes them at once. */
static size_t values_together(const bncl_batch_norm *plan)
{
    const bncli_geometry *g = &plan->geometry;
    if (g->inner > 1)
        return g->count;
    return g->count * bncli_vector_for(plan->tuning.vector, g->channels) * plan->tuning.block_group;
}

/* Work-groups that take a tensor's channels whole. */
static size_t whole_groups(const bncl_batch_norm *plan)
{
    const bncli_geometry *g = &plan->geometry;
    if (g->inner > 1)
        return g->channels;
    const unsigned vector = bncli_vector_for(plan->tuning.vector, g->channels);
    return bncli_blocks(g->channels, (size_t)vector * plan->tuning.block_group *
                                         bncli_batch_norm_whole_row_vectors(plan, vector));
}

bool bncli_batch_norm_takes_whole(const bncl_batch_norm *plan)
{
    const size_t together = values_together(plan) * bncl_dtype_size(plan->dtype);
    return together <= plan->tuning.whole * (size_t)1024 && !is_scattered(plan) &&
           (bncli_batch_norm_keeps_busy(plan, whole_groups(plan)) || is_small(plan));
}

/* The steps of training and evaluation: what a plan's first calls need. */
static const bncli_batch_norm_step whole_steps[] = {BNCLI_FORWARD_WHOLE, BNCLI_BACKWARD_WHOLE},
                                   apart_steps[] = {BNCLI_STATISTICS,     BNCLI_STATISTICS_MERGE,
                                                    BNCLI_RUNNING_UPDATE, BNCLI_BACKWARD_SUMS,
                                                    BNCLI_BACKWARD_MERGE, BNCLI_BACKWARD_APPLY,
                                                    BNCLI_APPLY},
                                   direct_steps[] = {BNCLI_RUNNING_APPLY},
                                   indirect_steps[] = {BNCLI_RUNNING_COEFFICIENTS, BNCLI_APPLY};

static bncl_status need_all(bncl_batch_norm *plan, const bncli_batch_norm_step *steps, size_t count,
                            bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        status = bncli_batch_norm_need(plan, steps[i], err);
    return status;
}

bncl_status bncli_batch_norm_choose(bncl_batch_norm *plan, bncl_error *err)
{
    bncl_status status = bncli_tuning_of(plan->context, &plan->tuning, err);
    if (status != BNCL_OK)
        return status;
    plan->whole = bncli_batch_norm_takes_whole(plan);
    plan->direct = bncli_batch_norm_is_direct(plan);
    status = plan->whole ? need_all(plan, whole_steps, BNCLI_COUNT(whole_steps), err)
                         : need_all(plan, apart_steps, BNCLI_COUNT(apart_steps), err);
    if (status != BNCL_OK)
        return status;
    return plan->direct ? need_all(plan, direct_steps, BNCLI_COUNT(direct_steps), err)
                        : need_all(plan, indirect_steps, BNCLI_COUNT(indirect_steps), err);
}
