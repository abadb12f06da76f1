/* Wait lists and signalled events: operators on two queues that only events keep in order. */
#include <string.h>

#include "lib/batch_norm_check.h"
#include "lib/compare.h"
#include "lib/harness.h"

static void release_queue(void *queue)
{
    bncl_queue_destroy(queue);
}

static void release_event(void *event)
{
    bncl_event_destroy(event);
}

static bncl_queue *another_queue(device *d)
{
    bncl_queue *queue = NULL;
    device_ok(d, bncl_queue_create(d->context, &queue, &d->err), "bncl_queue_create");
    return harness_hold(queue, release_queue);
}

/* x is written on one queue, normalized on another, differentiated on the first, and read on the
   other. */
static void batch_norm_between_queues(void **state)
{
    device *d = device_of(state);
    batch_norm_case c =
        batch_norm_case_make(BNCL_LAYOUT_NCL, d->small ? 4 : 64, 3, d->small ? 17 : 100);
    size_t total = batch_norm_case_total(&c);
    bncl_queue *other = another_queue(d);
    d->before = d->after = 0; /* bncl_tensor_write fills whole buffers: see device_write */
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    for (int step = 0; step < 5; ++step) {
        c.seed = (uint64_t)step;
        batch_norm_data data = batch_norm_data_make(&c);
        bncl_batch_norm_forward forward = batch_norm_forward_tensors(d, &c, &data);
        forward.x = device_tensor(d, BNCL_F32, forward.x.rank, forward.x.dims, NULL);
        bncl_batch_norm_backward backward = batch_norm_backward_tensors(d, &c, &data, &forward);
        bncl_event *written = NULL;
        bncl_event *normalized = NULL;
        bncl_event *differentiated = NULL;
        bncl_sync sync = {.signal = &written};
        device_ok(d, bncl_tensor_write(d->queue, &forward.x, data.x, &sync, &d->err), "write");
        harness_hold(written, release_event);
        sync = (bncl_sync){1, &written, &normalized};
        device_ok(d, bncl_batch_norm_forward_train(plan, other, &forward, &sync, &d->err), "train");
        harness_hold(normalized, release_event);
        bncl_event *const both[] = {written, normalized};
        sync = (bncl_sync){2, both, &differentiated};
        device_ok(d, bncl_batch_norm_backward_train(plan, d->queue, &backward, &sync, &d->err),
                  "backward");
        harness_hold(differentiated, release_event);
        sync = (bncl_sync){1, &differentiated, NULL};
        float *dx = harness_floats(total);
        device_ok(d, bncl_tensor_read(other, &backward.dx, dx, &sync, &d->err), "read");
        batch_norm_read_forward(d, &forward, &data);
        batch_norm_read_backward(d, &backward, &data);
        check_float_bits("dx", dx, data.dx, total);
        batch_norm_check_train(&c, &data);
    }
}

/* An event that has been waited for: what the call wrote is there, without finishing the queue. */
static void waiting_for_an_event(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 50, 4, 1);
    batch_norm_data data = batch_norm_data_make(&c);
    batch_norm_data expected = batch_norm_data_make(&c);
    batch_norm_run_eval(d, &c, &expected);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
    args.save_mean = args.save_mean_lo = args.save_invstd = device_absent();
    bncl_event *event = NULL;
    const bncl_sync sync = {.signal = &event};
    device_ok(d, bncl_batch_norm_forward_eval(plan, d->queue, &args, &sync, &d->err), "eval");
    assert_non_null(event);
    harness_hold(event, release_event);
    device_ok(d, bncl_event_wait(event, &d->err), "bncl_event_wait");
    float *y = harness_floats(200);
    device_ok(d, bncl_tensor_read(another_queue(d), &args.y, y, NULL, &d->err), "read");
    check_float_bits("y", y, expected.y, 200);
}

/* Calls that enqueue nothing signal as well: an empty batch. */
static void empty_calls_signal(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 0, 4, 1);
    batch_norm_data data = batch_norm_data_make(&c);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    bncl_batch_norm_forward forward = batch_norm_forward_tensors(d, &c, &data);
    bncl_batch_norm_backward backward = batch_norm_backward_tensors(d, &c, &data, &forward);
    bncl_event *events[3] = {NULL, NULL, NULL};
    bncl_sync sync = {.signal = &events[0]};
    device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &forward, &sync, &d->err), "train");
    sync = (bncl_sync){1, &events[0], &events[1]};
    device_ok(d, bncl_batch_norm_forward_eval(plan, d->queue, &forward, &sync, &d->err), "eval");
    sync = (bncl_sync){2, events, &events[2]};
    device_ok(d, bncl_batch_norm_backward_train(plan, d->queue, &backward, &sync, &d->err),
              "backward");
    for (size_t i = 0; i < 3; ++i) {
        assert_non_null(events[i]);
        harness_hold(events[i], release_event);
        device_ok(d, bncl_event_wait(events[i], &d->err), "bncl_event_wait");
    }
}

