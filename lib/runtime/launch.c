/* Running a kernel: the only place that sets arguments and enqueues. */
#include "runtime/launch.h"

#include <string.h>

#include "base/error.h"
#include "runtime/objects.h"
#include "runtime/program_objects.h"
#include "runtime/recorder.h"
#include "tensor/tensor.h"

/* How many arguments of the kernel one of ours is. */
static cl_uint width(const bncli_argument *argument)
{
    switch (argument->kind) {
    case BNCLI_ARGUMENT_TENSOR:
        return 2;
    case BNCLI_ARGUMENT_STRIDED:
        return 4;
    case BNCLI_ARGUMENT_WALKED:
        return 3;
    default:
        return 1;
    }
}

/* Sets one argument, from `index` of the kernel's on. */
static cl_int set_argument(cl_kernel kernel, cl_uint index, const bncli_argument *argument)
{
    if (argument->kind == BNCLI_ARGUMENT_UINT)
        return clSetKernelArg(kernel, index, sizeof argument->number, &argument->number);
    const float rounded = (float)argument->real;
    if (argument->kind == BNCLI_ARGUMENT_FLOAT)
        return clSetKernelArg(kernel, index, sizeof rounded, &rounded);
    if (argument->kind == BNCLI_ARGUMENT_DOUBLE)
        return clSetKernelArg(kernel, index, sizeof argument->real, &argument->real);
    cl_mem mem = argument->buffer != NULL ? argument->buffer->cl : NULL;
    cl_ulong offset = argument->offset;
    cl_int code = clSetKernelArg(kernel, index, sizeof mem, mem != NULL ? &mem : NULL);
    if (code == CL_SUCCESS)
        code = clSetKernelArg(kernel, index + 1, sizeof offset, &offset);
    if (argument->kind == BNCLI_ARGUMENT_WALKED && code == CL_SUCCESS)
        code = clSetKernelArg(kernel, index + 2, sizeof argument->strides, argument->strides);
    for (cl_uint i = 0; argument->kind == BNCLI_ARGUMENT_STRIDED && i < 2 && code == CL_SUCCESS;
         ++i) {
        const cl_ulong stride = argument->strides[i];
        code = clSetKernelArg(kernel, index + 2 + i, sizeof stride, &stride);
    }
    return code;
}

/* What of an argument a kernel gets. */
static bncli_set_argument set_of(const bncli_argument *argument)
{
    bncli_set_argument set = {.kind = argument->kind,
                              .buffer = argument->buffer != NULL ? argument->buffer->number : 0,
                              .offset = argument->offset,
                              .number = argument->number,
                              .real = argument->real};
    memcpy(set.strides, argument->strides, sizeof set.strides);
    return set;
}

static bool is_same(const bncli_set_argument *a, const bncli_set_argument *b)
{
    return a->kind == b->kind && a->buffer == b->buffer && a->offset == b->offset &&
           a->number == b->number && memcmp(&a->real, &b->real, sizeof a->real) == 0 &&
           memcmp(a->strides, b->strides, sizeof a->strides) == 0;
}

/* Sets those arguments that differ from the last launch's: of forty that a small batch norm has, in
   a loop, none; and setting them takes as long as enqueuing does. */
static bncl_status set_arguments(bncli_kernel *kernel, const bncli_argument *arguments,
                                 size_t count, bncl_error *err)
{
    cl_uint index = 0;
    for (size_t i = 0; i < count; index += width(&arguments[i++])) {
        const bncli_set_argument wanted = set_of(&arguments[i]);
        if (i < kernel->set_count && is_same(&kernel->set[i], &wanted))
            continue;
        cl_int code = set_argument(kernel->cl, index, &arguments[i]);
        if (code != CL_SUCCESS) {
            kernel->set_count = kernel->set_count < i ? kernel->set_count : i;
            bncl_status status = bncli_cl_status(code, "clSetKernelArg", err);
            return bncli_fail_within(err, status, kernel->name);
        }
        if (i < BNCLI_SET_ARGUMENTS)
            kernel->set[i] = wanted;
        if (i < BNCLI_SET_ARGUMENTS && kernel->set_count == i)
            ++kernel->set_count;
    }
    return BNCL_OK;
}

static bool is_memory(const bncli_argument *argument)
{
    return argument->kind == BNCLI_ARGUMENT_TENSOR || argument->kind == BNCLI_ARGUMENT_STRIDED ||
           argument->kind == BNCLI_ARGUMENT_WALKED;
}

uint64_t bncli_argument_bytes(const bncli_argument *arguments, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
        const bncli_argument *argument = &arguments[i];
        if (!is_memory(argument) || argument->buffer == NULL)
            continue;
        bytes += argument->tensor != NULL ? bncli_tensor_bytes(argument->tensor)
                                          : argument->buffer->bytes;
    }
    return bytes;
}

static bncl_status enqueue(bncl_queue *queue, bncli_kernel *kernel, const bncli_grid *grid,
                           const bncli_argument *arguments, size_t count, cl_event *event,
                           bncl_error *err)
{
    cl_int code = CL_SUCCESS;
    if (queue->out_of_order)
        code = clEnqueueBarrierWithWaitList(queue->cl, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clEnqueueBarrierWithWaitList", err);
    size_t global[BNCLI_GRID_DIMENSIONS], local[BNCLI_GRID_DIMENSIONS];
    for (int d = 0; d < BNCLI_GRID_DIMENSIONS; ++d) {
        const size_t items = grid->items[d] > 0 ? grid->items[d] : 1;
        local[d] = grid->group[d] > 0 ? grid->group[d] : 1;
        global[d] = (items + local[d] - 1) / local[d] * local[d];
    }
    bncli_recording recording = bncli_recording_begin(queue, event);
    code = clEnqueueNDRangeKernel(queue->cl, kernel->cl, BNCLI_GRID_DIMENSIONS, NULL, global, local,
                                  0, NULL, bncli_recording_event(&recording));
    if (recording.recorder != NULL) {
        const bncli_command_facts facts = {.name = kernel->name,
                                           .kind = BNCLI_COMMAND_KERNEL,
                                           .bytes = bncli_argument_bytes(arguments, count),
                                           .global = global,
                                           .group = local};
        bncli_recording_end(&recording, code, &facts);
    }
    return bncli_cl_status(code, "clEnqueueNDRangeKernel", err);
}

bncl_status bncli_launch(bncl_queue *queue, bncli_kernel *kernel, const bncli_grid *grid,
                         const bncli_argument *arguments, size_t count, bncl_event **signal,
                         bncl_error *err)
{
    bncl_status status = set_arguments(kernel, arguments, count, err);
    bncl_event *event = NULL;
    if (status == BNCL_OK)
        status = bncli_event_prepare(signal, &event, err);
    if (status != BNCL_OK)
        return status;
    status = enqueue(queue, kernel, grid, arguments, count, event != NULL ? &event->cl : NULL, err);
    if (status != BNCL_OK)
        bncli_fail_within(err, status, kernel->name);
    return bncli_event_deliver(event, signal, status);
}
