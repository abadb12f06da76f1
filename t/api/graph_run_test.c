/* Bad arguments to a graph's passes, parameters and state dict, and calls in the wrong state. */
#include <string.h>

#include "api/api.h"
#include "lib/files.h"
#include "lib/harness.h"

enum { batch = 3, features = 4, state_bytes = features * sizeof(float) };

typedef struct graph_args {
    api_run run; /* first */
    bncl_graph *graph;
    bncl_value value;
    bncl_tensor held[2], *inputs, *dy;
    size_t count, index;
    bncl_tensor output;
    bncl_tensor values, gradients, *out_values, *out_gradients;
    bncl_graph_parameter_info info, *out_info;
    bncl_state_entry entry, *out_entry;
    bncl_graph_memory_info memory, *out_memory;
    const char *name, *path;
    float host[features], *out_host;
    size_t bytes;
} graph_args;

static void release_graph(void *graph)
{
    bncl_graph_destroy(graph);
}

/* A graph of one batch norm layer, held, as yet not planned; x and dy are [batch, features]. In
   place: `args` points into itself. */
static void graph_args_init(graph_args *args, api *a)
{
    const size_t dims[] = {batch, features};
    bncl_error *err = &a->d->err;
    *args = (graph_args){.count = 1, .name = "bn.running_mean", .bytes = state_bytes};
    args->inputs = &args->held[0];
    args->dy = &args->held[1];
    args->out_values = &args->values;
    args->out_gradients = &args->gradients;
    args->out_info = &args->info;
    args->out_entry = &args->entry;
    args->out_memory = &args->memory;
    args->out_host = args->host;
    api_run_init(&args->run, a);
    memset(&args->output, 0x5a, sizeof args->output);
    memset(&args->values, 0x5a, sizeof args->values);
    memset(&args->gradients, 0x5a, sizeof args->gradients);
    memset(&args->info, 0x5a, sizeof args->info);
    memset(&args->entry, 0x5a, sizeof args->entry);
    memset(args->host, 0x5a, sizeof args->host);
    for (int i = 0; i < 2; ++i)
        args->held[i] = device_tensor(a->d, BNCL_F32, 2, dims, NULL);
    device_ok(a->d, bncl_graph_create(a->d->context, &args->graph, err), "bncl_graph_create");
    harness_hold(args->graph, release_graph);
    device_ok(a->d, bncl_graph_input(args->graph, 1, dims + 1, true, &args->value, err), "input");
    device_ok(a->d, bncl_graph_batch_norm(args->graph, "bn", args->value, NULL, &args->value, err),
              "bncl_graph_batch_norm");
}

static void plan(api *a, graph_args *args)
{
    device_ok(a->d, bncl_graph_plan(args->graph, args->value, 1, a->d->queue, &a->d->err),
              "bncl_graph_plan");
}

/* ---- passes ---- */

static bncl_status forward(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_forward(args->graph, args->run.queue, args->inputs, args->count,
                              &args->output, args->run.sync, err);
}

static bncl_status backward(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_backward(args->graph, args->run.queue, args->dy, args->run.sync, err);
}

static bncl_status input_gradient(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_input_gradient(args->graph, args->index, args->out_values, err);
}

static void forwards(void **state)
{
    api *a = api_of(state);
    graph_args args;
    graph_args_init(&args, a);
    api_call call = {
        .function = "bncl_graph_forward", .run = forward, .args = &args, .undo = api_run_undo};
    api_output(&call, "output", &args.output, sizeof args.output);
    api_output(&call, "signal", &args.run.event, sizeof args.run.event);
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_plan first");
    plan(a, &args);
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_null(&call, &args.inputs, "inputs");
    api_refuses_run(a, &call);
    api_refuses_size(&call, &args.count, 0, BNCL_ERROR_ARGUMENT, "expected 1 inputs, got 0");
    api_refuses_size(&call, &args.count, 2, BNCL_ERROR_ARGUMENT, "expected 1 inputs, got 2");
    /* Any batch size is good, so that the first dim alone is never wrong, but beyond the buffer. */
    api_refuses_tensors(a, &call, &args.held[0], "input", API_ANY_SHAPE);
    api_refuses_size(&call, &args.held[0].dims[1], features - 1, BNCL_ERROR_SHAPE, "input");
    api_refuses_int(&call, &args.held[0].rank, 1, BNCL_ERROR_SHAPE, "input");
    api_refuses_int(&call, &args.held[0].rank, 0, BNCL_ERROR_SHAPE, "input");
    api_refuses_size(&call, &args.held[0].dims[0], 1, BNCL_ERROR_SHAPE, "bn: Expected more than 1");
    int64_t batches = 77;
    device_ok(a->d,
              bncl_graph_state_read(args.graph, args.run.queue, "bn.num_batches_tracked", &batches,
                                    sizeof batches, &a->d->err),
              "bncl_graph_state_read");
    assert_true(batches == 0);
    api_accepts(&call);
}

