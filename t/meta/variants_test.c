/* The same bits of everything that batch norm does: forward and backward of every dtype, double
   backward, and with a residual and an activation, in both families of layouts, with work-groups of
   1, 8, 32, 64 and 256 items, against the hashes in t/vectors/variant_hashes.txt. See
   t/meta/batch_norm_hash_test.c for when they may change, and how they are recorded. (Narrow types'
   double backward is f32's rounded once, and fused calls have the bits of separate ones: see
   t/op/batch_norm_double_backward_dtypes_test.c and t/op/batch_norm_fused_test.c.) */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/double_backward.h"
#include "lib/fingerprint.h"
#include "lib/fused.h"
#include "lib/harness.h"
#include "lib/recorded_lines.h"
#include "lib/tuning.h"

/* Two tiles, or three. */
static const struct {
    bncl_layout layout;
    size_t samples, channels, positions;
} shapes[] = {{BNCL_LAYOUT_NLC, 11, 5, 100}, {BNCL_LAYOUT_NCL, 3, 2, 700}};

static batch_norm_case case_of(int shape, bncl_dtype dtype)
{
    batch_norm_case c = batch_norm_case_make(shapes[shape].layout, shapes[shape].samples,
                                             shapes[shape].channels, shapes[shape].positions);
    c.dtype = dtype;
    c.offset = 3.0;
    return c;
}

static const char *plain(device *d, const batch_norm_case *c, bool train)
{
    char text[fingerprint_text_size];
    batch_norm_data data = batch_norm_data_make(c);
    (train ? batch_norm_run_train : batch_norm_run_eval)(d, c, &data);
    const batch_norm_fingerprint f = batch_norm_fingerprint_of(c, &data);
    batch_norm_fingerprint_write(&f, text);
    return harness_text("%s", text);
}

static const char *twice(device *d, const batch_norm_case *c, bool train)
{
    const size_t bytes = batch_norm_case_total(c) * sizeof(float);
    double_backward_data data = double_backward_data_make(c);
    double_backward_run(d, c, train, &data);
    return harness_text("dx=%016" PRIx64 " ddy=%016" PRIx64 " dgamma=%016" PRIx64,
                        fingerprint(data.dx, bytes), fingerprint(data.ddy, bytes),
                        fingerprint(data.dgamma, c->channels * sizeof(float)));
}

static const char *fused(device *d, const batch_norm_case *c, bool train)
{
    const fused_case f = {.norm = *c,
                          .activation = bncl_activation_leaky_relu(0.125),
                          .residual = true,
                          .train = train};
    const fused_data data = fused_data_make(&f);
    const fused_output out = fused_run(d, &f, &data);
    const char *text = harness_text("raw mask=%016" PRIx64, fingerprint(out.mask, out.mask_bytes));
    for (int i = 0; i < fused_results; ++i)
        if (out.of[i].bytes != NULL)
            text = harness_text("%s %s=%016" PRIx64, text, fused_names[i],
                                fingerprint(out.of[i].bytes, out.of[i].size * out.of[i].count));
    return text;
}

typedef struct operation {
    const char *name;
    const char *(*run)(device *d, const batch_norm_case *c, bool train);
    bncl_dtype dtype;
} operation;

/* That of f64 last: not every device has it. */
static const operation operations[] = {
    {"f32", plain, BNCL_F32},
    {"f16", plain, BNCL_F16},
    {"bf16", plain, BNCL_BF16},
    {"f32 double backward", twice, BNCL_F32},
    {"f32 + residual, leaky_relu", fused, BNCL_F32},
    {"f64", plain, BNCL_F64},
};
enum { operation_count = sizeof operations / sizeof operations[0] };

/* "NLC f16, train: y=… dx=…" */
static const char *line_of(device *d, int shape, const operation *op, bool train)
{
    const batch_norm_case c = case_of(shape, op->dtype);
    return harness_text("%s %s, %s: %s\n", bncl_layout_name(c.layout), op->name,
                        train ? "train" : "eval", op->run(d, &c, train));
}

/* Writes to `file`, or where that is NULL looks up in `recorded`. */
static void all_lines(device *d, FILE *file, FILE *recorded)
{
    const int count = batch_norm_has_f64(d) ? operation_count : operation_count - 1;
    for (int shape = 0; shape < 2; ++shape)
        for (int i = 0; i < count; ++i)
            for (int train = 0; train < 2; ++train) {
                const char *line = line_of(d, shape, &operations[i], train);
                if (file != NULL)
                    fputs(line, file);
                else
                    recorded_lines_expect(recorded, line);
            }
}

static void check(void **state, const char *tuning)
{
    device *d = device_of(state);
    const char *path = getenv("BNCL_TEST_RECORD");
    tune(tuning);
    if (!d->info.same_bits)
        harness_note("by what it declares, the device need not give the same bits");
    if (path != NULL && path[0] != '\0') {
        FILE *file = recorded_lines_begin(
            path, "# FNV-1a hashes of all that batch norm does: see t/meta/variants_test.c");
        all_lines(d, file, NULL);
        recorded_lines_end(file, path);
    }
    all_lines(d, NULL, recorded_lines_open(BNCL_T_DIR "/vectors/variant_hashes.txt"));
}

static void groups_of_1(void **state)
{
    check(state, tunings[0]);
}

static void groups_of_8(void **state)
{
    check(state, tunings[1]);
}

static void groups_of_32(void **state)
{
    check(state, tunings[2]);
}

static void groups_of_64(void **state)
{
    check(state, tunings[3]);
}

static void groups_of_256(void **state)
{
    check(state, tunings[4]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(groups_of_1),  HARNESS_TEST(groups_of_8),   HARNESS_TEST(groups_of_32),
        HARNESS_TEST(groups_of_64), HARNESS_TEST(groups_of_256),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
