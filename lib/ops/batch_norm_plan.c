/* Which variant of each batch norm step runs, with which macros and on which grid: geometry and
   device facts give an immutable plan. A variant is a row. */
#include "ops/batch_norm.h"

#include "program/build.h"
#include "runtime/context.h"
#include "tensor/dtype.h"

#define MACROS 6
#define LONG_LINE 256 /* elements */

/* What a step of a plan with an activation has to do with its mask. */
typedef enum mask_role { NO_MASK, WRITES_MASK, READS_MASK } mask_role;

typedef struct step_build {
    mask_role mask;
    bncli_macro macros[MACROS];
    size_t count;
    bncli_grid grid;
} step_build;

typedef struct variant {
    const char *kernel;
    /* Fills the macros and the grid in. */
    void (*prepare)(const bncl_batch_norm *plan, step_build *build);
} variant;

static size_t blocks(size_t items, size_t block)
{
    return (items + block - 1) / block;
}

/* The widest vector up to the tuned one that a run of `length` neighbours fills. */
static unsigned vector_for(unsigned tuned, size_t length)
{
    while (tuned > 1 && tuned > length)
        tuned /= 2;
    return tuned;
}

/* Vectors of a work-item: no more than the run needs. */
static unsigned vectors_for(unsigned tuned, unsigned vector, size_t length)
{
    while (tuned > 1 && (size_t)vector * (tuned / 2) >= length)
        tuned /= 2;
    return tuned;
}

static void add_macro(step_build *build, const char *name, unsigned value)
{
    build->macros[build->count++] = (bncli_macro){name, value};
}

/* Tiles of NCL: lane_items work-items a tile, several tiles a work-group. */
static void prepare_tiles_inner(const bncl_batch_norm *plan, step_build *build)
{
    const bncli_tuning *t = &plan->tuning;
    unsigned tiles = t->group > t->lane_items ? t->group / t->lane_items : 1;
    add_macro(build, "VEC", t->vector);
    add_macro(build, "LANE_ITEMS", t->lane_items);
    add_macro(build, "TILES_PER_GROUP", tiles);
    build->grid = (bncli_grid){{t->lane_items, plan->tiles * plan->geometry.channels},
                               {t->lane_items, tiles}};
}

/* Tiles of NC and NLC: a work-item takes a block of channels of a tile. */
static void prepare_tiles_rows(const bncl_batch_norm *plan, step_build *build)
{
    const bncli_tuning *t = &plan->tuning;
    const size_t channels = plan->geometry.channels;
    unsigned vector = vector_for(t->vector, channels);
    unsigned vectors = vectors_for(t->vectors, vector, channels);
    add_macro(build, "VEC", vector);
    add_macro(build, "CHANNEL_VECTORS", vectors);
    build->grid = (bncli_grid){{blocks(channels, (size_t)vector * vectors), plan->tiles},
                               {t->block_group, 1}};
}

/* One work-item a channel. */
static void prepare_channels(const bncl_batch_norm *plan, step_build *build)
{
    build->grid = (bncli_grid){{plan->geometry.channels, 1}, {plan->tuning.group, 1}};
}

/* Neighbours of a work-item: `vectors` vectors of `vector` elements. One that writes a mask owns
   whole bytes of it: 8 elements at least, or the line. Where one element at a time is the device's
   choice, vectors of four are a compromise: a GPU's neighbouring work-items still read memory that
   touches, and a compiler that unrolls vectors has little to unroll. */
typedef struct share {
    unsigned vector, vectors;
} share;

static share share_of(const bncli_tuning *t, mask_role mask, size_t length)
{
    share s = {.vector = vector_for(t->vector, length)};
    s.vectors = vectors_for(t->vectors, s.vector, length);
    const unsigned together = s.vector * s.vectors;
    if (mask != WRITES_MASK || together >= 8 || together >= length)
        return s;
    if (s.vector < 4)
        s.vector = vector_for(4, length);
    s.vectors = 8 / s.vector;
    return s;
}

/* Elementwise steps: work-items on `channels` lines of each of `outer`, `length` long; each takes
   `lines` of them. Neighbouring work-items take neighbouring memory: along the line while it
   lasts. */
static void prepare_lines(const bncl_batch_norm *plan, step_build *build, unsigned lines,
                          size_t channels, size_t length)
{
    const bncli_tuning *t = &plan->tuning;
    const share item = share_of(t, build->mask, length);
    add_macro(build, "VEC", item.vector);
    add_macro(build, "LINE_VECTORS", item.vectors);
    add_macro(build, "LINES", lines);
    add_macro(build, "CHANNELS_INNERMOST", plan->geometry.inner == 1);
    size_t across = blocks(length, (size_t)item.vector * item.vectors);
    unsigned wide = vector_for(t->group, across);
    unsigned deep = channels > 1 ? vector_for(t->group / wide, channels) : 1;
    build->grid = (bncli_grid){{across, channels, blocks(plan->geometry.outer, lines)},
                               {wide, deep, t->group / wide / deep}};
}

/* NCL: a line is a channel's run; long ones stand for themselves. */
static void prepare_apply_inner(const bncl_batch_norm *plan, step_build *build)
{
    const bncli_geometry *g = &plan->geometry;
    const unsigned lines = g->inner >= LONG_LINE ? 1 : plan->tuning.lines;
    prepare_lines(plan, build, lines, g->channels, g->inner);
}

/* NC and NLC: a line is a row. */
static void prepare_apply_rows(const bncl_batch_norm *plan, step_build *build)
{
    prepare_lines(plan, build, plan->tuning.lines, 1, plan->geometry.channels);
}

/* The two families: channels with neighbours of their own, and channels innermost. */
typedef enum family { INNER, ROWS, FAMILIES } family;

