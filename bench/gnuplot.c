/* gnuplot; see gnuplot.h. */
#include "gnuplot.h"

#include <fcntl.h>
#include <unistd.h>

#include "fail.h"

bncl_status bench_gnuplot_check(bncl_error *err)
{
    const char *const argv[] = {"gnuplot", "--version", NULL};
    bench_child child = {0};
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    bncl_error reason;
    bncl_status status = bench_child_start(argv, nowhere, &child, &reason);
    if (status == BNCL_OK)
        status = bench_child_end(&child, &reason);
    if (nowhere >= 0)
        close(nowhere);
    if (status == BNCL_OK)
        return BNCL_OK;
    return bench_fail(err, status,
                      "gnuplot, which draws, is missing (Debian: apt-get install "
                      "gnuplot-nox): %s",
                      reason.text);
}

bncl_status bench_gnuplot_start(const char *const *argv, int file, bench_child *out,
                                bncl_error *err)
{
    bncl_error reason;
    if (ftruncate(file, 0) != 0)
        return bench_fail(err, BNCL_ERROR_IO, "the picture's file cannot be emptied");
    bncl_status status = bench_child_start(argv, file, out, &reason);
    return status == BNCL_OK ? BNCL_OK : bench_fail(err, status, "gnuplot: %s", reason.text);
}

bncl_status bench_gnuplot_end(bench_child *child, bncl_error *err)
{
    bncl_error reason;
    bncl_status status = bench_child_end(child, &reason);
    return status == BNCL_OK ? BNCL_OK : bench_fail(err, status, "gnuplot: %s", reason.text);
}
