/* PyTorch as a contestant: asks bench_pytorch.py, which says how. */
#include "bench_contestant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_texts.h"
#include "bench_threads.h"
#include "bench_world.h"
#include "fail.h"
#include "pytorch.h"

static void close_pytorch(void *state)
{
    bench_pytorch_end(state);
}

/* As many threads as the device has compute units; as the machine has cores, if those are fewer or
   the device is no CPU. */
static long threads_beside(const bncl_device_info *info)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN), units = (long)info->compute_units;
    return strcmp(info->type, "cpu") == 0 && (units < cores || cores < 1) ? units : cores;
}

static bncl_status open_pytorch(const bench_setup *setup, void **state, char *about,
                                bncl_error *err)
{
    char threads[24];
    const char *const argv[] = {setup->options->python, "-c", bench_pytorch_text, threads, NULL};
    bench_child *child;
    snprintf(threads, sizeof threads, "%ld", threads_beside(&setup->world->info));
    bncl_status status = bench_pytorch_start(argv, &child, about, BENCH_ABOUT_SIZE, err);
    if (status == BNCL_OK)
        *state = child;
    return status;
}

static bncl_status ask(bench_child *child, char *answer, size_t size, bncl_error *err)
{
    if (fputc('\n', child->to) == EOF || fflush(child->to) != 0)
        return bench_fail(err, BNCL_ERROR_IO, "its script takes no more input");
    return bench_pytorch_line(child, answer, size, err);
}

static bncl_status prepare_pytorch(void *state, const bench_case *c, const bench_model *model,
                                   char *way, bncl_error *err)
{
    bench_child *child = state;
    char answer[BENCH_ABOUT_SIZE];
    (void)model;
    fprintf(child->to, "prepare %s %s %s %s", bench_kind_name(c->kind),
            bench_direction_name(c->direction), bncl_dtype_name(c->dtype),
            bncl_layout_name(c->layout));
    for (int i = 0; i < c->shape.rank; ++i)
        fprintf(child->to, " %zu", c->shape.dims[i]);
    bncl_status status = ask(child, answer, sizeof answer, err);
    if (status != BNCL_OK)
        return status;
    if (strncmp(answer, "ok", 2) != 0)
        return bench_fail(err, BNCL_ERROR_UNSUPPORTED, "%s", answer);
    snprintf(way, BENCH_WAY_SIZE, "%.40s", answer + strspn(answer, "ok "));
    return BNCL_OK;
}

static bncl_status run_pytorch(void *state, size_t calls, double *seconds, bncl_error *err)
{
    bench_child *child = state;
    char answer[BENCH_ABOUT_SIZE], *end;
    fprintf(child->to, "run %zu", calls);
    bncl_status status = ask(child, answer, sizeof answer, err);
    if (status != BNCL_OK)
        return status;
    *seconds = strtod(answer, &end);
    if (end == answer || *end != '\0')
        return bench_fail(err, BNCL_ERROR_IO, "its script answered: %s", answer);
    return BNCL_OK;
}

const bench_contestant bench_pytorch = {"PyTorch",    "pytorch",       BENCH_OPENMP_REST,
                                        open_pytorch, prepare_pytorch, run_pytorch,
                                        close_pytorch};
