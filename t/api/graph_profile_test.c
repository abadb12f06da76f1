/* Bad arguments to profiles of a graph's steps, timed queues and traces, and calls in the wrong
   state. */
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "lib/files.h"
#include "lib/harness.h"

typedef struct profile_args {
    bncl_context *context;
    bncl_queue *queue, *made_queue, **out_queue;
    bncl_graph *graph;
    bncl_value value;
    bncl_graph_profile *profile, *made, **out;
    bncl_graph_profile_entry entry, *out_entry;
    bncl_graph_profile_sums sums, *out_sums;
    size_t steps, index;
    FILE *file;
} profile_args;

static void release_graph(void *graph)
{
    bncl_graph_destroy(graph);
}

static void release_profile(void *profile)
{
    bncl_graph_profile_destroy(profile);
}

static void release_file(void *file)
{
    fclose(file);
}

/* A graph of one batch norm layer, held, as yet not planned. In place: `args` points into
   itself. */
static void profile_args_init(profile_args *args, api *a)
{
    const size_t dims[] = {4};
    bncl_error *err = &a->d->err;
    *args = (profile_args){.context = a->d->context,
                           .queue = a->d->queue,
                           .made_queue = API_SENTINEL,
                           .made = API_SENTINEL,
                           .steps = 1};
    memset(&args->entry, 0x5a, sizeof args->entry);
    memset(&args->sums, 0x5a, sizeof args->sums);
    args->out_queue = &args->made_queue;
    args->out = &args->made;
    args->out_entry = &args->entry;
    args->out_sums = &args->sums;
    args->file = tmpfile();
    assert_non_null(args->file);
    harness_hold(args->file, release_file);
    device_ok(a->d, bncl_graph_create(a->d->context, &args->graph, err), "bncl_graph_create");
    harness_hold(args->graph, release_graph);
    device_ok(a->d, bncl_graph_input(args->graph, 1, dims, true, &args->value, err), "input");
    device_ok(a->d, bncl_graph_batch_norm(args->graph, "bn", args->value, NULL, &args->value, err),
              "bncl_graph_batch_norm");
}

static void plan(api *a, profile_args *args)
{
    device_ok(a->d, bncl_graph_plan(args->graph, args->value, 1, a->d->queue, &a->d->err),
              "bncl_graph_plan");
}

/* ---- timed queues ---- */

static bncl_status create_timed(void *of, bncl_error *err)
{
    profile_args *args = of;
    return bncl_queue_create_timed(args->context, args->out_queue, err);
}

static void destroy_queue(void *of)
{
    profile_args *args = of;
    bncl_queue_destroy(args->made_queue);
    args->made_queue = API_SENTINEL;
}

static void timed_queues(void **state)
{
    api *a = api_of(state);
    profile_args args;
    profile_args_init(&args, a);
    api_call call = {.function = "bncl_queue_create_timed",
                     .run = create_timed,
                     .args = &args,
                     .undo = destroy_queue};
    api_output(&call, "out", &args.made_queue, sizeof args.made_queue);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.out_queue, "out");
    api_accepts(&call);
}

/* ---- profiles ---- */

static bncl_status begin(void *of, bncl_error *err)
{
    profile_args *args = of;
    return bncl_graph_profile_begin(args->graph, args->queue, args->out, err);
}

static void destroy_made(void *of)
{
    profile_args *args = of;
    bncl_graph_profile_destroy(args->made);
    args->made = API_SENTINEL;
}

static void begins(void **state)
{
    api *a = api_of(state);
    profile_args args;
    profile_args_init(&args, a);
    api_call call = {
        .function = "bncl_graph_profile_begin", .run = begin, .args = &args, .undo = destroy_made};
    api_output(&call, "out", &args.made, sizeof args.made);
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_plan first");
    plan(a, &args);
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_null(&call, &args.out, "out");
    api_refuses_queues(a, &call, &args.queue);
    api_accepts(&call);
    device_ok(a->d, bncl_graph_profile_begin(args.graph, args.queue, &args.profile, &a->d->err),
              "bncl_graph_profile_begin");
    harness_hold(args.profile, release_profile);
    api_refuses(&call, BNCL_ERROR_STATE, "has a profile");
}

static bncl_status end(void *of, bncl_error *err)
{
    profile_args *args = of;
    return bncl_graph_profile_end(args->profile, args->steps, err);
}

static bncl_status row(void *of, bncl_error *err)
{
    profile_args *args = of;
    return bncl_graph_profile_row(args->profile, args->index, args->out_entry, err);
}

static bncl_status total(void *of, bncl_error *err)
{
    profile_args *args = of;
    return bncl_graph_profile_total(args->profile, args->out_sums, err);
}

