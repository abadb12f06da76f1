/* What BNCL_TRACE writes: every command of a context, in order, with its bytes and its layer. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bncl/opencl.h>

#include "lib/batch_norm_case.h"
#include "lib/device.h"
#include "lib/harness.h"
#include "lib/launch_log.h"
#include "lib/network_graph.h"
#include "lib/traced.h"

/* The whole program is traced to one file; a test looks at what it has added. */
static char trace_path[64];
static size_t seen;

static int open_traced(void **state)
{
    const char *folder = getenv("TMPDIR");
    snprintf(trace_path, sizeof trace_path, "%.30s/bncl_trace.%ld.json",
             folder != NULL ? folder : "/tmp", (long)getpid());
    setenv("BNCL_TRACE", trace_path, 1);
    return device_open(state);
}

static int close_traced(void **state)
{
    const int result = device_close(state);
    unlink(trace_path);
    return result;
}

/* Begins anew: what was enqueued before does not count. */
static void begin(device *d)
{
    device_finish(d);
    seen += traced_since(trace_path, seen).count;
    launch_log_clear();
}

static traced look(device *d)
{
    device_finish(d);
    return traced_since(trace_path, seen);
}

/* Whether the device's driver is one that is known to have a clock. */
static bool has_clock(const device *d)
{
    return strstr(d->info.platform, "Portable") != NULL ||
           strstr(d->info.platform, "Oclgrind") != NULL;
}

static void expect_clock(const device *d, const traced *trace, const char *clock)
{
    for (size_t i = 0; i < trace->count; ++i)
        if (strcmp(clock, "host") == 0 || has_clock(d))
            assert_string_equal(trace->events[i].clock, clock);
}

/* The library's kernels, as the driver got them. */
static void expect_launches(const traced *trace)
{
    const launch_log *log = launch_log_so_far();
    size_t next = 0;
    for (size_t i = 0; i < trace->count; ++i) {
        const traced_event *e = &trace->events[i];
        if (strcmp(e->category, "kernel") != 0)
            continue;
        assert_true(next < log->count && e->grid > 0 && e->grid % e->group == 0);
        assert_string_equal(e->name, log->names[next++]);
    }
    assert_int_equal(next, log->count);
    assert_true(next > 0 && log->events == next);
}

static size_t count_of_layer(const traced *trace, const char *layer, const char *pass)
{
    size_t count = 0;
    for (size_t i = 0; i < trace->count; ++i)
        count +=
            strcmp(trace->events[i].layer, layer) == 0 && strcmp(trace->events[i].pass, pass) == 0;
    return count;
}

/* ---- graphs ---- */

static void a_training_step(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &network_mlp, 1);
    const network_data data = network_data_make(&network_mlp, 6, 3);
    const bncl_sgd_options options = {.lr = 0.1, .momentum = 0.5};
    bncl_sgd *sgd = network_graph_sgd(&g, &options);
    size_t linears = 0;
    begin(d);
    network_graph_forward(&g, &data);
    network_graph_loss(&g, &data, true);
    network_graph_step(&g, sgd);
    const traced trace = look(d);
    expect_launches(&trace);
    traced_in_order(&trace);
    expect_clock(d, &trace, "device");
    for (int i = 0; i < network_mlp.layer_count; ++i) {
        const network_layer *layer = &network_mlp.layers[i];
        if (layer->kind != NETWORK_LINEAR && layer->kind != NETWORK_BATCH_NORM)
            continue; /* fused into a batch norm, the others may be */
        linears += layer->kind == NETWORK_LINEAR;
        assert_true(count_of_layer(&trace, layer->name, "forward") > 0);
        assert_true(count_of_layer(&trace, layer->name, "backward") > 0);
    }
    const size_t of_input = network_mlp.inputs[0].requires_grad ? 0 : 1;
    assert_int_equal(traced_count(&trace, "sgemm", "product"), 3 * linears - of_input);
    assert_int_equal(traced_count(&trace, "sgd_step", "kernel"), 1);
    assert_true(count_of_layer(&trace, "", "") > 2); /* loss, optimizer, data */
}

