/* How the benchmarks' own functions fail; see fail.h. */
#include "fail.h"

#include <stdarg.h>
#include <stdio.h>

bncl_status bench_fail(bncl_error *err, bncl_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->text, sizeof err->text, format, arguments);
    va_end(arguments);
    return status;
}
