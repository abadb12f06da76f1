/* Tunings decide who computes a mask and the rest, never what: batch norm with a residual and an
   activation, and the activation alone, give the bits of the device's own tuning. */
#include <string.h>

#include "lib/fused.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/tuning.h"

/* The widest vectors are PoCL's own tuning; drivers that unroll them compile for a minute. */
static const char *const more_tunings[] = {
    "vector=1,vectors=1,lane_items=1,lines=1,group=1,block_group=1,whole=0,direct=0",
    "vector=1,vectors=2,lane_items=64,lines=8,group=256,block_group=64,whole=1048576,direct=1024",
    "vector=2,vectors=1,lane_items=16,lines=4,group=8,block_group=2,whole=0,direct=1048576",
    "vector=2,vectors=4,lane_items=1,lines=32,group=64,block_group=8,whole=1048576,direct=0",
    "vector=4,vectors=1,lane_items=8,lines=2,group=32,block_group=16,whole=1048576,direct=0",
    "vector=8,vectors=1,lane_items=2,lines=1,group=64,block_group=1,whole=1048576,direct=1048576",
    "vector=16,vectors=1,lane_items=1,lines=16,group=8,block_group=1,whole=0,direct=0",
};
enum { more_count = sizeof more_tunings / sizeof *more_tunings, wide_tunings = 2 };

static int tunings_of(const device *d)
{
    return strstr(d->info.name, "llvmpipe") != NULL || d->small ? more_count - wide_tunings
                                                                : more_count;
}

/* A shape; MANY channels are device_many_channels. */
enum { MANY = 0 };
typedef struct shape {
    bncl_layout layout;
    size_t samples, channels, positions;
} shape;

static batch_norm_case case_of(const device *d, const shape *s)
{
    const size_t channels = s->channels == MANY ? device_many_channels(d) : s->channels;
    return batch_norm_case_make(s->layout, s->samples, channels, s->positions);
}

static void fused(void **state)
{
    static const shape shapes[] = {{BNCL_LAYOUT_NC, 35, 19, 1},  {BNCL_LAYOUT_NCL, 5, 3, 33},
                                   {BNCL_LAYOUT_NLC, 2, 131, 5}, {BNCL_LAYOUT_NCL, 3, 2, 700},
                                   {BNCL_LAYOUT_NC, 1100, 7, 1}, {BNCL_LAYOUT_NCL, 2, MANY, 4}};
    device *d = device_of(state);
    for (size_t i = 0; i < (d->small ? 2 : sizeof shapes / sizeof shapes[0]); ++i)
        for (int kind = 1; kind < BNCL_ACTIVATION_COUNT; ++kind) {
            /* every activation on the first, in turn on the others, and each with every other
               tuning: each is a program or some, of which cold drivers compile one a second */
            if (i >= 1 && i % (BNCL_ACTIVATION_COUNT - 1) != (size_t)kind - 1)
                continue;
            fused_case c = {.norm = case_of(d, &shapes[i]),
                            .activation = {.kind = (bncl_activation_kind)kind,
                                           .negative_slope = 0.1,
                                           .min = -0.3,
                                           .max = 0.7},
                            .residual = true,
                            .train = i == 0 ? kind == 2 : i < 5};
            c.norm.dtype = kind == 2 && (i == 1 || i == 4) ? BNCL_BF16 : BNCL_F32;
            const fused_data data = fused_data_make(&c);
            tune(NULL);
            const fused_output own = fused_run(d, &c, &data);
            for (int t = (int)(i == 0 ? (size_t)kind : i) % 2; t < tunings_of(d); t += 2) {
                tune(more_tunings[t]);
                const fused_output got = fused_run(d, &c, &data);
                fused_expect_same(&c, &got, &own);
                if (memcmp(got.mask, own.mask, own.mask_bytes) != 0)
                    harness_fail("%s: another mask with %s", fused_case_name(&c), more_tunings[t]);
            }
        }
}

/* What goes past the caches has the bits of what does not, and is computed in separate launches:
   f16 and bf16 go two vectors at a time, where these begin at a line of memory. (Only the host's
   processor has such stores.) */
static void past_the_caches(void **state)
{
    static const shape shapes[] = {{BNCL_LAYOUT_NC, 71, 128, 1},
                                   {BNCL_LAYOUT_NC, 35, 150, 1},
                                   {BNCL_LAYOUT_NCL, 5, MANY, 128},
                                   {BNCL_LAYOUT_NCL, 3, MANY, 133}};
    device *d = device_of(state);
    if (strstr(d->info.name, "llvmpipe") != NULL || d->small)
        skip();
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; ++i)
        for (int kind = 0; kind < 12; ++kind) {
            static const bncl_dtype dtypes[] = {BNCL_F32, BNCL_F16, BNCL_BF16};
            fused_case c = {.norm = case_of(d, &shapes[i]),
                            .activation = bncl_activation_relu(),
                            .residual = true,
                            .accumulate = kind % 2 == 1,
                            .train = kind / 2 % 2 == 1};
            c.norm.dtype = dtypes[kind / 4];
            const fused_data data = fused_data_make(&c);
            tune("stream=0,direct=0,whole=0");
            const fused_output own = fused_run(d, &c, &data);
            tune("stream=1,direct=0");
            const fused_output got = fused_run(d, &c, &data);
            fused_expect_same(&c, &got, &own);
            harness_release(NULL);
        }
}

static void release_op(void *op)
{
    bncl_elementwise_destroy(op);
}

/* The mask's bytes, with the bytes of dx after them. */
static unsigned char *alone(device *d, const char *tuning, size_t count, size_t *bytes)
{
    tune(tuning);
    generator g = generator_seed(count);
    float *x = harness_floats(count);
    generate_normal(&g, 0.0, 1.0, x, count);
    const bncl_activation a = bncl_activation_leaky_relu(0.3);
    bncl_elementwise *op = NULL;
    device_ok(d, bncl_elementwise_create(d->context, BNCL_F32, &op, &d->err), "create");
    device_hold(d, op, release_op);
    const size_t mask_bytes = (count + 7) / 8;
    const bncl_tensor x_at = device_vector(d, count, x), y_at = device_vector(d, count, NULL);
    const bncl_tensor dx_at = device_vector(d, count, NULL);
    const bncl_tensor mask = device_tensor(d, BNCL_U8, 1, &mask_bytes, NULL);
    device_ok(d, bncl_activation_forward(op, d->queue, &a, &x_at, &y_at, &mask, NULL, &d->err), "");
    device_ok(d, bncl_activation_backward(op, d->queue, &a, &mask, &y_at, &dx_at, NULL, &d->err),
              "");
    *bytes = mask_bytes + count * sizeof(float);
    unsigned char *out = harness_memory(*bytes, 1);
    device_read(d, &mask, out);
    device_read(d, &dx_at, out + mask_bytes);
    return out;
}

static void the_activation_alone(void **state)
{
    device *d = device_of(state);
    const size_t counts[] = {1, 7, 8, 9, 31, 131, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; ++i) {
        size_t bytes;
        const unsigned char *own = alone(d, NULL, counts[i], &bytes);
        for (int t = 0; t < tunings_of(d); ++t)
            if (memcmp(alone(d, more_tunings[t], counts[i], &bytes), own, bytes) != 0)
                harness_fail("%zu elements, %s: other bits", counts[i], more_tunings[t]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(fused),
        HARNESS_TEST(past_the_caches),
        HARNESS_TEST(the_activation_alone),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
