/* Who multiplies matrices, as tests choose it: see gemm.h. */
#include "lib/gemm.h"

#include <stdlib.h>
#include <string.h>

#include "lib/harness.h"

const char *const gemm_names[gemm_name_count] = {"cblas", "clblast"};

/* Held until the test ends. */
static void restore(void *old)
{
    const char *name = old;
    if (name[0] != '\0')
        setenv("BNCL_GEMM", name, 1);
    else
        unsetenv("BNCL_GEMM");
    free(old);
}

bool multiply_by(device *d, const char *name)
{
    bncl_gemm_info info;
    const char *before = getenv("BNCL_GEMM");
    char *old = strdup(before != NULL ? before : "");
    assert_non_null(old);
    setenv("BNCL_GEMM", name, 1);
    bncl_status status = bncl_gemm_provider(d->context, &info, &d->err);
    if (status == BNCL_ERROR_UNSUPPORTED) {
        restore(old);
        return false;
    }
    harness_hold(old, restore);
    device_ok(d, status, name);
    assert_string_equal(info.name, name);
    return true;
}
