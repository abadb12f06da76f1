/* What libbncl and the limit's kernels run on: one device, a queue, the tensors of a case. */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <bncl/bncl.h>
#include <bncl/opencl.h>

#include "bench_cases.h"
#include "bench_model.h"

typedef struct bench_world {
    bncl_context *context;
    bncl_queue *queue;
    bncl_device_info info;
    bench_device_facts facts;
    /* Of the present case, in the order of the bits BENCH_X …; what it lacks: NULL, absent. */
    bncl_buffer *buffers[BENCH_WHOLES];
    bncl_tensor tensors[BENCH_WHOLES];
} bench_world;

/* Opens the device (see bncl_context_create) into *world, which was all zeros. */
bncl_status bench_world_open(const char *device, bench_world *world, bncl_error *err);

/* What was never opened, all zeros, is fine. */
void bench_world_close(bench_world *world);

/* Makes the tensors of a case that are bits of `wholes`, of its dtype, filled with numbers that are
   the same in every run; drops those of the case before. Blocks. */
bncl_status bench_world_prepare(bench_world *world, const bench_case *c, unsigned wholes,
                                bncl_error *err);

/* The tensor of one bit. */
const bncl_tensor *bench_world_tensor(const bench_world *world, unsigned whole);

#endif
