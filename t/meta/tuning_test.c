/* Work-group sizes, vector widths and shares of work decide who computes, never what: every tuning
   gives the bits of the device's own. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/fingerprint.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/tuning.h"

/* Cases for which the tunings differ: some channels and many, one tile and more. */
static const size_t chosen[] = {0, 3, 8, 9, 4, 6, 11, 13};

static void run_tuned(device *d, const char *tuning, size_t index, batch_norm_fingerprint out[2])
{
    tune(tuning);
    batch_norm_case c = fingerprint_case(index);
    batch_norm_data train = batch_norm_data_make(&c);
    batch_norm_data eval = batch_norm_data_make(&c);
    batch_norm_run_train(d, &c, &train);
    batch_norm_run_eval(d, &c, &eval);
    out[0] = batch_norm_fingerprint_of(&c, &train);
    out[1] = batch_norm_fingerprint_of(&c, &eval);
}

static void every_tuning_gives_the_same_bits(void **state)
{
    device *d = device_of(state);
    for (size_t i = 0; i < (d->small ? 4 : sizeof chosen / sizeof *chosen); ++i) {
        batch_norm_fingerprint own[2];
        run_tuned(d, NULL, chosen[i], own);
        for (size_t t = 0; t < tuning_count; ++t) {
            batch_norm_fingerprint got[2];
            run_tuned(d, tunings[t], chosen[i], got);
            for (size_t r = 0; r < 2 * fingerprint_results; ++r)
                if (got[r / fingerprint_results].of[r % fingerprint_results] !=
                    own[r / fingerprint_results].of[r % fingerprint_results])
                    harness_fail("case %zu %s, %s: other bits in %s", chosen[i],
                                 r < fingerprint_results ? "train" : "eval", tunings[t],
                                 fingerprint_names[r % fingerprint_results]);
        }
    }
}

/* Nor do large groups of work-items that hold rows change any, or end the process: PoCL takes the
   memory of all of a group's items from the stack of one thread. (Of the device's own vectors: a
   compiler that splits vectors of 16 takes minutes for 64 channels an item.) */
static void nor_do_large_groups_of_rows(void **state)
{
    device *d = device_of(state);
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NC, 33, d->small ? 520 : 4096, 1);
    const char *const large[] = {
        NULL,
        "lane_items=1,group=1024,block_group=1024,whole=0,direct=0",
        "lane_items=1,group=1024,block_group=1024,whole=1048576,direct=1048576,stream=1",
    };
    batch_norm_fingerprint own;
    for (size_t t = 0; t < sizeof large / sizeof *large; ++t) {
        tune(large[t]);
        batch_norm_data data = batch_norm_data_make(&c);
        batch_norm_run_train(d, &c, &data);
        const batch_norm_fingerprint got = batch_norm_fingerprint_of(&c, &data);
        if (t == 0)
            own = got;
        for (size_t r = 0; r < fingerprint_results; ++r)
            if (got.of[r] != own.of[r])
                harness_fail("%s: other bits in %s", large[t], fingerprint_names[r]);
        harness_release(NULL);
    }
}

/* Nor do more channels than there are lone work-items, which take several then and write one while
   they read the next. (Not many more: llvmpipe ends a work-item's loops after 65535 rounds.) */
static void nor_do_channels_one_after_the_other(void **state)
{
    device *d = device_of(state);
    const char *const each_way[] = {
        "lane_items=1,whole=0,direct=0",
        "lane_items=1,whole=1048576,direct=0",
        "vector=4,vectors=2,lane_items=1,whole=1048576,direct=0,stream=1",
        "vector=1,vectors=1,lane_items=8,group=32,whole=1048576,direct=0",
    };
    const size_t lines[][2] = {{5, 9}, {2, 600}, {1, 64}};
    const bool quick = d->small || strstr(d->info.name, "llvmpipe") != NULL;
    for (size_t i = 0; i < (quick ? 1 : sizeof lines / sizeof *lines); ++i) {
        const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NCL, lines[i][0],
                                                       device_many_channels(d), lines[i][1]);
        batch_norm_fingerprint own;
        for (size_t t = 0; t < sizeof each_way / sizeof *each_way; ++t) {
            if (t == 1 && quick) /* vectors of one element: of those llvmpipe compiles a minute */
                continue;
            tune(each_way[t]);
            batch_norm_data data = batch_norm_data_make(&c);
            batch_norm_run_train(d, &c, &data);
            const batch_norm_fingerprint got = batch_norm_fingerprint_of(&c, &data);
            if (t == 0)
                own = got;
            for (size_t r = 0; r < fingerprint_results; ++r)
                if (got.of[r] != own.of[r])
                    harness_fail("%zu lines of %zu, %s: other bits in %s", lines[i][0], lines[i][1],
                                 each_way[t], fingerprint_names[r]);
            harness_release(NULL);
        }
    }
}

/* Nor do work-items of elementwise steps that go along lines step by step, which a processor's
   do where enough of them are left. */
