/* Trains the network; see fashion_trainer.h. */
#include "fashion_trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* The random streams of shuffling, one an epoch, beyond those the weights are drawn from. */
#define SHUFFLE_STREAM 1000u

/* Where a batch's images lie on the device: two of these, so that one is filled, on a queue of its
   own, while the step before reads the other. */
typedef struct image_stage {
    bncl_buffer *images; /* f32 [batch, FASHION_PIXELS] */
    bncl_event *used;    /* completes with the step that reads it; NULL: there was none */
} image_stage;

struct fashion_trainer {
    bncl_queue *queue;
    bncl_queue *uploads; /* owned */
    bncl_graph *graph;
    const fashion_set *set;
    uint64_t seed;
    size_t batch;
    size_t steps; /* of an epoch */
    size_t epochs;
    double lr, final_lr;
    uint32_t *order;      /* [set->count] */
    int32_t *label_order; /* [set->count]: an epoch's labels in that order */
    image_stage stages[2];
    bncl_buffer *labels;  /* i32 [set->count], likewise */
    bncl_buffer *dlogits; /* f32 [batch, FASHION_CLASSES] */
    bncl_buffer *losses;  /* f32 [steps]: reading each step's at once would wait for each */
    bncl_buffer *correct; /* i32 [steps] */
    float *read_losses;   /* host copies of both */
    int32_t *read_correct;
    bncl_cross_entropy *loss;
    bncl_cross_entropy *last_loss; /* of the smaller last batch; NULL where there is none */
    bncl_sgd *sgd;
};

/* What is known of an epoch so far. */
typedef struct tally {
    size_t steps;  /* collected from the device */
    size_t images; /* in those steps */
    double loss;   /* Σ over the images */
    size_t correct;
    double began;   /* seconds; after the first step, once that is done */
    size_t untimed; /* images before that */
} tally;

static size_t rows_of(const fashion_trainer *trainer, size_t step)
{
    size_t left = trainer->set->count - step * trainer->batch;
    return left < trainer->batch ? left : trainer->batch;
}

static bncl_status create_host(fashion_trainer *trainer, bncl_error *err)
{
    trainer->order = calloc(trainer->set->count, sizeof *trainer->order);
    trainer->label_order = calloc(trainer->set->count, sizeof *trainer->label_order);
    trainer->read_losses = calloc(trainer->steps, sizeof *trainer->read_losses);
    trainer->read_correct = calloc(trainer->steps, sizeof *trainer->read_correct);
    if (trainer->order != NULL && trainer->label_order != NULL && trainer->read_losses != NULL &&
        trainer->read_correct != NULL)
        return BNCL_OK;
    return example_fail(err, BNCL_ERROR_MEMORY, "out of memory for the order of %zu images",
                        trainer->set->count);
}

static bncl_status create_buffers(fashion_trainer *trainer, bncl_context *context, bncl_error *err)
{
    size_t batch = trainer->batch, steps = trainer->steps;
    const struct {
        bncl_buffer **out;
        size_t elements; /* of 4 bytes, floats and labels alike */
    } rows[] = {
        {&trainer->stages[0].images, batch * FASHION_PIXELS},
        {&trainer->stages[1].images, batch * FASHION_PIXELS},
        {&trainer->labels, trainer->set->count},
        {&trainer->dlogits, batch * FASHION_CLASSES},
        {&trainer->losses, steps},
        {&trainer->correct, steps},
    };
    bncl_status status = bncl_queue_create(context, &trainer->uploads, err);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && status == BNCL_OK; ++i)
        status = bncl_buffer_create(context, rows[i].elements * 4, rows[i].out, err);
    return status;
}

static bncl_status create_loss(fashion_trainer *trainer, bncl_context *context, bncl_error *err)
{
    size_t last = rows_of(trainer, trainer->steps - 1);
    bncl_status status =
        bncl_cross_entropy_create(context, trainer->batch, FASHION_CLASSES, &trainer->loss, err);
    if (status != BNCL_OK || last == trainer->batch)
        return status;
    return bncl_cross_entropy_create(context, last, FASHION_CLASSES, &trainer->last_loss, err);
}

