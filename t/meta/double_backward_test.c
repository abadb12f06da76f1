/* The bits of double backward: those recorded in t/vectors/double_backward_hashes.txt, on every
   device; the device's own with every tuning; and the same for other words for one shape.

   They may change only with the arithmetic's tree, that is, with a new major version. Then record
   them anew, on any device, and look that the others agree:

     BNCL_TEST_RECORD=t/vectors/double_backward_hashes.txt BNCL_DEVICE=pocl \
         t/meta/double_backward_test */
#include <inttypes.h>
#include <string.h>

#include "lib/double_backward.h"
#include "lib/harness.h"
#include "lib/recorded_fingerprints.h"
#include "lib/tuning.h"

enum { results = 3 };
static const char *const names[results] = {"dx", "ddy", "dgamma"};

/* One hash for every result. */
typedef struct hashes {
    uint64_t of[results];
} hashes;

static hashes run_hashed(device *d, const batch_norm_case *c, bool train)
{
    const size_t total = batch_norm_case_total(c);
    double_backward_data data = double_backward_data_make(c);
    double_backward_run(d, c, train, &data);
    return (hashes){{fingerprint(data.dx, total * sizeof(float)),
                     fingerprint(data.ddy, total * sizeof(float)),
                     fingerprint(data.dgamma, c->channels * sizeof(float))}};
}

static void expect_same(const char *what, const hashes *got, const hashes *expected)
{
    for (size_t i = 0; i < results; ++i)
        if (got->of[i] != expected->of[i])
            harness_fail("%s: other bits in %s", what, names[i]);
}

/* ---- recorded ---- */

static const char *run(device *d, const batch_norm_case *c, bool train)
{
    const hashes h = run_hashed(d, c, train);
    return harness_text("dx=%016" PRIx64 " ddy=%016" PRIx64 " dgamma=%016" PRIx64, h.of[0], h.of[1],
                        h.of[2]);
}

static void same_bits_as_recorded(void **state)
{
    recorded_fingerprints_check(
        device_of(state), run, "double_backward_hashes.txt",
        "# FNV-1a hashes of double backward's results: see t/meta/double_backward_test.c");
}

/* ---- who computes what ---- */

/* As in t/meta/tuning_test.c. */
/* As in t/meta/tuning_test.c. */
static const size_t chosen[] = {0, 3, 8, 9, 4, 6, 11, 13};

static void every_tuning_gives_the_same_bits(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < (d->small ? 2 : sizeof chosen / sizeof *chosen); ++i)
        for (int train = 0; train < 2; ++train) {
            const batch_norm_case c = fingerprint_case(chosen[i]);
            tune(NULL);
            const hashes own = run_hashed(d, &c, train);
            for (size_t t = 0; t < tuning_count; ++t) {
                tune(tunings[t]);
                const hashes got = run_hashed(d, &c, train);
                expect_same(harness_text("%s, %s", batch_norm_case_name(&c), tunings[t]), &got,
                            &own);
            }
        }
}

/* Work-items of a processor go along lines step by step where enough of them are left. */
static void many_steps_of_a_line(void **state)
{
    device *d = device_of(state);
    const bool quick = d->small || strstr(d->info.name, "llvmpipe") != NULL;
    const batch_norm_case c = batch_norm_case_make(
        BNCL_LAYOUT_NCL, 2, quick ? 3 : (size_t)d->info.compute_units * 256, 133);
    for (int train = 0; train < 2; ++train) {
        tune(NULL);
        const hashes own = run_hashed(d, &c, train);
        tune("vector=4,vectors=1,stream=1");
        const hashes got = run_hashed(d, &c, train);
        expect_same("vectors of four", &got, &own);
        harness_release(NULL);
    }
}

/* Each call is made with what the one before it left in the workspace: no matter. */
static void repeating_gives_the_same_bits(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < (d->small ? 2 : fingerprint_cases); ++i) {
        const batch_norm_case c = fingerprint_case(i);
        double_backward_data data = double_backward_data_make(&c);
        const double_backward of = double_backward_make(d, &c, true, &data);
        hashes first = {{0}};
        for (int again = 0; again < 3; ++again) {
            double_backward_call(d, &of);
            double_backward_read(d, &of, &data);
            const size_t bytes = batch_norm_case_total(&c) * sizeof(float);
            const hashes got = {{fingerprint(data.dx, bytes), fingerprint(data.ddy, bytes),
                                 fingerprint(data.dgamma, c.channels * sizeof(float))}};
            if (again == 0)
                first = got;
            expect_same(batch_norm_case_name(&c), &got, &first);
        }
        harness_release(NULL);
    }
}

/* [N,C], [N,C,1] and [N,1,C]; [N,L,C] and [N·L,C]. */
static void other_words_for_a_shape(void **state)
{
    device *d = device_of(state);
    const bncl_layout same[] = {BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};
    const size_t shapes[][2] = {{2, 1}, {33, 17}, {1030, 2}, {2500, 65}};
    for (size_t i = 0; i < (d->small ? 2 : 4); ++i) {
        batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, shapes[i][0], shapes[i][1], 1);
        const hashes flat = run_hashed(d, &c, true);
        for (size_t l = 0; l < 2; ++l) {
            c.layout = same[l];
            const hashes got = run_hashed(d, &c, true);
            expect_same(batch_norm_case_name(&c), &got, &flat);
        }
        harness_release(NULL);
    }
    const batch_norm_case last = batch_norm_case_make(BNCL_LAYOUT_NLC, 9, 5, 31);
    batch_norm_case flat = batch_norm_case_make(BNCL_LAYOUT_NC, 279, 5, 1);
    flat.seed = last.seed;
    const hashes a = run_hashed(d, &last, true), b = run_hashed(d, &flat, true);
    expect_same(batch_norm_case_name(&last), &a, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(same_bits_as_recorded),   HARNESS_TEST(every_tuning_gives_the_same_bits),
        HARNESS_TEST(many_steps_of_a_line),    HARNESS_TEST(repeating_gives_the_same_bits),
        HARNESS_TEST(other_words_for_a_shape),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
