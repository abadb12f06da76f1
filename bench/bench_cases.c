/* The cases; see bench_cases.h. */
#include "bench_cases.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const direction_names[BENCH_DIRECTIONS] = {"train",  "eval",    "backward",
                                                              "frozen", "forward", "step"};

/* From a batch of a small MLP to more than a cache holds; few channels and many, odd sizes. */
static const bench_shape channel_shapes[] = {
    {2, {32, 256}, true},        {2, {64, 512}, false},       {2, {256, 1024}, false},
    {2, {4096, 1024}, true},     {2, {65536, 256}, false},    {2, {100000, 32}, false},
    {2, {140000, 256}, false},   {2, {125000, 50}, false},    {3, {32, 128, 100}, false},
    {3, {64, 128, 1024}, true},  {3, {32, 512, 4096}, false}, {3, {256, 64, 3136}, false},
    {3, {4352, 64, 64}, false},  {3, {1, 1024, 476}, false},  {3, {3072, 64, 112}, false},
    {3, {127, 129, 131}, false}, {3, {33, 257, 7}, true},
};

/* The layers of the example's MLP at its batch sizes, one row, and a square. */
static const bench_shape linear_shapes[] = {
    {3, {1, 784, 256}, false},      {3, {32, 784, 256}, false},   {3, {128, 784, 256}, true},
    {3, {512, 784, 256}, false},    {3, {2048, 784, 256}, false}, {3, {128, 256, 10}, true},
    {3, {1024, 1024, 1024}, false},
};

static const bench_shape loss_shapes[] = {
    {2, {32, 10}, false},
    {2, {128, 10}, true},
    {2, {2048, 10}, false},
    {2, {4096, 1000}, false},
};

/* The example's parameters, and what a cache does and does not hold. */
static const bench_shape step_shapes[] = {
    {1, {269322}, true},
    {1, {1 << 20}, false},
    {1, {1 << 24}, false},
};

#define SHAPES(table) (table), sizeof(table) / sizeof(table)[0]
#define BIT(n) (1u << (n))
#define NARROW (BIT(BNCL_F32) | BIT(BNCL_F16) | BIT(BNCL_BF16) | BIT(BNCL_F64))
#define FUSED (BIT(BENCH_TRAIN) | BIT(BENCH_EVAL) | BIT(BENCH_BACKWARD))

/* An operator. directions, dtypes, layouts: bits; no layouts: it is told none. */
typedef struct operator_row {
    const char *name;
    const bench_shape *shapes;
    size_t shape_count;
    unsigned directions, dtypes;
    bool has_layouts;
    int least_rank, most_rank;
} operator_row;

static const operator_row rows[BENCH_KINDS] = {
    {"batch_norm", SHAPES(channel_shapes), FUSED | BIT(BENCH_FROZEN), NARROW, true, 2, 3},
    {"batch_norm_relu", SHAPES(channel_shapes), FUSED, NARROW, true, 2, 3},
    {"batch_norm_add_relu", SHAPES(channel_shapes), FUSED, NARROW, true, 2, 3},
    {"activation", SHAPES(channel_shapes), BIT(BENCH_FORWARD) | BIT(BENCH_BACKWARD), NARROW, false,
     1, 3},
    {"add", SHAPES(channel_shapes), BIT(BENCH_FORWARD), NARROW, false, 1, 3},
    {"linear", SHAPES(linear_shapes), BIT(BENCH_FORWARD) | BIT(BENCH_BACKWARD), BIT(BNCL_F32),
     false, 3, 3},
    {"cross_entropy", SHAPES(loss_shapes), BIT(BENCH_STEP), BIT(BNCL_F32), false, 2, 2},
    {"sgd", SHAPES(step_shapes), BIT(BENCH_STEP), BIT(BNCL_F32), false, 1, 1},
};

static const bncl_dtype dtypes[] = {BNCL_F32, BNCL_F16, BNCL_BF16, BNCL_F64};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };
static const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};
enum { LAYOUTS = sizeof layouts / sizeof layouts[0] };

const char *bench_direction_name(bench_direction direction)
{
    return direction_names[direction];
}

const char *bench_kind_name(bench_kind kind)
{
    return rows[kind].name;
}

bool bench_kind_is_batch_norm(bench_kind kind)
{
    return kind <= BENCH_BATCH_NORM_ADD_RELU;
}

/* ---- one case ---- */

size_t bench_case_elements(const bench_case *c)
{
    const int rank = c->kind == BENCH_LINEAR ? 2 : c->shape.rank;
    size_t elements = 1;
    for (int i = 0; i < rank; ++i)
        elements *= c->shape.dims[i];
    return elements;
}

int bench_case_dims(const bench_case *c, size_t dims[BNCL_MAX_RANK])
{
    const bool last = c->has_layout && c->layout == BNCL_LAYOUT_NLC;
    for (int i = 0; i < c->shape.rank; ++i)
        dims[i] = c->shape.dims[i];
    if (last) {
        dims[1] = c->shape.dims[2];
        dims[2] = c->shape.dims[1];
    }
    return c->kind == BENCH_LINEAR ? 2 : c->shape.rank;
}

size_t bench_case_channels(const bench_case *c)
{
    return c->shape.rank > 1 ? c->shape.dims[1] : 1;
}

size_t bench_case_values(const bench_case *c)
{
    return c->shape.dims[0] * (c->shape.rank > 2 ? c->shape.dims[2] : 1);
}

void bench_shape_name(const bench_shape *shape, char out[BENCH_NAME_SIZE])
{
    int at = 0;
    for (int i = 0; i < shape->rank; ++i)
        at += snprintf(out + at, BENCH_NAME_SIZE - (size_t)at, i > 0 ? "x%zu" : "%zu",
                       shape->dims[i]);
}

