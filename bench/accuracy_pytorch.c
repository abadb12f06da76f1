/* torch.nn.BatchNorm1d as a peer: asks accuracy_pytorch.py, which says how. */
#include "accuracy_peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "fail.h"

static void close_pytorch(void *state)
{
    bncl_error ignored;
    bench_child_end(state, &ignored);
    free(state);
}

/* The script's first line: "PyTorch …" or, where it cannot be used, "!" and why. */
static bncl_status greet(bench_child *child, char *about, bncl_error *err)
{
    if (fgets(about, ACCURACY_ABOUT_SIZE, child->from) == NULL)
        return bench_fail(err, BNCL_ERROR_IO, "its script ended at once");
    about[strcspn(about, "\n")] = '\0';
    if (about[0] == '!')
        return bench_fail(err, BNCL_ERROR_UNSUPPORTED, "%s", about + 1);
    return BNCL_OK;
}

static bncl_status open_pytorch(const accuracy_options *options, void **state, char *about,
                                bncl_error *err)
{
    const char *const argv[] = {options->python, BENCH_DIR "/accuracy_pytorch.py", NULL};
    bench_child *child = calloc(1, sizeof *child);
    if (child == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    bncl_status status = bench_child_start(argv, -1, child, err);
    if (status == BNCL_OK)
        status = greet(child, about, err);
    if (status != BNCL_OK) {
        close_pytorch(child);
        return status;
    }
    *state = child;
    return BNCL_OK;
}

static bncl_status run_pytorch(void *state, const accuracy_case *c, size_t way, const float *x,
                               float *y, bncl_error *err)
{
    bench_child *child = state;
    const size_t total = accuracy_case_total(c);
    (void)way;
    fprintf(child->to, "%s %zu %zu %zu\n", bncl_layout_name(c->layout), c->samples, c->channels,
            c->length);
    if (fwrite(x, sizeof *x, total, child->to) != total || fflush(child->to) != 0)
        return bench_fail(err, BNCL_ERROR_IO, "its script takes no more input: %s",
                          strerror(errno));
    if (fread(y, sizeof *y, total, child->from) != total)
        return bench_fail(err, BNCL_ERROR_IO, "its script ended before its answer");
    return BNCL_OK;
}

const accuracy_peer accuracy_pytorch = {"PyTorch", 1, open_pytorch, run_pytorch, close_pytorch};
