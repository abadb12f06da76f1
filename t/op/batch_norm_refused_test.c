/* What batch norm refuses, in which words and order; and that a refused call changes nothing. */
#include <string.h>

#include "lib/batch_norm_check.h"
#include "lib/compare.h"
#include "lib/harness.h"

static void create_refused(device *d, bncl_layout layout, int rank, const size_t *dims,
                           const char *words)
{
    bncl_batch_norm *plan = (bncl_batch_norm *)d; /* must stay as it is */
    bncl_status status =
        bncl_batch_norm_create(d->context, layout, BNCL_F32, rank, dims, NULL, &plan, &d->err);
    device_refused(d, status, BNCL_ERROR_SHAPE, words);
    assert_ptr_equal(plan, d);
}

static void shapes(void **state)
{
    device *d = device_of(state);
    const size_t four[] = {2, 3, 4, 5};
    const size_t empty[] = {2, 0, 4, 5};
    const size_t large[] = {65536, 3, 32768};
    const size_t huge[] = {SIZE_MAX / 2, 3, 5};
    create_refused(d, BNCL_LAYOUT_NCL, 4, four, "expected 2D or 3D input (got 4D input)");
    create_refused(d, BNCL_LAYOUT_NCL, 1, four, "expected 2D or 3D input (got 1D input)");
    create_refused(d, BNCL_LAYOUT_NC, 2, empty, "channel");
    create_refused(d, BNCL_LAYOUT_NCL, 3, empty, "channel");
    create_refused(d, BNCL_LAYOUT_NCL, 3, large, "2^31");
    create_refused(d, BNCL_LAYOUT_NCL, 3, huge, "");
}

/* A forward call and its inputs; what it may change is compared with what it was. */
typedef struct attempt {
    device *d;
    batch_norm_case c;
    batch_norm_data *data; /* held: args point to its counter */
    bncl_batch_norm *plan;
    bncl_batch_norm_forward args;
} attempt;

static attempt attempt_make(device *d, batch_norm_case c)
{
    attempt a = {.d = d, .c = c, .data = harness_memory(1, sizeof *a.data)};
    *a.data = batch_norm_data_make(&c);
    a.plan = batch_norm_plan(d, &c);
    a.args = batch_norm_forward_tensors(d, &c, a.data);
    a.data->num_batches_tracked = 7;
    return a;
}

/* The tensor as it was made, without a part: `short_of` elements fewer. */
static bncl_tensor shortened(bncl_tensor tensor)
{
    --tensor.dims[tensor.rank - 1];
    return tensor;
}

static void expect_unchanged(attempt *a, const bncl_batch_norm_forward *made)
{
    size_t channels = a->c.channels;
    device_untouched(a->d, "y", &made->y);
    device_untouched(a->d, "save_mean", &made->save_mean);
    device_untouched(a->d, "save_invstd", &made->save_invstd);
    if (made->running_mean.buffer != NULL) {
        check_float_bits("running_mean", device_floats(a->d, &made->running_mean),
                         a->data->running_mean, channels);
        check_float_bits("running_var", device_floats(a->d, &made->running_var),
                         a->data->running_var, channels);
    }
    assert_true(a->data->num_batches_tracked == 7);
}

static void train_refused(attempt *a, const bncl_batch_norm_forward *args, bncl_status expected,
                          const char *words)
{
    bncl_event *event = (bncl_event *)a->d; /* must stay as it is */
    const bncl_sync sync = {.signal = &event};
    bncl_status status =
        bncl_batch_norm_forward_train(a->plan, a->d->queue, args, &sync, &a->d->err);
    device_refused(a->d, status, expected, words);
    assert_ptr_equal(event, a->d);
    expect_unchanged(a, &a->args);
}

static void eval_refused(attempt *a, const bncl_batch_norm_forward *args, bncl_status expected,
                         const char *words)
{
    device_refused(a->d, bncl_batch_norm_forward_eval(a->plan, a->d->queue, args, NULL, &a->d->err),
                   expected, words);
    expect_unchanged(a, &a->args);
}

static const char more_than_one[] = "Expected more than 1 value per channel when training";

