/* Bad arguments to the operators besides batch norm, linear and activations: elementwise, cross
   entropy, SGD. */
#include <math.h>

#include "api/api.h"
#include "lib/harness.h"

enum { rows = 3, classes = 4 };

typedef struct op_args {
    api_run run; /* first */
    bncl_context *context;
    size_t sizes[2]; /* rows and classes, or a count */
    bncl_dtype dtype;
    bncl_elementwise *elementwise, *made_elementwise, **out_elementwise;
    bncl_cross_entropy *cross_entropy, *made_cross_entropy, **out_cross_entropy;
    bncl_sgd *sgd, *made_sgd, **out_sgd;
    bncl_sgd_options options;
    double lr;
    bncl_tensor held[3];
    const bncl_tensor *tensors[3];
    bncl_cross_entropy_args held_loss;
    const bncl_cross_entropy_args *loss;
} op_args;

/* In place: `args` points into itself. */
static void op_args_init(op_args *args, api *a)
{
    *args = (op_args){.context = a->d->context,
                      .sizes = {rows, classes},
                      .options = bncl_sgd_options_default(),
                      .lr = 0.5,
                      .made_elementwise = API_SENTINEL,
                      .made_cross_entropy = API_SENTINEL,
                      .made_sgd = API_SENTINEL};
    args->out_elementwise = &args->made_elementwise;
    args->out_cross_entropy = &args->made_cross_entropy;
    args->out_sgd = &args->made_sgd;
    args->loss = &args->held_loss;
    for (int i = 0; i < 3; ++i)
        args->tensors[i] = &args->held[i];
    api_run_init(&args->run, a);
}

/* ---- elementwise ---- */

static bncl_status create_elementwise(void *of, bncl_error *err)
{
    op_args *args = of;
    return bncl_elementwise_create(args->context, args->dtype, args->out_elementwise, err);
}

static void destroy_elementwise(void *of)
{
    op_args *args = of;
    bncl_elementwise_destroy(args->made_elementwise);
    args->made_elementwise = API_SENTINEL;
}

static void release_elementwise(void *op)
{
    bncl_elementwise_destroy(op);
}

static bncl_status relu_forward(void *of, bncl_error *err)
{
    op_args *args = of;
    const bncl_tensor *const *t = args->tensors;
    return bncl_relu_forward(args->elementwise, args->run.queue, t[0], t[1], args->run.sync, err);
}

static bncl_status relu_backward(void *of, bncl_error *err)
{
    op_args *args = of;
    const bncl_tensor *const *t = args->tensors;
    return bncl_relu_backward(args->elementwise, args->run.queue, t[0], t[1], t[2], args->run.sync,
                              err);
}

static bncl_status add(void *of, bncl_error *err)
{
    op_args *args = of;
    const bncl_tensor *const *t = args->tensors;
    return bncl_add(args->elementwise, args->run.queue, t[0], t[1], t[2], args->run.sync, err);
}

static bncl_status copy(void *of, bncl_error *err)
{
    op_args *args = of;
    const bncl_tensor *const *t = args->tensors;
    return bncl_copy(args->elementwise, args->run.queue, t[0], t[1], args->run.sync, err);
}

/* Of any shape and dtype, as long as x and y are alike; and where no element is written twice, nor
   read where another is written. */
