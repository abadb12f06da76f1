/* PyTorch's child process; see pytorch.h. */
#include "pytorch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

void bench_pytorch_end(bench_child *child)
{
    bncl_error ignored;
    bench_child_end(child, &ignored);
    free(child);
}

bncl_status bench_pytorch_line(bench_child *child, char *text, size_t size, bncl_error *err)
{
    if (fgets(text, (int)size, child->from) == NULL)
        return bench_fail(err, BNCL_ERROR_IO, "its script has ended");
    text[strcspn(text, "\n")] = '\0';
    return BNCL_OK;
}

bncl_status bench_pytorch_start(const char *const *argv, bench_child **out, char *about,
                                size_t size, bncl_error *err)
{
    bench_child *child = calloc(1, sizeof *child);
    if (child == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    bncl_status status = bench_child_start(argv, -1, child, err);
    if (status == BNCL_OK)
        status = bench_pytorch_line(child, about, size, err);
    if (status == BNCL_OK && about[0] == '!')
        status = bench_fail(err, BNCL_ERROR_UNSUPPORTED, "%s", about + 1);
    if (status != BNCL_OK) {
        bench_pytorch_end(child);
        return status;
    }
    *out = child;
    return BNCL_OK;
}
