/* Bad arguments to batch norm. */
#include <string.h>

#include "api/api.h"
#include "lib/harness.h"

enum { samples = 3, channels = 4, positions = 5 };

/* ---- plans ---- */

typedef struct plan_args {
    bncl_context *context;
    bncl_layout layout;
    bncl_dtype dtype;
    int rank;
    size_t held_dims[BNCL_MAX_RANK + 1];
    const size_t *dims;
    bncl_batch_norm_options options;
    bncl_batch_norm *made, **out;
} plan_args;

static bncl_status create(void *of, bncl_error *err)
{
    plan_args *args = of;
    return bncl_batch_norm_create(args->context, args->layout, args->dtype, args->rank, args->dims,
                                  &args->options, args->out, err);
}

static void destroy(void *of)
{
    plan_args *args = of;
    bncl_batch_norm_destroy(args->made);
    args->made = API_SENTINEL;
}

/* In place: `args` points into itself. */
static void plan_args_init(plan_args *args, api *a)
{
    *args = (plan_args){.context = a->d->context,
                        .layout = BNCL_LAYOUT_NCL,
                        .rank = 3,
                        .held_dims = {samples, channels, positions, 1, 1},
                        .options = bncl_batch_norm_options_default(),
                        .made = API_SENTINEL};
    args->dims = args->held_dims;
    args->out = &args->made;
}

static void refuses_sizes(const api_call *call, plan_args *args)
{
    const size_t too_large[] = {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 4, (size_t)1 << 31};
    api_refuses_size(call, &args->held_dims[1], 0, BNCL_ERROR_SHAPE, "channel");
    for (size_t i = 0; i < sizeof too_large / sizeof too_large[0]; ++i)
        for (int dim = 0; dim < 3; ++dim)
            api_refuses_size(call, &args->held_dims[dim], too_large[i], BNCL_ERROR_SHAPE, "");
}

static void plans(void **state)
{
    plan_args args;
    plan_args_init(&args, api_of(state));
    api_call call = {
        .function = "bncl_batch_norm_create", .run = create, .args = &args, .undo = destroy};
    api_output(&call, "out", &args.made, sizeof args.made);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.dims, "dims");
    api_refuses_null(&call, &args.out, "out");
    const bncl_layout layouts[] = {BNCL_LAYOUT_COUNT, (bncl_layout)-1};
    const bncl_dtype dtypes[] = {BNCL_I32, BNCL_I64, BNCL_U8, BNCL_DTYPE_COUNT, (bncl_dtype)-1};
    for (int i = 0; i < 2; ++i)
        api_refuses_bytes(&call, &args.layout, &layouts[i], sizeof layouts[i], BNCL_ERROR_ARGUMENT,
                          "layout");
    for (int i = 0; i < 5; ++i)
        api_refuses_bytes(&call, &args.dtype, &dtypes[i], sizeof dtypes[i], BNCL_ERROR_DTYPE,
                          "expected f32");
    const bncl_activation none = {.kind = BNCL_ACTIVATION_COUNT};
    const bncl_activation empty = bncl_activation_hardtanh(2.0, 2.0);
    api_refuses_bytes(&call, &args.options.activation, &none, sizeof none, BNCL_ERROR_ARGUMENT,
                      "no kind of activation");
    api_refuses_bytes(&call, &args.options.activation, &empty, sizeof empty, BNCL_ERROR_ARGUMENT,
                      "expected max above min");
    const int ranks[] = {-1, 0, 1, 4, 5, 1000000};
    for (int i = 0; i < 6; ++i)
        api_refuses_int(&call, &args.rank, ranks[i], BNCL_ERROR_SHAPE, "expected 2D or 3D input");
    api_refuses_int(&call, &args.rank, 2, BNCL_ERROR_SHAPE, "layout NCL expects 3D input");
    refuses_sizes(&call, &args);
    args.layout = BNCL_LAYOUT_NLC;
    memcpy(args.held_dims, (const size_t[]){samples, positions, channels},
           3 * sizeof args.held_dims[0]);
    api_refuses_size(&call, &args.held_dims[2], 0, BNCL_ERROR_SHAPE, "channel");
    api_accepts(&call);
}

/* ---- runs ---- */

typedef struct run_args {
    api_run run; /* first */
    bncl_batch_norm *plan;
    bncl_batch_norm_forward held_forward;
    const bncl_batch_norm_forward *forward;
    bncl_batch_norm_backward held_backward;
    const bncl_batch_norm_backward *backward;
    int64_t batches;
} run_args;

static void release_plan(void *plan)
{
    bncl_batch_norm_destroy(plan);
}

