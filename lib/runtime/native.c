/* The one clEnqueueNativeKernel, and how its command finds its memory.

   A driver writes the addresses of the listed cl_mems into the command's arguments. PoCL 3.1 does
   that in the order of the cl_mems' creation, whatever the order of the list; it trips over one
   that is listed twice, and gives the parent's begin for a sub-buffer. So each stands in the list
   once, a sub-buffer as a place in its parent; and what addresses mean is settled by those that
   were found when the buffers were made, by commands with a list of one, of which no order can be
   wrong. */
#include "runtime/native.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "runtime/objects.h"
#include "runtime/queue.h"
#include "runtime/recorder.h"
#include "tensor/tensor.h"

/* What the driver copies, fills in and hands to its thread. */
typedef struct native_command {
    bncli_native_function *function;
    size_t memory_count, tensor_count;
    void *memory[BNCLI_NATIVE_TENSORS];  /* in the driver's order */
    void *located[BNCLI_NATIVE_TENSORS]; /* in the list's */
    struct {
        size_t memory; /* index */
        size_t offset; /* bytes */
    } tensors[BNCLI_NATIVE_TENSORS];
    alignas(max_align_t) unsigned char arguments[BNCLI_NATIVE_ARGUMENTS];
} native_command;

/* The address of the i-th of the list: where it was, if the driver gives that address to any; else
   memory has moved, and the driver's order is what there is. */
static char *address_of(const native_command *command, size_t i)
{
    for (size_t j = 0; j < command->memory_count; ++j)
        if (command->memory[j] == command->located[i])
            return command->memory[j];
    return command->memory[i];
}

static void CL_CALLBACK run(void *of)
{
    const native_command *command = of;
    void *first[BNCLI_NATIVE_TENSORS] = {NULL};
    for (size_t i = 0; i < command->tensor_count; ++i)
        first[i] = address_of(command, command->tensors[i].memory) + command->tensors[i].offset;
    command->function(command->arguments, first);
}

/* The index of the buffer's memory in the list, to which it is added if it is not there. */
static size_t index_of(native_command *command, cl_mem *list, const bncl_buffer *buffer)
{
    size_t i = 0;
    while (i < command->memory_count && list[i] != buffer->whole)
        ++i;
    if (i == command->memory_count) {
        list[i] = buffer->whole;
        command->located[i] = buffer->located;
        ++command->memory_count;
    }
    return i;
}

bncl_status bncli_native_run(bncl_queue *queue, const char *name, bncli_native_function *function,
                             const void *arguments, size_t bytes, const bncl_tensor *const *tensors,
                             size_t count, bncl_error *err)
{
    native_command command = {.function = function, .tensor_count = count};
    cl_mem list[BNCLI_NATIVE_TENSORS];
    const void *places[BNCLI_NATIVE_TENSORS];
    memcpy(command.arguments, arguments, bytes);
    for (size_t i = 0; i < count; ++i) {
        const bncl_buffer *buffer = tensors[i]->buffer;
        command.tensors[i].memory = index_of(&command, list, buffer);
        command.tensors[i].offset =
            buffer->origin + tensors[i]->offset * bncl_dtype_size(tensors[i]->dtype);
    }
    for (size_t i = 0; i < command.memory_count; ++i)
        places[i] = &command.memory[i];
    bncl_status status = bncli_queue_begin(queue, NULL, err); /* keeps the order of calls */
    if (status != BNCL_OK)
        return status;
    bncli_recording recording = bncli_recording_begin(queue, NULL);
    cl_int code = clEnqueueNativeKernel(queue->cl, run, &command, sizeof command,
                                        (cl_uint)command.memory_count, list, places, 0, NULL,
                                        bncli_recording_event(&recording));
    if (recording.recorder != NULL) {
        bncli_command_facts facts = {.name = name, .kind = BNCLI_COMMAND_PRODUCT};
        for (size_t i = 0; i < count; ++i)
            facts.bytes += bncli_tensor_bytes(tensors[i]);
        bncli_recording_end(&recording, code, &facts);
    }
    return bncli_cl_status(code, "clEnqueueNativeKernel", err);
}

/* ---- where memory lies ---- */

/* What a locating command leaves behind. The command and who waits for it own it together: were the
   waiting to fail, the command would still write. */
typedef struct memory_place {
    atomic_int owners;
    void *address;
} memory_place;

static void place_leave(memory_place *place)
{
    if (atomic_fetch_sub(&place->owners, 1) == 1)
        bncli_free(place);
}

typedef struct locate_command {
    memory_place *place;
    void *memory;
} locate_command;

static void CL_CALLBACK tell_place(void *of)
{
    const locate_command *command = of;
    command->place->address = command->memory;
    place_leave(command->place);
}

static cl_int locate_on(cl_command_queue queue, cl_mem mem, memory_place *place, const char **call)
{
    locate_command command = {.place = place};
    const void *at = &command.memory;
    atomic_store(&place->owners, 2);
    *call = "clEnqueueNativeKernel";
    cl_int code = clEnqueueNativeKernel(queue, tell_place, &command, sizeof command, 1, &mem, &at,
                                        0, NULL, NULL);
    if (code != CL_SUCCESS) {
        place_leave(place); /* for the command, which will not be */
        return code;
    }
    *call = "clFinish";
    return clFinish(queue);
}

bncl_status bncli_native_locate(bncl_buffer *buffer, bncl_error *err)
{
    if (!buffer->context->facts.runs_native)
        return BNCL_OK;
    memory_place *place;
    bncl_status status = bncli_new(&place, 1, sizeof *place, err);
    if (status != BNCL_OK)
        return status;
    atomic_init(&place->owners, 1);
    const char *call = "clCreateCommandQueue";
    cl_int code = CL_SUCCESS;
    cl_command_queue queue =
        clCreateCommandQueue(buffer->context->cl, buffer->context->device, 0, &code);
    if (code == CL_SUCCESS) {
        code = locate_on(queue, buffer->whole, place, &call);
        clReleaseCommandQueue(queue);
    }
    if (code == CL_SUCCESS)
        buffer->located = place->address;
    place_leave(place);
    return bncli_cl_status(code, call, err);
}