static bncl_status print(void *of, bncl_error *err)
{
    profile_args *args = of;
    return bncl_graph_profile_print(args->profile, args->file, err);
}

/* A profile of one command. */
static void take(api *a, profile_args *args)
{
    const size_t dims[] = {2};
    bncl_tensor x = device_tensor(a->d, BNCL_F32, 1, dims, NULL);
    plan(a, args);
    device_ok(a->d, bncl_graph_profile_begin(args->graph, args->queue, &args->profile, &a->d->err),
              "bncl_graph_profile_begin");
    harness_hold(args->profile, release_profile);
    device_ok(a->d, bncl_tensor_fill(args->queue, &x, 1.0, NULL, &a->d->err), "fill");
}

static void readings(void **state)
{
    api *a = api_of(state);
    profile_args args;
    profile_args_init(&args, a);
    take(a, &args);
    api_call ends = {.function = "bncl_graph_profile_end", .run = end, .args = &args};
    api_call rows = {.function = "bncl_graph_profile_row", .run = row, .args = &args};
    api_call totals = {.function = "bncl_graph_profile_total", .run = total, .args = &args};
    api_call prints = {.function = "bncl_graph_profile_print", .run = print, .args = &args};
    api_output(&rows, "out", &args.entry, sizeof args.entry);
    api_output(&totals, "out", &args.sums, sizeof args.sums);
    const api_call *const reads[] = {&rows, &totals, &prints};
    for (int i = 0; i < 3; ++i)
        api_refuses(reads[i], BNCL_ERROR_STATE, "bncl_graph_profile_end first");
    assert_int_equal(bncl_graph_profile_count(args.profile), 0);
    api_refuses_null(&ends, &args.profile, "profile");
    api_refuses_size(&ends, &args.steps, 0, BNCL_ERROR_ARGUMENT, "steps");
    device_ok(a->d, bncl_graph_profile_end(args.profile, 1, &a->d->err), "bncl_graph_profile_end");
    api_refuses(&ends, BNCL_ERROR_STATE, "has ended");
    for (int i = 0; i < 3; ++i)
        api_refuses_null(reads[i], &args.profile, "profile");
    api_refuses_null(&rows, &args.out_entry, "out");
    api_refuses_size(&rows, &args.index, 1, BNCL_ERROR_ARGUMENT, "index below 1, got 1");
    api_refuses_size(&rows, &args.index, SIZE_MAX, BNCL_ERROR_ARGUMENT, "index");
    api_refuses_null(&totals, &args.out_sums, "out");
    api_refuses_null(&prints, &args.file, "file");
    for (int i = 0; i < 3; ++i)
        api_accepts(reads[i]);
    assert_int_equal(bncl_graph_profile_count(args.profile), 1);
}

/* ---- traces ---- */

typedef struct context_args {
    const char *device;
    bncl_context *made;
} context_args;

static bncl_status create_context(void *of, bncl_error *err)
{
    context_args *args = of;
    return bncl_context_create(args->device, &args->made, err);
}

static void destroy_context(void *of)
{
    context_args *args = of;
    bncl_context_destroy(args->made);
    args->made = API_SENTINEL;
}

static void files_of_traces(void **state)
{
    api *a = api_of(state);
    context_args args = {a->d->info.index, API_SENTINEL};
    const char *folder = files_folder();
    const char *old = getenv("BNCL_TRACE");
    const char *kept = old != NULL ? harness_text("%s", old) : NULL;
    api_call call = {.function = "bncl_context_create",
                     .run = create_context,
                     .args = &args,
                     .undo = destroy_context};
    api_output(&call, "out", &args.made, sizeof args.made);
    setenv("BNCL_TRACE", files_path(folder, "none/trace.json"), 1);
    api_refuses(&call, BNCL_ERROR_IO, "none/trace.json: BNCL_TRACE");
    setenv("BNCL_TRACE", folder, 1);
    api_refuses(&call, BNCL_ERROR_IO, folder);
    assert_int_equal(files_count(folder), 0);
    setenv("BNCL_TRACE", files_path(folder, "trace.json"), 1);
    api_accepts(&call);
    assert_int_equal(files_count(folder), 1);
    setenv("BNCL_TRACE", "", 1); /* as if it were not set */
    api_accepts(&call);
    if (kept != NULL)
        setenv("BNCL_TRACE", kept, 1);
    else
        unsetenv("BNCL_TRACE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(timed_queues),
        HARNESS_TEST(begins),
        HARNESS_TEST(readings),
        HARNESS_TEST(files_of_traces),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
