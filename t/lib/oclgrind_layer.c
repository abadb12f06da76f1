/* A layer of the OpenCL loader that t/on_device.sh puts before Oclgrind, so that its watch over
   uninitialised memory gives no false alarms. Oclgrind 21.10 forgets what it knew of a buffer when
   the host writes or copies to a part of it, does not see fills at all, and takes a new buffer at
   an old address for the one that was there. So here all three commands become writes of the whole
   buffer, with what was around the part; and every buffer is kept for ever, so that no address
   comes again.

   What it costs: after such a command, memory of the buffer that nobody has written counts as
   written. The command also waits for what is before it in its queue. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl_icd.h>
#include <CL/cl_layer.h>

#include <stdlib.h>
#include <string.h>

static const cl_icd_dispatch *next;
static cl_icd_dispatch ours;

/* What a command on a buffer waits for and signals. */
typedef struct sync {
    cl_uint count;
    const cl_event *wait;
    cl_event *signal;
} sync;

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t bytes,
                                        void *host, cl_int *code)
{
    cl_mem buffer = next->clCreateBuffer(context, flags, bytes, host, code);
    if (buffer != NULL)
        next->clRetainMemObject(buffer); /* for ever */
    return buffer;
}

/* All of a buffer of which bytes begin … end-1 are to be replaced, in memory that write_whole
   frees; NULL where the command should go its own way, since something is wrong with it. */
static unsigned char *read_whole(cl_command_queue queue, cl_mem buffer, size_t begin, size_t end,
                                 const sync *s, size_t *bytes)
{
    cl_int code = next->clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof *bytes, bytes, NULL);
    if (code != CL_SUCCESS || end > *bytes || begin >= end)
        return NULL;
    unsigned char *all = malloc(*bytes);
    if (all != NULL && next->clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, *bytes, all, s->count,
                                                 s->wait, NULL) == CL_SUCCESS)
        return all;
    free(all);
    return NULL;
}

static cl_int write_whole(cl_command_queue queue, cl_mem buffer, unsigned char *all, size_t bytes,
                          const sync *s)
{
    cl_int code =
        next->clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, bytes, all, 0, NULL, s->signal);
    free(all);
    return code;
}

static cl_int CL_API_CALL write_buffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                       size_t offset, size_t bytes, const void *host, cl_uint count,
                                       const cl_event *wait, cl_event *signal)
{
    const sync s = {count, wait, signal};
    size_t total = 0;
    unsigned char *all =
        host != NULL ? read_whole(queue, buffer, offset, offset + bytes, &s, &total) : NULL;
    if (all == NULL)
        return next->clEnqueueWriteBuffer(queue, buffer, blocking, offset, bytes, host, count, wait,
                                          signal);
    memcpy(all + offset, host, bytes);
    return write_whole(queue, buffer, all, total, &s);
}

static cl_int CL_API_CALL fill_buffer(cl_command_queue queue, cl_mem buffer, const void *pattern,
                                      size_t size, size_t offset, size_t bytes, cl_uint count,
                                      const cl_event *wait, cl_event *signal)
{
    const sync s = {count, wait, signal};
    size_t total = 0;
    unsigned char *all = pattern != NULL && size > 0 && bytes % size == 0
                             ? read_whole(queue, buffer, offset, offset + bytes, &s, &total)
                             : NULL;
    if (all == NULL)
        return next->clEnqueueFillBuffer(queue, buffer, pattern, size, offset, bytes, count, wait,
                                         signal);
    for (size_t i = 0; i < bytes; i += size)
        memcpy(all + offset + i, pattern, size);
    return write_whole(queue, buffer, all, total, &s);
}

static cl_int CL_API_CALL copy_buffer(cl_command_queue queue, cl_mem from, cl_mem to,
                                      size_t from_offset, size_t to_offset, size_t bytes,
                                      cl_uint count, const cl_event *wait, cl_event *signal)
{
    const sync s = {count, wait, signal};
    size_t total = 0;
    unsigned char *all = read_whole(queue, to, to_offset, to_offset + bytes, &s, &total);
    if (all != NULL && next->clEnqueueReadBuffer(queue, from, CL_TRUE, from_offset, bytes,
                                                 all + to_offset, 0, NULL, NULL) == CL_SUCCESS)
        return write_whole(queue, to, all, total, &s);
    free(all);
    return next->clEnqueueCopyBuffer(queue, from, to, from_offset, to_offset, bytes, count, wait,
                                     signal);
}

/* The two functions that the loader looks for. */
#define LOADER_SEES __attribute__((visibility("default")))

LOADER_SEES cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size, void *value,
                                              size_t *size_ret)
{
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    if (name != CL_LAYER_API_VERSION || (value != NULL && size < sizeof version))
        return CL_INVALID_VALUE;
    if (value != NULL)
        memcpy(value, &version, sizeof version);
    if (size_ret != NULL)
        *size_ret = sizeof version;
    return CL_SUCCESS;
}

LOADER_SEES cl_int CL_API_CALL clInitLayer(cl_uint count, const cl_icd_dispatch *target,
                                           cl_uint *count_ret, const cl_icd_dispatch **layer)
{
    const cl_uint entries = sizeof ours / sizeof ours.clGetPlatformIDs;
    if (count < entries || target == NULL || count_ret == NULL || layer == NULL)
        return CL_INVALID_VALUE;
    next = target;
    ours = *target;
    ours.clCreateBuffer = create_buffer;
    ours.clEnqueueWriteBuffer = write_buffer;
    ours.clEnqueueFillBuffer = fill_buffer;
    ours.clEnqueueCopyBuffer = copy_buffer;
    *layer = &ours;
    *count_ret = entries;
    return CL_SUCCESS;
}
