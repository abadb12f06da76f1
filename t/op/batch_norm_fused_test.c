/* Batch norm with a residual and an activation: the same bits as by separate calls, for every
   layout, dtype and activation, in training and evaluation. */
#include "lib/fused.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "runtime/context.h"

/* Lines of these lengths end within bytes and vectors, and at their ends. */
static const size_t lengths[] = {1, 2, 7, 8, 9, 15, 17, 31, 33, 64, 127, 131};
enum { length_count = sizeof lengths / sizeof lengths[0], ALL_ON = 33 };

static const bncl_activation activations[] = {
    {.kind = BNCL_ACTIVATION_RELU},
    {.kind = BNCL_ACTIVATION_LEAKY_RELU, .negative_slope = 0.01},
    {.kind = BNCL_ACTIVATION_HARDTANH, .min = -0.3, .max = 0.7},
    {.kind = BNCL_ACTIVATION_NONE},
};

static fused_case case_make(bncl_layout layout, size_t samples, size_t channels, size_t positions)
{
    return (fused_case){.norm = batch_norm_case_make(layout, samples, channels, positions)};
}

static void try(device *d, const fused_case *c)
{
    const fused_data data = fused_data_make(c);
    const fused_output together = fused_run(d, c, &data);
    const fused_output apart = fused_run_apart(d, c, &data);
    fused_expect_same(c, &together, &apart);
    harness_release(NULL);
}

enum {
    activation_count = sizeof activations / sizeof activations[0],
    masked_count = activation_count - 1 /* those but the last, which writes no mask */
};

/* With activations first ... first + count-1, counted around; with and without a residual, in
   training, with frozen statistics, and in evaluation without running ones; two of the gradients'
   ways in turn. */
static void try_activations(device *d, fused_case c, int first, int count)
{
    for (int k = 0; k < count; ++k) {
        const int i = (first + k) % activation_count;
        for (int mode = 0; mode < 6; ++mode) {
            if (d->small && mode % 4 != i)
                continue;
            c.activation = activations[i];
            c.residual = mode % 2 == 0;
            c.train = mode < 2;
            c.norm.untracked = mode >= 4;
            c.accumulate = (i + mode) % 3 == 0;
            c.norm.padding = (size_t)((i + mode) % 2) * 3;
            try(d, &c);
        }
    }
}

static void try_modes(device *d, fused_case c)
{
    try_activations(d, c, 0, activation_count);
}

/* All activations on one of the lengths, on each of the others one that writes a mask, the same on
   those that the same vectors fill: each pair of vectors and activation is a program, of which cold
   drivers compile one a second. */
static void try_length(device *d, const fused_case *c, size_t length)
{
    const bool all = d->small || length == ALL_ON;
    int first = 0;
    for (; !all && length > 1; length /= 2)
        first = (first + 1) % masked_count;
    try_activations(d, *c, first, all ? activation_count : 1);
}

static void rows(void **state)
{
    device *d = device_of(state);
    const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NLC, BNCL_LAYOUT_NHWC};
    for (size_t i = 0; i < length_count; i += d->small ? 4 : 1) {
        fused_case c = case_make(layouts[i % 3], 3, lengths[i], i % 3 == 0 ? 1 : 6);
        c.norm.width = i % 3 == 2 ? 3 : 1;
        try_length(d, &c, lengths[i]);
    }
}

static void runs(void **state)
{
    device *d = device_of(state);
    const bncl_layout layouts[] = {BNCL_LAYOUT_NCL, BNCL_LAYOUT_NCHW};
    for (size_t i = 0; i < length_count; i += d->small ? 4 : 1) {
        fused_case c = case_make(layouts[i % 2], 3, 5, lengths[i]);
        c.norm.width = i % 2 == 1 && lengths[i] % 2 == 0 ? 2 : 1;
        try_length(d, &c, lengths[i]);
    }
}

/* More than a tile of values, whose lines begin and end within tiles. */
static void tiles(void **state)
{
    device *d = device_of(state);
    if (d->small)
        return;
    try_modes(d, case_make(BNCL_LAYOUT_NC, 1030, 19, 1));
    try_modes(d, case_make(BNCL_LAYOUT_NCL, 3, 2, 701));
    try_modes(d, case_make(BNCL_LAYOUT_NCL, 70, 2, 30));
}

static void dtypes(void **state)
{
    device *d = device_of(state);
    const bncl_dtype narrow_and_wide[] = {BNCL_F16, BNCL_BF16, BNCL_F64};
    for (int i = 0; i < (bncli_context_facts(d->context)->has_fp64 ? 3 : 2); ++i) {
        fused_case row = case_make(BNCL_LAYOUT_NC, 21, 33, 1);
        fused_case run = case_make(BNCL_LAYOUT_NCL, 4, 3, 17);
        fused_case last = case_make(BNCL_LAYOUT_NLC, 3, 7, 5);
        fused_case plane = case_make(BNCL_LAYOUT_NCHW, 2, 3, 64);
        row.norm.dtype = run.norm.dtype = last.norm.dtype = plane.norm.dtype = narrow_and_wide[i];
        plane.norm.width = 8;
        if (d->small) {
            try_modes(d, row);
            try_modes(d, run);
            continue;
        }
        try_activations(d, row, i, 1);
        try_activations(d, run, i + 1, 1);
        try_activations(d, last, i + 2, 1);
        try_activations(d, plane, i + 3, 1);
    }
}

static void nothing(void **state)
{
    device *d = device_of(state);
    try_modes(d, case_make(BNCL_LAYOUT_NC, 0, 5, 1));
    try_modes(d, case_make(BNCL_LAYOUT_NCL, 3, 5, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(rows),   HARNESS_TEST(runs),    HARNESS_TEST(tiles),
        HARNESS_TEST(dtypes), HARNESS_TEST(nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
