/* Bad arguments to the calls that adopt OpenCL objects. */
#include <bncl/opencl.h>

#include "api/api.h"
#include "lib/harness.h"

typedef struct opencl_args {
    bncl_context *context;
    cl_context cl;
    cl_device_id device;
    cl_command_queue queue;
    cl_mem mem;
    cl_event event;
    /* outputs, and where they go */
    bncl_context *made_context, **out_context;
    bncl_queue *made_queue, **out_queue;
    bncl_buffer *made_buffer, **out_buffer;
    bncl_event *made_event, **out_event;
} opencl_args;

static void opencl_args_init(opencl_args *args, api *a)
{
    *args = (opencl_args){.context = a->d->context,
                          .cl = bncl_opencl_get_context(a->d->context),
                          .device = bncl_opencl_get_device(a->d->context),
                          .queue = bncl_opencl_get_queue(a->d->queue),
                          .event = bncl_opencl_get_event(a->event),
                          .made_context = API_SENTINEL,
                          .made_queue = API_SENTINEL,
                          .made_buffer = API_SENTINEL,
                          .made_event = API_SENTINEL};
    args->out_context = &args->made_context;
    args->out_queue = &args->made_queue;
    args->out_buffer = &args->made_buffer;
    args->out_event = &args->made_event;
}

static bncl_status adopt_context(void *of, bncl_error *err)
{
    opencl_args *args = of;
    return bncl_opencl_context(args->cl, args->device, args->out_context, err);
}

static bncl_status adopt_queue(void *of, bncl_error *err)
{
    opencl_args *args = of;
    return bncl_opencl_queue(args->context, args->queue, args->out_queue, err);
}

static bncl_status adopt_buffer(void *of, bncl_error *err)
{
    opencl_args *args = of;
    return bncl_opencl_buffer(args->context, args->mem, args->out_buffer, err);
}

static bncl_status adopt_event(void *of, bncl_error *err)
{
    opencl_args *args = of;
    return bncl_opencl_event(args->event, args->out_event, err);
}

static void destroy_context(void *of)
{
    opencl_args *args = of;
    bncl_context_destroy(args->made_context);
    args->made_context = API_SENTINEL;
}

static void destroy_queue(void *of)
{
    opencl_args *args = of;
    bncl_queue_destroy(args->made_queue);
    args->made_queue = API_SENTINEL;
}

static void destroy_buffer(void *of)
{
    opencl_args *args = of;
    bncl_buffer_destroy(args->made_buffer);
    args->made_buffer = API_SENTINEL;
}

static void destroy_event(void *of)
{
    opencl_args *args = of;
    bncl_event_destroy(args->made_event);
    args->made_event = API_SENTINEL;
}

static void release_device(void *part)
{
    clReleaseDevice(part);
}

/* A device that is not the context's: one core of it. NULL where the driver makes none; rusticl
   crashes when asked to, so it is asked first whether it would. */
static cl_device_id part_of(cl_device_id whole)
{
    const cl_device_partition_property one_each[] = {CL_DEVICE_PARTITION_EQUALLY, 1, 0};
    cl_device_id parts[64];
    cl_uint count = 0, most = 0;
    clGetDeviceInfo(whole, CL_DEVICE_PARTITION_MAX_SUB_DEVICES, sizeof most, &most, NULL);
    if (most < 2 || clCreateSubDevices(whole, one_each, 64, parts, &count) != CL_SUCCESS)
        return NULL;
    for (cl_uint i = 0; i < count && i < 64; ++i)
        harness_hold(parts[i], release_device);
    return count > 0 ? parts[0] : NULL;
}

static void context(void **state)
{
    api *a = api_of(state);
    opencl_args args;
    opencl_args_init(&args, a);
    api_call call = {.function = "bncl_opencl_context",
                     .run = adopt_context,
                     .args = &args,
                     .undo = destroy_context};
    api_output(&call, "out", &args.made_context, sizeof args.made_context);
    api_refuses_null(&call, &args.cl, "cl_context");
    api_refuses_null(&call, &args.device, "device");
    api_refuses_null(&call, &args.out_context, "out");
    cl_device_id part = part_of(args.device);
    if (part != NULL)
        api_refuses_bytes(&call, &args.device, &part, sizeof part, BNCL_ERROR_ARGUMENT,
                          "device is not one of the cl_context's");
    api_accepts(&call);
}

static void release_queue(void *queue)
{
    clReleaseCommandQueue(queue);
}

static void release_context(void *context)
{
    clReleaseContext(context);
}

/* A queue of the context, but not of its device. */
static cl_command_queue queue_of_part(cl_device_id part)
{
    cl_context both = clCreateContext(NULL, 1, &part, NULL, NULL, NULL);
    if (both == NULL)
        return NULL;
    harness_hold(both, release_context);
    cl_command_queue queue = clCreateCommandQueue(both, part, 0, NULL);
    return queue != NULL ? harness_hold(queue, release_queue) : NULL;
}