static void one_value_per_channel(void **state)
{
    device *d = device_of(state);
    const bncl_layout layouts[] = {BNCL_LAYOUT_NC, BNCL_LAYOUT_NCL, BNCL_LAYOUT_NLC};
    for (size_t l = 0; l < 3; ++l) {
        batch_norm_case c = batch_norm_case_make(layouts[l], 1, 5, 1);
        attempt a = attempt_make(d, c);
        train_refused(&a, &a.args, BNCL_ERROR_SHAPE, more_than_one);
        bncl_batch_norm_forward wrong = a.args;
        wrong.running_mean = shortened(wrong.running_mean);
        train_refused(&a, &wrong, BNCL_ERROR_SHAPE,
                      more_than_one); /* PyTorch looks at this first */

        c.untracked = true; /* evaluation without running statistics needs the batch's, too */
        a = attempt_make(d, c);
        eval_refused(&a, &a.args, BNCL_ERROR_SHAPE, more_than_one);
    }
}

/* All lengths are wrong; each call mends the one that was named before. */
static void lengths_in_order(void **state)
{
    device *d = device_of(state);
    attempt a = attempt_make(d, batch_norm_case_make(BNCL_LAYOUT_NC, 6, 5, 1));
    bncl_batch_norm_forward args = a.args;
    args.running_mean = shortened(args.running_mean);
    args.running_var = shortened(args.running_var);
    args.gamma = shortened(args.gamma);
    args.beta = shortened(args.beta);
    train_refused(&a, &args, BNCL_ERROR_SHAPE, "running_mean should contain 5 elements not 4");
    eval_refused(&a, &args, BNCL_ERROR_SHAPE, "running_mean should contain 5 elements not 4");
    args.running_mean = a.args.running_mean;
    train_refused(&a, &args, BNCL_ERROR_SHAPE, "running_var should contain 5 elements not 4");
    args.running_var = a.args.running_var;
    train_refused(&a, &args, BNCL_ERROR_SHAPE, "weight should contain 5 elements not 4");
    args.gamma = a.args.gamma;
    train_refused(&a, &args, BNCL_ERROR_SHAPE, "bias should contain 5 elements not 4");
    eval_refused(&a, &args, BNCL_ERROR_SHAPE, "bias should contain 5 elements not 4");
    args.beta = a.args.beta;
    args.save_invstd = shortened(args.save_invstd);
    train_refused(&a, &args, BNCL_ERROR_SHAPE, "save_invstd");
}

static void pairs_and_inputs(void **state)
{
    device *d = device_of(state);
    attempt a = attempt_make(d, batch_norm_case_make(BNCL_LAYOUT_NCL, 3, 5, 4));
    bncl_batch_norm_forward args = a.args;
    args.running_var = device_absent();
    eval_refused(&a, &args, BNCL_ERROR_ARGUMENT, "running_var must be defined in evaluation mode");
    args = a.args;
    args.save_mean_lo = device_absent();
    train_refused(&a, &args, BNCL_ERROR_ARGUMENT, "save_mean_lo");
    args = a.args;
    args.x = device_absent();
    train_refused(&a, &args, BNCL_ERROR_ARGUMENT, "x");
    args = a.args;
    args.y = shortened(args.y);
    train_refused(&a, &args, BNCL_ERROR_SHAPE, "y");
    args = a.args;
    args.x.dtype = BNCL_I32;
    train_refused(&a, &args, BNCL_ERROR_DTYPE, "i32");
    args = a.args;
    args.running_var.dtype = BNCL_I32;
    train_refused(&a, &args, BNCL_ERROR_DTYPE, "running_var");
    args = a.args;
    args.x.offset += d->after + 1; /* ends one element behind its buffer */
    train_refused(&a, &args, BNCL_ERROR_SHAPE, "x");
    args.x.offset = SIZE_MAX - 3;
    train_refused(&a, &args, BNCL_ERROR_SHAPE, "x");
    train_refused(&a, NULL, BNCL_ERROR_ARGUMENT, "NULL");
}

/* A cumulative average has no weight without a count. */
static void cumulative_without_count(void **state)
{
    device *d = device_of(state);
    batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 6, 5, 1);
    c.options.cumulative = true;
    attempt a = attempt_make(d, c);
    bncl_batch_norm_forward args = a.args;
    args.num_batches_tracked = NULL;
    train_refused(&a, &args, BNCL_ERROR_ARGUMENT, "num_batches_tracked");
}

