/* The life of a graph: every call in every state. A call that is not legal there is refused, and
   neither writes its results nor changes the graph. */
#include <string.h>
#include <unistd.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/network_graph.h"

typedef enum life { BUILDING, PLANNED, FORWARD_DONE, BACKWARD_DONE, LIFE_COUNT } life;

static const char *const life_names[LIFE_COUNT] = {"BUILDING", "PLANNED", "READY",
                                                   "READY after backward"};

/* A graph in one of its states, and what the calls are given. */
typedef struct fixture {
    device *d;
    network_graph g;
    bncl_value output;
    network_data data;
    bncl_tensor input, dy;
    const char *path; /* of a saved state that fits the graph */
} fixture;

/* Results of any call; a refused call leaves them as they were. */
typedef union results {
    bncl_value value;
    bncl_tensor tensors[2];
    bncl_graph_parameter_info parameter;
    bncl_state_entry entry;
    unsigned char bytes[256];
} results;

typedef bncl_status call(fixture *f, results *out);

static bncl_status add_input(fixture *f, results *out)
{
    return bncl_graph_input(f->g.graph, 1, (const size_t[]){2}, false, &out->value, &f->d->err);
}

static bncl_status add_linear(fixture *f, results *out)
{
    return bncl_graph_linear(f->g.graph, "new", f->output, 3, true, &out->value, &f->d->err);
}

static bncl_status add_batch_norm(fixture *f, results *out)
{
    return bncl_graph_batch_norm(f->g.graph, "new", f->output, NULL, &out->value, &f->d->err);
}

static bncl_status add_relu(fixture *f, results *out)
{
    return bncl_graph_relu(f->g.graph, "new", f->output, &out->value, &f->d->err);
}

static bncl_status add_flatten(fixture *f, results *out)
{
    return bncl_graph_flatten(f->g.graph, "new", f->output, &out->value, &f->d->err);
}

static bncl_status add_add(fixture *f, results *out)
{
    return bncl_graph_add(f->g.graph, "new", f->output, f->output, &out->value, &f->d->err);
}

static bncl_status plan(fixture *f, results *out)
{
    (void)out;
    return bncl_graph_plan(f->g.graph, f->output, 1, f->d->queue, &f->d->err);
}

static bncl_status train(fixture *f, results *out)
{
    (void)out;
    return bncl_graph_train(f->g.graph, &f->d->err);
}

static bncl_status eval(fixture *f, results *out)
{
    (void)out;
    return bncl_graph_eval(f->g.graph, &f->d->err);
}

static bncl_status freeze(fixture *f, results *out)
{
    (void)out;
    return bncl_graph_freeze(f->g.graph, "bn1", true, &f->d->err);
}

static bncl_status forward(fixture *f, results *out)
{
    return bncl_graph_forward(f->g.graph, f->d->queue, &f->input, 1, &out->tensors[0], NULL,
                              &f->d->err);
}

static bncl_status backward(fixture *f, results *out)
{
    (void)out;
    return bncl_graph_backward(f->g.graph, f->d->queue, &f->dy, NULL, &f->d->err);
}

static bncl_status input_gradient(fixture *f, results *out)
{
    return bncl_graph_input_gradient(f->g.graph, 0, &out->tensors[0], &f->d->err);
}

static bncl_status parameter(fixture *f, results *out)
{
    return bncl_graph_parameter(f->g.graph, 0, &out->parameter, &f->d->err);
}

static bncl_status parameters(fixture *f, results *out)
{
    return bncl_graph_parameters(f->g.graph, &out->tensors[0], &out->tensors[1], &f->d->err);
}

static bncl_status state_entry(fixture *f, results *out)
{
    return bncl_graph_state_entry(f->g.graph, 0, &out->entry, &f->d->err);
}

static bncl_status state_read(fixture *f, results *out)
{
    return bncl_graph_state_read(f->g.graph, f->d->queue, "bn1.running_mean", out,
                                 5 * sizeof(float), &f->d->err);
}

static bncl_status save(fixture *f, results *out)
{
    (void)out;
    const char *path = files_path(files_folder(), "state");
    bncl_status status = bncl_graph_save(f->g.graph, f->d->queue, path, &f->d->err);
    if (status != BNCL_OK && access(path, F_OK) == 0)
        harness_fail("the refused bncl_graph_save wrote a file");
    return status;
}