/* One optimizer steps on all parameters at once: the graph keeps them in one buffer. */
static bncl_status create_optimizer(fashion_trainer *trainer, bncl_context *context,
                                    const fashion_options *options, bncl_error *err)
{
    bncl_tensor values, gradients;
    bncl_status status = bncl_graph_parameters(trainer->graph, &values, &gradients, err);
    if (status != BNCL_OK)
        return status;
    bncl_sgd_options sgd = bncl_sgd_options_default();
    sgd.lr = options->lr;
    sgd.momentum = options->momentum;
    return bncl_sgd_create(context, bncl_tensor_count(&values), &sgd, &trainer->sgd, err);
}

bncl_status fashion_trainer_create(bncl_context *context, bncl_queue *queue, bncl_graph *graph,
                                   const fashion_set *set, const fashion_options *options,
                                   fashion_trainer **out, bncl_error *err)
{
    fashion_trainer *trainer = calloc(1, sizeof *trainer);
    if (trainer == NULL)
        return example_fail(err, BNCL_ERROR_MEMORY, "out of memory for the trainer");
    trainer->queue = queue;
    trainer->graph = graph;
    trainer->set = set;
    trainer->seed = options->seed;
    trainer->epochs = options->epochs;
    trainer->lr = options->lr;
    trainer->final_lr = options->final_lr;
    trainer->batch = options->batch < set->count ? options->batch : set->count;
    trainer->steps = set->count / trainer->batch + (set->count % trainer->batch >= 2 ? 1 : 0);
    bncl_status status;
    if ((status = create_host(trainer, err)) || (status = create_buffers(trainer, context, err)) ||
        (status = create_loss(trainer, context, err)) ||
        (status = create_optimizer(trainer, context, options, err))) {
        fashion_trainer_destroy(trainer);
        return status;
    }
    *out = trainer;
    return BNCL_OK;
}

void fashion_trainer_destroy(fashion_trainer *trainer)
{
    if (trainer == NULL)
        return;
    bncl_queue_finish(trainer->queue, NULL); /* it may still read the labels in host memory */
    bncl_queue_destroy(trainer->uploads);
    for (int i = 0; i < 2; ++i) {
        bncl_event_destroy(trainer->stages[i].used);
        bncl_buffer_destroy(trainer->stages[i].images);
    }
    bncl_sgd_destroy(trainer->sgd);
    bncl_cross_entropy_destroy(trainer->loss);
    bncl_cross_entropy_destroy(trainer->last_loss);
    bncl_buffer_destroy(trainer->labels);
    bncl_buffer_destroy(trainer->dlogits);
    bncl_buffer_destroy(trainer->losses);
    bncl_buffer_destroy(trainer->correct);
    free(trainer->order);
    free(trainer->label_order);
    free(trainer->read_losses);
    free(trainer->read_correct);
    free(trainer);
}

/* Puts the step's images together where the device will read them: no copy is made beside. The step
   that read this stage before must be done; the step between, of the other stage, goes on. */
static bncl_status fill(fashion_trainer *trainer, image_stage *stage, size_t step,
                        const bncl_tensor *images, bncl_event **filled, bncl_error *err)
{
    const uint32_t *chosen = trainer->order + step * trainer->batch;
    const bncl_sync signal = {.signal = filled};
    void *mapped = NULL;
    bncl_status status = stage->used != NULL ? bncl_event_wait(stage->used, err) : BNCL_OK;
    if (status == BNCL_OK)
        status = bncl_tensor_map(trainer->uploads, images, &mapped, NULL, err);
    if (status != BNCL_OK)
        return status;
    for (size_t row = 0; row < rows_of(trainer, step); ++row)
        memcpy((float *)mapped + row * FASHION_PIXELS,
               trainer->set->images + (size_t)chosen[row] * FASHION_PIXELS,
               FASHION_PIXELS * sizeof(float));
    status = bncl_tensor_unmap(trainer->uploads, images, mapped, &signal, err);
    return status == BNCL_OK ? bncl_queue_flush(trainer->uploads, err) : status;
}