/* ---- bytes ---- */

static void expect_bytes(device *d, const char *name, size_t bytes)
{
    const traced trace = look(d);
    for (size_t i = 0; i < trace.count; ++i)
        if (strcmp(trace.events[i].name, name) == 0 && trace.events[i].bytes == bytes)
            return;
    harness_fail("no %s of %zu bytes among %zu commands", name, bytes, trace.count);
}

static void transfers(void **state)
{
    device *d = device_of(state);
    const size_t count = 37;
    float host[37] = {0};
    bncl_tensor a = device_vector(d, count, host), b = device_vector(d, count, NULL);
    begin(d);
    device_ok(d, bncl_tensor_write(d->queue, &a, host, NULL, &d->err), "write");
    device_ok(d, bncl_tensor_copy(d->queue, &a, &b, NULL, &d->err), "copy");
    device_ok(d, bncl_tensor_fill(d->queue, &b, 2.0, NULL, &d->err), "fill");
    device_ok(d, bncl_tensor_read(d->queue, &b, host, NULL, &d->err), "read");
    const traced trace = look(d);
    assert_int_equal(trace.count, 4);
    assert_int_equal(traced_count(&trace, NULL, "transfer"), 4);
    traced_in_order(&trace);
    expect_bytes(d, "write", count * 4);
    expect_bytes(d, "copy", 2 * count * 4);
    expect_bytes(d, "fill", count * 4);
    expect_bytes(d, "read", count * 4);
}

/* In place x and y are one tensor, and two arguments; of strides the elements count. */
static void kernels_by_elements(void **state)
{
    device *d = device_of(state);
    const size_t dims[] = {5, 7}, strides[] = {20, 2}, count = 35;
    bncl_elementwise *op = device_elementwise(d, BNCL_F32);
    float *values = harness_floats(count);
    bncl_tensor x = device_tensor(d, BNCL_F32, 2, dims, values);
    bncl_tensor wide = device_strided(d, BNCL_F32, 2, dims, strides, values);
    begin(d);
    device_ok(d, bncl_add(op, d->queue, &x, &x, &x, NULL, &d->err), "bncl_add");
    expect_bytes(d, "add_forward", 3 * count * 4);
    device_ok(d, bncl_copy(op, d->queue, &wide, &x, NULL, &d->err), "bncl_copy");
    expect_bytes(d, "copy_strided", 2 * count * 4);
}

/* The sum over the launches since `begin`: x is counted by each launch that has it, y by one. */
static void expect_norm_bytes(device *d, size_t x_bytes, size_t most_reads)
{
    const traced trace = look(d);
    size_t sum = 0, reads = 0;
    for (size_t i = 0; i < trace.count; ++i) {
        const traced_event *e = &trace.events[i];
        assert_true(strncmp(e->name, "batch_norm_", 11) == 0);
        sum += e->bytes;
        reads += e->bytes >= x_bytes;
    }
    const size_t expected = (reads + 1) * x_bytes;
    harness_note("%zu launches, %zu of them read x, %zu bytes for %zu", trace.count, reads, sum,
                 expected);
    assert_true(reads >= 1 && reads <= most_reads);
    assert_true(sum >= expected && sum <= expected + expected / 20);
}

static void release_norm(void *norm)
{
    bncl_batch_norm_destroy(norm);
}

/* Batch norm reads x and writes y, in training it may read x twice; what belongs to a channel and
   to its tiles is little. Rows that do not touch count as much as those that do. */
