/* Bad arguments to Linear, and to the question who multiplies for it. */
#include <string.h>

#include "api/api.h"
#include "lib/gemm.h"
#include "lib/harness.h"

enum { rows = 3, in_features = 4, out_features = 5 };

typedef struct linear_args {
    api_run run; /* first */
    bncl_context *context;
    size_t sizes[3]; /* rows, in, out */
    bncl_linear *plan, *made, **out;
    bncl_tensor held[4];
    const bncl_tensor *tensors[4];
    bncl_linear_backward_args held_backward;
    const bncl_linear_backward_args *backward;
} linear_args;

/* In place: `args` points into itself. */
static void linear_args_init(linear_args *args, api *a)
{
    *args = (linear_args){
        .context = a->d->context, .sizes = {rows, in_features, out_features}, .made = API_SENTINEL};
    args->out = &args->made;
    args->backward = &args->held_backward;
    for (int i = 0; i < 4; ++i)
        args->tensors[i] = &args->held[i];
    api_run_init(&args->run, a);
}

static bncl_status create_linear(void *of, bncl_error *err)
{
    linear_args *args = of;
    return bncl_linear_create(args->context, args->sizes[0], args->sizes[1], args->sizes[2],
                              args->out, err);
}

static void destroy_linear(void *of)
{
    linear_args *args = of;
    bncl_linear_destroy(args->made);
    args->made = API_SENTINEL;
}

static void release_linear(void *plan)
{
    bncl_linear_destroy(plan);
}

static bncl_status linear_forward(void *of, bncl_error *err)
{
    linear_args *args = of;
    const bncl_tensor *const *t = args->tensors;
    return bncl_linear_forward(args->plan, args->run.queue, t[0], t[1], t[2], t[3], args->run.sync,
                               err);
}

static bncl_status linear_backward(void *of, bncl_error *err)
{
    linear_args *args = of;
    return bncl_linear_backward(args->plan, args->run.queue, args->backward, args->run.sync, err);
}

static void linear_plans(void **state)
{
    api *a = api_of(state);
    linear_args args;
    linear_args_init(&args, a);
    api_call call = {.function = "bncl_linear_create",
                     .run = create_linear,
                     .args = &args,
                     .undo = destroy_linear};
    api_output(&call, "out", &args.made, sizeof args.made);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.out, "out");
    for (int i = 1; i < 3; ++i)
        api_refuses_size(&call, &args.sizes[i], 0, BNCL_ERROR_SHAPE, "feature");
    for (int i = 0; i < 3; ++i) {
        api_refuses_size(&call, &args.sizes[i], SIZE_MAX, BNCL_ERROR_SHAPE, "too large");
        api_refuses_size(&call, &args.sizes[i], (size_t)1 << 31, BNCL_ERROR_SHAPE, "too large");
    }
    api_accepts(&call);
    args.sizes[0] = 0;
    api_accepts(&call);
}

static void linear_runs(void **state)
{
    static const char *const names[] = {"x", "weight", "bias", "y"};
    api *a = api_of(state);
    linear_args args;
    linear_args_init(&args, a);
    api_call call = {.function = "bncl_linear_forward", .run = linear_forward, .args = &args};
    device_ok(
        a->d,
        bncl_linear_create(args.context, rows, in_features, out_features, &args.plan, &a->d->err),
        "bncl_linear_create");
    harness_hold(args.plan, release_linear);
    args.held[0] = api_matrix(a, rows, in_features);
    args.held[1] = api_matrix(a, out_features, in_features);
    args.held[2] = device_vector(a->d, out_features, NULL);
    args.held[3] = api_matrix(a, rows, out_features);
    api_refuses_run(a, &call);
    api_refuses_null(&call, &args.plan, "plan");
    for (int i = 0; i < 4; ++i) {
        api_refuses_null(&call, &args.tensors[i], "tensor");
        api_refuses_tensors(a, &call, &args.held[i], names[i], i == 2 ? API_OPTIONAL : 0);
    }
    device_untouched(a->d, "y", &args.held[3]);
    api_accepts(&call);

    bncl_linear_backward_args *b = &args.held_backward;
    api_call back = {.function = "bncl_linear_backward", .run = linear_backward, .args = &args};
    *b = (bncl_linear_backward_args){.x = args.held[0],
                                     .weight = args.held[1],
                                     .dy = args.held[3],
                                     .dx = api_matrix(a, rows, in_features),
                                     .dweight = api_matrix(a, out_features, in_features),
                                     .dbias = device_vector(a->d, out_features, NULL)};
    api_refuses_run(a, &back);
    api_refuses_null(&back, &args.plan, "plan");
    api_refuses_null(&back, &args.backward, "args");
    api_refuses_tensors(a, &back, &b->x, "x", 0);
    api_refuses_tensors(a, &back, &b->weight, "weight", 0);
    api_refuses_tensors(a, &back, &b->dy, "dy", 0);
    api_refuses_tensors(a, &back, &b->dx, "dx", API_OPTIONAL);
    api_refuses_tensors(a, &back, &b->dweight, "dweight", API_OPTIONAL);
    api_refuses_tensors(a, &back, &b->dbias, "dbias", API_OPTIONAL);
    device_untouched(a->d, "dx", &b->dx);
    device_untouched(a->d, "dbias", &b->dbias);
    api_accepts(&back);
}

/* ---- who multiplies ---- */

typedef struct gemm_args {
    const bncl_context *context;
    bncl_gemm_info info, *out;
} gemm_args;

static bncl_status ask_provider(void *of, bncl_error *err)
{
    gemm_args *args = of;
    return bncl_gemm_provider(args->context, args->out, err);
}

static void gemm_provider(void **state)
{
    api *a = api_of(state);
    gemm_args args = {.context = a->d->context, .out = &args.info};
    api_call call = {.function = "bncl_gemm_provider", .run = ask_provider, .args = &args};
    memset(&args.info, 0x5a, sizeof args.info);
    api_output(&call, "out", &args.info, sizeof args.info);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.out, "out");
    assert_true(multiply_by(a->d, "clblast")); /* everywhere */
    api_accepts(&call);
    assert_string_equal(args.info.library, "CLBlast");
    memset(&args.info, 0x5a, sizeof args.info);
    setenv("BNCL_GEMM", "no such name", 1);
    api_refuses(&call, BNCL_ERROR_ARGUMENT, "BNCL_GEMM: expected");
    linear_args linear;
    linear_args_init(&linear, a);
    api_call create = {.function = "bncl_linear_create", .run = create_linear, .args = &linear};
    api_output(&create, "out", &linear.made, sizeof linear.made);
    api_refuses(&create, BNCL_ERROR_ARGUMENT, "BNCL_GEMM: expected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(linear_plans),
        HARNESS_TEST(linear_runs),
        HARNESS_TEST(gemm_provider),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
