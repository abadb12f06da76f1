/* Faults under the graph: building, planning, forward and backward. */
#include <string.h>

#include "fault/graph_world.h"
#include "lib/harness.h"

#define RUN_FAILS                                                                                  \
    (FAILS(MEMORY) | FAILS(DEVICE_MEMORY) | FAILS(BUILD) | FAILS(OPENCL) | FAILS(BLAS))

/* ---- building and planning ---- */

static bncl_status create(void *of, bncl_error *err)
{
    graph_world *w = of;
    return bncl_graph_create(w->d->context, &w->made, err);
}

static void prepare_create(void *of)
{
    graph_world_spoil(of);
}

static void made_lasting(void *of, fault_record *record)
{
    graph_world_record_outputs(of, record);
}

static void destroy_made(void *of)
{
    graph_world *w = of;
    bncl_graph_destroy(w->made);
}

static void prepare_building(void *of)
{
    graph_world *w = of;
    bncl_value value;
    graph_world_spoil(w);
    device_ok(w->d, bncl_graph_create(w->d->context, &w->graph, &w->d->err), "bncl_graph_create");
    if (w->layers > 0)
        device_ok(w->d, fixture_add_layers(w->graph, w->layers - 1, &value, &w->d->err), "layers");
}

/* The input, then a layer at a time. */
static bncl_status add_next(void *of, bncl_error *err)
{
    graph_world *w = of;
    if (w->layers == 0)
        return fixture_add_layers(w->graph, 0, &w->value, err);
    return fixture_add_layer(w->graph, w->layers - 1, &w->value, err);
}

/* The rest of the graph can be added, and the whole works. */
static void built_results(void *of, fault_record *record)
{
    graph_world *w = of;
    bncl_value value = w->value;
    fault_record_bytes(record, "the value", &w->value, sizeof w->value);
    for (size_t i = w->layers; i < fixture_layers; ++i)
        device_ok(w->d, fixture_add_layer(w->graph, i, &value, &w->d->err), "a layer");
    device_ok(w->d, bncl_graph_plan(w->graph, value, graph_world_seed, w->d->queue, &w->d->err),
              "bncl_graph_plan");
    graph_world_record_pass(w, record);
}

static void building(void **state)
{
    const fault_operation creating = {.name = "bncl_graph_create",
                                      .statuses = FAILS(MEMORY),
                                      .prepare = prepare_create,
                                      .run = create,
                                      .lasting = made_lasting,
                                      .discard = destroy_made};
    const fault_operation adding = {.name = "adding a layer",
                                    .statuses = FAILS(MEMORY),
                                    .prepare = prepare_building,
                                    .run = add_next,
                                    .lasting = made_lasting,
                                    .results = built_results,
                                    .finish = graph_world_destroy_graph,
                                    .may_meet_none = true};
    graph_world *w = graph_world_make(state);
    faults_try(&creating, w);
    for (w->layers = 0; w->layers <= fixture_layers; ++w->layers)
        faults_try(&adding, w);
}

static bncl_status plan(void *of, bncl_error *err)
{
    graph_world *w = of;
    return bncl_graph_plan(w->graph, fixture_layers, graph_world_seed, w->d->queue, err);
}

static void planning(void **state)
{
    const fault_operation operation = {.name = "bncl_graph_plan",
                                       .statuses = FAILS(MEMORY) | FAILS(DEVICE_MEMORY) |
                                                   FAILS(BUILD) | FAILS(OPENCL),
                                       .prepare = prepare_building,
                                       .run = plan,
                                       .lasting = graph_world_lasting,
                                       .results = graph_world_record_pass,
                                       .finish = graph_world_destroy_graph};
    graph_world *w = graph_world_make(state);
    w->layers = fixture_layers + 1;
    faults_try(&operation, w);
}

/* ---- passes ---- */

static bncl_status forward(void *of, bncl_error *err)
{
    graph_world *w = of;
    return graph_world_forward(w, w->batch, &w->sync, err);
}

/* The output, the state it leaves, and the gradients of the backward pass that may follow. */
static void forward_results(void *of, fault_record *record)
{
    graph_world *w = of;
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    fault_record_tensor(record, "y", w->d, &w->output);
    fault_record_state(record, w->d, w->graph);
    device_ok(w->d, graph_world_backward(w, w->batch, NULL, &w->d->err), "bncl_graph_backward");
    graph_world_record_gradients(w, record);
}

static const fault_operation forward_operation = {.name = "bncl_graph_forward",
                                                  .statuses = RUN_FAILS,
                                                  .prepare = graph_world_prepare,
                                                  .run = forward,
                                                  .lasting = graph_world_lasting,
                                                  .results = forward_results,
                                                  .discard = graph_world_destroy_event,
                                                  .finish = graph_world_destroy_graph};

static void first_forward(void **state)
{
    faults_try(&forward_operation, graph_world_make(state));
}

