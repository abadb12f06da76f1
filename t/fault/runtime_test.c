/* Faults under the runtime: devices, contexts, queues, buffers, transfers, events, and objects
   adopted from OpenCL. */
#include <bncl/opencl.h>

#include <string.h>

#include "fault/faults.h"
#include "lib/harness.h"

enum { elements = 48, waits = 40, infos_most = 4 };

#define OPENCL_FAILS FAULT_STATUS(BNCL_ERROR_OPENCL)
#define MEMORY_FAILS FAULT_STATUS(BNCL_ERROR_MEMORY)
#define DEVICE_MEMORY_FAILS FAULT_STATUS(BNCL_ERROR_DEVICE_MEMORY)

typedef struct world {
    device *d;
    /* outputs */
    bncl_context *context;
    bncl_queue *queue;
    bncl_buffer *buffer;
    bncl_event *event;
    bncl_device_info infos[infos_most];
    size_t count;
    float host[elements];
    /* inputs */
    cl_context cl;
    cl_device_id cl_device;
    cl_command_queue cl_queue;
    cl_mem cl_mem;
    cl_event cl_event;
    bncl_queue *on; /* what transfers run on */
    bncl_event *waited[waits];
    bncl_sync sync;
    bncl_tensor a, b;
    float values[elements];
} world;

static void release_event(void *event)
{
    bncl_event_destroy(event);
}

/* Everything that the operations of this file take, on the program's device. */
static world *world_make(void **state)
{
    world *w = harness_memory(1, sizeof *w);
    const size_t count = elements;
    w->d = device_of(state);
    w->on = w->d->queue;
    for (size_t i = 0; i < count; ++i)
        w->values[i] = (float)i - 7.5f;
    w->a = device_vector(w->d, count, w->values);
    w->b = device_vector(w->d, count, NULL);
    w->cl = bncl_opencl_get_context(w->d->context);
    w->cl_device = bncl_opencl_get_device(w->d->context);
    w->cl_queue = bncl_opencl_get_queue(w->d->queue);
    w->cl_mem = bncl_opencl_get_mem(w->a.buffer);
    bncl_event *written = NULL;
    const bncl_sync sync = {.signal = &written};
    device_ok(w->d, bncl_tensor_write(w->d->queue, &w->a, w->values, &sync, &w->d->err), "write");
    harness_hold(written, release_event);
    device_finish(w->d);
    for (size_t i = 0; i < waits; ++i)
        w->waited[i] = written;
    w->cl_event = bncl_opencl_get_event(written);
    w->sync = (bncl_sync){waits, w->waited, &w->event};
    return w;
}

static void prepare(void *of)
{
    world *w = of;
    w->context = FAULT_SENTINEL;
    w->queue = FAULT_SENTINEL;
    w->buffer = FAULT_SENTINEL;
    w->event = FAULT_SENTINEL;
    memset(w->infos, 0x5a, sizeof w->infos);
    memset(w->host, 0x5a, sizeof w->host);
    w->count = 77;
    device_ok(w->d, bncl_tensor_fill(w->d->queue, &w->b, 0.25, NULL, &w->d->err), "fill");
    device_finish(w->d); /* the operations may run on another queue */
}

/* All outputs; none is written by a call that fails. Memory that a read fills is not among them. */
static void lasting(void *of, fault_record *record)
{
    world *w = of;
    fault_record_bytes(record, "the context", &w->context, sizeof w->context);
    fault_record_bytes(record, "the queue", &w->queue, sizeof w->queue);
    fault_record_bytes(record, "the buffer", &w->buffer, sizeof w->buffer);
    fault_record_bytes(record, "the event", &w->event, sizeof w->event);
    fault_record_bytes(record, "the infos", w->infos, sizeof w->infos);
    fault_record_bytes(record, "the count", &w->count, sizeof w->count);
    fault_record_tensor(record, "a", w->d, &w->a);
    fault_record_tensor(record, "b", w->d, &w->b);
}

/* What a device says of itself, without the texts, which may be missing. */
static void record_info(fault_record *record, const bncl_device_info *info)
{
    fault_record_bytes(record, "type", info->type, sizeof info->type);
    fault_record_bytes(record, "index", info->index, sizeof info->index);
    fault_record_bytes(record, "memory", &info->memory_bytes, sizeof info->memory_bytes);
    fault_record_bytes(record, "units", &info->compute_units, sizeof info->compute_units);
    fault_record_bytes(record, "has_compiler", &info->has_compiler, sizeof info->has_compiler);
    fault_record_bytes(record, "same_bits", &info->same_bits, sizeof info->same_bits);
}