static void backwards(void **state)
{
    api *a = api_of(state);
    graph_args args;
    graph_args_init(&args, a);
    api_call call = {
        .function = "bncl_graph_backward", .run = backward, .args = &args, .undo = api_run_undo};
    api_call reads = {
        .function = "bncl_graph_input_gradient", .run = input_gradient, .args = &args};
    api_output(&call, "signal", &args.run.event, sizeof args.run.event);
    api_output(&reads, "out", &args.values, sizeof args.values);
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_forward first");
    plan(a, &args);
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_forward first");
    device_ok(a->d, forward(&args, &a->d->err), "bncl_graph_forward");
    api_run_undo(&args);
    api_refuses(&reads, BNCL_ERROR_STATE, "bncl_graph_backward");
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_null(&call, &args.dy, "dy");
    api_refuses_run(a, &call);
    api_refuses_tensors(a, &call, &args.held[1], "dy", 0);
    api_accepts(&call);
    api_refuses_null(&reads, &args.graph, "graph");
    api_refuses_null(&reads, &args.out_values, "out");
    api_refuses_size(&reads, &args.index, 1, BNCL_ERROR_ARGUMENT, "index");
    api_refuses_size(&reads, &args.index, SIZE_MAX, BNCL_ERROR_ARGUMENT, "index");
    api_accepts(&reads);
}

/* ---- parameters ---- */

static bncl_status parameter(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_parameter(args->graph, args->index, args->out_info, err);
}

static bncl_status parameters(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_parameters(args->graph, args->out_values, args->out_gradients, err);
}

static bncl_status zero_gradients(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_zero_gradients(args->graph, args->run.queue, args->run.sync, err);
}

static void zeroing(void **state)
{
    api *a = api_of(state);
    graph_args args;
    graph_args_init(&args, a);
    api_call call = {
        .function = "bncl_graph_zero_gradients", .run = zero_gradients, .args = &args.run};
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_plan first");
    plan(a, &args);
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_run(a, &call);
    api_accepts(&call);
}

static void parameters_of(void **state)
{
    api *a = api_of(state);
    graph_args args;
    graph_args_init(&args, a);
    api_call one = {.function = "bncl_graph_parameter", .run = parameter, .args = &args};
    api_call all = {.function = "bncl_graph_parameters", .run = parameters, .args = &args};
    api_output(&one, "out", &args.info, sizeof args.info);
    api_output(&all, "values", &args.values, sizeof args.values);
    api_output(&all, "gradients", &args.gradients, sizeof args.gradients);
    api_refuses(&one, BNCL_ERROR_STATE, "bncl_graph_plan first");
    api_refuses(&all, BNCL_ERROR_STATE, "bncl_graph_plan first");
    plan(a, &args);
    api_refuses_null(&one, &args.graph, "graph");
    api_refuses_null(&one, &args.out_info, "out");
    api_refuses_size(&one, &args.index, 2, BNCL_ERROR_ARGUMENT, "index below 2, got 2");
    api_refuses_size(&one, &args.index, SIZE_MAX, BNCL_ERROR_ARGUMENT, "index");
    api_accepts(&one);
    api_refuses_null(&all, &args.graph, "graph");
    api_refuses_null(&all, &args.out_values, "values");
    api_refuses_null(&all, &args.out_gradients, "gradients");
    api_accepts(&all);
}

static bncl_status memory(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_memory(args->graph, args->out_memory, err);
}

static void memory_of(void **state)
{
    api *a = api_of(state);
    graph_args args;
    graph_args_init(&args, a);
    api_call call = {.function = "bncl_graph_memory", .run = memory, .args = &args};
    api_output(&call, "out", &args.memory, sizeof args.memory);
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_plan first");
    plan(a, &args);
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_null(&call, &args.out_memory, "out");
    api_accepts(&call);
    assert_true(args.memory.values == 0 && args.memory.gradients == 0 &&
                args.memory.naive_values == 0 && args.memory.naive_gradients == 0);
}

