/* Bad arguments to batch norm's double backward. */
#include "api/api.h"
#include "lib/harness.h"

enum { samples = 3, channels = 4 };

typedef struct run_args {
    api_run run; /* first */
    bncl_batch_norm *plan;
    bncl_batch_norm_double_backward held;
    const bncl_batch_norm_double_backward *args;
} run_args;

static void release_plan(void *plan)
{
    bncl_batch_norm_destroy(plan);
}

/* In place: `args` points into itself. */
static void run_args_init(run_args *args, api *a)
{
    device *d = a->d;
    const size_t dims[] = {samples, channels};
    *args = (run_args){.args = &args->held};
    bncl_batch_norm_double_backward *b = &args->held;
    bncl_tensor *shaped[] = {&b->x, &b->dy, &b->ddx, &b->dx, &b->ddy};
    bncl_tensor *vectors[] = {&b->gamma,     &b->running_mean, &b->running_var,
                              &b->save_mean, &b->save_mean_lo, &b->save_invstd,
                              &b->ddgamma,   &b->ddbeta,       &b->dgamma};
    for (size_t i = 0; i < sizeof shaped / sizeof shaped[0]; ++i)
        *shaped[i] = device_tensor(d, BNCL_F32, 2, dims, NULL);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; ++i)
        *vectors[i] = device_vector(d, channels, NULL);
    device_ok(d,
              bncl_batch_norm_create(d->context, BNCL_LAYOUT_NC, BNCL_F32, 2, dims, NULL,
                                     &args->plan, &d->err),
              "bncl_batch_norm_create");
    harness_hold(args->plan, release_plan);
    api_run_init(&args->run, a);
}

static bncl_status train(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_double_backward_train(args->plan, args->run.queue, args->args,
                                                 args->run.sync, err);
}

static bncl_status eval(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_batch_norm_double_backward_eval(args->plan, args->run.queue, args->args,
                                                args->run.sync, err);
}

/* gamma goes by PyTorch's name in texts. */
static void refuses_operands(api *a, api_call *call)
{
    run_args *args = call->args;
    bncl_batch_norm_double_backward *b = &args->held;
    const api_tensor tensors[] = {
        {&b->x, "x", 0},
        {&b->dy, "dy", 0},
        {&b->gamma, "weight", API_OPTIONAL},
        {&b->ddx, "ddx", API_OPTIONAL},
        {&b->ddgamma, "ddgamma", API_OPTIONAL},
        {&b->ddbeta, "ddbeta", API_OPTIONAL},
        {&b->dx, "dx", API_OPTIONAL},
        {&b->ddy, "ddy", API_OPTIONAL},
        {&b->dgamma, "dgamma", API_OPTIONAL},
    };
    api_refuses_run(a, call);
    api_refuses_null(call, &args->plan, "plan");
    api_refuses_null(call, &args->args, "args");
    api_refuses_all(a, call, tensors, sizeof tensors / sizeof tensors[0]);
}

static void refuses_overlap(const api_call *call, bncl_tensor *out, const bncl_tensor *other,
                            const char *words)
{
    bncl_tensor moved = *other;
    --moved.offset;
    api_refuses_bytes(call, out, &moved, sizeof moved, BNCL_ERROR_ARGUMENT, words);
}

/* An output that shares elements with an input that it is not, or with the other output. */
static void refuses_overlaps(const api_call *call, bncl_batch_norm_double_backward *b)
{
    refuses_overlap(call, &b->dx, &b->x, "dx overlaps x");
    refuses_overlap(call, &b->dx, &b->dy, "dx overlaps dy");
    refuses_overlap(call, &b->dx, &b->ddx, "dx overlaps ddx");
    refuses_overlap(call, &b->ddy, &b->x, "ddy overlaps x");
    refuses_overlap(call, &b->ddy, &b->dy, "ddy overlaps dy");
    refuses_overlap(call, &b->ddy, &b->ddx, "ddy overlaps ddx");
    refuses_overlap(call, &b->dx, &b->ddy, "dx overlaps ddy");
    api_refuses_bytes(call, &b->dx, &b->ddy, sizeof b->dx, BNCL_ERROR_ARGUMENT, "dx overlaps ddy");
}

static void untouched(device *d, const bncl_batch_norm_double_backward *b)
{
    device_untouched(d, "dx", &b->dx);
    device_untouched(d, "ddy", &b->ddy);
    device_untouched(d, "dgamma", &b->dgamma);
}

/* A plan with an activation has no double backward. */
static void with_an_activation(void **state)
{
    api *a = api_of(state);
    const size_t dims[] = {samples, channels};
    run_args args;
    run_args_init(&args, a);
    bncl_batch_norm_options options = bncl_batch_norm_options_default();
    options.activation = bncl_activation_relu();
    bncl_batch_norm *plan = NULL;
    device_ok(a->d,
              bncl_batch_norm_create(a->d->context, BNCL_LAYOUT_NC, BNCL_F32, 2, dims, &options,
                                     &plan, &a->d->err),
              "bncl_batch_norm_create");
    harness_hold(plan, release_plan);
    const api_call calls[] = {
        {.function = "bncl_batch_norm_double_backward_train", .run = train, .args = &args},
        {.function = "bncl_batch_norm_double_backward_eval", .run = eval, .args = &args}};
    for (int i = 0; i < 2; ++i)
        api_refuses_bytes(&calls[i], &args.plan, &plan, sizeof plan, BNCL_ERROR_UNSUPPORTED,
                          "without an activation");
    untouched(a->d, &args.held);
}

static void in_training(void **state)
{
    api *a = api_of(state);
    run_args args;
    run_args_init(&args, a);
    bncl_batch_norm_double_backward *b = &args.held;
    const api_tensor saved[] = {{&b->save_mean, "save_mean", 0},
                                {&b->save_mean_lo, "save_mean_lo", 0},
                                {&b->save_invstd, "save_invstd", 0}};
    api_call call = {
        .function = "bncl_batch_norm_double_backward_train", .run = train, .args = &args};
    refuses_operands(a, &call);
    api_refuses_all(a, &call, saved, 3);
    refuses_overlaps(&call, b);
    untouched(a->d, b);
    api_accepts(&call);
}

static void in_evaluation(void **state)
{
    api *a = api_of(state);
    run_args args;
    run_args_init(&args, a);
    bncl_batch_norm_double_backward *b = &args.held;
    const api_tensor running[] = {{&b->running_mean, "running_mean", 0},
                                  {&b->running_var, "running_var", 0}};
    api_call call = {
        .function = "bncl_batch_norm_double_backward_eval", .run = eval, .args = &args};
    refuses_operands(a, &call);
    api_refuses_all(a, &call, running, 2);
    refuses_overlaps(&call, b);
    untouched(a->d, b);
    api_accepts(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(with_an_activation),
        HARNESS_TEST(in_training),
        HARNESS_TEST(in_evaluation),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
