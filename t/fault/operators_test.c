/* Faults under the operators besides batch norm: elementwise, cross entropy, SGD. */
#include <math.h>
#include <string.h>

#include "fault/faults.h"
#include "lib/generate.h"
#include "lib/harness.h"

#define FAILS(status) FAULT_STATUS(BNCL_ERROR_##status)
/* A run call launches kernels, and may run out of memory for the event that it is to signal. */
#define RUN_FAILS (FAILS(OPENCL) | FAILS(MEMORY))
#define CREATE_FAILS (FAILS(BUILD) | FAILS(MEMORY) | FAILS(OPENCL))

enum { rows = 7, classes = 5, elements = rows * classes };

typedef struct world {
    device *d;
    bncl_context *context; /* of the calls that create: d's, or a new one */
    bncl_tensor in[2];     /* [rows, classes] */
    bncl_tensor out;       /* likewise */
    bncl_tensor labels, loss, correct;
    bncl_tensor mask;       /* of `elements` */
    float values[elements]; /* what `out` holds before an SGD step */
    bncl_elementwise *elementwise;
    bncl_cross_entropy *cross_entropy;
    size_t logit_rows;
    bncl_sgd *sgd;
    bncl_sgd_options sgd_options;
    bool stepped; /* the step under test is the second */
    void *made;   /* by the calls that create */
    bncl_sync sync;
    bncl_event *event;
} world;

static void release_elementwise(void *op)
{
    bncl_elementwise_destroy(op);
}

static void release_cross_entropy(void *plan)
{
    bncl_cross_entropy_destroy(plan);
}

static world *world_make(void **state)
{
    world *w = harness_memory(1, sizeof *w);
    const size_t dims[] = {rows, classes}, one = 1;
    float values[elements];
    int32_t labels[rows];
    generator g = generator_seed(11);
    w->d = device_of(state);
    w->context = w->d->context;
    for (int i = 0; i < 2; ++i) {
        generate_normal(&g, 0.0, 1.0, values, elements);
        w->in[i] = device_tensor(w->d, BNCL_F32, 2, dims, values);
    }
    generate_normal(&g, 0.0, 1.0, w->values, elements);
    generate_labels(&g, classes, labels, rows);
    w->out = device_tensor(w->d, BNCL_F32, 2, dims, NULL);
    const size_t mask_bytes = (elements + 7) / 8;
    w->mask = device_tensor(w->d, BNCL_U8, 1, &mask_bytes, NULL);
    w->labels = device_tensor(w->d, BNCL_I32, 1, dims, labels);
    w->loss = device_tensor(w->d, BNCL_F32, 1, &one, NULL);
    w->correct = device_tensor(w->d, BNCL_I32, 1, &one, NULL);
    w->logit_rows = rows;
    w->sync.signal = &w->event;
    return w;
}

static void prepare(void *of)
{
    world *w = of;
    const bncl_tensor *outputs[] = {&w->out, &w->loss};
    w->event = FAULT_SENTINEL;
    w->made = FAULT_SENTINEL;
    for (int i = 0; i < 2; ++i)
        device_ok(w->d, bncl_tensor_fill(w->d->queue, outputs[i], (double)NAN, NULL, &w->d->err),
                  "bncl_tensor_fill");
    device_ok(w->d, bncl_tensor_fill(w->d->queue, &w->correct, -1.0, NULL, &w->d->err),
              "bncl_tensor_fill");
    device_ok(w->d, bncl_tensor_fill(w->d->queue, &w->mask, 99.0, NULL, &w->d->err),
              "bncl_tensor_fill");
}

static void lasting(void *of, fault_record *record)
{
    world *w = of;
    fault_record_bytes(record, "the event", &w->event, sizeof w->event);
    fault_record_bytes(record, "what was made", &w->made, sizeof w->made);
    fault_record_tensor(record, "in[0]", w->d, &w->in[0]);
    fault_record_tensor(record, "in[1]", w->d, &w->in[1]);
}

static void results(void *of, fault_record *record)
{
    world *w = of;
    device_ok(w->d, bncl_event_wait(w->event, &w->d->err), "bncl_event_wait");
    fault_record_tensor(record, "out", w->d, &w->out);
    fault_record_tensor(record, "mask", w->d, &w->mask);
    fault_record_tensor(record, "loss", w->d, &w->loss);
    fault_record_tensor(record, "correct", w->d, &w->correct);
}

static void destroy_event(void *of)
{
    world *w = of;
    bncl_event_destroy(w->event);
}

/* In a context that has built no program yet. */
static void prepare_first(void *of)
{
    world *w = of;
    prepare(of);
    device_ok(w->d, bncl_context_create(NULL, &w->context, &w->d->err), "bncl_context_create");
}