/* Forward, loss, backward and optimizer for a batch that is there when `filled` completes. Nothing
   of it waits; *used completes when the images are no longer needed. */
static bncl_status learn(fashion_trainer *trainer, size_t step, const bncl_tensor *images,
                         bncl_event *filled, bncl_event **used, bncl_error *err)
{
    const size_t one = 1, rows = rows_of(trainer, step), logit_dims[2] = {rows, FASHION_CLASSES};
    const bncl_sync after = {.wait_count = 1, .wait = &filled}, signal = {.signal = used};
    bncl_cross_entropy *loss = rows == trainer->batch ? trainer->loss : trainer->last_loss;
    bncl_cross_entropy_args args = {0};
    bncl_tensor values, gradients;
    bncl_status status;
    if ((status = bncl_tensor_init(&args.labels, trainer->labels, step * trainer->batch, BNCL_I32,
                                   1, &rows, err)) ||
        (status =
             bncl_tensor_init(&args.dlogits, trainer->dlogits, 0, BNCL_F32, 2, logit_dims, err)) ||
        (status = bncl_tensor_init(&args.loss, trainer->losses, step, BNCL_F32, 1, &one, err)) ||
        (status =
             bncl_tensor_init(&args.correct, trainer->correct, step, BNCL_I32, 1, &one, err)) ||
        (status = bncl_graph_forward(trainer->graph, trainer->queue, images, 1, &args.logits,
                                     &after, err)) ||
        (status = bncl_cross_entropy_run(loss, trainer->queue, &args, NULL, err)) ||
        (status = bncl_graph_backward(trainer->graph, trainer->queue, &args.dlogits, NULL, err)) ||
        (status = bncl_graph_parameters(trainer->graph, &values, &gradients, err)) ||
        (status = bncl_sgd_step(trainer->sgd, trainer->queue, &values, &gradients, &signal, err)))
        return status;
    return bncl_queue_flush(trainer->queue, err);
}

/* The rate goes in a straight line from the very first step to the very last. */
static bncl_status set_rate(fashion_trainer *trainer, size_t epoch, size_t step, bncl_error *err)
{
    size_t done = (epoch - 1) * trainer->steps + step, last = trainer->epochs * trainer->steps - 1;
    double part = last > 0 ? (double)done / (double)last : 0.0;
    double lr = trainer->lr + (trainer->final_lr - trainer->lr) * part;
    return bncl_sgd_set_lr(trainer->sgd, lr, err);
}

static bncl_status run_step(fashion_trainer *trainer, size_t step, bncl_error *err)
{
    image_stage *stage = &trainer->stages[step % 2];
    const size_t image_dims[2] = {rows_of(trainer, step), FASHION_PIXELS};
    bncl_event *filled = NULL, *used = NULL;
    bncl_tensor images;
    bncl_status status = bncl_tensor_init(&images, stage->images, 0, BNCL_F32, 2, image_dims, err);
    if (status == BNCL_OK)
        status = fill(trainer, stage, step, &images, &filled, err);
    if (status == BNCL_OK)
        status = learn(trainer, step, &images, filled, &used, err);
    bncl_event_destroy(filled);
    bncl_event_destroy(stage->used);
    stage->used = used;
    return status;
}

