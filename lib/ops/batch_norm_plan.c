/* Which variant of each batch norm step runs, with which macros and on which grid: geometry and
   device facts give an immutable plan. A variant is a row. */
#include "ops/batch_norm_choice.h"
#include "ops/shares.h"
#include "program/build.h"
#include "runtime/context.h"
#include "tensor/dtype.h"

#define MACROS 12           /* more than a dtype, what a prepare_ adds and an activation are */
#define TINY 65536          /* bytes of x that one compute unit is through with sooner than two */
#define ROWS_TOGETHER 16384 /* elements */
#define LONE_ITEMS 8        /* a compute unit */
#define STREAM_GROUP 64     /* work-items */
#define STREAM_LINES 4      /* rows, for which an item reads its coefficients once */
#define TILE_BYTES 24960    /* that a lone work-item holds of a tile, at most: tile_read.cl */
#define ROWS_BYTES 256      /* that one holds of a leaf's rows, a channel: rows_moments.cl */
#define NODES_BYTES 384     /* that one holds of the tree of tiles, a channel: merge_order.cl */

/* What a step of a plan with an activation has to do with its mask. */
typedef enum mask_role { NO_MASK, WRITES_MASK, READS_MASK } mask_role;

typedef struct step_build {
    mask_role mask;
    bncli_macro macros[MACROS];
    size_t count;
    bncli_grid grid;
} step_build;

/* Work-items of a group along its last dimension, `items` at most: a GPU may allow 64 there, and
   1024 along the others, which tunings keep to. */
static unsigned along_last(const bncl_batch_norm *plan, unsigned items)
{
    return bncli_vector_for(items, bncli_context_facts(plan->context)->max_items[2]);
}

static void add_macro(step_build *build, const char *name, unsigned value)
{
    build->macros[build->count++] = (bncli_macro){name, value};
}

static void add_stream(const bncl_batch_norm *plan, step_build *build)
{
    if (bncli_batch_norm_streams(plan))
        add_macro(build, "STREAM", 1);
}

/* Vectors of a line that a work-item takes at once: one that writes a mask owns whole bytes of it,
   8 elements at least, or the line. */
static unsigned whole_vectors(const bncl_batch_norm *plan, unsigned vector, unsigned vectors,
                              size_t length)
{
    while (bncli_batch_norm_is_active(plan) && vector * vectors < 8 && vector * vectors < length)
        vectors *= 2;
    return vectors;
}

/* Tiles of a work-group of NCL. */
static unsigned tiles_of_group(const bncli_tuning *t)
{
    const unsigned tiles = t->group > t->lane_items ? t->group / t->lane_items : 1;
    return t->lane_items == 1 ? bncli_items_that_fit(tiles, TILE_BYTES) : tiles;
}

/* Work-groups for whole channels of NCL. A lone work-item writes one channel while it reads the
   next, so it takes several; there are some items for each unit, that the last one is not long
   alone. Where a group's items share a channel a device has many groups at once, which do so. */
static size_t channel_groups(const bncl_batch_norm *plan, unsigned group)
{
    const size_t channels = plan->geometry.channels;
    const size_t lone = bncli_context_facts(plan->context)->compute_units * (size_t)LONE_ITEMS;
    return group > 1 ? channels : bncli_blocks(channels, bncli_blocks(channels, lone));
}

/* Tiles of NCL: lane_items work-items a tile, several tiles a work-group. */
static void prepare_tiles_inner(const bncl_batch_norm *plan, step_build *build)
{
    const bncli_tuning *t = &plan->tuning;
    const unsigned tiles = tiles_of_group(t);
    add_macro(build, "VEC", t->vector);
    add_macro(build, "LANE_ITEMS", t->lane_items);
    add_macro(build, "TILES_PER_GROUP", tiles);
    build->grid = (bncli_grid){{t->lane_items, plan->tiles * plan->geometry.channels},
                               {t->lane_items, tiles}};
}

/* Channels of NCL whole: a work-group takes one, or one after the other. A lone work-item takes one
   tile after the other; where several share a tile, as many tiles at once as fit into a group. */