/* A NULL among the events to wait for is an argument error, and nothing runs. */
static void a_null_event_is_refused(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 5, 4, 1);
    batch_norm_data data = batch_norm_data_make(&c);
    bncl_batch_norm *plan = batch_norm_plan(d, &c);
    bncl_batch_norm_forward args = batch_norm_forward_tensors(d, &c, &data);
    bncl_event *const none[] = {NULL};
    const bncl_sync sync = {1, none, NULL};
    device_refused(d, bncl_batch_norm_forward_train(plan, d->queue, &args, &sync, &d->err),
                   BNCL_ERROR_ARGUMENT, "");
    const bncl_sync no_list = {1, NULL, NULL};
    device_refused(d, bncl_batch_norm_forward_train(plan, d->queue, &args, &no_list, &d->err),
                   BNCL_ERROR_ARGUMENT, "");
    device_untouched(d, "y", &args.y);
    assert_true(data.num_batches_tracked == 0);
}

/* An event may be waited for when its queue is no more. */
static void an_event_outlives_its_queue(void **state)
{
    device *d = device_of(state);
    const float values[] = {1.0f, 2.0f, 3.0f, 4.0f};
    d->before = d->after = 0;
    for (int again = 0; again < 4; ++again) {
        bncl_queue *brief = NULL;
        bncl_event *written = NULL;
        float got[4] = {0.0f};
        const bncl_tensor tensor = device_vector(d, 4, NULL);
        const bncl_sync writes = {.signal = &written};
        device_ok(d, bncl_queue_create(d->context, &brief, &d->err), "bncl_queue_create");
        bncl_status status = bncl_tensor_write(brief, &tensor, values, &writes, &d->err);
        bncl_queue_destroy(brief);
        device_ok(d, status, "bncl_tensor_write");
        harness_hold(written, release_event);
        const bncl_sync waits = {1, &written, NULL};
        device_ok(d, bncl_tensor_read(d->queue, &tensor, got, &waits, &d->err), "read");
        device_ok(d, bncl_event_wait(written, &d->err), "bncl_event_wait");
        check_float_bits("what the queue wrote", got, values, 4);
    }
}

/* A tensor in the middle of a buffer is filled on one queue by way of a mapping, and used on
   another; what is around it stays. An empty tensor has no memory to map. */
static void a_mapping_is_filled_beside_another_queue(void **state)
{
    device *d = device_of(state);
    enum { count = 100 };
    bncl_queue *other = another_queue(d);
    float values[count], zeros[count] = {0.0f};
    bncl_tensor x = device_vector(d, count, zeros), y = device_vector(d, count, NULL), empty = x;
    void *host = NULL;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < count; ++i)
            values[i] = (float)(i * 3 - round);
        bncl_event *filled = NULL;
        bncl_sync sync = {.signal = &filled};
        device_ok(d, bncl_tensor_map(other, &x, &host, NULL, &d->err), "bncl_tensor_map");
        memcpy(host, values, sizeof values);
        device_ok(d, bncl_tensor_unmap(other, &x, host, &sync, &d->err), "bncl_tensor_unmap");
        harness_hold(filled, release_event);
        sync = (bncl_sync){1, &filled, NULL};
        device_ok(d, bncl_tensor_copy(d->queue, &x, &y, &sync, &d->err), "bncl_tensor_copy");
        check_float_bits("y", device_floats(d, &y), values, count);
        check_float_bits("x", device_floats(d, &x), values, count);
    }
    empty.dims[0] = 0;
    device_ok(d, bncl_tensor_map(other, &empty, &host, NULL, &d->err), "bncl_tensor_map");
    assert_null(host);
    device_ok(d, bncl_tensor_unmap(other, &empty, host, NULL, &d->err), "bncl_tensor_unmap");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(batch_norm_between_queues),
        HARNESS_TEST(waiting_for_an_event),
        HARNESS_TEST(empty_calls_signal),
        HARNESS_TEST(a_null_event_is_refused),
        HARNESS_TEST(an_event_outlives_its_queue),
        HARNESS_TEST(a_mapping_is_filled_beside_another_queue),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
