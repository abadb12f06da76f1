/* Bad arguments to devices, contexts, queues, events, buffers and transfers. */
#include <bncl/opencl.h>

#include <math.h>
#include <string.h>

#include "api/api.h"
#include "lib/harness.h"

/* ---- devices and contexts ---- */

typedef struct context_args {
    const char *device;
    bncl_context *context, *made, **out;
    bncl_device_info info[2], *infos;
    size_t capacity, counted, *count;
} context_args;

static context_args context_args_make(api *a)
{
    context_args args = {.device = a->d->info.index,
                         .context = a->d->context,
                         .made = API_SENTINEL,
                         .capacity = 2,
                         .counted = 77};
    memset(args.info, 0x5a, sizeof args.info);
    return args;
}

static bncl_status create_context(void *of, bncl_error *err)
{
    context_args *args = of;
    return bncl_context_create(args->device, args->out, err);
}

static void destroy_context(void *of)
{
    context_args *args = of;
    bncl_context_destroy(args->made);
    args->made = API_SENTINEL;
}

static bncl_status list_devices(void *of, bncl_error *err)
{
    context_args *args = of;
    return bncl_device_list(args->infos, args->capacity, args->count, err);
}

static bncl_status describe(void *of, bncl_error *err)
{
    context_args *args = of;
    return bncl_context_device(args->context, args->infos, err);
}

static void contexts(void **state)
{
    api *a = api_of(state);
    context_args args = context_args_make(a);
    api_call call = {.function = "bncl_context_create",
                     .run = create_context,
                     .args = &args,
                     .undo = destroy_context};
    args.out = &args.made;
    api_output(&call, "out", &args.made, sizeof args.made);
    api_refuses_null(&call, &args.out, "out");
    const char *const none[] = {"99:0", "0:99",  "no such device",
                                ":",    "0:0:0", "18446744073709551616:0"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; ++i)
        api_refuses_bytes(&call, &args.device, &none[i], sizeof none[i], BNCL_ERROR_NO_DEVICE,
                          none[i]);
    api_accepts(&call);
    args.device = NULL; /* what BNCL_DEVICE says */
    api_accepts(&call);
}

/* BNCL_DEVICE is read the same way, and only where nothing else selects. */
static void environment_selects(void **state)
{
    api *a = api_of(state);
    const char *old = getenv("BNCL_DEVICE");
    const char *kept = old != NULL ? harness_text("%s", old) : NULL;
    context_args args = context_args_make(a);
    const api_call call = {.function = "bncl_context_create",
                           .run = create_context,
                           .args = &args,
                           .undo = destroy_context};
    args.out = &args.made;
    setenv("BNCL_DEVICE", "no such device", 1);
    api_accepts(&call);
    const char *const nothing[] = {NULL, ""};
    for (int i = 0; i < 2; ++i)
        api_refuses_bytes(&call, &args.device, &nothing[i], sizeof nothing[i], BNCL_ERROR_NO_DEVICE,
                          "no such device");
    setenv("BNCL_DEVICE", a->d->info.index, 1);
    args.device = NULL;
    api_accepts(&call);
    setenv("BNCL_DEVICE", "", 1); /* as if it were not set */
    api_accepts(&call);
    if (kept != NULL)
        setenv("BNCL_DEVICE", kept, 1);
    else
        unsetenv("BNCL_DEVICE");
}

static void device_facts(void **state)
{
    api *a = api_of(state);
    context_args args = context_args_make(a);
    api_call call = {.function = "bncl_context_device", .run = describe, .args = &args};
    args.infos = args.info;
    api_output(&call, "out", args.info, sizeof args.info);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.infos, "out");
    api_accepts(&call);

    api_call list = {.function = "bncl_device_list", .run = list_devices, .args = &args};
    args.count = &args.counted;
    api_output(&list, "out", args.info, sizeof args.info);
    api_output(&list, "count", &args.counted, sizeof args.counted);
    api_refuses_null(&list, &args.infos, "out");
    api_refuses_null(&list, &args.count, "count");
    api_accepts(&list);
    args.infos = NULL;
    args.capacity = 0;
    api_accepts(&list);
    assert_true(args.counted >= 1);
}

/* ---- queues and events ---- */

typedef struct queue_args {
    bncl_context *context;
    bncl_queue *queue, *made, **out;
    bncl_event *event;
} queue_args;

static bncl_status create_queue(void *of, bncl_error *err)
{
    queue_args *args = of;
    return bncl_queue_create(args->context, args->out, err);
}

static void destroy_queue(void *of)
{
    queue_args *args = of;
    bncl_queue_destroy(args->made);
    args->made = API_SENTINEL;
}

