/* What needs no device: plain values, names, and NULL where it is fine. */
#include <bncl/opencl.h>

#include <string.h>

#include "api/api.h"
#include "lib/harness.h"

/* Called and returned: what more there is to say of a function that cannot fail. */
static void returned(const char *function)
{
    harness_note("%s(NULL) returned", function);
}

static void null_is_destroyed(void **state)
{
    (void)state;
    bncl_batch_norm_destroy(NULL);
    returned("bncl_batch_norm_destroy");
    bncl_buffer_destroy(NULL);
    returned("bncl_buffer_destroy");
    bncl_context_destroy(NULL);
    returned("bncl_context_destroy");
    bncl_cross_entropy_destroy(NULL);
    returned("bncl_cross_entropy_destroy");
    bncl_elementwise_destroy(NULL);
    returned("bncl_elementwise_destroy");
    bncl_event_destroy(NULL);
    returned("bncl_event_destroy");
    bncl_graph_destroy(NULL);
    returned("bncl_graph_destroy");
    bncl_graph_profile_destroy(NULL);
    returned("bncl_graph_profile_destroy");
    bncl_linear_destroy(NULL);
    returned("bncl_linear_destroy");
    bncl_queue_destroy(NULL);
    returned("bncl_queue_destroy");
    bncl_sgd_destroy(NULL);
    returned("bncl_sgd_destroy");
}

static void expect_zero(const char *function, size_t got)
{
    if (got != 0)
        harness_fail("%s(NULL) gave %zu", function, got);
}

static void expect_null(const char *function, const void *got)
{
    if (got != NULL)
        harness_fail("%s(NULL) gave %p", function, got);
}

static void null_has_nothing(void **state)
{
    (void)state;
    expect_zero("bncl_buffer_size", bncl_buffer_size(NULL));
    expect_zero("bncl_tensor_count", bncl_tensor_count(NULL));
    expect_zero("bncl_batch_norm_mask_bytes", bncl_batch_norm_mask_bytes(NULL));
    expect_zero("bncl_graph_parameter_count", bncl_graph_parameter_count(NULL));
    expect_zero("bncl_graph_profile_count", bncl_graph_profile_count(NULL));
    expect_zero("bncl_graph_state_count", bncl_graph_state_count(NULL));
    expect_null("bncl_opencl_get_context", bncl_opencl_get_context(NULL));
    expect_null("bncl_opencl_get_device", bncl_opencl_get_device(NULL));
    expect_null("bncl_opencl_get_queue", bncl_opencl_get_queue(NULL));
    expect_null("bncl_opencl_get_mem", bncl_opencl_get_mem(NULL));
    expect_null("bncl_opencl_get_event", bncl_opencl_get_event(NULL));
}

/* ---- names ---- */

static void expect_name(const char *function, const char *got, const char *expected)
{
    if (got == NULL || strcmp(got, expected) != 0)
        harness_fail("%s: expected \"%s\", got \"%s\"", function, expected, got ? got : "NULL");
}

static void names_of_numbers(void **state)
{
    (void)state;
    expect_name("bncl_dtype_name", bncl_dtype_name(BNCL_I64), "i64");
    expect_name("bncl_dtype_name", bncl_dtype_name(BNCL_DTYPE_COUNT), "unknown");
    expect_name("bncl_dtype_name", bncl_dtype_name((bncl_dtype)-1), "unknown");
    expect_zero("bncl_dtype_size", bncl_dtype_size(BNCL_DTYPE_COUNT));
    expect_zero("bncl_dtype_size", bncl_dtype_size((bncl_dtype)-1));
    expect_name("bncl_layout_name", bncl_layout_name(BNCL_LAYOUT_NLC), "NLC");
    expect_name("bncl_layout_name", bncl_layout_name(BNCL_LAYOUT_COUNT), "unknown");
    expect_name("bncl_layout_name", bncl_layout_name((bncl_layout)-1), "unknown");
    expect_name("bncl_version", bncl_version(), BNCL_VERSION_STRING);
}

