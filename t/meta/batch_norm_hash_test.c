/* The same bits on every device: fingerprints of a fixed set of batch norms against those recorded
   in t/vectors/hashes.txt, which were the same on three independent implementations of OpenCL.

   They may change only with the arithmetic's tree, that is, with a new major version. Then record
   them anew, on any device, and look that the others agree:

     BNCL_TEST_RECORD=t/vectors/hashes.txt BNCL_DEVICE=pocl t/meta/batch_norm_hash_test */
#include "lib/fingerprint.h"
#include "lib/harness.h"
#include "lib/recorded_lines.h"

/* "3 train NCL [3,5,7]: …": what a line of the file begins with. */
static const char *name_of(size_t index, const char *mode)
{
    batch_norm_case c = fingerprint_case(index);
    return harness_text("%s %s %zux%zux%zu offset %g:", mode, bncl_layout_name(c.layout), c.samples,
                        c.channels, c.positions, c.offset);
}

static const char *line_of(device *d, size_t index, bool train)
{
    batch_norm_case c = fingerprint_case(index);
    batch_norm_data data = batch_norm_data_make(&c);
    char text[fingerprint_text_size];
    if (train)
        batch_norm_run_train(d, &c, &data);
    else
        batch_norm_run_eval(d, &c, &data);
    batch_norm_fingerprint f = batch_norm_fingerprint_of(&c, &data);
    batch_norm_fingerprint_write(&f, text);
    return harness_text("%s %s\n", name_of(index, train ? "train" : "eval"), text);
}

static void record(device *d, const char *path)
{
    FILE *file = recorded_lines_begin(
        path, "# FNV-1a hashes of batch norm's results: see t/meta/batch_norm_hash_test.c");
    for (size_t i = 0; i < fingerprint_cases; ++i) {
        fputs(line_of(d, i, true), file);
        fputs(line_of(d, i, false), file);
    }
    recorded_lines_end(file, path);
}

static void same_bits_as_recorded(void **state)
{
    device *d = device_of(state);
    const char *path = getenv("BNCL_TEST_RECORD");
    if (!d->info.same_bits)
        harness_note("by what it declares, the device need not give the same bits");
    if (path != NULL && path[0] != '\0')
        record(d, path);
    FILE *file = recorded_lines_open(BNCL_T_DIR "/vectors/hashes.txt");
    for (size_t i = 0; i < (d->small ? fingerprint_small_cases : fingerprint_cases); ++i) {
        recorded_lines_expect(file, line_of(d, i, true));
        recorded_lines_expect(file, line_of(d, i, false));
    }
}

/* The hash itself, by the published test values. */
static void fnv_is_fnv(void **state)
{
    (void)state;
    assert_true(fingerprint("", 0) == 0xcbf29ce484222325u);
    assert_true(fingerprint("a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true(fingerprint("foobar", 6) == 0x85944171f73967e8u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(fnv_is_fnv),
        HARNESS_TEST(same_bits_as_recorded),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