static bncl_status flush(void *of, bncl_error *err)
{
    queue_args *args = of;
    return bncl_queue_flush(args->queue, err);
}

static bncl_status finish(void *of, bncl_error *err)
{
    queue_args *args = of;
    return bncl_queue_finish(args->queue, err);
}

static bncl_status wait_for_event(void *of, bncl_error *err)
{
    queue_args *args = of;
    return bncl_event_wait(args->event, err);
}

static void queues_and_events(void **state)
{
    api *a = api_of(state);
    queue_args args = {
        .context = a->d->context, .queue = a->d->queue, .made = API_SENTINEL, .event = a->event};
    api_call call = {
        .function = "bncl_queue_create", .run = create_queue, .args = &args, .undo = destroy_queue};
    args.out = &args.made;
    api_output(&call, "out", &args.made, sizeof args.made);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.out, "out");
    api_accepts(&call);

    const api_call flushes = {.function = "bncl_queue_flush", .run = flush, .args = &args};
    const api_call finishes = {.function = "bncl_queue_finish", .run = finish, .args = &args};
    const api_call waits = {.function = "bncl_event_wait", .run = wait_for_event, .args = &args};
    api_refuses_null(&flushes, &args.queue, "queue");
    api_accepts(&flushes);
    api_refuses_null(&finishes, &args.queue, "queue");
    api_accepts(&finishes);
    api_refuses_null(&waits, &args.event, "event");
    api_accepts(&waits);
}

/* ---- buffers ---- */

typedef struct buffer_args {
    bncl_context *context;
    size_t bytes;
    bncl_buffer *made, **out;
} buffer_args;

static bncl_status create_buffer(void *of, bncl_error *err)
{
    buffer_args *args = of;
    return bncl_buffer_create(args->context, args->bytes, args->out, err);
}

static void destroy_buffer(void *of)
{
    buffer_args *args = of;
    bncl_buffer_destroy(args->made);
    args->made = API_SENTINEL;
}

static void buffers(void **state)
{
    api *a = api_of(state);
    buffer_args args = {.context = a->d->context, .bytes = 100, .made = API_SENTINEL};
    api_call call = {.function = "bncl_buffer_create",
                     .run = create_buffer,
                     .args = &args,
                     .undo = destroy_buffer};
    cl_ulong most = 0;
    args.out = &args.made;
    clGetDeviceInfo(bncl_opencl_get_device(a->d->context), CL_DEVICE_MAX_MEM_ALLOC_SIZE,
                    sizeof most, &most, NULL);
    api_output(&call, "out", &args.made, sizeof args.made);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.out, "out");
    api_refuses_size(&call, &args.bytes, SIZE_MAX, BNCL_ERROR_DEVICE_MEMORY, "bytes");
    api_refuses_size(&call, &args.bytes, (size_t)most + 1, BNCL_ERROR_DEVICE_MEMORY, "bytes");
    api_accepts(&call);
    args.bytes = 0;
    api_accepts(&call);
}

typedef struct transfer_args {
    api_run run; /* first */
    bncl_tensor held[2];
    const bncl_tensor *tensor, *other;
    float values[12];
    void *host;
    void *mapped, **out; /* of map */
    bncl_tensor good;    /* held[0], whatever becomes of that */
    bncl_queue *good_queue;
    double value;
} transfer_args;

static bncl_status write_tensor(void *of, bncl_error *err)
{
    transfer_args *args = of;
    return bncl_tensor_write(args->run.queue, args->tensor, args->host, args->run.sync, err);
}

static bncl_status read_tensor(void *of, bncl_error *err)
{
    transfer_args *args = of;
    return bncl_tensor_read(args->run.queue, args->tensor, args->host, args->run.sync, err);
}

static bncl_status map_tensor(void *of, bncl_error *err)
{
    transfer_args *args = of;
    return bncl_tensor_map(args->run.queue, args->tensor, args->out, args->run.sync, err);
}

static void end_mapping(void *of)
{
    transfer_args *args = of;
    (void)bncl_tensor_unmap(args->run.queue, args->tensor, args->mapped, NULL, NULL);
    api_run_undo(of);
}

/* Ends a mapping that it has made before. One that a refused call leaves is ended rightly. */
static bncl_status unmap_tensor(void *of, bncl_error *err)
{
    transfer_args *args = of;
    void *mapped = NULL;
    assert_int_equal(bncl_tensor_map(args->good_queue, &args->good, &mapped, NULL, NULL), BNCL_OK);
    bncl_status status = bncl_tensor_unmap(args->run.queue, args->tensor,
                                           args->host != NULL ? mapped : NULL, args->run.sync, err);
    if (status != BNCL_OK)
        (void)bncl_tensor_unmap(args->good_queue, &args->good, mapped, NULL, NULL);
    return status;
}

