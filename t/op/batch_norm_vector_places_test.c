/* Batch norm with results of one value a channel in the place of operands of one value a channel:
   each channel's operands are read before its results are written, whoever does either. */
#include "lib/batch_norm_case.h"
#include "lib/compare.h"
#include "lib/harness.h"
#include "lib/tuning.h"

static const char *const ways[] = {"whole=0,direct=0", "whole=1048576,direct=1048576"};

static batch_norm_case case_at(int i)
{
    return i == 0 ? batch_norm_case_make(BNCL_LAYOUT_NC, 43, 37, 1)
                  : batch_norm_case_make(BNCL_LAYOUT_NCL, 5, 19, 700);
}

/* y, by what else forward writes into the place of gamma, or of beta. */
static void forward_into(device *d, const batch_norm_case *c, const float *y, int result, bool beta)
{
    bncl_batch_norm *plan = batch_norm_plan(d, c);
    batch_norm_data data = batch_norm_data_make(c);
    bncl_batch_norm_forward args = batch_norm_forward_tensors(d, c, &data);
    bncl_tensor *const results[] = {&args.save_mean, &args.save_mean_lo, &args.save_invstd,
                                    &args.next_mean, &args.next_var};
    *results[result] = beta ? args.beta : args.gamma;
    device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &args, NULL, &d->err), "forward");
    check_float_bits("y", device_floats(d, &args.y), y, batch_norm_case_total(c));
}

static void of_forward(void **state)
{
    device *d = device_of(state);
    for (int i = 0; i < 2; ++i)
        for (int way = 0; way < 2; ++way)
            for (int result = 0; result < 5; ++result) {
                const batch_norm_case c = case_at(i);
                tune(ways[way]);
                batch_norm_data apart = batch_norm_data_make(&c);
                batch_norm_run_train(d, &c, &apart);
                forward_into(d, &c, apart.y, result, false);
                forward_into(d, &c, apart.y, result, true);
                harness_release(NULL);
            }
}

/* dx, by what else backward writes: dgamma or dbeta into an operand's place. */
static void backward_into(device *d, const batch_norm_case *c, int operand, bool dbeta)
{
    bncl_batch_norm *plan = batch_norm_plan(d, c);
    batch_norm_data data = batch_norm_data_make(c);
    bncl_batch_norm_forward forward = batch_norm_forward_tensors(d, c, &data);
    device_ok(d, bncl_batch_norm_forward_train(plan, d->queue, &forward, NULL, &d->err), "forward");
    bncl_batch_norm_backward args = batch_norm_backward_tensors(d, c, &data, &forward);
    device_ok(d, bncl_batch_norm_backward_train(plan, d->queue, &args, NULL, &d->err), "apart");
    const float *dx = device_floats(d, &args.dx);
    const float *sum = device_floats(d, dbeta ? &args.dbeta : &args.dgamma);

    const bncl_tensor operands[] = {args.gamma, args.save_mean, args.save_mean_lo,
                                    args.save_invstd};
    *(dbeta ? &args.dbeta : &args.dgamma) = operands[operand];
    device_ok(d, bncl_batch_norm_backward_train(plan, d->queue, &args, NULL, &d->err), "in place");
    check_float_bits("dx", device_floats(d, &args.dx), dx, batch_norm_case_total(c));
    check_float_bits("the sum", device_floats(d, &operands[operand]), sum, c->channels);
}

static void of_backward(void **state)
{
    device *d = device_of(state);
    for (int i = 0; i < 2; ++i)
        for (int way = 0; way < 2; ++way)
            for (int operand = 0; operand < 4; ++operand) {
                const batch_norm_case c = case_at(i);
                tune(ways[way]);
                backward_into(d, &c, operand, false);
                backward_into(d, &c, operand, true);
                harness_release(NULL);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {HARNESS_TEST(of_forward), HARNESS_TEST(of_backward)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