static void prepare_whole_inner(const bncl_batch_norm *plan, step_build *build)
{
    const bncli_tuning *t = &plan->tuning;
    const size_t inner = plan->geometry.inner;
    unsigned tiles = t->lane_items > 1 ? tiles_of_group(t) : 1;
    while (tiles > 1 && tiles / 2 >= plan->tiles)
        tiles /= 2;
    add_macro(build, "VEC", t->vector);
    add_macro(build, "LANE_ITEMS", t->lane_items);
    add_macro(build, "TILES_PER_GROUP", tiles);
    add_macro(build, "LINE_VECTORS", whole_vectors(plan, t->vector, t->vectors, inner));
    add_stream(plan, build);
    build->grid = (bncli_grid){{t->lane_items, tiles, channel_groups(plan, t->lane_items * tiles)},
                               {t->lane_items, tiles, 1}};
}

/* Tiles of NC and NLC: a work-item takes a block of channels of a tile. */
static void prepare_tiles_rows(const bncl_batch_norm *plan, step_build *build)
{
    const size_t channels = plan->geometry.channels;
    unsigned vector = bncli_vector_for(plan->tuning.vector, channels);
    unsigned vectors = bncli_vectors_for(plan->tuning.vectors, vector, channels);
    add_macro(build, "VEC", vector);
    add_macro(build, "CHANNEL_VECTORS", vectors);
    const size_t block = (size_t)vector * vectors;
    build->grid =
        (bncli_grid){{bncli_blocks(channels, block), plan->tiles},
                     {bncli_items_that_fit(plan->tuning.block_group, block * ROWS_BYTES), 1}};
}

/* Channels of NC and NLC whole: a work-item. */
static void prepare_whole_rows(const bncl_batch_norm *plan, step_build *build)
{
    const bncli_tuning *t = &plan->tuning;
    const size_t channels = plan->geometry.channels;
    const unsigned vector = bncli_vector_for(t->vector, channels);
    const unsigned vectors =
        whole_vectors(plan, vector, bncli_batch_norm_whole_row_vectors(plan, vector), channels);
    add_macro(build, "VEC", vector);
    add_macro(build, "CHANNEL_VECTORS", vectors);
    add_macro(build, "LINE_VECTORS", vectors);
    add_macro(build, "CHANNELS_INNERMOST", 1);
    add_stream(plan, build);
    const size_t block = (size_t)vector * vectors, items = bncli_blocks(channels, block);
    const unsigned tiny =
        bncli_batch_norm_bytes_of_x(plan) <= TINY ? bncli_vector_for(t->group, items) : 1;
    const unsigned group = tiny > t->block_group ? tiny : t->block_group;
    build->grid = (bncli_grid){{items, 1}, {bncli_items_that_fit(group, block * ROWS_BYTES), 1}};
}

/* One work-item a channel. */
static void prepare_channels(const bncl_batch_norm *plan, step_build *build)
{
    build->grid = (bncli_grid){{plan->geometry.channels, 1}, {plan->tuning.group, 1}};
}

/* A vector of channels each. */
static void prepare_channel_vectors(const bncl_batch_norm *plan, step_build *build)
{
    const size_t channels = plan->geometry.channels;
    const unsigned vector = bncli_vector_for(plan->tuning.vector, channels);
    add_macro(build, "VEC", vector);
    add_macro(build, "CHANNELS_INNERMOST", 1);
    build->grid = (bncli_grid){
        {bncli_blocks(channels, vector), 1},
        {bncli_items_that_fit(plan->tuning.block_group, vector * (size_t)NODES_BYTES), 1}};
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
    share s = {.vector = bncli_vector_for(t->vector, length)};
    s.vectors = bncli_vectors_for(t->vectors, s.vector, length);
    const unsigned together = s.vector * s.vectors;
    if (mask != WRITES_MASK || together >= 8 || together >= length)
        return s;
    if (s.vector < 4)
        s.vector = bncli_vector_for(4, length);
    s.vectors = 8 / s.vector;
    return s;
}