static void batch_norm_forward(void **state)
{
    device *d = device_of(state);
    enum { rows = 2048, channels = 8 };
    const size_t dims[] = {rows, channels}, strides[] = {channels + 5, 1}, c = channels;
    bncl_batch_norm *norm;
    float *values = harness_floats(rows * channels), ones[channels];
    for (size_t i = 0; i < rows * channels; ++i)
        values[i] = (float)(i % 11);
    for (size_t i = 0; i < channels; ++i)
        ones[i] = 1.0f;
    device_ok(
        d,
        bncl_batch_norm_create(d->context, BNCL_LAYOUT_NC, BNCL_F32, 2, dims, NULL, &norm, &d->err),
        "bncl_batch_norm_create");
    device_hold(d, norm, release_norm);
    bncl_batch_norm_forward args = {.running_mean = device_vector(d, c, ones),
                                    .running_var = device_vector(d, c, ones)};
    for (int strided = 0; strided < 2; ++strided) {
        args.x = strided ? device_strided(d, BNCL_F32, 2, dims, strides, values)
                         : device_tensor(d, BNCL_F32, 2, dims, values);
        args.y = strided ? device_strided(d, BNCL_F32, 2, dims, strides, NULL)
                         : device_tensor(d, BNCL_F32, 2, dims, NULL);
        begin(d);
        device_ok(d, bncl_batch_norm_forward_train(norm, d->queue, &args, NULL, &d->err), "train");
        expect_norm_bytes(d, rows * channels * 4, 2);
        begin(d);
        device_ok(d, bncl_batch_norm_forward_eval(norm, d->queue, &args, NULL, &d->err), "eval");
        expect_norm_bytes(d, rows * channels * 4, 1);
    }
}

/* ---- queues ---- */

/* More commands than are known of at a time, none of them waited for, and some whose events the
   caller has too. */
static void many_commands(void **state)
{
    device *d = device_of(state);
    bncl_tensor a = device_vector(d, 3, NULL);
    bncl_event *last = NULL;
    const bncl_sync sync = {.signal = &last};
    begin(d);
    for (size_t i = 0; i < 1300; ++i) {
        device_ok(d,
                  bncl_tensor_fill(d->queue, &a, (double)i, i % 100 == 0 ? &sync : NULL, &d->err),
                  "fill");
        bncl_event_destroy(last);
        last = NULL;
    }
    const traced trace = look(d);
    assert_int_equal(trace.count, 1300);
    traced_in_order(&trace);
}

static void release_queue(void *queue)
{
    bncl_queue_destroy(queue);
}

/* A caller's queue, which the device may not time; false where there is none of these
   properties. */
static bool adopt(device *d, cl_command_queue_properties properties, bncl_queue **out)
{
    cl_int code = CL_SUCCESS;
    cl_command_queue cl = clCreateCommandQueue(
        bncl_opencl_get_context(d->context), bncl_opencl_get_device(d->context), properties, &code);
    if (code != CL_SUCCESS)
        return false;
    bncl_status status = bncl_opencl_queue(d->context, cl, out, &d->err);
    clReleaseCommandQueue(cl);
    device_ok(d, status, "bncl_opencl_queue");
    harness_hold(*out, release_queue);
    return true;
}

static void adopted_queues(void **state)
{
    device *d = device_of(state);
    const cl_command_queue_properties free_order = CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE;
    const cl_command_queue_properties kinds[] = {0, CL_QUEUE_PROFILING_ENABLE, free_order,
                                                 free_order | CL_QUEUE_PROFILING_ENABLE};
    for (size_t i = 0; i < 4; ++i) {
        device own = *d;
        bncl_tensor a = device_vector(d, 9, NULL), b = device_vector(d, 9, NULL);
        if (!adopt(d, kinds[i], &own.queue))
            continue;
        begin(d);
        for (int k = 0; k < 4; ++k)
            device_ok(d, bncl_tensor_copy(own.queue, &a, &b, NULL, &d->err), "copy");
        const traced trace = look(&own);
        assert_int_equal(trace.count, 4);
        expect_clock(d, &trace, kinds[i] & CL_QUEUE_PROFILING_ENABLE ? "device" : "host");
        traced_in_order(&trace);
    }
}

/* ---- contexts ---- */