void bench_case_name(const bench_case *c, char out[BENCH_NAME_SIZE])
{
    char shape[BENCH_NAME_SIZE];
    bench_shape_name(&c->shape, shape);
    snprintf(out, BENCH_NAME_SIZE, "%.24s/%s/%s/%s%s%.40s", bench_kind_name(c->kind),
             bench_direction_name(c->direction), bncl_dtype_name(c->dtype),
             c->has_layout ? bncl_layout_name(c->layout) : "", c->has_layout ? "/" : "", shape);
}

bool bench_shape_parse(const char *text, bench_shape *out)
{
    bench_shape shape = {.quick = true};
    uint64_t product = 1;
    do {
        if (shape.rank == BENCH_MAX_RANK || *text < '0' || *text > '9')
            return false;
        char *end;
        errno = 0;
        const unsigned long long value = strtoull(text, &end, 10);
        if (errno != 0 || value == 0 || value > INT32_MAX)
            return false;
        product *= value;
        if (product > INT32_MAX)
            return false;
        shape.dims[shape.rank++] = (size_t)value;
        text = end;
    } while (*text++ == 'x');
    if (text[-1] != '\0')
        return false;
    *out = shape;
    return true;
}

/* ---- names ---- */

bool bench_operator_known(const char *name)
{
    for (size_t i = 0; i < BENCH_KINDS; ++i)
        if (strcmp(name, rows[i].name) == 0)
            return true;
    return false;
}

bool bench_dtype_known(const char *name)
{
    for (size_t i = 0; i < DTYPES; ++i)
        if (strcmp(name, bncl_dtype_name(dtypes[i])) == 0)
            return true;
    return false;
}

bool bench_layout_known(const char *name)
{
    for (size_t i = 0; i < LAYOUTS; ++i)
        if (strcmp(name, bncl_layout_name(layouts[i])) == 0)
            return true;
    return false;
}

bool bench_direction_known(const char *name)
{
    for (size_t i = 0; i < BENCH_DIRECTIONS; ++i)
        if (strcmp(name, direction_names[i]) == 0)
            return true;
    return false;
}

/* ---- the choice ---- */

typedef struct case_list {
    bench_case *cases;
    size_t count, capacity;
} case_list;

static bool same(const char *wanted, const char *name)
{
    return wanted == NULL || strcmp(wanted, name) == 0;
}

static bool matches(const char *only, const bench_case *c)
{
    char name[BENCH_NAME_SIZE];
    if (only == NULL)
        return true;
    bench_case_name(c, name);
    if (strpbrk(only, "*?[") != NULL)
        return fnmatch(only, name, 0) == 0;
    return strstr(name, only) != NULL;
}

static bool dtype_chosen(const bench_choice *choice, bncl_dtype dtype)
{
    if (choice->dtype != NULL)
        return strcmp(choice->dtype, bncl_dtype_name(dtype)) == 0;
    return dtype == BNCL_F32 || (!choice->quick && dtype != BNCL_F64);
}

static bool add(case_list *list, const bench_choice *choice, const bench_case *c)
{
    const bool two = c->shape.rank == 2;
    if (c->has_layout && two != (c->layout == BNCL_LAYOUT_NC))
        return true;
    if (c->has_layout && !same(choice->layout, bncl_layout_name(c->layout)))
        return true;
    if (!dtype_chosen(choice, c->dtype) || !matches(choice->only, c))
        return true;
    if (!same(choice->direction, bench_direction_name(c->direction)))
        return true;
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 64 : 2 * list->capacity;
        bench_case *cases = realloc(list->cases, capacity * sizeof *cases);
        if (cases == NULL)
            return false;
        list->cases = cases;
        list->capacity = capacity;
    }
    list->cases[list->count++] = *c;
    return true;
}

/* All directions, dtypes and layouts of an operator for one shape. */
static bool add_shape(case_list *list, const bench_choice *choice, bench_kind kind,
                      const bench_shape *shape)
{
    const operator_row *row = &rows[kind];
    bool added = true;
    if (shape->rank < row->least_rank || shape->rank > row->most_rank)
        return true;
    for (int d = 0; d < BENCH_DIRECTIONS; ++d)
        for (size_t t = 0; t < DTYPES; ++t)
            for (size_t l = 0; l < (row->has_layouts ? (size_t)LAYOUTS : 1); ++l) {
                const bench_case c = {
                    kind, (bench_direction)d, dtypes[t], row->has_layouts, layouts[l], *shape};
                if ((row->directions & BIT(d)) != 0 && (row->dtypes & BIT(dtypes[t])) != 0)
                    added = added && add(list, choice, &c);
            }
    return added;
}

bool bench_cases_choose(const bench_choice *choice, bench_case **out, size_t *count)
{
    case_list list = {0};
    bool added = true;
    for (int k = 0; k < BENCH_KINDS; ++k) {
        const bool given = choice->shape_count > 0;
        const bench_shape *shapes = given ? choice->shapes : rows[k].shapes;
        const size_t shape_count = given ? choice->shape_count : rows[k].shape_count;
        if (!same(choice->operators, rows[k].name))
            continue;
        for (size_t i = 0; i < shape_count; ++i)
            if (!choice->quick || shapes[i].quick)
                added = added && add_shape(&list, choice, (bench_kind)k, &shapes[i]);
    }
    if (!added) {
        free(list.cases);
        return false;
    }
    *out = list.cases;
    *count = list.count;
    return true;
}
