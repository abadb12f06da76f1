/* Bad arguments to bncl_graph_fold. (What graphs it refuses: t/op/graph_fold_refused_test.) */
#include "api/api.h"
#include "lib/harness.h"

typedef struct fold_args {
    bncl_graph *graph, *made, **out;
    bncl_queue *queue;
} fold_args;

static void release_graph(void *graph)
{
    bncl_graph_destroy(graph);
}

/* Linear and batch norm, still BUILDING, held; *output is its last value. */
static bncl_graph *graph_of(api *a, bncl_value *output)
{
    const size_t features = 4;
    bncl_error *err = &a->d->err;
    bncl_graph *graph;
    bncl_value x;
    device_ok(a->d, bncl_graph_create(a->d->context, &graph, err), "bncl_graph_create");
    harness_hold(graph, release_graph);
    device_ok(a->d, bncl_graph_input(graph, 1, &features, true, &x, err), "bncl_graph_input");
    device_ok(a->d, bncl_graph_linear(graph, "fc", x, 3, true, &x, err), "bncl_graph_linear");
    device_ok(a->d, bncl_graph_batch_norm(graph, "bn", x, NULL, output, err), "a batch norm");
    return graph;
}

static bncl_status fold(void *of, bncl_error *err)
{
    fold_args *args = of;
    return bncl_graph_fold(args->graph, args->queue, args->out, err);
}

static void destroy_made(void *of)
{
    fold_args *args = of;
    bncl_graph_destroy(args->made);
    args->made = API_SENTINEL;
}

static void folding(void **state)
{
    api *a = api_of(state);
    bncl_value output;
    fold_args args = {.graph = graph_of(a, &output), .made = API_SENTINEL, .queue = a->d->queue};
    args.out = &args.made;
    api_call call = {
        .function = "bncl_graph_fold", .run = fold, .args = &args, .undo = destroy_made};
    api_output(&call, "out", &args.made, sizeof args.made);
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_null(&call, &args.out, "out");
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_fold: the graph is still being built");
    device_ok(a->d, bncl_graph_plan(args.graph, output, 1, args.queue, &a->d->err), "plan");
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_fold: the graph is in training mode");
    device_ok(a->d, bncl_graph_eval(args.graph, &a->d->err), "bncl_graph_eval");
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_null(&call, &args.out, "out");
    api_refuses_queues(a, &call, &args.queue);
    api_accepts(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {HARNESS_TEST(folding)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