static void run_tensors(run_args *args, const api *a)
{
    device *d = a->d;
    const size_t dims[] = {samples, channels};
    bncl_batch_norm_forward *f = &args->held_forward;
    bncl_batch_norm_backward *b = &args->held_backward;
    bncl_tensor *vectors[] = {&f->gamma,       &f->beta,     &f->running_mean, &f->running_var,
                              &f->next_mean,   &f->next_var, &f->save_mean,    &f->save_mean_lo,
                              &f->save_invstd, &b->dgamma,   &b->dbeta};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; ++i)
        *vectors[i] = device_vector(d, channels, NULL);
    f->x = device_tensor(d, BNCL_F32, 2, dims, NULL);
    f->y = device_tensor(d, BNCL_F32, 2, dims, NULL);
    f->residual = device_tensor(d, BNCL_F32, 2, dims, NULL);
    f->mask = api_mask(a, samples); /* a byte a row */
    f->num_batches_tracked = &args->batches;
    b->x = f->x;
    b->dy = device_tensor(d, BNCL_F32, 2, dims, NULL);
    b->dx = device_tensor(d, BNCL_F32, 2, dims, NULL);
    b->dresidual = device_tensor(d, BNCL_F32, 2, dims, NULL);
    b->mask = f->mask;
    b->gamma = f->gamma;
    b->running_mean = f->running_mean;
    b->running_var = f->running_var;
    b->save_mean = f->save_mean;
    b->save_mean_lo = f->save_mean_lo;
    b->save_invstd = f->save_invstd;
}

/* In place: `args` points into itself. */
static void run_args_init(run_args *args, api *a, bool cumulative)
{
    const size_t dims[] = {samples, channels};
    bncl_batch_norm_options options = bncl_batch_norm_options_default();
    options.cumulative = cumulative;
    options.activation = bncl_activation_relu();
    *args = (run_args){.batches = 7};
    run_tensors(args, a);
    device_ok(a->d,
              bncl_batch_norm_create(a->d->context, BNCL_LAYOUT_NC, BNCL_F32, 2, dims, &options,
                                     &args->plan, &a->d->err),
              "bncl_batch_norm_create");
    harness_hold(args->plan, release_plan);
    args->forward = &args->held_forward;
    args->backward = &args->held_backward;
    api_run_init(&args->run, a);
}

static bncl_status forward_train(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_forward_train(args->plan, args->run.queue, args->forward, args->run.sync,
                                         err);
}

static bncl_status forward_eval(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_forward_eval(args->plan, args->run.queue, args->forward, args->run.sync,
                                        err);
}

static bncl_status backward_train(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_backward_train(args->plan, args->run.queue, args->backward,
                                          args->run.sync, err);
}

static bncl_status backward_eval(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_backward_eval(args->plan, args->run.queue, args->backward,
                                         args->run.sync, err);
}

/* What all runs have. `structure` is the pointer to the tensors. */
static void refuses_run(api *a, api_call *call, void *structure)
{
    run_args *args = call->args;
    api_output(call, "num_batches_tracked", &args->batches, sizeof args->batches);
    api_refuses_run(a, call);
    api_refuses_null(call, &args->plan, "plan");
    api_refuses_null(call, structure, "args");
}

/* gamma and beta go by PyTorch's names in texts. */
static void forward(api *a, api_call *call)
{
    run_args *args = call->args;
    bncl_batch_norm_forward *f = &args->held_forward;
    const api_tensor tensors[] = {
        {&f->x, "x", 0},
        {&f->y, "y", 0},
        {&f->residual, "residual", API_OPTIONAL},
        {&f->mask, "mask", API_OPTIONAL},
        {&f->gamma, "weight", API_OPTIONAL},
        {&f->beta, "bias", API_OPTIONAL},
        {&f->running_mean, "running_mean", 0}, /* next_mean is there */
        {&f->running_var, "running_var", 0},
        {&f->next_mean, "next_mean", API_OPTIONAL},
        {&f->next_var, "next_var", API_OPTIONAL},
        {&f->save_mean, "save_mean", 0},
        {&f->save_mean_lo, "save_mean_lo", 0},
        {&f->save_invstd, "save_invstd", 0},
    };
    refuses_run(a, call, &args->forward);
    api_refuses_all(a, call, tensors, sizeof tensors / sizeof tensors[0]);
    device_untouched(a->d, "y", &f->y);
    device_untouched(a->d, "mask", &f->mask);
    device_untouched(a->d, "running_mean", &f->running_mean);
    device_untouched(a->d, "running_var", &f->running_var);
    device_untouched(a->d, "next_mean", &f->next_mean);
    device_untouched(a->d, "save_mean", &f->save_mean);
    api_accepts(call);
}