static void finish_first(void *of)
{
    world *w = of;
    bncl_context_destroy(w->context);
    w->context = w->d->context;
}

/* A call that creates, with its kernels built before, and in a context where they are not. */
static void try_create(world *w, fault_operation *operation)
{
    operation->lasting = lasting;
    operation->prepare = prepare;
    faults_try(operation, w);
    operation->prepare = prepare_first;
    operation->finish = finish_first;
    faults_try(operation, w);
}

static void try_run(world *w, const char *name, bncl_status (*run)(void *, bncl_error *))
{
    const fault_operation operation = {.name = name,
                                       .statuses = RUN_FAILS,
                                       .prepare = prepare,
                                       .run = run,
                                       .lasting = lasting,
                                       .results = results,
                                       .discard = destroy_event};
    faults_try(&operation, w);
}

/* ---- elementwise ---- */

static bncl_status create_elementwise(void *of, bncl_error *err)
{
    world *w = of;
    bncl_elementwise *op = w->made;
    bncl_status status = bncl_elementwise_create(w->context, BNCL_F32, &op, err);
    w->made = op;
    return status;
}

static void destroy_elementwise(void *of)
{
    world *w = of;
    bncl_elementwise_destroy(w->made);
}

static bncl_status relu_forward(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_relu_forward(w->elementwise, w->d->queue, &w->in[0], &w->out, &w->sync, err);
}

static bncl_status relu_backward(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_relu_backward(w->elementwise, w->d->queue, &w->in[0], &w->in[1], &w->out, &w->sync,
                              err);
}

static bncl_status add(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_add(w->elementwise, w->d->queue, &w->in[0], &w->in[1], &w->out, &w->sync, err);
}

/* in[0], transposed. */
static bncl_status copy(void *of, bncl_error *err)
{
    world *w = of;
    const size_t strides[] = {1, rows};
    bncl_tensor x = w->in[0];
    memcpy(x.strides, strides, sizeof strides);
    return bncl_copy(w->elementwise, w->d->queue, &x, &w->out, &w->sync, err);
}

/* An operation that has copied nothing; of the program, see t/fault/program_test.c. */
static void prepare_first_copy(void *of)
{
    world *w = of;
    prepare(of);
    device_ok(w->d, bncl_elementwise_create(w->d->context, BNCL_F32, &w->elementwise, &w->d->err),
              "bncl_elementwise_create");
    w->made = w->elementwise;
}

static void first_copy(void **state)
{
    world *w = world_make(state);
    const fault_operation first = {.name = "the first bncl_copy",
                                   .statuses = RUN_FAILS | FAILS(BUILD),
                                   .prepare = prepare_first_copy,
                                   .run = copy,
                                   .lasting = lasting,
                                   .results = results,
                                   .discard = destroy_event,
                                   .finish = destroy_elementwise};
    prepare_first_copy(w);
    device_ok(w->d, copy(w, &w->d->err), "bncl_copy");
    destroy_event(w);
    destroy_elementwise(w);
    faults_try(&first, w);
}

static bncl_status activation_forward(void *of, bncl_error *err)
{
    world *w = of;
    const bncl_activation leaky = bncl_activation_leaky_relu(0.5);
    return bncl_activation_forward(w->elementwise, w->d->queue, &leaky, &w->in[0], &w->out,
                                   &w->mask, &w->sync, err);
}

static bncl_status activation_backward(void *of, bncl_error *err)
{
    world *w = of;
    const bncl_activation leaky = bncl_activation_leaky_relu(0.5);
    return bncl_activation_backward(w->elementwise, w->d->queue, &leaky, &w->mask, &w->in[0],
                                    &w->out, &w->sync, err);
}

static void elementwise(void **state)
{
    world *w = world_make(state);
    fault_operation creating = {.name = "bncl_elementwise_create",
                                .statuses = CREATE_FAILS,
                                .run = create_elementwise,
                                .discard = destroy_elementwise};
    device_ok(w->d, bncl_elementwise_create(w->context, BNCL_F32, &w->elementwise, &w->d->err),
              "bncl_elementwise_create");
    harness_hold(w->elementwise, release_elementwise);
    try_create(w, &creating);
    try_run(w, "bncl_relu_forward", relu_forward);
    try_run(w, "bncl_relu_backward", relu_backward);
    try_run(w, "bncl_add", add);
    try_run(w, "bncl_copy", copy);
    try_run(w, "bncl_activation_forward", activation_forward);
    try_run(w, "bncl_activation_backward", activation_backward);
}