/* A counter that never was, or that cannot go on. */
static void impossible_counts(void **state)
{
    device *d = device_of(state);
    const int64_t counts[] = {-1, INT64_MIN, INT64_MAX};
    for (int cumulative = 0; cumulative < 2; ++cumulative) {
        batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 6, 5, 1);
        c.options.cumulative = cumulative == 1;
        attempt a = attempt_make(d, c);
        for (size_t i = 0; i < 3; ++i) {
            int64_t count = counts[i];
            bncl_batch_norm_forward args = a.args;
            args.num_batches_tracked = &count;
            train_refused(&a, &args, BNCL_ERROR_ARGUMENT,
                          "num_batches_tracked: expected 0 or more");
            assert_true(count == counts[i]);
        }
    }
}

/* A place for new statistics, but no old ones. */
static void next_without_running(void **state)
{
    device *d = device_of(state);
    attempt a = attempt_make(d, batch_norm_case_make(BNCL_LAYOUT_NC, 6, 5, 1));
    bncl_batch_norm_forward args = a.args;
    args.next_mean = args.running_mean;
    args.next_var = args.running_var;
    args.running_mean = args.running_var = device_absent();
    train_refused(&a, &args, BNCL_ERROR_ARGUMENT, "running_mean absent");
    args.running_mean = a.args.running_mean;
    train_refused(&a, &args, BNCL_ERROR_ARGUMENT, "running_var absent");
}

/* The right number of elements, in other dims. */
static void ranks_of_vectors(void **state)
{
    device *d = device_of(state);
    attempt a = attempt_make(d, batch_norm_case_make(BNCL_LAYOUT_NC, 6, 5, 1));
    bncl_batch_norm_forward args = a.args;
    args.gamma.rank = 2;
    args.gamma.dims[1] = 1;
    train_refused(&a, &args, BNCL_ERROR_SHAPE, "weight: expected 1 dim, got 2");
}

static void backward_refused(attempt *a, const bncl_batch_norm_backward *args,
                             const bncl_batch_norm_backward *made, bncl_status expected,
                             const char *words)
{
    device_refused(a->d,
                   bncl_batch_norm_backward_train(a->plan, a->d->queue, args, NULL, &a->d->err),
                   expected, words);
    device_untouched(a->d, "dx", &made->dx);
    device_untouched(a->d, "dgamma", &made->dgamma);
    device_untouched(a->d, "dbeta", &made->dbeta);
}

static void backward(void **state)
{
    device *d = device_of(state);
    attempt a = attempt_make(d, batch_norm_case_make(BNCL_LAYOUT_NLC, 3, 5, 4));
    device_ok(d, bncl_batch_norm_forward_train(a.plan, d->queue, &a.args, NULL, &d->err), "train");
    const bncl_batch_norm_backward made = batch_norm_backward_tensors(d, &a.c, a.data, &a.args);
    bncl_batch_norm_backward args = made;
    args.save_mean_lo = device_absent();
    backward_refused(&a, &args, &made, BNCL_ERROR_ARGUMENT, "save_mean_lo");
    args = made;
    args.dgamma = shortened(args.dgamma);
    backward_refused(&a, &args, &made, BNCL_ERROR_SHAPE, "dgamma should contain 5 elements not 4");
    args = made;
    args.dy = shortened(args.dy);
    backward_refused(&a, &args, &made, BNCL_ERROR_SHAPE, "dy");
    args = made;
    args.dx.dtype = BNCL_I32;
    backward_refused(&a, &args, &made, BNCL_ERROR_DTYPE, "dx");
    args = made;
    args.running_var = device_absent();
    device_refused(d, bncl_batch_norm_backward_eval(a.plan, d->queue, &args, NULL, &d->err),
                   BNCL_ERROR_ARGUMENT, "running_var");
    device_untouched(d, "dx", &made.dx);

    /* The same object then works. */
    device_ok(d, bncl_batch_norm_backward_train(a.plan, d->queue, &made, NULL, &d->err), "train");
    batch_norm_read_forward(d, &a.args, a.data);
    batch_norm_read_backward(d, &made, a.data);
    a.data->num_batches_tracked = 1;
    batch_norm_check_train(&a.c, a.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(shapes),
        HARNESS_TEST(one_value_per_channel),
        HARNESS_TEST(lengths_in_order),
        HARNESS_TEST(pairs_and_inputs),
        HARNESS_TEST(impossible_counts),
        HARNESS_TEST(next_without_running),
        HARNESS_TEST(ranks_of_vectors),
        HARNESS_TEST(cumulative_without_count),
        HARNESS_TEST(backward),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