typedef bncl_status run_function(void *of, bncl_error *err);
typedef void results_function(void *of, fault_record *record);
typedef void discard_function(void *of);

/* A device whose text cannot be had is described without it. */
static const char tolerated[] = "clGetDeviceInfo clGetPlatformInfo";

static void try_call(world *w, const char *name, unsigned statuses, run_function *run,
                     results_function *results, discard_function *discard)
{
    const fault_operation operation = {.name = name,
                                       .statuses = statuses,
                                       .prepare = prepare,
                                       .run = run,
                                       .lasting = lasting,
                                       .results = results,
                                       .discard = discard,
                                       .tolerates = tolerated};
    faults_try(&operation, w);
}

/* ---- devices and contexts ---- */

static bncl_status list_devices(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_device_list(w->infos, infos_most, &w->count, err);
}

static void listed(void *of, fault_record *record)
{
    world *w = of;
    fault_record_bytes(record, "the count", &w->count, sizeof w->count);
    for (size_t i = 0; i < w->count && i < infos_most; ++i)
        record_info(record, &w->infos[i]);
}

/* By index: a selection by name finds nothing where the name cannot be had. */
static bncl_status create_context(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_context_create(w->d->info.index, &w->context, err);
}

static bncl_status adopt_context(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_opencl_context(w->cl, w->cl_device, &w->context, err);
}

static void context_made(void *of, fault_record *record)
{
    world *w = of;
    bncl_device_info info;
    device_ok(w->d, bncl_context_device(w->context, &info, &w->d->err), "bncl_context_device");
    record_info(record, &info);
}

static void destroy_context(void *of)
{
    world *w = of;
    bncl_context_destroy(w->context);
}

static void contexts(void **state)
{
    const unsigned fails = MEMORY_FAILS | OPENCL_FAILS;
    world *w = world_make(state);
    try_call(w, "bncl_device_list", fails, list_devices, listed, NULL);
    try_call(w, "bncl_context_create", fails | FAULT_STATUS(BNCL_ERROR_NO_DEVICE), create_context,
             context_made, destroy_context);
    try_call(w, "bncl_opencl_context", fails, adopt_context, context_made, destroy_context);
}

/* ---- queues and events ---- */

static bncl_status create_queue(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_queue_create(w->d->context, &w->queue, err);
}

static bncl_status adopt_queue(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_opencl_queue(w->d->context, w->cl_queue, &w->queue, err);
}

/* The queue works. */
static void queue_made(void *of, fault_record *record)
{
    world *w = of;
    float host[elements];
    device_ok(w->d, bncl_tensor_read(w->queue, &w->a, host, NULL, &w->d->err), "read");
    fault_record_bytes(record, "what was read", host, sizeof host);
}

static void destroy_queue(void *of)
{
    world *w = of;
    bncl_queue_destroy(w->queue);
}

static bncl_status flush(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_queue_flush(w->on, err);
}

static bncl_status finish(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_queue_finish(w->on, err);
}

static bncl_status wait_for_event(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_event_wait(w->waited[0], err);
}

static bncl_status adopt_event(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_opencl_event(w->cl_event, &w->event, err);
}

static void event_made(void *of, fault_record *record)
{
    world *w = of;
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    cl_event event = bncl_opencl_get_event(w->event);
    fault_record_bytes(record, "the cl_event", &event, sizeof event);
}

static void destroy_event(void *of)
{
    world *w = of;
    bncl_event_destroy(w->event);
}

static void queues_and_events(void **state)
{
    const unsigned fails = MEMORY_FAILS | OPENCL_FAILS;
    world *w = world_make(state);
    try_call(w, "bncl_queue_create", fails, create_queue, queue_made, destroy_queue);
    try_call(w, "bncl_opencl_queue", fails, adopt_queue, queue_made, destroy_queue);
    try_call(w, "bncl_queue_flush", OPENCL_FAILS, flush, NULL, NULL);
    try_call(w, "bncl_queue_finish", OPENCL_FAILS, finish, NULL, NULL);
    try_call(w, "bncl_event_wait", OPENCL_FAILS, wait_for_event, NULL, NULL);
    try_call(w, "bncl_opencl_event", fails, adopt_event, event_made, destroy_event);
}