/* ---- the state dict ---- */

static bncl_status state_entry(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_state_entry(args->graph, args->index, args->out_entry, err);
}

static bncl_status state_read(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_state_read(args->graph, args->run.queue, args->name, args->out_host,
                                 args->bytes, err);
}

static bncl_status save(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_save(args->graph, args->run.queue, args->path, err);
}

static bncl_status load(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_load(args->graph, args->run.queue, args->path, err);
}

static void state_entries(void **state)
{
    api *a = api_of(state);
    graph_args args;
    graph_args_init(&args, a);
    api_call entry = {.function = "bncl_graph_state_entry", .run = state_entry, .args = &args};
    api_call read = {.function = "bncl_graph_state_read", .run = state_read, .args = &args};
    api_output(&entry, "out", &args.entry, sizeof args.entry);
    api_output(&read, "host", args.host, sizeof args.host);
    api_refuses(&entry, BNCL_ERROR_STATE, "bncl_graph_plan first");
    api_refuses(&read, BNCL_ERROR_STATE, "bncl_graph_plan first");
    assert_int_equal(bncl_graph_state_count(args.graph), 0);
    plan(a, &args);
    api_refuses_null(&entry, &args.graph, "graph");
    api_refuses_null(&entry, &args.out_entry, "out");
    api_refuses_size(&entry, &args.index, 5, BNCL_ERROR_ARGUMENT, "index below 5, got 5");
    api_accepts(&entry);

    const char *const no_keys[] = {"", "bn", "bn.running_means", "running_mean"};
    api_refuses_null(&read, &args.graph, "graph");
    api_refuses_queues(a, &read, &args.run.queue);
    api_refuses_null(&read, &args.name, "name");
    api_refuses_null(&read, &args.out_host, "host");
    for (int i = 0; i < 4; ++i)
        api_refuses_bytes(&read, &args.name, &no_keys[i], sizeof no_keys[i], BNCL_ERROR_KEY,
                          no_keys[i]);
    const size_t sizes[] = {0, state_bytes - 1, state_bytes + 1, SIZE_MAX};
    for (int i = 0; i < 4; ++i)
        api_refuses_size(&read, &args.bytes, sizes[i], BNCL_ERROR_SHAPE, "bn.running_mean");
    api_accepts(&read);
}

static void state_files(void **state)
{
    api *a = api_of(state);
    graph_args args;
    graph_args_init(&args, a);
    const char *folder = files_folder();
    const char *nowhere = files_path(folder, "none/state.safetensors");
    const char *saved = files_path(folder, "state.safetensors");
    const api_call saves = {.function = "bncl_graph_save", .run = save, .args = &args};
    const api_call loads = {.function = "bncl_graph_load", .run = load, .args = &args};
    args.path = saved;
    api_refuses(&saves, BNCL_ERROR_STATE, "bncl_graph_plan first");
    api_refuses(&loads, BNCL_ERROR_STATE, "bncl_graph_plan first");
    assert_int_equal(files_count(folder), 0);
    plan(a, &args);
    const api_call *const both[] = {&saves, &loads};
    for (int i = 0; i < 2; ++i) {
        const char *const empty = "";
        api_refuses_null(both[i], &args.graph, "graph");
        api_refuses_null(both[i], &args.path, "path");
        api_refuses_queues(a, both[i], &args.run.queue);
        api_refuses_bytes(both[i], &args.path, &nowhere, sizeof nowhere, BNCL_ERROR_IO, nowhere);
        api_refuses_bytes(both[i], &args.path, &folder, sizeof folder, BNCL_ERROR_IO, folder);
        api_refuses_bytes(both[i], &args.path, &empty, sizeof empty, BNCL_ERROR_IO, "");
    }
    assert_int_equal(files_count(folder), 0);
    api_accepts(&saves);
    api_accepts(&loads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(forwards),      HARNESS_TEST(backwards), HARNESS_TEST(zeroing),
        HARNESS_TEST(parameters_of), HARNESS_TEST(memory_of), HARNESS_TEST(state_entries),
        HARNESS_TEST(state_files),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