static bncl_status load(fixture *f, results *out)
{
    (void)out;
    return bncl_graph_load(f->g.graph, f->d->queue, f->path, &f->d->err);
}

static const struct call_row {
    const char *name;
    call *call;
    bool legal[LIFE_COUNT];
} calls[] = {
    {"bncl_graph_input", add_input, {true, false, false, false}},
    {"bncl_graph_linear", add_linear, {true, false, false, false}},
    {"bncl_graph_batch_norm", add_batch_norm, {true, false, false, false}},
    {"bncl_graph_relu", add_relu, {true, false, false, false}},
    {"bncl_graph_flatten", add_flatten, {true, false, false, false}},
    {"bncl_graph_add", add_add, {true, false, false, false}},
    {"bncl_graph_plan", plan, {true, false, false, false}},
    {"bncl_graph_train", train, {true, true, true, true}},
    {"bncl_graph_eval", eval, {true, true, true, true}},
    {"bncl_graph_freeze", freeze, {true, true, true, true}},
    {"bncl_graph_forward", forward, {false, true, true, true}},
    {"bncl_graph_backward", backward, {false, false, true, true}},
    {"bncl_graph_input_gradient", input_gradient, {false, false, false, true}},
    {"bncl_graph_parameter", parameter, {false, true, true, true}},
    {"bncl_graph_parameters", parameters, {false, true, true, true}},
    {"bncl_graph_state_entry", state_entry, {false, true, true, true}},
    {"bncl_graph_state_read", state_read, {false, true, true, true}},
    {"bncl_graph_save", save, {false, true, true, true}},
    {"bncl_graph_load", load, {false, true, true, true}},
};
enum { call_count = sizeof calls / sizeof calls[0] };

static fixture fixture_make(device *d, life at, const char *path)
{
    fixture f = {.d = d, .data = network_data_make(&network_mlp, 4, 9), .path = path};
    float *dy = harness_floats(16);
    results ignored;
    for (int i = 0; i < 16; ++i)
        dy[i] = 1.0f - 0.125f * (float)i;
    f.g = network_graph_build(d, &network_mlp, &f.output);
    f.input = device_tensor(d, BNCL_F32, 2, (const size_t[]){4, 6}, f.data.inputs[0]);
    f.dy = device_tensor(d, BNCL_F32, 2, (const size_t[]){4, 4}, dy);
    if (at >= PLANNED)
        device_ok(d, plan(&f, &ignored), "plan");
    if (at >= FORWARD_DONE)
        device_ok(d, forward(&f, &ignored), "forward");
    if (at >= BACKWARD_DONE)
        device_ok(d, backward(&f, &ignored), "backward");
    return f;
}

/* What the graph gives when its life goes on from the state it is in to its end. */
static float *rest_of_life(fixture *f, life at)
{
    results out;
    if (at < PLANNED)
        device_ok(f->d, plan(f, &out), "plan");
    if (at < FORWARD_DONE)
        device_ok(f->d, forward(f, &out), "forward");
    if (at < BACKWARD_DONE)
        device_ok(f->d, backward(f, &out), "backward");
    device_ok(f->d, input_gradient(f, &out), "input_gradient");
    return network_graph_read(&f->g, &out.tensors[0]);
}

static const char *saved_state(device *d)
{
    fixture f = fixture_make(d, PLANNED, NULL);
    const char *path = files_path(files_folder(), "saved");
    network_graph_vary(&f.g, 3);
    device_ok(d, bncl_graph_save(f.g.graph, d->queue, path, &d->err), "bncl_graph_save");
    return path;
}

/* All that is illegal in a state, one call after the other on one graph. */
static void refuse_illegal_calls(device *d, life at, const char *path)
{
    fixture untouched = fixture_make(d, at, path);
    fixture f = fixture_make(d, at, path);
    const network_state before = network_graph_state(&f.g);
    results none, out;
    memset(&none, 0x5a, sizeof none);
    for (size_t i = 0; i < call_count; ++i) {
        if (calls[i].legal[at])
            continue;
        out = none;
        d->err.text[0] = '\0';
        bncl_status status = calls[i].call(&f, &out);
        if (status != BNCL_ERROR_STATE || d->err.text[0] == '\0')
            harness_fail("%s while %s: %s (%s)", calls[i].name, life_names[at],
                         bncl_status_string(status), d->err.text);
        if (memcmp(&out, &none, sizeof out) != 0)
            harness_fail("%s while %s wrote its result", calls[i].name, life_names[at]);
    }
    network_graph_expect(&f.g, &before, life_names[at]);
    const float *got = rest_of_life(&f, at);
    check_float_bits(life_names[at], got, rest_of_life(&untouched, at), 4 * 6);
    const network_state end = network_graph_state(&untouched.g);
    network_graph_expect(&f.g, &end, life_names[at]);
}