static void copy_run(api *a, api_call *call)
{
    static const char *const names[] = {"x", "y"};
    op_args *args = call->args;
    api_refuses_run(a, call);
    api_refuses_null(call, &args->elementwise, "op");
    for (int i = 0; i < 2; ++i) {
        args->held[i] = api_matrix(a, rows, classes);
        api_refuses_null(call, &args->tensors[i], names[i]);
    }
    api_refuses_tensors(a, call, &args->held[0], "x", API_ANY_SHAPE | API_ANY_DTYPE);
    api_refuses_tensors(a, call, &args->held[1], "y", 0);
    bncl_tensor bad = args->held[0];
    bad.dtype = BNCL_I32;
    api_refuses_bytes(call, &args->held[0], &bad, sizeof bad, BNCL_ERROR_DTYPE,
                      "y: expected i32, got f32");
    bad = args->held[0];
    bad.dims[1] = classes - 1;
    api_refuses_bytes(call, &args->held[0], &bad, sizeof bad, BNCL_ERROR_SHAPE,
                      "y: expected [3, 3], got [3, 4]");
    bad = args->held[1];
    bad.strides[0] = bad.strides[1] = 1;
    api_refuses_bytes(call, &args->held[1], &bad, sizeof bad, BNCL_ERROR_UNSUPPORTED,
                      "y: its elements overlap");
    bad = args->held[0];
    ++bad.offset;
    api_refuses_bytes(call, &args->held[1], &bad, sizeof bad, BNCL_ERROR_ARGUMENT, "y overlaps x");
    device_untouched(a->d, "y", &args->held[1]);
    api_accepts(call);
}

static void elementwise_run(api *a, api_call *call, const char *const *names, int count)
{
    op_args *args = call->args;
    const bncl_tensor other = device_vector(a->d, rows * classes + 1, NULL);
    api_refuses_run(a, call);
    api_refuses_null(call, &args->elementwise, "op");
    for (int i = 0; i < count; ++i) {
        args->held[i] = api_matrix(a, rows, classes);
        api_refuses_null(call, &args->tensors[i], names[i]);
    }
    for (int i = 0; i < count; ++i)
        api_refuses_tensors(a, call, &args->held[i], names[i], API_ANY_SHAPE);
    for (int i = 1; i < count; ++i) /* as many elements as the first */
        api_refuses_bytes(call, &args->held[i], &other, sizeof other, BNCL_ERROR_SHAPE, names[i]);
    device_untouched(a->d, names[count - 1], &args->held[count - 1]);
    api_accepts(call);
}

static void elementwise(void **state)
{
    static const char *const forward_names[] = {"x", "y"};
    static const char *const backward_names[] = {"y", "dy", "dx"};
    static const char *const add_names[] = {"a", "b", "z"};
    api *a = api_of(state);
    op_args args;
    op_args_init(&args, a);
    api_call create = {.function = "bncl_elementwise_create",
                       .run = create_elementwise,
                       .args = &args,
                       .undo = destroy_elementwise};
    api_call forward = {.function = "bncl_relu_forward", .run = relu_forward, .args = &args};
    api_call backward = {.function = "bncl_relu_backward", .run = relu_backward, .args = &args};
    api_call sum = {.function = "bncl_add", .run = add, .args = &args};
    api_call copying = {.function = "bncl_copy", .run = copy, .args = &args};
    api_output(&create, "out", &args.made_elementwise, sizeof args.made_elementwise);
    api_refuses_null(&create, &args.context, "context");
    api_refuses_null(&create, &args.out_elementwise, "out");
    const bncl_dtype dtypes[] = {BNCL_I32, BNCL_U8, BNCL_DTYPE_COUNT, (bncl_dtype)-1};
    for (int i = 0; i < 4; ++i)
        api_refuses_bytes(&create, &args.dtype, &dtypes[i], sizeof dtypes[i], BNCL_ERROR_DTYPE,
                          "expected f32");
    api_accepts(&create);
    device_ok(a->d, bncl_elementwise_create(args.context, BNCL_F32, &args.elementwise, &a->d->err),
              "create");
    harness_hold(args.elementwise, release_elementwise);
    for (int i = 0; i < 3; ++i)
        args.held[i] = api_matrix(a, rows, classes);
    elementwise_run(a, &forward, forward_names, 2);
    elementwise_run(a, &backward, backward_names, 3);
    elementwise_run(a, &sum, add_names, 3);
    copy_run(a, &copying);
}

/* ---- cross entropy ---- */

