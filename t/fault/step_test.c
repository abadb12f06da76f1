/* A training step that has been made before enqueues and returns: it blocks nowhere, and allocates
   nothing, on the host or on the device. */
#include <string.h>

#include <bncl/opencl.h>

#include "base/alloc.h"
#include "fault/faults.h"
#include "lib/compare.h"
#include "lib/generate.h"
#include "lib/harness.h"

enum { batch = 33, pixels = 20, hidden = 17, classes = 5 };

/* An MLP in training, all that a step needs made. */
typedef struct training {
    device *d;
    bncl_graph *graph;
    bncl_tensor images, labels, dlogits, loss, correct, values, gradients;
    bncl_cross_entropy *entropy;
    bncl_sgd *sgd;
} training;

static void release_training(void *of)
{
    training *t = of;
    bncl_queue_finish(t->d->queue, NULL);
    bncl_sgd_destroy(t->sgd);
    bncl_cross_entropy_destroy(t->entropy);
    bncl_graph_destroy(t->graph);
}

static void make_graph(training *t)
{
    device *d = t->d;
    const size_t features = pixels;
    bncl_value value;
    device_ok(d, bncl_graph_create(d->context, &t->graph, &d->err), "graph");
    device_ok(d, bncl_graph_input(t->graph, 1, &features, false, &value, &d->err), "input");
    device_ok(d, bncl_graph_linear(t->graph, "fc1", value, hidden, true, &value, &d->err), "fc1");
    device_ok(d, bncl_graph_batch_norm(t->graph, "bn1", value, NULL, &value, &d->err), "bn1");
    device_ok(d, bncl_graph_relu(t->graph, "relu1", value, &value, &d->err), "relu1");
    device_ok(d, bncl_graph_linear(t->graph, "fc2", value, classes, true, &value, &d->err), "fc2");
    device_ok(d, bncl_graph_plan(t->graph, value, 1, d->queue, &d->err), "plan");
}

static void make_data(training *t)
{
    const size_t image_dims[] = {batch, pixels}, logit_dims[] = {batch, classes}, one = 1;
    generator g = generator_seed(3);
    float *images = harness_floats(batch * pixels);
    int32_t *labels = harness_memory(batch, sizeof *labels);
    generate_normal(&g, 0.0, 1.0, images, batch * pixels);
    generate_labels(&g, classes, labels, batch);
    t->images = device_tensor(t->d, BNCL_F32, 2, image_dims, images);
    t->labels = device_tensor(t->d, BNCL_I32, 1, image_dims, labels);
    t->dlogits = device_tensor(t->d, BNCL_F32, 2, logit_dims, NULL);
    t->loss = device_tensor(t->d, BNCL_F32, 1, &one, NULL);
    t->correct = device_tensor(t->d, BNCL_I32, 1, &one, NULL);
}

static training *training_make(void **state)
{
    training *t = harness_memory(1, sizeof *t);
    device *d = t->d = device_of(state);
    bncl_sgd_options options = bncl_sgd_options_default();
    options.momentum = 0.9;
    harness_hold(t, release_training);
    make_graph(t);
    make_data(t);
    device_ok(d, bncl_graph_parameters(t->graph, &t->values, &t->gradients, &d->err), "parameters");
    device_ok(d, bncl_cross_entropy_create(d->context, batch, classes, &t->entropy, &d->err),
              "cross_entropy");
    device_ok(
        d, bncl_sgd_create(d->context, bncl_tensor_count(&t->values), &options, &t->sgd, &d->err),
        "sgd");
    return t;
}

/* `done` NULL: no event is asked for. */
static void step(training *t, bncl_event **done)
{
    device *d = t->d;
    const bncl_sync sync = {.signal = done};
    bncl_cross_entropy_args args = {
        .labels = t->labels, .dlogits = t->dlogits, .loss = t->loss, .correct = t->correct};
    device_ok(d, bncl_graph_forward(t->graph, d->queue, &t->images, 1, &args.logits, NULL, &d->err),
              "forward");
    device_ok(d, bncl_cross_entropy_run(t->entropy, d->queue, &args, NULL, &d->err), "loss");
    device_ok(d, bncl_graph_backward(t->graph, d->queue, &args.dlogits, NULL, &d->err), "backward");
    device_ok(d,
              bncl_sgd_step(t->sgd, d->queue, &t->values, &t->gradients,
                            done != NULL ? &sync : NULL, &d->err),
              "sgd_step");
    device_ok(d, bncl_queue_flush(d->queue, &d->err), "flush");
}

/* By their names: nothing of this is met, while everything else of a step is. */
static void a_steady_step_neither_waits_nor_allocates(void **state)
{
    static const char *const calls[] = {
        "clFinish",          "clWaitForEvents",      "clEnqueueReadBuffer", "clEnqueueWriteBuffer",
        "clCreateBuffer",    "clCreateCommandQueue", "clCreateKernel",      "clBuildProgram",
        "clEnqueueMapBuffer"};
    training *t = training_make(state);
    fault_layer *layer = faults_layer();
    step(t, NULL);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; ++i) {
        layer->only = calls[i];
        layer->calls = 0;
        step(t, NULL);
        if (layer->calls > 0)
            harness_fail("a step calls %s %lu times", calls[i], layer->calls);
    }
    layer->only = NULL;
    layer->calls = 0;
    bncli_alloc_fault(0, 0);
    step(t, NULL);
    assert_int_equal(bncli_alloc_fault(0, 0), 0);
    assert_true(layer->calls > 5); /* the layer does count */
}

static void release_event(void *event)
{
    bncl_event_destroy(event);
}

static void release_cl_event(void *event)
{
    clReleaseEvent(event);
}

/* Holds up the queue until the event is set. */
static cl_event hold_up(device *d)
{
    cl_int code = CL_SUCCESS;
    cl_event gate = clCreateUserEvent(bncl_opencl_get_context(d->context), &code);
    assert_int_equal(code, CL_SUCCESS);
    harness_hold(gate, release_cl_event);
    assert_int_equal(clEnqueueBarrierWithWaitList(bncl_opencl_get_queue(d->queue), 1, &gate, NULL),
                     CL_SUCCESS);
    return gate;
}

/* Steps return though nothing can run yet; they run when it can, to the results of steps that are
   waited for one by one. */
static void steps_are_enqueued_before_any_can_run(void **state)
{
    enum { steps = 5 };
    training *waited = training_make(state), *ahead = training_make(state);
    device *d = waited->d;
    const size_t count = bncl_tensor_count(&waited->values);
    bncl_event *done = NULL;
    step(ahead, NULL);
    device_finish(d);
    cl_event gate = hold_up(d);
    for (int i = 1; i < steps; ++i)
        step(ahead, i + 1 < steps ? NULL : &done);
    harness_hold(done, release_event);
    assert_int_equal(clSetUserEventStatus(gate, CL_COMPLETE), CL_SUCCESS);
    device_ok(d, bncl_event_wait(done, &d->err), "bncl_event_wait");
    for (int i = 0; i < steps; ++i) {
        step(waited, NULL);
        device_finish(d);
    }
    check_float_bits("the parameters", device_floats(d, &ahead->values),
                     device_floats(d, &waited->values), count);
    check_float_bits("the loss", device_floats(d, &ahead->loss), device_floats(d, &waited->loss),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(a_steady_step_neither_waits_nor_allocates),
        HARNESS_TEST(steps_are_enqueued_before_any_can_run),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