static void queue(void **state)
{
    api *a = api_of(state);
    opencl_args args;
    opencl_args_init(&args, a);
    api_call call = {
        .function = "bncl_opencl_queue", .run = adopt_queue, .args = &args, .undo = destroy_queue};
    api_output(&call, "out", &args.made_queue, sizeof args.made_queue);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.queue, "cl_command_queue");
    api_refuses_null(&call, &args.out_queue, "out");
    cl_command_queue other = bncl_opencl_get_queue(a->other_queue);
    api_refuses_bytes(&call, &args.queue, &other, sizeof other, BNCL_ERROR_ARGUMENT,
                      "cl_command_queue");
    cl_device_id part = part_of(args.device);
    other = part != NULL ? queue_of_part(part) : NULL;
    if (other != NULL)
        api_refuses_bytes(&call, &args.queue, &other, sizeof other, BNCL_ERROR_ARGUMENT,
                          "cl_command_queue");
    api_accepts(&call);
}

static void release_mem(void *mem)
{
    clReleaseMemObject(mem);
}

/* NULL where the device has no images. */
static cl_mem make_image(cl_context cl)
{
    const cl_image_format format = {CL_RGBA, CL_FLOAT};
    const cl_image_desc desc = {
        .image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = 4, .image_height = 4};
    cl_mem image = clCreateImage(cl, CL_MEM_READ_WRITE, &format, &desc, NULL, NULL);
    return image != NULL ? harness_hold(image, release_mem) : NULL;
}

static void buffer(void **state)
{
    api *a = api_of(state);
    opencl_args args;
    opencl_args_init(&args, a);
    api_call call = {.function = "bncl_opencl_buffer",
                     .run = adopt_buffer,
                     .args = &args,
                     .undo = destroy_buffer};
    const bncl_tensor tensor = device_vector(a->d, 10, NULL);
    args.mem = bncl_opencl_get_mem(tensor.buffer);
    api_output(&call, "out", &args.made_buffer, sizeof args.made_buffer);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.mem, "cl_mem");
    api_refuses_null(&call, &args.out_buffer, "out");
    cl_mem bad = bncl_opencl_get_mem(a->other_buffer);
    api_refuses_bytes(&call, &args.mem, &bad, sizeof bad, BNCL_ERROR_ARGUMENT, "cl_mem");
    bad = make_image(args.cl);
    if (bad != NULL)
        api_refuses_bytes(&call, &args.mem, &bad, sizeof bad, BNCL_ERROR_ARGUMENT,
                          "cl_mem is not a buffer");
    api_accepts(&call);
}

static void event(void **state)
{
    api *a = api_of(state);
    opencl_args args;
    opencl_args_init(&args, a);
    api_call call = {
        .function = "bncl_opencl_event", .run = adopt_event, .args = &args, .undo = destroy_event};
    api_output(&call, "out", &args.made_event, sizeof args.made_event);
    api_refuses_null(&call, &args.event, "cl_event");
    api_refuses_null(&call, &args.out_event, "out");
    api_accepts(&call);
}

static bncl_status multiply_once(bncl_context *context, bncl_error *err)
{
    const size_t dims[] = {4, 4};
    bncl_queue *queue = NULL;
    bncl_buffer *buffer = NULL;
    bncl_linear *plan = NULL;
    bncl_tensor x, y;
    const bncl_tensor absent = {.buffer = NULL};
    bncl_status status = bncl_queue_create(context, &queue, err);
    if (status == BNCL_OK)
        status = bncl_buffer_create(context, 32 * sizeof(float), &buffer, err);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&x, buffer, 0, BNCL_F32, 2, dims, err);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&y, buffer, 16, BNCL_F32, 2, dims, err);
    if (status == BNCL_OK)
        status = bncl_tensor_fill(queue, &x, 1.0, NULL, err);
    if (status == BNCL_OK)
        status = bncl_linear_create(context, 4, 4, 4, &plan, err);
    if (status == BNCL_OK)
        status = bncl_linear_forward(plan, queue, &x, &x, &absent, &y, NULL, err);
    bncl_linear_destroy(plan);
    bncl_buffer_destroy(buffer);
    bncl_queue_destroy(queue);
    return status;
}

/* Also CLBlast, which keeps programs, lets go of a context that was adopted. */
static void a_context_is_given_back(void **state)
{
    api *a = api_of(state);
    cl_device_id id = bncl_opencl_get_device(a->d->context);
    cl_int code = CL_SUCCESS;
    cl_context cl = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    harness_hold(cl, release_context);
    cl_uint before = 0, after = 0;
    clGetContextInfo(cl, CL_CONTEXT_REFERENCE_COUNT, sizeof before, &before, NULL);
    bncl_context *context = NULL;
    device_ok(a->d, bncl_opencl_context(cl, id, &context, &a->d->err), "bncl_opencl_context");
    const bncl_status status = multiply_once(context, &a->d->err);
    bncl_context_destroy(context);
    device_ok(a->d, status, "a product");
    clGetContextInfo(cl, CL_CONTEXT_REFERENCE_COUNT, sizeof after, &after, NULL);
    assert_int_equal(after, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(context),
        HARNESS_TEST(queue),
        HARNESS_TEST(buffer),
        HARNESS_TEST(event),
        HARNESS_TEST(a_context_is_given_back),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