static void second_forward(void **state)
{
    graph_world *w = graph_world_make(state);
    w->warm[0] = w->batch;
    faults_try(&forward_operation, w);
}

/* A larger batch needs larger buffers, and the plans of the one longest unused give way. */
static void forward_of_new_size(void **state)
{
    graph_world *w = graph_world_make(state);
    const size_t warm[] = {6, 3, 4, 5};
    memcpy(w->warm, warm, sizeof warm);
    w->batch = graph_world_batch_most;
    faults_try_some(&forward_operation, w, FAULTS_OPENCL_ONCE | FAULTS_MEMORY_ONCE);
}

static void forward_eval(void **state)
{
    graph_world *w = graph_world_make(state);
    w->warm[0] = w->batch;
    w->evaluating = true;
    faults_try_some(&forward_operation, w, FAULTS_OPENCL_ONCE | FAULTS_MEMORY_ONCE);
}

static void prepare_backward(void *of)
{
    graph_world *w = of;
    graph_world_prepare(of);
    device_ok(w->d, graph_world_forward(w, w->batch, NULL, &w->d->err), "bncl_graph_forward");
}

static bncl_status backward(void *of, bncl_error *err)
{
    graph_world *w = of;
    return graph_world_backward(w, w->batch, &w->sync, err);
}

static void backward_results(void *of, fault_record *record)
{
    graph_world *w = of;
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    graph_world_record_gradients(w, record);
}

static const fault_operation backward_operation = {.name = "bncl_graph_backward",
                                                   .statuses = RUN_FAILS,
                                                   .prepare = prepare_backward,
                                                   .run = backward,
                                                   .lasting = graph_world_lasting,
                                                   .results = backward_results,
                                                   .discard = graph_world_destroy_event,
                                                   .finish = graph_world_destroy_graph};

static void first_backward(void **state)
{
    faults_try(&backward_operation, graph_world_make(state));
}

static void backward_in_evaluation(void **state)
{
    graph_world *w = graph_world_make(state);
    w->warm[0] = w->batch;
    w->evaluating = true;
    faults_try_some(&backward_operation, w, FAULTS_OPENCL_ONCE | FAULTS_MEMORY_ONCE);
}

/* After a forward that failed there is nothing to differentiate. */
static void no_backward_after_a_failed_forward(void **state)
{
    graph_world *w = graph_world_make(state);
    w->warm[0] = w->batch;
    graph_world_prepare(w);
    faults_layer()->calls = 0;
    device_ok(w->d, graph_world_forward(w, w->batch, NULL, &w->d->err), "bncl_graph_forward");
    const unsigned long all = faults_layer()->calls;
    faults_layer()->calls = 0;
    faults_layer()->nth = all / 2;
    bncl_status status = graph_world_forward(w, w->batch, NULL, &w->d->err);
    faults_layer()->nth = 0;
    assert_int_equal(status, BNCL_ERROR_OPENCL);
    device_refused(w->d, graph_world_backward(w, w->batch, NULL, &w->d->err), BNCL_ERROR_STATE,
                   "bncl_graph_forward");
    graph_world_destroy_graph(w);
}

/* Nor has a backward that failed a gradient to give, though the one before it had. Wherever in it
   the call that fails is. */
static void no_gradient_after_a_failed_backward(void **state)
{
    graph_world *w = graph_world_make(state);
    bncl_tensor dx;
    w->warm[0] = w->batch;
    graph_world_prepare(w);
    for (unsigned long nth = 1, all = 1; nth <= all; nth += 7) {
        device_ok(w->d, graph_world_forward(w, w->batch, NULL, &w->d->err), "bncl_graph_forward");
        device_ok(w->d, graph_world_backward(w, w->batch, NULL, &w->d->err), "bncl_graph_backward");
        faults_layer()->calls = 0;
        device_ok(w->d, graph_world_backward(w, w->batch, NULL, &w->d->err), "bncl_graph_backward");
        all = faults_layer()->calls;
        device_ok(w->d, bncl_graph_input_gradient(w->graph, 0, &dx, &w->d->err), "the gradient");
        faults_layer()->calls = 0;
        faults_layer()->nth = nth;
        bncl_status status = graph_world_backward(w, w->batch, NULL, &w->d->err);
        faults_layer()->nth = 0;
        assert_int_not_equal(status, BNCL_OK);
        device_refused(w->d, bncl_graph_input_gradient(w->graph, 0, &dx, &w->d->err),
                       BNCL_ERROR_STATE, "bncl_graph_backward");
    }
    graph_world_destroy_graph(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(building),
        HARNESS_TEST(planning),
        HARNESS_TEST(first_forward),
        HARNESS_TEST(second_forward),
        HARNESS_TEST(forward_of_new_size),
        HARNESS_TEST(forward_eval),
        HARNESS_TEST(first_backward),
        HARNESS_TEST(backward_in_evaluation),
        HARNESS_TEST(no_backward_after_a_failed_forward),
        HARNESS_TEST(no_gradient_after_a_failed_backward),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
