/* Bad arguments to the calls that build and plan a graph, and to its modes. */
#include <math.h>
#include <string.h>

#include "api/api.h"
#include "lib/harness.h"

enum { batch = 3, features = 4, hidden = 5 };

typedef struct graph_args {
    bncl_context *context;
    bncl_graph *graph, *made, **out_graph;
    /* of the calls that build */
    const char *name;
    bncl_value x, other;
    int rank;
    size_t held_dims[BNCL_MAX_RANK];
    const size_t *dims;
    size_t out_features;
    bncl_graph_batch_norm_options options;
    double min, max;
    bncl_value value, *out;
    bncl_queue *queue;
} graph_args;

static void release_graph(void *graph)
{
    bncl_graph_destroy(graph);
}

/* An empty graph with an input [N,features], held. In place: `args` points into itself. */
static void graph_args_init(graph_args *args, api *a)
{
    *args = (graph_args){.context = a->d->context,
                         .made = API_SENTINEL,
                         .name = "layer",
                         .rank = 1,
                         .held_dims = {features, 2, 2, 2},
                         .out_features = hidden,
                         .options = bncl_graph_batch_norm_options_default(),
                         .max = 6.0,
                         .value = -77,
                         .queue = a->d->queue};
    args->out_graph = &args->made;
    args->dims = args->held_dims;
    args->out = &args->value;
    device_ok(a->d, bncl_graph_create(args->context, &args->graph, &a->d->err), "create");
    harness_hold(args->graph, release_graph);
    device_ok(a->d, bncl_graph_input(args->graph, 1, args->dims, true, &args->x, &a->d->err),
              "bncl_graph_input");
    args->other = args->x;
}

/* ---- building ---- */

static bncl_status create(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_create(args->context, args->out_graph, err);
}

static void destroy_made(void *of)
{
    graph_args *args = of;
    bncl_graph_destroy(args->made);
    args->made = API_SENTINEL;
}

static bncl_status add_input(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_input(args->graph, args->rank, args->dims, false, args->out, err);
}

static bncl_status add_linear(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_linear(args->graph, args->name, args->x, args->out_features, true, args->out,
                             err);
}

static bncl_status add_batch_norm(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_batch_norm(args->graph, args->name, args->x, &args->options, args->out, err);
}

static bncl_status add_batch_norm2d(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_batch_norm2d(args->graph, args->name, args->x, &args->options, args->out,
                                   err);
}

static bncl_status add_relu(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_relu(args->graph, args->name, args->x, args->out, err);
}

static bncl_status add_leaky_relu(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_leaky_relu(args->graph, args->name, args->x, 0.01, args->out, err);
}

static bncl_status add_hardtanh(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_hardtanh(args->graph, args->name, args->x, args->min, args->max, args->out,
                               err);
}

static bncl_status fuse(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_fuse(args->graph, false, err);
}

static bncl_status add_flatten(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_flatten(args->graph, args->name, args->x, args->out, err);
}

static bncl_status add_sum(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_add(args->graph, args->name, args->x, args->other, args->out, err);
}

static void creating(void **state)
{
    graph_args args;
    graph_args_init(&args, api_of(state));
    api_call call = {
        .function = "bncl_graph_create", .run = create, .args = &args, .undo = destroy_made};
    api_output(&call, "out", &args.made, sizeof args.made);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.out_graph, "out");
    api_accepts(&call);
}

static void inputs(void **state)
{
    graph_args args;
    graph_args_init(&args, api_of(state));
    api_call call = {.function = "bncl_graph_input", .run = add_input, .args = &args};
    api_output(&call, "out", &args.value, sizeof args.value);
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_null(&call, &args.dims, "dims");
    api_refuses_null(&call, &args.out, "out");
    const int ranks[] = {-1, 0, BNCL_MAX_RANK, BNCL_MAX_RANK + 1};
    for (int i = 0; i < 4; ++i)
        api_refuses_int(&call, &args.rank, ranks[i], BNCL_ERROR_SHAPE, "sample of 1 to 3 dims");
    args.rank = 3;
    api_refuses_size(&call, &args.held_dims[0], SIZE_MAX / 2, BNCL_ERROR_SHAPE, "overflows");
    api_accepts(&call);
}

