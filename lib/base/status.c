/* Status names and error texts: their only home. */
#include <bncl/status.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static const char *const status_names[] = {
    [BNCL_OK] = "success",
    [BNCL_ERROR_ARGUMENT] = "invalid argument",
    [BNCL_ERROR_SHAPE] = "wrong shape",
    [BNCL_ERROR_DTYPE] = "wrong element type",
    [BNCL_ERROR_STATE] = "not legal in this state",
    [BNCL_ERROR_MEMORY] = "out of host memory",
    [BNCL_ERROR_DEVICE_MEMORY] = "out of device memory",
    [BNCL_ERROR_NO_DEVICE] = "no such OpenCL device",
    [BNCL_ERROR_NO_COMPILER] = "no OpenCL compiler for the device",
    [BNCL_ERROR_BUILD] = "kernel build failed",
    [BNCL_ERROR_OPENCL] = "OpenCL call failed",
    [BNCL_ERROR_BLAS] = "matrix multiplication failed",
    [BNCL_ERROR_IO] = "input/output failed",
    [BNCL_ERROR_FORMAT] = "malformed file",
    [BNCL_ERROR_KEY] = "state dict keys do not match",
    [BNCL_ERROR_UNSUPPORTED] = "not supported",
};
_Static_assert(sizeof status_names / sizeof status_names[0] == BNCL_STATUS_COUNT,
               "every status has a name");

const char *bncl_status_string(bncl_status status)
{
    if ((int)status < 0 || status >= BNCL_STATUS_COUNT)
        return "unknown status";
    return status_names[status];
}

/* What was quoted must neither break the line nor command a terminal. A build log has lines. */
static void replace_controls(char *text, bool keep_lines)
{
    for (; *text != '\0'; ++text)
        if (((unsigned char)*text < 0x20 && !(keep_lines && *text == '\n')) || *text == 0x7f)
            *text = *text == '\t' ? ' ' : '?';
}

bncl_status bncli_fail(bncl_error *err, bncl_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        replace_controls(err->text, status == BNCL_ERROR_BUILD);
    }
    return status;
}

bncl_status bncli_fail_within(bncl_error *err, bncl_status status, const char *prefix)
{
    if (err == NULL)
        return status;
    char text[BNCL_ERROR_TEXT_SIZE];
    memcpy(text, err->text, sizeof text);
    text[sizeof text - 1] = '\0';
    size_t used = (size_t)snprintf(err->text, sizeof err->text, "%s: ", prefix);
    if (used < sizeof err->text)
        snprintf(err->text + used, sizeof err->text - used, "%s", text);
    return status;
}

void bncli_error_clear(bncl_error *err)
{
    if (err != NULL)
        err->text[0] = '\0';
}