static void names_of_statuses(void **state)
{
    (void)state;
    expect_name("bncl_status_string", bncl_status_string(BNCL_STATUS_COUNT), "unknown status");
    expect_name("bncl_status_string", bncl_status_string((bncl_status)-1), "unknown status");
    for (int i = 0; i < BNCL_STATUS_COUNT; ++i) {
        const char *name = bncl_status_string((bncl_status)i);
        if (name == NULL || name[0] == '\0' || strcmp(name, "unknown status") == 0)
            harness_fail("status %d has no name", i);
        for (int k = 0; k < i; ++k)
            if (strcmp(name, bncl_status_string((bncl_status)k)) == 0)
                harness_fail("statuses %d and %d are both \"%s\"", k, i, name);
    }
}

/* ---- options: PyTorch's defaults ---- */

static void expect_true(const char *function, bool holds, const char *what)
{
    if (!holds)
        harness_fail("%s: expected %s", function, what);
}

static void default_options(void **state)
{
    (void)state;
    const bncl_batch_norm_options norm = bncl_batch_norm_options_default();
    expect_true("bncl_batch_norm_options_default",
                norm.eps == 1e-5 && norm.momentum == 0.1 && !norm.cumulative &&
                    norm.activation.kind == BNCL_ACTIVATION_NONE,
                "eps 1e-5, momentum 0.1, not cumulative, no activation");
    const bncl_graph_batch_norm_options layer = bncl_graph_batch_norm_options_default();
    expect_true("bncl_graph_batch_norm_options_default",
                layer.norm.eps == 1e-5 && layer.norm.momentum == 0.1 && !layer.norm.cumulative &&
                    layer.gamma && layer.beta && layer.track_running_stats && !layer.channels_last,
                "the operator's defaults, affine, tracking, channels first");
    const bncl_sgd_options sgd = bncl_sgd_options_default();
    expect_true("bncl_sgd_options_default",
                sgd.lr == 1e-3 && sgd.momentum == 0.0 && sgd.dampening == 0.0 &&
                    sgd.weight_decay == 0.0 && !sgd.nesterov,
                "lr 0.001 and nothing else");
}

static void activations(void **state)
{
    (void)state;
    const bncl_activation relu = bncl_activation_relu();
    const bncl_activation leaky = bncl_activation_leaky_relu(0.125);
    const bncl_activation hardtanh = bncl_activation_hardtanh(-2.0, 3.0);
    expect_true("bncl_activation_relu", relu.kind == BNCL_ACTIVATION_RELU, "RELU");
    expect_true("bncl_activation_leaky_relu",
                leaky.kind == BNCL_ACTIVATION_LEAKY_RELU && leaky.negative_slope == 0.125,
                "LEAKY_RELU and its slope");
    expect_true("bncl_activation_hardtanh",
                hardtanh.kind == BNCL_ACTIVATION_HARDTANH && hardtanh.min == -2.0 &&
                    hardtanh.max == 3.0,
                "HARDTANH and its bounds");
}

/* ---- random numbers ---- */

static void no_random_numbers(void **state)
{
    (void)state;
    uint32_t one = 77;
    bncl_random_uniform(1, 2, 0.0f, 1.0f, NULL, 0);
    returned("bncl_random_uniform");
    bncl_random_permutation(1, 2, NULL, 0);
    bncl_random_permutation(1, 2, &one, 1);
    expect_true("bncl_random_permutation", one == 0, "a permutation of 0");
    expect_true("bncl_random_word",
                bncl_random_word(UINT64_MAX, UINT32_MAX, UINT64_MAX) ==
                    bncl_random_word(UINT64_MAX, UINT32_MAX, UINT64_MAX),
                "the same word for the same numbers");
}

/* ---- tensors ---- */

typedef struct tensor_args {
    bncl_tensor out, *place;
    bncl_buffer *buffer;
    size_t offset;
    bncl_dtype dtype;
    int rank;
    const size_t *dims;
    size_t held_dims[BNCL_MAX_RANK];
    const size_t *strides;
    size_t held_strides[BNCL_MAX_RANK];
} tensor_args;

static bncl_status init_tensor(void *of, bncl_error *err)
{
    tensor_args *args = of;
    return bncl_tensor_init(args->place, args->buffer, args->offset, args->dtype, args->rank,
                            args->dims, err);
}