static void nor_do_many_steps_of_a_line(void **state)
{
    device *d = device_of(state);
    const char *const each_way[] = {
        "lane_items=1,whole=1048576,direct=0", "whole=0,direct=0", "whole=0", "whole=0,stream=1",
        "vector=4,vectors=1,whole=0",
    };
    const size_t units = d->info.compute_units, lines[][2] = {{256, 133}, {128, 300}};
    const bool quick = d->small || strstr(d->info.name, "llvmpipe") != NULL;
    for (size_t i = 0; i < 2; ++i) {
        const batch_norm_case c =
            batch_norm_case_make(BNCL_LAYOUT_NCL, 2, quick ? 3 : units * lines[i][0], lines[i][1]);
        batch_norm_fingerprint own[2];
        for (size_t t = quick ? 1 : 0; t < sizeof each_way / sizeof *each_way; ++t)
            for (int eval = 0; eval < 2; ++eval) {
                tune(each_way[t]);
                batch_norm_data data = batch_norm_data_make(&c);
                (eval ? batch_norm_run_eval : batch_norm_run_train)(d, &c, &data);
                const batch_norm_fingerprint got = batch_norm_fingerprint_of(&c, &data);
                if (t == (quick ? 1 : 0))
                    own[eval] = got;
                for (size_t r = 0; r < fingerprint_results; ++r)
                    if (got.of[r] != own[eval].of[r])
                        harness_fail("lines of %zu, %s, %s: other bits in %s", lines[i][1],
                                     eval ? "eval" : "train", each_way[t], fingerprint_names[r]);
                harness_release(NULL);
            }
    }
}

/* Backward through a running_mean that is infinite: what a work-item computes of places without a
   value reaches no sum, however many it has. */
static void nor_do_places_without_a_value(void **state)
{
    device *d = device_of(state);
    const batch_norm_case c = batch_norm_case_make(BNCL_LAYOUT_NCL, 2, 3, 32);
    for (size_t t = 0; t <= tuning_count; ++t) {
        tune(t < tuning_count ? tunings[t] : NULL);
        batch_norm_data data = batch_norm_data_make(&c);
        for (size_t i = 0; i < batch_norm_case_total(&c); ++i)
            data.dy[i] = 1.0f;
        for (size_t i = 0; i < c.channels; ++i)
            data.running_mean[i] = INFINITY;
        batch_norm_run_eval(d, &c, &data);
        check_all_equal("dgamma", data.dgamma, -INFINITY, c.channels);
        harness_release(NULL);
    }
}

static void release_elementwise(void *op)
{
    bncl_elementwise_destroy(op);
}

static void release_sgd(void *sgd)
{
    bncl_sgd_destroy(sgd);
}

static void release_linear(void *plan)
{
    bncl_linear_destroy(plan);
}

/* ReLU there and back, a sum, two steps of SGD and a bias, one after another in the same tensors of
   `count` elements; the hash of what comes out. */
static uint64_t run_others(device *d, const char *tuning, size_t count)
{
    tune(tuning);
    const bncl_sgd_options options = {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01};
    bncl_elementwise *op = NULL;
    bncl_sgd *sgd = NULL;
    bncl_linear *linear = NULL;
    device_ok(d, bncl_elementwise_create(d->context, BNCL_F32, &op, &d->err), "elementwise");
    device_hold(d, op, release_elementwise);
    device_ok(d, bncl_sgd_create(d->context, count, &options, &sgd, &d->err), "sgd");
    device_hold(d, sgd, release_sgd);
    device_ok(d, bncl_linear_create(d->context, 1, 1, count, &linear, &d->err), "linear");
    device_hold(d, linear, release_linear);

    generator g = generator_seed(count);
    float *values = harness_floats(count);
    const size_t row[] = {1, count};
    const size_t column[] = {count, 1};
    const size_t one[] = {1, 1};
    generate_normal(&g, 0.0, 1.0, values, count);
    bncl_tensor w = device_tensor(d, BNCL_F32, 2, column, values);
    bncl_tensor b = device_vector(d, count, values);
    bncl_tensor y = device_tensor(d, BNCL_F32, 2, row, NULL);
    bncl_tensor x = device_tensor(d, BNCL_F32, 2, one, values);
    device_ok(d, bncl_linear_forward(linear, d->queue, &x, &w, &b, &y, NULL, &d->err), "linear");
    device_ok(d, bncl_add(op, d->queue, &w, &y, &w, NULL, &d->err), "add");
    device_ok(d, bncl_relu_forward(op, d->queue, &w, &y, NULL, &d->err), "relu");
    device_ok(d, bncl_relu_backward(op, d->queue, &y, &w, &b, NULL, &d->err), "relu");
    for (int step = 0; step < 2; ++step)
        device_ok(d, bncl_sgd_step(sgd, d->queue, &w, &b, NULL, &d->err), "sgd");
    return fingerprint(device_floats(d, &w), count * sizeof(float));
}

static void the_other_operators_too(void **state)
{
    device *d = device_of(state);
    const size_t counts[] = {1, 3, 19, 64, 67};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; ++i) {
        uint64_t own = run_others(d, NULL, counts[i]);
        for (size_t t = 0; t < tuning_count; ++t)
            if (run_others(d, tunings[t], counts[i]) != own)
                harness_fail("%zu elements, %s: other bits", counts[i], tunings[t]);
    }
}

/* That the variable is read at all: a malformed one is refused. */
static void a_malformed_tuning_is_refused(void **state)
{
    device *d = device_of(state);
    const char *const malformed[] = {"vector=3", "vector=32", "vector", "speed=4",
                                     "vector=4;lines=2"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; ++i) {
        tune(malformed[i]);
        const size_t dims[] = {4, 4};
        bncl_batch_norm *plan = NULL;
        device_refused(d,
                       bncl_batch_norm_create(d->context, BNCL_LAYOUT_NC, BNCL_F32, 2, dims, NULL,
                                              &plan, &d->err),
                       BNCL_ERROR_ARGUMENT, "BNCL_TUNING");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(every_tuning_gives_the_same_bits),
        HARNESS_TEST(nor_do_large_groups_of_rows),
        HARNESS_TEST(nor_do_channels_one_after_the_other),
        HARNESS_TEST(nor_do_many_steps_of_a_line),
        HARNESS_TEST(nor_do_places_without_a_value),
        HARNESS_TEST(the_other_operators_too),
        HARNESS_TEST(a_malformed_tuning_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