/* A mask in the memory of a vector. */
static void refuses_shared_mask(const api_call *call, bncl_tensor *mask, const bncl_tensor *vector,
                                const char *words)
{
    bncl_tensor shared = *mask;
    shared.buffer = vector->buffer;
    shared.offset = vector->offset * sizeof(float);
    api_refuses_bytes(call, mask, &shared, sizeof shared, BNCL_ERROR_ARGUMENT, words);
}

static void masks_stand_apart(void **state)
{
    api *a = api_of(state);
    run_args args;
    const api_call train = {.function = "bncl_batch_norm_forward_train",
                            .run = forward_train,
                            .args = &args,
                            .undo = api_run_undo};
    const api_call back = {.function = "bncl_batch_norm_backward_train",
                           .run = backward_train,
                           .args = &args,
                           .undo = api_run_undo};
    run_args_init(&args, a, false);
    bncl_batch_norm_forward *f = &args.held_forward;
    bncl_batch_norm_backward *b = &args.held_backward;
    refuses_shared_mask(&train, &f->mask, &f->save_mean, "mask overlaps save_mean");
    refuses_shared_mask(&train, &f->mask, &f->next_var, "mask overlaps next_var");
    refuses_shared_mask(&train, &f->mask, &f->gamma, "mask overlaps weight");
    refuses_shared_mask(&back, &b->mask, &b->dgamma, "mask overlaps dgamma");
    refuses_shared_mask(&back, &b->mask, &b->save_invstd, "mask overlaps save_invstd");
}

static void forwards(void **state)
{
    api *a = api_of(state);
    run_args args;
    api_call train = {
        .function = "bncl_batch_norm_forward_train", .run = forward_train, .args = &args};
    api_call eval = {
        .function = "bncl_batch_norm_forward_eval", .run = forward_eval, .args = &args};
    run_args_init(&args, a, false);
    forward(a, &train);
    run_args_init(&args, a, false);
    forward(a, &eval);
}

static void cumulative_needs_a_counter(void **state)
{
    api *a = api_of(state);
    run_args args;
    const api_call call = {.function = "bncl_batch_norm_forward_train",
                           .run = forward_train,
                           .args = &args,
                           .undo = api_run_undo};
    run_args_init(&args, a, true);
    api_refuses_null(&call, &args.held_forward.num_batches_tracked, "num_batches_tracked");
    device_untouched(a->d, "running_mean", &args.held_forward.running_mean);
    api_accepts(&call);
}

static void backward(api *a, api_call *call)
{
    run_args *args = call->args;
    bncl_batch_norm_backward *b = &args->held_backward;
    const api_tensor tensors[] = {
        {&b->x, "x", 0},
        {&b->dy, "dy", 0},
        {&b->mask, "mask", 0},
        {&b->gamma, "weight", API_OPTIONAL},
        {&b->dx, "dx", API_OPTIONAL},
        {&b->dresidual, "dresidual", API_OPTIONAL},
        {&b->dgamma, "dgamma", API_OPTIONAL},
        {&b->dbeta, "dbeta", API_OPTIONAL},
    };
    refuses_run(a, call, &args->backward);
    api_refuses_all(a, call, tensors, sizeof tensors / sizeof tensors[0]);
}

static void backwards(void **state)
{
    api *a = api_of(state);
    run_args args;
    run_args_init(&args, a, false);
    bncl_batch_norm_backward *b = &args.held_backward;
    const api_tensor saved[] = {{&b->save_mean, "save_mean", 0},
                                {&b->save_mean_lo, "save_mean_lo", 0},
                                {&b->save_invstd, "save_invstd", 0}};
    const api_tensor running[] = {{&b->running_mean, "running_mean", 0},
                                  {&b->running_var, "running_var", 0}};
    api_call train = {
        .function = "bncl_batch_norm_backward_train", .run = backward_train, .args = &args};
    api_call eval = {
        .function = "bncl_batch_norm_backward_eval", .run = backward_eval, .args = &args};
    backward(a, &train);
    api_refuses_all(a, &train, saved, 3);
    backward(a, &eval);
    api_refuses_all(a, &eval, running, 2);
    device_untouched(a->d, "dx", &b->dx);
    device_untouched(a->d, "dresidual", &b->dresidual);
    device_untouched(a->d, "dgamma", &b->dgamma);
    device_untouched(a->d, "dbeta", &b->dbeta);
    api_accepts(&train);
    api_accepts(&eval);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(plans),     HARNESS_TEST(masks_stand_apart),
        HARNESS_TEST(forwards),  HARNESS_TEST(cumulative_needs_a_counter),
        HARNESS_TEST(backwards),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