static bncl_status create_cross_entropy(void *of, bncl_error *err)
{
    op_args *args = of;
    return bncl_cross_entropy_create(args->context, args->sizes[0], args->sizes[1],
                                     args->out_cross_entropy, err);
}

static void destroy_cross_entropy(void *of)
{
    op_args *args = of;
    bncl_cross_entropy_destroy(args->made_cross_entropy);
    args->made_cross_entropy = API_SENTINEL;
}

static void release_cross_entropy(void *plan)
{
    bncl_cross_entropy_destroy(plan);
}

static bncl_status run_cross_entropy(void *of, bncl_error *err)
{
    op_args *args = of;
    return bncl_cross_entropy_run(args->cross_entropy, args->run.queue, args->loss, args->run.sync,
                                  err);
}

static void cross_entropy_plans(void **state)
{
    api *a = api_of(state);
    op_args args;
    op_args_init(&args, a);
    api_call call = {.function = "bncl_cross_entropy_create",
                     .run = create_cross_entropy,
                     .args = &args,
                     .undo = destroy_cross_entropy};
    api_output(&call, "out", &args.made_cross_entropy, sizeof args.made_cross_entropy);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.out_cross_entropy, "out");
    api_refuses_size(&call, &args.sizes[1], 0, BNCL_ERROR_SHAPE, "class");
    for (int i = 0; i < 2; ++i) {
        api_refuses_size(&call, &args.sizes[i], SIZE_MAX, BNCL_ERROR_SHAPE, "too large");
        api_refuses_size(&call, &args.sizes[i], (size_t)1 << 31, BNCL_ERROR_SHAPE, "too large");
    }
    api_accepts(&call);
    args.sizes[0] = 0;
    api_accepts(&call);
}

static void cross_entropy_runs(void **state)
{
    api *a = api_of(state);
    const size_t count = rows, one = 1;
    op_args args;
    op_args_init(&args, a);
    bncl_cross_entropy_args *l = &args.held_loss;
    api_call call = {.function = "bncl_cross_entropy_run", .run = run_cross_entropy, .args = &args};
    device_ok(
        a->d,
        bncl_cross_entropy_create(args.context, rows, classes, &args.cross_entropy, &a->d->err),
        "bncl_cross_entropy_create");
    harness_hold(args.cross_entropy, release_cross_entropy);
    *l = (bncl_cross_entropy_args){
        .logits = api_matrix(a, rows, classes),
        .labels = device_tensor(a->d, BNCL_I32, 1, &count, NULL),
        .loss = device_tensor(a->d, BNCL_F32, 1, &one, NULL),
        .correct = device_tensor(a->d, BNCL_I32, 1, &one, NULL),
        .dlogits = api_matrix(a, rows, classes),
    };
    api_refuses_run(a, &call);
    api_refuses_null(&call, &args.cross_entropy, "plan");
    api_refuses_null(&call, &args.loss, "args");
    api_refuses_tensors(a, &call, &l->logits, "logits", 0);
    api_refuses_tensors(a, &call, &l->labels, "labels", 0);
    api_refuses_tensors(a, &call, &l->loss, "loss", API_ANY_SHAPE);
    api_refuses_tensors(a, &call, &l->correct, "correct", API_OPTIONAL | API_ANY_SHAPE);
    api_refuses_tensors(a, &call, &l->dlogits, "dlogits", API_OPTIONAL);
    device_untouched(a->d, "loss", &l->loss);
    device_untouched(a->d, "correct", &l->correct);
    device_untouched(a->d, "dlogits", &l->dlogits);
    api_accepts(&call);
}

/* ---- SGD ---- */

static bncl_status create_sgd(void *of, bncl_error *err)
{
    op_args *args = of;
    return bncl_sgd_create(args->context, args->sizes[0], &args->options, args->out_sgd, err);
}

static void destroy_sgd(void *of)
{
    op_args *args = of;
    bncl_sgd_destroy(args->made_sgd);
    args->made_sgd = API_SENTINEL;
}