/* Elementwise steps: work-items on `channels` lines of each of `outer`, `length` long; each takes
   `lines` of them. Neighbouring work-items take neighbouring memory: along the line while it
   lasts. */
static void prepare_lines(const bncl_batch_norm *plan, step_build *build, unsigned lines,
                          unsigned group, size_t channels, size_t length)
{
    const share item = share_of(&plan->tuning, build->mask, length);
    add_macro(build, "VEC", item.vector);
    add_macro(build, "LINE_VECTORS", item.vectors);
    add_macro(build, "LINES", lines);
    add_macro(build, "CHANNELS_INNERMOST", plan->geometry.inner == 1);
    add_stream(plan, build);
    const size_t step = (size_t)item.vector * item.vectors;
    const unsigned steps = bncli_batch_norm_line_steps(plan, lines, step);
    if (steps > 1)
        add_macro(build, "LINE_STEPS", steps);
    size_t across = bncli_blocks(length, step * steps);
    unsigned wide = bncli_vector_for(group, across);
    unsigned deep = channels > 1 ? bncli_vector_for(group / wide, channels) : 1;
    build->grid = (bncli_grid){{across, channels, bncli_blocks(plan->geometry.outer, lines)},
                               {wide, deep, along_last(plan, group / wide / deep)}};
}

/* Work-items of a group along its first dimension, or in all: `items` at most. */
static unsigned group_for(const bncl_batch_norm *plan, unsigned items)
{
    const bncli_device_facts *facts = bncli_context_facts(plan->context);
    return bncli_vector_for(bncli_vector_for(items, facts->max_work_group), facts->max_items[0]);
}

/* NCL: a line is a channel's run. */
static void prepare_apply_inner(const bncl_batch_norm *plan, step_build *build)
{
    const bncli_tuning *t = &plan->tuning;
    const bncli_geometry *g = &plan->geometry;
    prepare_lines(plan, build, bncli_batch_norm_inner_lines(plan), t->group, g->channels, g->inner);
}

/* NC and NLC: a line is a row. Work-items that are neighbours take the same rows: of long rows
   fewer, so that together they stay within memory that a second cache holds. Where memory sets the
   pace, a work-group walks through its rows from end to end, some at a time and many of them. */
static void prepare_apply_rows(const bncl_batch_norm *plan, step_build *build)
{
    const bncli_tuning *t = &plan->tuning;
    const size_t channels = plan->geometry.channels;
    unsigned lines = t->lines, group = t->group;
    if (bncli_batch_norm_streams(plan) && channels > (size_t)t->vector * t->vectors) {
        lines = STREAM_LINES;
        if (group < STREAM_GROUP)
            group = group_for(plan, STREAM_GROUP);
    }
    while (lines > 1 && lines * channels > ROWS_TOGETHER)
        lines /= 2;
    prepare_lines(plan, build, lines, group, 1, channels);
}

/* The two families: channels with neighbours of their own, and channels innermost. */
typedef enum tensor_family { INNER, ROWS, FAMILIES } tensor_family;

/* What a step's work-items take, and how either family prepares for it. */
typedef enum step_kind { CHANNELS, CHANNEL_VECTORS, LINES, TILES, WHOLE } step_kind;

static void (*const prepare[][FAMILIES])(const bncl_batch_norm *plan, step_build *build) = {
    [CHANNELS] = {prepare_channels, prepare_channels},
    [CHANNEL_VECTORS] = {prepare_channel_vectors, prepare_channel_vectors},
    [LINES] = {prepare_apply_inner, prepare_apply_rows},
    [TILES] = {prepare_tiles_inner, prepare_tiles_rows},
    [WHOLE] = {prepare_whole_inner, prepare_whole_rows},
};

