/* Bad arguments to activations as operations of their own. */
#include <math.h>

#include "api/api.h"
#include "lib/harness.h"

enum { rows = 3, classes = 4, mask_bytes = (rows * classes + 7) / 8 };

typedef struct run_args {
    api_run run; /* first */
    bncl_elementwise *op;
    bncl_activation held_activation;
    const bncl_activation *activation;
    bncl_tensor held[2], held_mask; /* x and y, or dy and dx */
    const bncl_tensor *tensors[2], *mask;
} run_args;

static void release_elementwise(void *op)
{
    bncl_elementwise_destroy(op);
}

/* In place: `args` points into itself. */
static void run_args_init(run_args *args, api *a)
{
    *args = (run_args){.held_activation = bncl_activation_relu()};
    args->activation = &args->held_activation;
    for (int i = 0; i < 2; ++i) {
        args->held[i] = api_matrix(a, rows, classes);
        args->tensors[i] = &args->held[i];
    }
    args->held_mask = api_mask(a, mask_bytes);
    args->mask = &args->held_mask;
    device_ok(a->d, bncl_elementwise_create(a->d->context, BNCL_F32, &args->op, &a->d->err),
              "create");
    harness_hold(args->op, release_elementwise);
    api_run_init(&args->run, a);
}

static bncl_status forward(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_activation_forward(args->op, args->run.queue, args->activation, args->tensors[0],
                                   args->tensors[1], args->mask, args->run.sync, err);
}

static bncl_status backward(void *of, bncl_error *err)
{
    run_args *args = of;
    return bncl_activation_backward(args->op, args->run.queue, args->activation, args->mask,
                                    args->tensors[0], args->tensors[1], args->run.sync, err);
}

/* A kind that is none, and bounds as PyTorch refuses them. */
static void refuses_activations(const api_call *call, run_args *args)
{
    const bncl_activation bad[] = {{.kind = BNCL_ACTIVATION_COUNT},
                                   {.kind = (bncl_activation_kind)-1},
                                   bncl_activation_hardtanh(1.0, 1.0),
                                   bncl_activation_hardtanh(1.0, -1.0),
                                   bncl_activation_hardtanh((double)NAN, 1.0),
                                   bncl_activation_hardtanh(0.0, (double)NAN)};
    api_refuses_null(call, &args->activation, "activation");
    for (int i = 0; i < 6; ++i)
        api_refuses_bytes(call, &args->held_activation, &bad[i], sizeof bad[i], BNCL_ERROR_ARGUMENT,
                          i < 2 ? "no kind of activation" : "expected max above min");
}

/* Another size, and bytes of a tensor of the same call. */
static void refuses_masks(const api *a, const api_call *call, run_args *args)
{
    const bncl_tensor more = api_mask(a, mask_bytes + 1);
    for (int i = 0; i < 2; ++i) {
        bncl_tensor within = args->held_mask;
        within.buffer = args->held[i].buffer;
        within.offset = args->held[i].offset * sizeof(float) + 3;
        api_refuses_bytes(call, &args->held_mask, &within, sizeof within, BNCL_ERROR_ARGUMENT,
                          "mask overlaps");
    }
    api_refuses_bytes(call, &args->held_mask, &more, sizeof more, BNCL_ERROR_SHAPE, "mask");
}

static void refuses(api *a, api_call *call, const char *const names[2], bool mask_optional)
{
    run_args *args = call->args;
    run_args_init(args, a);
    const bncl_tensor other = device_vector(a->d, rows * classes + 1, NULL);
    api_refuses_run(a, call);
    api_refuses_null(call, &args->op, "op");
    refuses_activations(call, args);
    for (int i = 0; i < 2; ++i) {
        api_refuses_null(call, &args->tensors[i], names[i]);
        api_refuses_tensors(a, call, &args->held[i], names[i], API_ANY_SHAPE);
    }
    api_refuses_bytes(call, &args->held[1], &other, sizeof other, BNCL_ERROR_SHAPE, names[1]);
    if (!mask_optional)
        api_refuses_null(call, &args->mask, "mask");
    api_refuses_tensors(a, call, &args->held_mask, "mask",
                        API_ANY_SHAPE | (mask_optional ? API_OPTIONAL : 0));
    refuses_masks(a, call, args);
    device_untouched(a->d, names[1], &args->held[1]);
    api_accepts(call);
}

static void forwards(void **state)
{
    static const char *const names[] = {"x", "y"};
    run_args args;
    api_call call = {.function = "bncl_activation_forward", .run = forward, .args = &args};
    refuses(api_of(state), &call, names, true);
    args.mask = NULL;
    api_accepts(&call);
}

static void backwards(void **state)
{
    static const char *const names[] = {"dy", "dx"};
    run_args args;
    api_call call = {.function = "bncl_activation_backward", .run = backward, .args = &args};
    refuses(api_of(state), &call, names, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(forwards),
        HARNESS_TEST(backwards),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