/* Shuffles, and sends the labels of the whole epoch in their new order: they are few. */
static bncl_status begin_epoch(fashion_trainer *trainer, size_t epoch, bncl_error *err)
{
    const size_t count = trainer->set->count;
    bncl_tensor labels;
    bncl_random_permutation(trainer->seed, SHUFFLE_STREAM + (uint32_t)epoch, trainer->order,
                            (uint32_t)count);
    for (size_t i = 0; i < count; ++i)
        trainer->label_order[i] = trainer->set->labels[trainer->order[i]];
    bncl_status status = bncl_tensor_init(&labels, trainer->labels, 0, BNCL_I32, 1, &count, err);
    if (status == BNCL_OK)
        status = bncl_tensor_write(trainer->queue, &labels, trainer->label_order, NULL, err);
    return status == BNCL_OK ? bncl_graph_train(trainer->graph, err) : status;
}

/* Reads losses and hits of the steps up to `steps` that were not read before. Waits for them. */
static bncl_status collect(fashion_trainer *trainer, size_t steps, tally *so_far, bncl_error *err)
{
    const size_t fresh = steps - so_far->steps;
    bncl_tensor losses, correct;
    bncl_status status;
    if ((status =
             bncl_tensor_init(&losses, trainer->losses, so_far->steps, BNCL_F32, 1, &fresh, err)) ||
        (status = bncl_tensor_init(&correct, trainer->correct, so_far->steps, BNCL_I32, 1, &fresh,
                                   err)) ||
        (status = bncl_tensor_read(trainer->queue, &losses, trainer->read_losses, NULL, err)) ||
        (status = bncl_tensor_read(trainer->queue, &correct, trainer->read_correct, NULL, err)))
        return status;
    for (size_t i = 0; i < fresh; ++i) {
        size_t rows = rows_of(trainer, so_far->steps + i);
        so_far->images += rows;
        so_far->loss += (double)trainer->read_losses[i] * (double)rows;
        so_far->correct += (size_t)trainer->read_correct[i];
    }
    so_far->steps = steps;
    return BNCL_OK;
}

static void summarize(const tally *so_far, fashion_epoch *out)
{
    double images = (double)so_far->images, seconds = progress_seconds() - so_far->began;
    out->images = so_far->images;
    out->loss = so_far->loss / images;
    out->accuracy = (double)so_far->correct / images;
    out->rate = seconds > 0.0 ? (images - (double)so_far->untimed) / seconds : 0.0;
}

static void draw(const fashion_trainer *trainer, const tally *so_far, const char *label,
                 progress *bar)
{
    fashion_epoch now;
    char right[128];
    summarize(so_far, &now);
    snprintf(right, sizeof right, "loss %.4f  accuracy %.4f  %.0f samples/s", now.loss,
             now.accuracy, now.rate);
    progress_draw(bar, label, (double)so_far->steps / (double)trainer->steps, right);
}

bncl_status fashion_trainer_epoch(fashion_trainer *trainer, size_t epoch, const char *label,
                                  progress *bar, fashion_epoch *out, bncl_error *err)
{
    tally so_far = {.began = progress_seconds()};
    bncl_status status = begin_epoch(trainer, epoch, err);
    for (size_t step = 0; step < trainer->steps && status == BNCL_OK; ++step) {
        if ((status = set_rate(trainer, epoch, step, err)) ||
            (status = run_step(trainer, step, err)))
            break;
        if (step == 0 && trainer->steps > 1) {
            status = bncl_queue_finish(trainer->queue, err);
            so_far.began = progress_seconds();
            so_far.untimed = rows_of(trainer, 0);
        } else if (progress_due(bar) && !(status = collect(trainer, step + 1, &so_far, err))) {
            draw(trainer, &so_far, label, bar);
        }
    }
    if (status == BNCL_OK && so_far.steps < trainer->steps)
        status = collect(trainer, trainer->steps, &so_far, err);
    if (status != BNCL_OK)
        return status;
    summarize(&so_far, out);
    if (!isfinite(out->loss))
        return example_fail(err, BNCL_ERROR_ARGUMENT,
                            "the loss is no number any more: try a smaller --lr");
    return BNCL_OK;
}