/* What all layers have; then the layer itself is added, and its name taken. */
static void refuses_layer(api *a, const char *function,
                          bncl_status (*run)(void *args, bncl_error *err))
{
    char long_name[200];
    graph_args args;
    graph_args_init(&args, a);
    api_call call = {.function = function, .run = run, .args = &args};
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    api_output(&call, "out", &args.value, sizeof args.value);
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_null(&call, &args.out, "out");
    api_refuses_null(&call, &args.name, "name");
    const char *const names[] = {"", "a b", "fc1/weight", "\"", "\xc3\xa9", "a\n", long_name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
        api_refuses_bytes(&call, &args.name, &names[i], sizeof names[i], BNCL_ERROR_ARGUMENT,
                          "name");
    const int no_values[] = {-1, 1, 1000000, INT32_MIN};
    for (int i = 0; i < 4; ++i)
        api_refuses_int(&call, &args.x, no_values[i], BNCL_ERROR_ARGUMENT, "is no value");
    device_ok(a->d, run(&args, &a->d->err), function);
    api_refuses(&call, BNCL_ERROR_ARGUMENT, "already a layer 'layer'");
    device_ok(a->d, bncl_graph_plan(args.graph, args.value, 1, args.queue, &a->d->err), "plan");
    args.name = "another";
    api_refuses(&call, BNCL_ERROR_STATE, "already planned");
}

static void layers(void **state)
{
    api *a = api_of(state);
    refuses_layer(a, "bncl_graph_linear", add_linear);
    refuses_layer(a, "bncl_graph_batch_norm", add_batch_norm);
    refuses_layer(a, "bncl_graph_relu", add_relu);
    refuses_layer(a, "bncl_graph_leaky_relu", add_leaky_relu);
    refuses_layer(a, "bncl_graph_hardtanh", add_hardtanh);
    refuses_layer(a, "bncl_graph_flatten", add_flatten);
    refuses_layer(a, "bncl_graph_add", add_sum);
}

/* What an activation may not be, and a batch norm with one of its own. */
static void activations(void **state)
{
    graph_args args;
    graph_args_init(&args, api_of(state));
    const api_call clamp = {.function = "bncl_graph_hardtanh", .run = add_hardtanh, .args = &args};
    const api_call norm = {
        .function = "bncl_graph_batch_norm", .run = add_batch_norm, .args = &args};
    const double wrong[] = {6.0, 7.0, (double)NAN};
    for (int i = 0; i < 3; ++i)
        api_refuses_bytes(&clamp, &args.min, &wrong[i], sizeof wrong[i], BNCL_ERROR_ARGUMENT,
                          "max");
    args.options.norm.activation = bncl_activation_relu();
    api_refuses(&norm, BNCL_ERROR_ARGUMENT, "layer: expected no activation");
}

/* A planned graph is fused, or is not. */
static void fusing(void **state)
{
    api *a = api_of(state);
    graph_args args;
    graph_args_init(&args, a);
    const api_call call = {.function = "bncl_graph_fuse", .run = fuse, .args = &args};
    api_refuses_null(&call, &args.graph, "graph");
    api_accepts(&call);
    device_ok(a->d, add_relu(&args, &a->d->err), "bncl_graph_relu");
    device_ok(a->d, bncl_graph_plan(args.graph, args.value, 1, args.queue, &a->d->err), "plan");
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_fuse: the graph is already planned");
}

static void shapes_of_layers(void **state)
{
    api *a = api_of(state);
    graph_args args;
    graph_args_init(&args, a);
    const api_call linear = {.function = "bncl_graph_linear", .run = add_linear, .args = &args};
    const api_call norm = {
        .function = "bncl_graph_batch_norm", .run = add_batch_norm, .args = &args};
    const api_call sum = {.function = "bncl_graph_add", .run = add_sum, .args = &args};
    const size_t dims[] = {features, 2, 2}, none[] = {0, 2};
    bncl_value cube, empty, nothing;
    bncl_error *err = &a->d->err;
    device_ok(a->d, bncl_graph_input(args.graph, 3, dims, false, &cube, err), "input");
    device_ok(a->d, bncl_graph_input(args.graph, 2, none, false, &empty, err), "input");
    device_ok(a->d, bncl_graph_input(args.graph, 1, none, false, &nothing, err), "input");
    api_refuses_int(&linear, &args.x, cube, BNCL_ERROR_SHAPE, "layer: expected [N, in]");
    api_refuses_int(&linear, &args.x, nothing, BNCL_ERROR_SHAPE, "layer: expected at least 1");
    api_refuses_size(&linear, &args.out_features, 0, BNCL_ERROR_SHAPE, "layer: expected at least");
    api_refuses_int(&norm, &args.x, cube, BNCL_ERROR_SHAPE, "expected 2D or 3D input (got 4D");
    const api_call planes = {
        .function = "bncl_graph_batch_norm2d", .run = add_batch_norm2d, .args = &args};
    api_refuses(&planes, BNCL_ERROR_SHAPE, "layer: expected 4D input (got 2D input)");
    api_refuses_int(&planes, &args.x, empty, BNCL_ERROR_SHAPE, "expected 4D input (got 3D input)");
    api_refuses_int(&planes, &args.x, 77, BNCL_ERROR_ARGUMENT, "is no value");
    api_refuses_null(&planes, &args.graph, "graph");
    api_refuses_null(&planes, &args.name, "name");
    api_refuses_int(&norm, &args.x, empty, BNCL_ERROR_SHAPE, "layer: expected at least 1 channel");
    api_refuses_int(&sum, &args.other, cube, BNCL_ERROR_SHAPE, "layer: expected two values");
    api_refuses_int(&sum, &args.other, 77, BNCL_ERROR_ARGUMENT, "is no value");
}

/* ---- planning ---- */

static bncl_status plan(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_plan(args->graph, args->value, 1, args->queue, err);
}

static void planning(void **state)
{
    api *a = api_of(state);
    bncl_value unused;
    graph_args args;
    graph_args_init(&args, a);
    const api_call call = {.function = "bncl_graph_plan", .run = plan, .args = &args};
    device_ok(a->d, add_linear(&args, &a->d->err), "bncl_graph_linear");
    device_ok(a->d, bncl_graph_relu(args.graph, "relu", args.value, &unused, &a->d->err), "relu");
    api_refuses_null(&call, &args.graph, "graph");
    api_refuses_queues(a, &call, &args.queue);
    const int no_outputs[] = {-1, 0, 77};
    for (int i = 0; i < 3; ++i)
        api_refuses_int(&call, &args.value, no_outputs[i], BNCL_ERROR_ARGUMENT, "is no value");
    api_refuses(&call, BNCL_ERROR_SHAPE, "does not depend on layer 'relu'");
    assert_int_equal(bncl_graph_parameter_count(args.graph), 0);
    args.value = unused;
    device_ok(a->d, plan(&args, &a->d->err), "bncl_graph_plan");
    api_refuses(&call, BNCL_ERROR_STATE, "bncl_graph_plan");
    assert_int_equal(bncl_graph_parameter_count(args.graph), 2);
}

/* ---- modes ---- */

static bncl_status train(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_train(args->graph, err);
}

static bncl_status eval(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_eval(args->graph, err);
}

static bncl_status freeze(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_freeze(args->graph, args->name, true, err);
}

static bncl_status track(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_track_running_stats(args->graph, args->name, false, err);
}

static bncl_status accumulate(void *of, bncl_error *err)
{
    graph_args *args = of;
    return bncl_graph_accumulate(args->graph, true, err);
}

/* A call on the graph's layer args->name. */
static void refuses_names(const api_call *call, graph_args *args)
{
    const char *const no_layer = "none", *const empty = "";
    api_refuses_null(call, &args->graph, "graph");
    api_refuses_null(call, &args->name, "layer");
    api_refuses_bytes(call, &args->name, &no_layer, sizeof no_layer, BNCL_ERROR_ARGUMENT,
                      "no layer 'none'");
    api_refuses_bytes(call, &args->name, &empty, sizeof empty, BNCL_ERROR_ARGUMENT, "no layer");
    api_accepts(call);
}

static void modes(void **state)
{
    api *a = api_of(state);
    graph_args args;
    graph_args_init(&args, a);
    const char *const untracked = "untracked";
    const api_call trains = {.function = "bncl_graph_train", .run = train, .args = &args};
    const api_call evals = {.function = "bncl_graph_eval", .run = eval, .args = &args};
    const api_call adds = {.function = "bncl_graph_accumulate", .run = accumulate, .args = &args};
    const api_call freezes = {.function = "bncl_graph_freeze", .run = freeze, .args = &args};
    const api_call tracks = {
        .function = "bncl_graph_track_running_stats", .run = track, .args = &args};
    const api_call *const whole[] = {&trains, &evals, &adds};
    bncl_graph_batch_norm_options options = bncl_graph_batch_norm_options_default();
    bncl_value value;
    options.track_running_stats = false;
    device_ok(a->d,
              bncl_graph_batch_norm(args.graph, untracked, args.x, &options, &value, &a->d->err),
              "bncl_graph_batch_norm");
    device_ok(a->d, add_batch_norm(&args, &a->d->err), "bncl_graph_batch_norm");
    for (int i = 0; i < 3; ++i) {
        api_refuses_null(whole[i], &args.graph, "graph");
        api_accepts(whole[i]);
    }
    refuses_names(&freezes, &args);
    refuses_names(&tracks, &args);
    api_refuses_bytes(&tracks, &args.name, &untracked, sizeof untracked, BNCL_ERROR_ARGUMENT,
                      "untracked has no running statistics");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(creating),    HARNESS_TEST(inputs), HARNESS_TEST(layers),
        HARNESS_TEST(activations), HARNESS_TEST(fusing), HARNESS_TEST(shapes_of_layers),
        HARNESS_TEST(planning),    HARNESS_TEST(modes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