static const variant variants[BNCLI_BATCH_NORM_STEPS][FAMILIES] = {
    [BNCLI_STATISTICS] = {{"batch_norm_statistics_inner", prepare_tiles_inner},
                          {"batch_norm_statistics_rows", prepare_tiles_rows}},
    [BNCLI_STATISTICS_MERGE] = {{"batch_norm_statistics_merge", prepare_channels},
                                {"batch_norm_statistics_merge", prepare_channels}},
    [BNCLI_STATISTICS_TILES] = {{"batch_norm_statistics_tiles", prepare_channels},
                                {"batch_norm_statistics_tiles", prepare_channels}},
    [BNCLI_STATISTICS_PAIR] = {{"batch_norm_statistics_pair", prepare_channels},
                               {"batch_norm_statistics_pair", prepare_channels}},
    [BNCLI_RUNNING_UPDATE] = {{"batch_norm_running_update", prepare_channels},
                              {"batch_norm_running_update", prepare_channels}},
    [BNCLI_RUNNING_COEFFICIENTS] = {{"batch_norm_running_coefficients", prepare_channels},
                                    {"batch_norm_running_coefficients", prepare_channels}},
    [BNCLI_APPLY] = {{"batch_norm_apply", prepare_apply_inner},
                     {"batch_norm_apply", prepare_apply_rows}},
    [BNCLI_BACKWARD_SUMS] = {{"batch_norm_backward_inner", prepare_tiles_inner},
                             {"batch_norm_backward_rows", prepare_tiles_rows}},
    [BNCLI_BACKWARD_MERGE] = {{"batch_norm_backward_merge", prepare_channels},
                              {"batch_norm_backward_merge", prepare_channels}},
    [BNCLI_BACKWARD_TILES] = {{"batch_norm_backward_tiles", prepare_channels},
                              {"batch_norm_backward_tiles", prepare_channels}},
    [BNCLI_BACKWARD_PAIR] = {{"batch_norm_backward_pair", prepare_channels},
                             {"batch_norm_backward_pair", prepare_channels}},
    [BNCLI_BACKWARD_APPLY] = {{"batch_norm_backward_apply", prepare_apply_inner},
                              {"batch_norm_backward_apply", prepare_apply_rows}},
    [BNCLI_BACKWARD_APPLY_FROZEN] = {{"batch_norm_backward_frozen", prepare_apply_inner},
                                     {"batch_norm_backward_frozen", prepare_apply_rows}},
    [BNCLI_DOUBLE_BACKWARD_SUMS] = {{"batch_norm_double_backward_inner", prepare_tiles_inner},
                                    {"batch_norm_double_backward_rows", prepare_tiles_rows}},
    [BNCLI_DOUBLE_BACKWARD_MERGE] = {{"batch_norm_double_backward_merge", prepare_channels},
                                     {"batch_norm_double_backward_merge", prepare_channels}},
    [BNCLI_DOUBLE_BACKWARD_APPLY] = {{"batch_norm_double_backward_apply", prepare_apply_inner},
                                     {"batch_norm_double_backward_apply", prepare_apply_rows}},
};

/* Statistics have no mask, but share a program with the sums of backward. */
static const mask_role mask_roles[BNCLI_BATCH_NORM_STEPS] = {
    [BNCLI_STATISTICS] = READS_MASK,
    [BNCLI_APPLY] = WRITES_MASK,
    [BNCLI_BACKWARD_SUMS] = READS_MASK,
    [BNCLI_BACKWARD_APPLY] = READS_MASK,
    [BNCLI_BACKWARD_APPLY_FROZEN] = READS_MASK,
};

/* The activation as a step's kernel knows it. Who reads a mask cannot tell HARDTANH from RELU, and
   shares one program for both. Without an activation there is no macro, and one program for all
   such plans. */
static void add_activation(const bncl_batch_norm *plan, step_build *build)
{
    bncl_activation_kind kind = plan->options.activation.kind;
    if (build->mask == READS_MASK && kind == BNCL_ACTIVATION_HARDTANH)
        kind = BNCL_ACTIVATION_RELU;
    if (build->mask != NO_MASK)
        add_macro(build, "ACTIVATION", (unsigned)kind);
}

/* Builds what is missing of steps first … end-1. */
static bncl_status choose_steps(bncl_batch_norm *plan, int first, int end, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    const bncli_dtype_facts *dtype = bncli_dtype_facts_of(plan->dtype);
    const family chosen = plan->geometry.inner == 1 ? ROWS : INNER;
    for (int step = first; step < end && status == BNCL_OK; ++step) {
        if (plan->kernels[step] != NULL)
            continue;
        const variant *v = &variants[step][chosen];
        step_build build = {.count = 0};
        if (bncli_batch_norm_is_active(plan))
            build.mask = mask_roles[step];
        if (dtype->macro != NULL)
            add_macro(&build, dtype->macro, 1);
        v->prepare(plan, &build);
        add_activation(plan, &build);
        plan->grids[step] = build.grid;
        status = bncli_kernel_build(plan->context, v->kernel, build.macros, build.count,
                                    &plan->kernels[step], err);
    }
    return status;
}

bncl_status bncli_batch_norm_choose(bncl_batch_norm *plan, bncl_error *err)
{
    bncl_status status = bncli_tuning_of(bncli_context_facts(plan->context), &plan->tuning, err);
    return status == BNCL_OK ? choose_steps(plan, 0, BNCLI_DOUBLE_BACKWARD_SUMS, err) : status;
}

bncl_status bncli_batch_norm_choose_double(bncl_batch_norm *plan, bncl_error *err)
{
    return choose_steps(plan, BNCLI_DOUBLE_BACKWARD_SUMS, BNCLI_BATCH_NORM_STEPS, err);
}