/* A kernel for both families, or one for each. */
static const struct {
    step_kind kind;
    const char *kernels[FAMILIES];
} variants[BNCLI_BATCH_NORM_STEPS] = {
    [BNCLI_STATISTICS] = {TILES, {"batch_norm_statistics_inner", "batch_norm_statistics_rows"}},
    [BNCLI_STATISTICS_MERGE] = {CHANNEL_VECTORS, {"batch_norm_statistics_merge"}},
    [BNCLI_STATISTICS_TILES] = {CHANNEL_VECTORS, {"batch_norm_statistics_tiles"}},
    [BNCLI_STATISTICS_PAIR] = {CHANNEL_VECTORS, {"batch_norm_statistics_pair"}},
    [BNCLI_RUNNING_UPDATE] = {CHANNEL_VECTORS, {"batch_norm_running_update"}},
    [BNCLI_RUNNING_COEFFICIENTS] = {CHANNEL_VECTORS, {"batch_norm_running_coefficients"}},
    [BNCLI_APPLY] = {LINES, {"batch_norm_apply"}},
    [BNCLI_RUNNING_APPLY] = {LINES, {"batch_norm_running_apply"}},
    [BNCLI_FORWARD_WHOLE] = {WHOLE,
                             {"batch_norm_forward_whole_inner", "batch_norm_forward_whole_rows"}},
    [BNCLI_BACKWARD_WHOLE] = {WHOLE,
                              {"batch_norm_backward_whole_inner",
                               "batch_norm_backward_whole_rows"}},
    [BNCLI_BACKWARD_SUMS] = {TILES, {"batch_norm_backward_inner", "batch_norm_backward_rows"}},
    [BNCLI_BACKWARD_MERGE] = {CHANNEL_VECTORS, {"batch_norm_backward_merge"}},
    [BNCLI_BACKWARD_TILES] = {CHANNEL_VECTORS, {"batch_norm_backward_tiles"}},
    [BNCLI_BACKWARD_PAIR] = {CHANNEL_VECTORS, {"batch_norm_backward_pair"}},
    [BNCLI_BACKWARD_APPLY] = {LINES, {"batch_norm_backward_apply"}},
    [BNCLI_BACKWARD_APPLY_FROZEN] = {LINES, {"batch_norm_backward_frozen"}},
    [BNCLI_DOUBLE_BACKWARD_SUMS] = {TILES,
                                    {"batch_norm_double_backward_inner",
                                     "batch_norm_double_backward_rows"}},
    [BNCLI_DOUBLE_BACKWARD_MERGE] = {CHANNELS, {"batch_norm_double_backward_merge"}},
    [BNCLI_DOUBLE_BACKWARD_APPLY] = {LINES, {"batch_norm_double_backward_apply"}},
};

/* Statistics have no mask, but share a program with the sums of backward; and the two steps that
   take channels whole share one. */
static const mask_role mask_roles[BNCLI_BATCH_NORM_STEPS] = {
    [BNCLI_STATISTICS] = READS_MASK,      [BNCLI_APPLY] = WRITES_MASK,
    [BNCLI_RUNNING_APPLY] = WRITES_MASK,  [BNCLI_FORWARD_WHOLE] = WRITES_MASK,
    [BNCLI_BACKWARD_WHOLE] = WRITES_MASK, [BNCLI_BACKWARD_SUMS] = READS_MASK,
    [BNCLI_BACKWARD_APPLY] = READS_MASK,  [BNCLI_BACKWARD_APPLY_FROZEN] = READS_MASK,
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

bncl_status bncli_batch_norm_need(bncl_batch_norm *plan, bncli_batch_norm_step step,
                                  bncl_error *err)
{
    if (plan->kernels[step] != NULL)
        return BNCL_OK;
    const bncli_dtype_facts *dtype = bncli_dtype_facts_of(plan->dtype);
    const tensor_family family = plan->geometry.inner == 1 ? ROWS : INNER;
    const char *own = variants[step].kernels[family];
    step_build build = {.count = 0};
    if (bncli_batch_norm_is_active(plan))
        build.mask = mask_roles[step];
    if (dtype->macro != NULL)
        add_macro(&build, dtype->macro, 1);
    prepare[variants[step].kind][family](plan, &build);
    add_activation(plan, &build);
    plan->grids[step] = build.grid;
    return bncli_kernel_build(plan->context, own != NULL ? own : variants[step].kernels[INNER],
                              build.macros, build.count, &plan->kernels[step], err);
}