/* ---- buffers and transfers ---- */

static bncl_status create_buffer(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_buffer_create(w->d->context, 1000, &w->buffer, err);
}

static bncl_status adopt_buffer(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_opencl_buffer(w->d->context, w->cl_mem, &w->buffer, err);
}

static void buffer_made(void *of, fault_record *record)
{
    world *w = of;
    size_t size = bncl_buffer_size(w->buffer);
    fault_record_bytes(record, "its size", &size, sizeof size);
}

static void destroy_buffer(void *of)
{
    world *w = of;
    bncl_buffer_destroy(w->buffer);
}

static bncl_status write_tensor(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_tensor_write(w->on, &w->b, w->values, &w->sync, err);
}

static bncl_status read_tensor(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_tensor_read(w->on, &w->a, w->host, &w->sync, err);
}

/* A mapping that cannot be ended is tried again: what failed once may pass. */
static bncl_status map_tensor(void *of, bncl_error *err)
{
    world *w = of;
    float *values = FAULT_SENTINEL;
    bncl_status status = bncl_tensor_map(w->on, &w->b, (void **)&values, NULL, err);
    if (status != BNCL_OK) {
        assert_ptr_equal(values, FAULT_SENTINEL);
        return status;
    }
    for (size_t i = 0; i < bncl_tensor_count(&w->b); ++i)
        values[i] = (float)i;
    status = bncl_tensor_unmap(w->on, &w->b, values, &w->sync, err);
    for (size_t i = 0; i < bncl_tensor_count(&w->b) && status != BNCL_OK; ++i)
        values[i] = 0.25f; /* what b held */
    if (status != BNCL_OK)
        (void)bncl_tensor_unmap(w->on, &w->b, values, NULL, NULL);
    return status;
}

static bncl_status copy_tensor(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_tensor_copy(w->on, &w->a, &w->b, &w->sync, err);
}

static bncl_status fill_tensor(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_tensor_fill(w->on, &w->b, 3.0, &w->sync, err);
}

static void transferred(void *of, fault_record *record)
{
    world *w = of;
    device_ok(w->d, bncl_queue_finish(w->on, &w->d->err), "bncl_queue_finish");
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    fault_record_bytes(record, "host memory", w->host, sizeof w->host);
    fault_record_tensor(record, "b", w->d, &w->b);
}

static void transfers_on(world *w)
{
    /* Each of them prepares an event to signal, and so may run out of memory. */
    const unsigned fails = OPENCL_FAILS | MEMORY_FAILS;
    try_call(w, "bncl_tensor_write", fails, write_tensor, transferred, destroy_event);
    try_call(w, "bncl_tensor_read", fails, read_tensor, transferred, destroy_event);
    try_call(w, "bncl_tensor_map and bncl_tensor_unmap", fails, map_tensor, transferred,
             destroy_event);
    try_call(w, "bncl_tensor_copy", fails, copy_tensor, transferred, destroy_event);
    try_call(w, "bncl_tensor_fill", fails, fill_tensor, transferred, destroy_event);
}

static void buffers_and_transfers(void **state)
{
    world *w = world_make(state);
    try_call(w, "bncl_buffer_create", MEMORY_FAILS | DEVICE_MEMORY_FAILS | OPENCL_FAILS,
             create_buffer, buffer_made, destroy_buffer);
    try_call(w, "bncl_opencl_buffer", MEMORY_FAILS | OPENCL_FAILS, adopt_buffer, buffer_made,
             destroy_buffer);
    transfers_on(w);
}

static void release_queue(void *queue)
{
    bncl_queue_destroy(queue);
}

/* The same on an out-of-order queue, where barriers keep the order. */
static void transfers_out_of_order(void **state)
{
    world *w = world_make(state);
    cl_int code = CL_SUCCESS;
    cl_command_queue cl =
        clCreateCommandQueue(w->cl, w->cl_device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (code != CL_SUCCESS)
        skip();
    bncl_status status = bncl_opencl_queue(w->d->context, cl, &w->on, &w->d->err);
    clReleaseCommandQueue(cl);
    device_ok(w->d, status, "bncl_opencl_queue");
    harness_hold(w->on, release_queue);
    transfers_on(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(contexts),
        HARNESS_TEST(queues_and_events),
        HARNESS_TEST(buffers_and_transfers),
        HARNESS_TEST(transfers_out_of_order),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