static bncl_status copy_tensor(void *of, bncl_error *err)
{
    transfer_args *args = of;
    return bncl_tensor_copy(args->run.queue, args->tensor, args->other, args->run.sync, err);
}

static bncl_status fill_tensor(void *of, bncl_error *err)
{
    transfer_args *args = of;
    return bncl_tensor_fill(args->run.queue, args->tensor, args->value, args->run.sync, err);
}

/* In place: `args` points into itself. */
static void transfer_args_init(transfer_args *args, api *a)
{
    const size_t dims[] = {3, 4};
    *args = (transfer_args){.value = 1.0};
    for (int i = 0; i < 2; ++i)
        args->held[i] = device_tensor(a->d, BNCL_F32, 2, dims, NULL);
    args->tensor = &args->held[0];
    args->other = &args->held[1];
    args->good = args->held[0];
    args->good_queue = a->d->queue;
    args->host = args->values;
    args->out = &args->mapped;
    api_run_init(&args->run, a);
}

/* What all transfers have. */
static void refuses_transfer(api *a, api_call *call, const char *tensor)
{
    transfer_args *args = call->args;
    api_output(call, "host", args->values, sizeof args->values);
    api_refuses_run(a, call);
    api_refuses_null(call, &args->tensor, tensor);
    api_refuses_tensors(a, call, &args->held[0], tensor, API_ANY_SHAPE | API_ANY_DTYPE);
}

static void transfers(void **state)
{
    api *a = api_of(state);
    transfer_args args;
    transfer_args_init(&args, a);
    api_call write = {.function = "bncl_tensor_write", .run = write_tensor, .args = &args};
    api_call read = {.function = "bncl_tensor_read", .run = read_tensor, .args = &args};
    refuses_transfer(a, &write, "tensor");
    api_refuses_null(&write, &args.host, "host");
    api_accepts(&write);
    refuses_transfer(a, &read, "tensor");
    api_refuses_null(&read, &args.host, "host");
    api_accepts(&read);
    device_untouched(a->d, "the other tensor", &args.held[1]);
}

static void mappings(void **state)
{
    api *a = api_of(state);
    transfer_args args;
    transfer_args_init(&args, a);
    api_call map = {.function = "bncl_tensor_map", .run = map_tensor, .args = &args};
    api_call unmap = {.function = "bncl_tensor_unmap", .run = unmap_tensor, .args = &args};
    api_output(&map, "mapped", &args.mapped, sizeof args.mapped);
    refuses_transfer(a, &map, "tensor");
    api_refuses_null(&map, &args.out, "host");
    map.undo = end_mapping;
    api_accepts(&map);
    refuses_transfer(a, &unmap, "tensor");
    api_refuses_null(&unmap, &args.host, "host");
    api_accepts(&unmap);
}

static void copies(void **state)
{
    api *a = api_of(state);
    transfer_args args;
    transfer_args_init(&args, a);
    api_call copy = {.function = "bncl_tensor_copy", .run = copy_tensor, .args = &args};
    const size_t larger[] = {3, 5};
    refuses_transfer(a, &copy, "src");
    api_refuses_null(&copy, &args.other, "dst");
    api_refuses_tensors(a, &copy, &args.held[1], "dst", API_ANY_SHAPE);
    bncl_tensor bad = device_tensor(a->d, BNCL_F32, 2, larger, NULL);
    api_refuses_bytes(&copy, &args.held[1], &bad, sizeof bad, BNCL_ERROR_SHAPE, "dst");
    device_untouched(a->d, "dst", &args.held[1]);
    api_accepts(&copy);
}

static void fills(void **state)
{
    api *a = api_of(state);
    transfer_args args;
    transfer_args_init(&args, a);
    api_call fill = {.function = "bncl_tensor_fill", .run = fill_tensor, .args = &args};
    refuses_transfer(a, &fill, "tensor");
    device_untouched(a->d, "the tensor", &args.held[0]);
    api_accepts(&fill);
    const double not_whole[] = {(double)NAN, (double)INFINITY, 0x1p31, -0x1p32};
    args.held[0].dtype = BNCL_I32;
    for (int i = 0; i < 4; ++i)
        api_refuses_double(&fill, &args.value, not_whole[i], BNCL_ERROR_ARGUMENT, "i32");
    api_accepts(&fill);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(contexts),     HARNESS_TEST(environment_selects),
        HARNESS_TEST(device_facts), HARNESS_TEST(queues_and_events),
        HARNESS_TEST(buffers),      HARNESS_TEST(transfers),
        HARNESS_TEST(mappings),     HARNESS_TEST(copies),
        HARNESS_TEST(fills),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
