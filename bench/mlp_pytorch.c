/* PyTorch's side: asks mlp_pytorch.py, which says how. */
#include "mlp_side.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_threads.h"
#include "fail.h"
#include "mlp_texts.h"
#include "pytorch.h"

typedef struct pytorch_side {
    const mlp_setup *setup;
    bench_child *child;
} pytorch_side;

static void close_pytorch(void *state)
{
    pytorch_side *side = state;
    if (side == NULL)
        return;
    bench_pytorch_end(side->child);
    free(side);
}

static bncl_status open_pytorch(const mlp_setup *setup, void **state, char *about, bncl_error *err)
{
    char threads[24];
    const char *const argv[] = {setup->python, "-c", mlp_pytorch_text, threads, NULL};
    snprintf(threads, sizeof threads, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    pytorch_side *side = calloc(1, sizeof *side);
    if (side == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    side->setup = setup;
    bncl_status status = bench_pytorch_start(argv, &side->child, about, MLP_ABOUT_SIZE, err);
    if (status != BNCL_OK) {
        free(side);
        return status;
    }
    *state = side;
    return BNCL_OK;
}

static bncl_status ask(bench_child *child, char *answer, size_t size, bncl_error *err)
{
    if (fputc('\n', child->to) == EOF || fflush(child->to) != 0)
        return bench_fail(err, BNCL_ERROR_IO, "its script takes no more input");
    return bench_pytorch_line(child, answer, size, err);
}

static bncl_status prepare_pytorch(void *state, const mlp_case *c, bncl_error *err)
{
    static const char *const kinds[] = {"train", "eval", "epoch"};
    const pytorch_side *side = state;
    char answer[MLP_ABOUT_SIZE];
    fprintf(side->child->to, "prepare %s %zu", kinds[c->kind], c->batch);
    if (c->kind == MLP_EPOCH)
        fprintf(side->child->to, " %zu", side->setup->images);
    bncl_status status = ask(side->child, answer, sizeof answer, err);
    if (status == BNCL_OK && strcmp(answer, "ok") != 0)
        status = bench_fail(err, BNCL_ERROR_UNSUPPORTED, "%s", answer);
    return status;
}

static bncl_status run_pytorch(void *state, size_t calls, double *seconds, bncl_error *err)
{
    const pytorch_side *side = state;
    char answer[MLP_ABOUT_SIZE], *end;
    fprintf(side->child->to, "run %zu", calls);
    bncl_status status = ask(side->child, answer, sizeof answer, err);
    if (status != BNCL_OK)
        return status;
    *seconds = strtod(answer, &end);
    if (end == answer || *end != '\0')
        return bench_fail(err, BNCL_ERROR_IO, "its script answered: %s", answer);
    return BNCL_OK;
}

const mlp_side mlp_pytorch = {"PyTorch",       BENCH_OPENMP_REST, open_pytorch,
                              prepare_pytorch, run_pytorch,       close_pytorch};
