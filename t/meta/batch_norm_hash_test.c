/* The same bits on every device: fingerprints of a fixed set of batch norms against those recorded
   in t/vectors/hashes.txt, which were the same on three independent implementations of OpenCL.

   They may change only with the arithmetic's tree, that is, with a new major version. Then record
   them anew, on any device, and look that the others agree:

     BNCL_TEST_RECORD=t/vectors/hashes.txt BNCL_DEVICE=pocl t/meta/batch_norm_hash_test */
#include "lib/harness.h"
#include "lib/recorded_fingerprints.h"

static const char *run(device *d, const batch_norm_case *c, bool train)
{
    batch_norm_data data = batch_norm_data_make(c);
    char text[fingerprint_text_size];
    (train ? batch_norm_run_train : batch_norm_run_eval)(d, c, &data);
    const batch_norm_fingerprint f = batch_norm_fingerprint_of(c, &data);
    batch_norm_fingerprint_write(&f, text);
    return harness_text("%s", text);
}

static void same_bits_as_recorded(void **state)
{
    recorded_fingerprints_check(
        device_of(state), run, "hashes.txt",
        "# FNV-1a hashes of batch norm's results: see t/meta/batch_norm_hash_test.c");
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