static void illegal_calls_are_refused(void **state)
{
    device *d = device_of(state);
    const char *path = saved_state(d);
    for (life at = BUILDING; at < LIFE_COUNT; ++at)
        refuse_illegal_calls(d, at, path);
}

static void legal_calls_work(void **state)
{
    device *d = device_of(state);
    const char *path = saved_state(d);
    for (size_t i = 0; i < call_count; ++i)
        for (life at = BUILDING; at < LIFE_COUNT; ++at) {
            if (!calls[i].legal[at] || (d->small && at > PLANNED && i % 3 != 0))
                continue;
            fixture f = fixture_make(d, at, path);
            results out;
            bncl_status status = calls[i].call(&f, &out);
            if (status != BNCL_OK)
                harness_fail("%s while %s: %s (%s)", calls[i].name, life_names[at],
                             bncl_status_string(status), d->err.text);
        }
}

/* Counts are no calls that can fail. */
static void counts(void **state)
{
    device *d = device_of(state);
    fixture f = fixture_make(d, BUILDING, NULL);
    results out;
    assert_true(bncl_graph_parameter_count(f.g.graph) == 0);
    assert_true(bncl_graph_state_count(f.g.graph) == 0);
    device_ok(d, plan(&f, &out), "plan");
    assert_true(bncl_graph_parameter_count(f.g.graph) == 10);
    assert_true(bncl_graph_state_count(f.g.graph) == 16);
    assert_true(bncl_graph_parameter_count(NULL) == 0);
    assert_true(bncl_graph_state_count(NULL) == 0);
}

/* A new forward makes the gradients of the one before unavailable. */
static void gradients_end_with_the_next_forward(void **state)
{
    device *d = device_of(state);
    fixture f = fixture_make(d, BACKWARD_DONE, NULL);
    results out;
    device_ok(d, forward(&f, &out), "forward");
    device_refused(d, input_gradient(&f, &out), BNCL_ERROR_STATE, "bncl_graph_backward");
    device_ok(d, backward(&f, &out), "backward");
    device_ok(d, input_gradient(&f, &out), "input_gradient");
    device_ok(d, backward(&f, &out), "backward, once more");
    device_ok(d, input_gradient(&f, &out), "input_gradient");
}

/* Backward may come more than once, and gives the same each time: it overwrites. */
static void backward_overwrites(void **state)
{
    device *d = device_of(state);
    fixture f = fixture_make(d, BACKWARD_DONE, NULL);
    results out;
    const bncl_tensor gradient = network_graph_parameter(&f.g, 0).gradient;
    const float *first = network_graph_read(&f.g, &gradient);
    device_ok(d, backward(&f, &out), "backward");
    check_float_bits("gradient", network_graph_read(&f.g, &gradient), first,
                     bncl_tensor_count(&gradient));
}

/* A failed forward: the one before can no longer be gone back through. */
static void failed_forward_needs_another(void **state)
{
    device *d = device_of(state);
    fixture f = fixture_make(d, BACKWARD_DONE, NULL);
    const network_state before = network_graph_state(&f.g);
    const network_data one = network_data_make(&network_mlp, 1, 2);
    results out;
    device_refused(d, network_graph_try(&f.g, &one), BNCL_ERROR_SHAPE, "bn1: ");
    device_refused(d, backward(&f, &out), BNCL_ERROR_STATE, "bncl_graph_forward");
    device_refused(d, input_gradient(&f, &out), BNCL_ERROR_STATE, "bncl_graph_backward");
    network_graph_expect(&f.g, &before, "failed forward");
    device_ok(d, forward(&f, &out), "forward");
    device_ok(d, backward(&f, &out), "backward");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(illegal_calls_are_refused),
        HARNESS_TEST(legal_calls_work),
        HARNESS_TEST(counts),
        HARNESS_TEST(gradients_end_with_the_next_forward),
        HARNESS_TEST(backward_overwrites),
        HARNESS_TEST(failed_forward_needs_another),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