static void release_sgd(void *sgd)
{
    bncl_sgd_destroy(sgd);
}

static bncl_status set_lr(void *of, bncl_error *err)
{
    op_args *args = of;
    return bncl_sgd_set_lr(args->sgd, args->lr, err);
}

static bncl_status step(void *of, bncl_error *err)
{
    op_args *args = of;
    const bncl_tensor *const *t = args->tensors;
    return bncl_sgd_step(args->sgd, args->run.queue, t[0], t[1], args->run.sync, err);
}

static void sgd_plans(void **state)
{
    api *a = api_of(state);
    const double bad[] = {-0.5, (double)NAN};
    op_args args;
    op_args_init(&args, a);
    bncl_sgd_options *o = &args.options;
    api_call call = {
        .function = "bncl_sgd_create", .run = create_sgd, .args = &args, .undo = destroy_sgd};
    api_output(&call, "out", &args.made_sgd, sizeof args.made_sgd);
    api_refuses_null(&call, &args.context, "context");
    api_refuses_null(&call, &args.out_sgd, "out");
    api_refuses_size(&call, &args.sizes[0], SIZE_MAX, BNCL_ERROR_ARGUMENT, "elements");
    for (int i = 0; i < 2; ++i) {
        api_refuses_double(&call, &o->lr, bad[i], BNCL_ERROR_ARGUMENT, "learning rate");
        api_refuses_double(&call, &o->momentum, bad[i], BNCL_ERROR_ARGUMENT, "momentum");
        api_refuses_double(&call, &o->weight_decay, bad[i], BNCL_ERROR_ARGUMENT, "weight_decay");
    }
    o->nesterov = true;
    api_refuses(&call, BNCL_ERROR_ARGUMENT, "Nesterov");
    o->momentum = 0.5;
    api_accepts(&call);
    o->dampening = 0.5;
    api_refuses(&call, BNCL_ERROR_ARGUMENT, "Nesterov");
}

static void sgd_steps(void **state)
{
    api *a = api_of(state);
    op_args args;
    op_args_init(&args, a);
    api_call call = {.function = "bncl_sgd_step", .run = step, .args = &args};
    api_call rate = {.function = "bncl_sgd_set_lr", .run = set_lr, .args = &args};
    const bncl_tensor other = device_vector(a->d, rows + 1, NULL);
    device_ok(a->d, bncl_sgd_create(args.context, rows, NULL, &args.sgd, &a->d->err), "create");
    harness_hold(args.sgd, release_sgd);
    api_refuses_null(&rate, &args.sgd, "sgd");
    api_refuses_double(&rate, &args.lr, -1.0, BNCL_ERROR_ARGUMENT, "learning rate");
    api_refuses_double(&rate, &args.lr, (double)NAN, BNCL_ERROR_ARGUMENT, "learning rate");
    api_accepts(&rate);

    args.held[0] = device_vector(a->d, rows, NULL);
    args.held[1] = device_vector(a->d, rows, NULL);
    api_refuses_run(a, &call);
    api_refuses_null(&call, &args.sgd, "sgd");
    api_refuses_null(&call, &args.tensors[0], "w");
    api_refuses_null(&call, &args.tensors[1], "dw");
    api_refuses_tensors(a, &call, &args.held[0], "w", API_ANY_SHAPE);
    api_refuses_tensors(a, &call, &args.held[1], "dw", API_ANY_SHAPE);
    api_refuses_bytes(&call, &args.held[0], &other, sizeof other, BNCL_ERROR_SHAPE, "w");
    api_refuses_bytes(&call, &args.held[1], &other, sizeof other, BNCL_ERROR_SHAPE, "dw");
    device_untouched(a->d, "w", &args.held[0]);
    api_accepts(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(elementwise),        HARNESS_TEST(cross_entropy_plans),
        HARNESS_TEST(cross_entropy_runs), HARNESS_TEST(sgd_plans),
        HARNESS_TEST(sgd_steps),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, api_open, api_close);
}