/* ---- cross entropy ---- */

static bncl_status create_cross_entropy(void *of, bncl_error *err)
{
    world *w = of;
    bncl_cross_entropy *plan = w->made;
    bncl_status status = bncl_cross_entropy_create(w->context, rows, classes, &plan, err);
    w->made = plan;
    return status;
}

static void destroy_cross_entropy(void *of)
{
    world *w = of;
    bncl_cross_entropy_destroy(w->made);
}

static bncl_status run_cross_entropy(void *of, bncl_error *err)
{
    world *w = of;
    bncl_cross_entropy_args args = {w->in[0], w->labels, w->loss, w->correct, w->out};
    args.logits.dims[0] = args.labels.dims[0] = args.dlogits.dims[0] = w->logit_rows;
    return bncl_cross_entropy_run(w->cross_entropy, w->d->queue, &args, &w->sync, err);
}

static void cross_entropy(void **state)
{
    world *w = world_make(state);
    fault_operation creating = {.name = "bncl_cross_entropy_create",
                                .statuses = CREATE_FAILS | FAILS(DEVICE_MEMORY),
                                .run = create_cross_entropy,
                                .discard = destroy_cross_entropy};
    const size_t counts[] = {rows, 0};
    for (int i = 0; i < 2; ++i) {
        w->logit_rows = counts[i];
        device_ok(w->d,
                  bncl_cross_entropy_create(w->context, counts[i], classes, &w->cross_entropy,
                                            &w->d->err),
                  "bncl_cross_entropy_create");
        harness_hold(w->cross_entropy, release_cross_entropy);
        try_run(w, "bncl_cross_entropy_run", run_cross_entropy);
    }
    try_create(w, &creating);
}

/* ---- SGD ---- */

static bncl_status create_sgd(void *of, bncl_error *err)
{
    world *w = of;
    bncl_sgd *sgd = w->made;
    bncl_status status = bncl_sgd_create(w->context, elements, &w->sgd_options, &sgd, err);
    w->made = sgd;
    return status;
}

static void destroy_sgd(void *of)
{
    world *w = of;
    bncl_sgd_destroy(w->made);
}

static bncl_status step(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_sgd_step(w->sgd, w->d->queue, &w->out, &w->in[0], &w->sync, err);
}

/* An optimizer of its own for each step under test: a step changes it. */
static void prepare_step(void *of)
{
    world *w = of;
    prepare(of);
    device_write(w->d, &w->out, w->values);
    device_ok(w->d, bncl_sgd_create(w->context, elements, &w->sgd_options, &w->sgd, &w->d->err),
              "bncl_sgd_create");
    if (w->stepped)
        device_ok(w->d, bncl_sgd_step(w->sgd, w->d->queue, &w->out, &w->in[1], NULL, &w->d->err),
                  "bncl_sgd_step");
}

static void step_lasting(void *of, fault_record *record)
{
    world *w = of;
    lasting(of, record);
    fault_record_tensor(record, "the parameters", w->d, &w->out);
}

/* The next step shows whether the momentum buffer is what it should be. */
static void step_results(void *of, fault_record *record)
{
    world *w = of;
    results(of, record);
    device_ok(w->d, bncl_sgd_step(w->sgd, w->d->queue, &w->out, &w->in[1], NULL, &w->d->err),
              "bncl_sgd_step");
    fault_record_tensor(record, "the parameters after a further step", w->d, &w->out);
}

static void finish_step(void *of)
{
    world *w = of;
    bncl_sgd_destroy(w->sgd);
}

static void sgd(void **state)
{
    world *w = world_make(state);
    fault_operation creating = {.name = "bncl_sgd_create",
                                .statuses = CREATE_FAILS | FAILS(DEVICE_MEMORY),
                                .run = create_sgd,
                                .discard = destroy_sgd};
    const fault_operation stepping = {.name = "bncl_sgd_step",
                                      .statuses = RUN_FAILS,
                                      .prepare = prepare_step,
                                      .run = step,
                                      .lasting = step_lasting,
                                      .results = step_results,
                                      .discard = destroy_event,
                                      .finish = finish_step};
    w->sgd_options = (bncl_sgd_options){.lr = 0.5, .momentum = 0.75, .weight_decay = 0.25};
    try_create(w, &creating);
    for (int i = 0; i < 2; ++i) {
        w->stepped = i != 0;
        faults_try(&stepping, w);
    }
    w->sgd_options.momentum = 0.0;
    faults_try(&stepping, w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(elementwise),
        HARNESS_TEST(first_copy),
        HARNESS_TEST(cross_entropy),
        HARNESS_TEST(sgd),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