/* Without BNCL_TRACE no launch asks for an event. */
static void nothing_is_recorded_without_it(void **state)
{
    device *d = device_of(state);
    device own = *d;
    const size_t dims[] = {4};
    unsetenv("BNCL_TRACE");
    bncl_status status = bncl_context_create(d->info.index, &own.context, &d->err);
    setenv("BNCL_TRACE", trace_path, 1);
    device_ok(d, status, "bncl_context_create");
    device_ok(d, bncl_queue_create(own.context, &own.queue, &own.err), "bncl_queue_create");
    begin(d);
    bncl_elementwise *op = NULL;
    bncl_buffer *buffer = NULL;
    bncl_tensor x;
    device_ok(d, bncl_elementwise_create(own.context, BNCL_F32, &op, &own.err), "elementwise");
    device_ok(d, bncl_buffer_create(own.context, 16, &buffer, &own.err), "bncl_buffer_create");
    device_ok(d, bncl_tensor_init(&x, buffer, 0, BNCL_F32, 1, dims, &own.err), "tensor");
    device_ok(d, bncl_tensor_fill(own.queue, &x, 1.0, NULL, &own.err), "fill");
    device_ok(d, bncl_relu_forward(op, own.queue, &x, &x, NULL, &own.err), "relu");
    bncl_queue_destroy(own.queue);
    bncl_buffer_destroy(buffer);
    bncl_elementwise_destroy(op);
    bncl_context_destroy(own.context);
    assert_int_equal(launch_log_so_far()->count, 1);
    assert_int_equal(launch_log_so_far()->events, 0);
    assert_int_equal(look(d).count, 0);
}

enum { fills = 700 };

/* What a thread does with a context of its own. */
static void *fill_often(void *of)
{
    const char *index = of;
    const size_t dims[] = {4};
    bncl_context *context = NULL;
    bncl_queue *queue = NULL;
    bncl_buffer *buffer = NULL;
    bncl_tensor x;
    bncl_status status = bncl_context_create(index, &context, NULL);
    if (status == BNCL_OK)
        status = bncl_queue_create(context, &queue, NULL);
    if (status == BNCL_OK)
        status = bncl_buffer_create(context, 16, &buffer, NULL);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&x, buffer, 0, BNCL_F32, 1, dims, NULL);
    for (int i = 0; i < fills && status == BNCL_OK; ++i) {
        status = bncl_tensor_fill(queue, &x, 1.0, NULL, NULL);
        if (i % 20 == 0 && status == BNCL_OK)
            status = bncl_queue_finish(queue, NULL);
    }
    bncl_buffer_destroy(buffer);
    bncl_queue_destroy(queue);
    bncl_context_destroy(context);
    return status == BNCL_OK ? of : NULL;
}

static void two_contexts_on_two_threads(void **state)
{
    device *d = device_of(state);
    pthread_t threads[2];
    void *done[2];
    if (strstr(d->info.platform, "Oclgrind") != NULL)
        skip(); /* it crashes when two threads use it, without a trace as well */
    begin(d);
    for (int i = 0; i < 2; ++i)
        if (pthread_create(&threads[i], NULL, fill_often, d->info.index) != 0)
            abort();
    for (int i = 0; i < 2; ++i)
        pthread_join(threads[i], &done[i]);
    assert_true(done[0] != NULL && done[1] != NULL);
    const traced trace = look(d);
    size_t first = 0;
    for (size_t i = 0; i < trace.count; ++i)
        first += trace.events[i].pid == trace.events[0].pid;
    assert_int_equal(trace.count, 2 * fills);
    assert_int_equal(first, fills);
    traced_in_order(&trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(a_training_step),
        HARNESS_TEST(transfers),
        HARNESS_TEST(kernels_by_elements),
        HARNESS_TEST(batch_norm_forward),
        HARNESS_TEST(many_commands),
        HARNESS_TEST(adopted_queues),
        HARNESS_TEST(nothing_is_recorded_without_it),
        HARNESS_TEST(two_contexts_on_two_threads),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, open_traced, close_traced);
}