static void tensor_init(void **state)
{
    (void)state;
    tensor_args args = {.offset = 3, .rank = 2, .held_dims = {4, 5}};
    api_call call = {.function = "bncl_tensor_init", .run = init_tensor, .args = &args};
    args.place = &args.out;
    args.dims = args.held_dims;
    memset(&args.out, 0x5a, sizeof args.out);
    api_output(&call, "out", &args.out, sizeof args.out);
    api_refuses_null(&call, &args.place, "out");
    api_refuses_null(&call, &args.dims, "dims");
    api_refuses_int(&call, &args.rank, -1, BNCL_ERROR_ARGUMENT, "rank");
    api_refuses_int(&call, &args.rank, BNCL_MAX_RANK + 1, BNCL_ERROR_ARGUMENT, "rank");
    const bncl_dtype none[] = {BNCL_DTYPE_COUNT, (bncl_dtype)-1};
    for (int i = 0; i < 2; ++i)
        api_refuses_bytes(&call, &args.dtype, &none[i], sizeof none[i], BNCL_ERROR_DTYPE, "dtype");
    api_refuses_size(&call, &args.offset, SIZE_MAX, BNCL_ERROR_ARGUMENT, "overflows");
    api_refuses_size(&call, &args.offset, SIZE_MAX / 4, BNCL_ERROR_ARGUMENT, "overflows");
    api_refuses_size(&call, &args.held_dims[0], SIZE_MAX / 4, BNCL_ERROR_ARGUMENT, "overflows");
    api_accepts(&call);
    assert_int_equal(bncl_tensor_count(&args.out), 20);
    args.rank = 0;
    args.dims = NULL;
    api_accepts(&call);
    assert_int_equal(bncl_tensor_count(&args.out), 1);
}

static bncl_status init_strided(void *of, bncl_error *err)
{
    tensor_args *args = of;
    return bncl_tensor_init_strided(args->place, args->buffer, args->offset, args->dtype,
                                    args->rank, args->dims, args->strides, err);
}

static void tensor_init_strided(void **state)
{
    (void)state;
    tensor_args args = {.offset = 3, .rank = 2, .held_dims = {4, 5}, .held_strides = {9, 1}};
    api_call call = {.function = "bncl_tensor_init_strided", .run = init_strided, .args = &args};
    args.place = &args.out;
    args.dims = args.held_dims;
    args.strides = args.held_strides;
    memset(&args.out, 0x5a, sizeof args.out);
    api_output(&call, "out", &args.out, sizeof args.out);
    api_refuses_null(&call, &args.place, "out");
    api_refuses_null(&call, &args.dims, "dims");
    api_refuses_null(&call, &args.strides, "strides");
    api_refuses_int(&call, &args.rank, -1, BNCL_ERROR_ARGUMENT, "rank");
    api_refuses_int(&call, &args.rank, BNCL_MAX_RANK + 1, BNCL_ERROR_ARGUMENT, "rank");
    api_refuses_size(&call, &args.offset, SIZE_MAX / 4, BNCL_ERROR_ARGUMENT, "overflows");
    api_refuses_size(&call, &args.held_strides[0], SIZE_MAX / 2, BNCL_ERROR_ARGUMENT, "overflows");
    api_refuses_size(&call, &args.held_strides[1], SIZE_MAX / 8, BNCL_ERROR_ARGUMENT, "overflows");
    api_accepts(&call);
    assert_int_equal(bncl_tensor_count(&args.out), 20);
    assert_true(args.out.strides[0] == 9 && args.out.strides[1] == 1);
}

/* A tensor that bncl_tensor_init has not made. */
static void tensor_count(void **state)
{
    (void)state;
    bncl_tensor tensor = {.rank = -1};
    expect_zero("bncl_tensor_count", bncl_tensor_count(&tensor));
    tensor.rank = BNCL_MAX_RANK + 1;
    expect_zero("bncl_tensor_count", bncl_tensor_count(&tensor));
    tensor = (bncl_tensor){.rank = 2, .dims = {SIZE_MAX / 2 + 1, 2}};
    expect_zero("bncl_tensor_count", bncl_tensor_count(&tensor));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(null_is_destroyed),   HARNESS_TEST(null_has_nothing),
        HARNESS_TEST(names_of_numbers),    HARNESS_TEST(names_of_statuses),
        HARNESS_TEST(default_options),     HARNESS_TEST(activations),
        HARNESS_TEST(no_random_numbers),   HARNESS_TEST(tensor_init),
        HARNESS_TEST(tensor_init_strided), HARNESS_TEST(tensor_count),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
