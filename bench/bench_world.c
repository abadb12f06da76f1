/* Device, queue and tensors; see bench_world.h. */
#include "bench_world.h"

#include <stdlib.h>

#include "bench_numbers.h"
#include "fail.h"

#define CACHE_OF_A_UNIT ((cl_ulong)16 << 20) /* as lib/runtime/device.c counts */

bncl_status bench_world_open(const char *device, bench_world *world, bncl_error *err)
{
    bncl_status status = bncl_context_create(device, &world->context, err);
    if (status == BNCL_OK)
        status = bncl_queue_create(world->context, &world->queue, err);
    if (status == BNCL_OK)
        status = bncl_context_device(world->context, &world->info, err);
    if (status != BNCL_OK)
        return status;
    cl_ulong cache = 0;
    clGetDeviceInfo(bncl_opencl_get_device(world->context), CL_DEVICE_GLOBAL_MEM_CACHE_SIZE,
                    sizeof cache, &cache, NULL); /* 0 where it does not tell */
    const cl_ulong most = CACHE_OF_A_UNIT * world->info.compute_units;
    world->facts = (bench_device_facts){cache < most ? cache : most, world->info.compute_units};
    return BNCL_OK;
}

static void drop_tensors(bench_world *world)
{
    bncl_queue_finish(world->queue, NULL);
    for (int i = 0; i < BENCH_WHOLES; ++i) {
        bncl_buffer_destroy(world->buffers[i]);
        world->buffers[i] = NULL;
        world->tensors[i] = (bncl_tensor){0};
    }
}

void bench_world_close(bench_world *world)
{
    if (world->queue != NULL)
        drop_tensors(world);
    bncl_queue_destroy(world->queue);
    bncl_context_destroy(world->context);
    *world = (bench_world){0};
}

bncl_status bench_world_prepare(bench_world *world, const bench_case *c, unsigned wholes,
                                bncl_error *err)
{
    size_t dims[BNCL_MAX_RANK];
    const int rank = bench_case_dims(c, dims);
    const size_t count = bench_case_elements(c), bytes = count * bncl_dtype_size(c->dtype);
    drop_tensors(world);
    void *numbers = bench_numbers(c->dtype, count);
    if (numbers == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    bncl_status status = BNCL_OK;
    for (int i = 0; i < BENCH_WHOLES && status == BNCL_OK; ++i) {
        if ((wholes >> i & 1u) == 0)
            continue;
        status = bncl_buffer_create(world->context, bytes, &world->buffers[i], err);
        if (status == BNCL_OK)
            status = bncl_tensor_init(&world->tensors[i], world->buffers[i], 0, c->dtype, rank,
                                      dims, err);
        if (status == BNCL_OK)
            status = bncl_tensor_write(world->queue, &world->tensors[i], numbers, NULL, err);
    }
    bncl_error ignored;
    const bncl_status finished =
        bncl_queue_finish(world->queue, status == BNCL_OK ? err : &ignored);
    free(numbers);
    return status == BNCL_OK ? finished : status;
}

const bncl_tensor *bench_world_tensor(const bench_world *world, unsigned whole)
{
    int at = 0;
    while (whole >> at != 1u)
        ++at;
    return &world->tensors[at];
}
