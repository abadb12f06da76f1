/* A program's first batch norm: opens BNCL_DEVICE, plans [32,256] in training, runs it, reads y,
   and, if that is right, writes the device's index in a line. bench/startup measures the time until
   then. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <bncl/bncl.h>

enum { ROWS = 32, CHANNELS = 256, COUNT = ROWS * CHANNELS };

typedef struct world {
    bncl_context *context;
    bncl_queue *queue;
    bncl_buffer *buffer;
    bncl_batch_norm *plan;
    bncl_error err;
} world;

/* Row r of x is r in every channel. */
static bncl_status run(world *w, float *x, float *y)
{
    const size_t dims[] = {ROWS, CHANNELS};
    bncl_batch_norm_forward args = {0};
    bncl_status status;
    bncl_error *err = &w->err;
    if ((status = bncl_context_create(NULL, &w->context, err)) ||
        (status = bncl_queue_create(w->context, &w->queue, err)) ||
        (status = bncl_batch_norm_create(w->context, BNCL_LAYOUT_NC, BNCL_F32, 2, dims, NULL,
                                         &w->plan, err)) ||
        (status = bncl_buffer_create(w->context, 2 * COUNT * sizeof *x, &w->buffer, err)) ||
        (status = bncl_tensor_init(&args.x, w->buffer, 0, BNCL_F32, 2, dims, err)) ||
        (status = bncl_tensor_init(&args.y, w->buffer, COUNT, BNCL_F32, 2, dims, err)) ||
        (status = bncl_tensor_write(w->queue, &args.x, x, NULL, err)) ||
        (status = bncl_batch_norm_forward_train(w->plan, w->queue, &args, NULL, err)))
        return status;
    return bncl_tensor_read(w->queue, &args.y, y, NULL, err);
}

/* The mean of 0 … 31 is 15.5, their variance 85.25. */
static bool is_right(const float *y)
{
    for (int i = 0; i < COUNT; ++i)
        if (!(fabs(y[i] - (i / CHANNELS - 15.5) / sqrt(85.25 + 1e-5)) < 1e-5))
            return false;
    return true;
}

int main(void)
{
    static float x[COUNT], y[COUNT];
    static world w;
    for (int i = 0; i < COUNT; ++i)
        x[i] = (float)(i / CHANNELS);
    bncl_device_info info;
    bncl_status status = run(&w, x, y);
    if (status == BNCL_OK)
        status = bncl_context_device(w.context, &info, &w.err);
    const bool right = status == BNCL_OK && is_right(y);
    if (right) {
        puts(info.index);
        fflush(stdout);
    } else {
        fprintf(stderr, "startup_library: %s\n",
                status != BNCL_OK ? w.err.text : "y is not what it should be");
    }
    bncl_batch_norm_destroy(w.plan);
    bncl_buffer_destroy(w.buffer);
    bncl_queue_destroy(w.queue);
    bncl_context_destroy(w.context);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
