/* torch.nn.BatchNorm1d as a peer: asks accuracy_pytorch.py, which says how. */
#include "accuracy_peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"
#include "pytorch.h"

static void close_pytorch(void *state)
{
    bench_pytorch_end(state);
}

static bncl_status open_pytorch(const accuracy_options *options, void **state, char *about,
                                bncl_error *err)
{
    const char *const argv[] = {options->python, BENCH_DIR "/accuracy_pytorch.py", NULL};
    bench_child *child;
    bncl_status status = bench_pytorch_start(argv, &child, about, ACCURACY_ABOUT_SIZE, err);
    if (status == BNCL_OK)
        *state = child;
    return status;
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
