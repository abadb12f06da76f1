/* Trains an MLP with batch normalization on Fashion-MNIST, tests it, shows what forgetting eval
   mode does, saves the network, loads it into a fresh graph and compares. --help lists the options.

   fashion_model.c builds the network, fashion_trainer.c trains it, fashion_evaluator.c runs it over
   the test set, fashion_data.c and idx.c read the images, fashion_options.c the command line,
   writable.c looks ahead whether the results can be written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bncl/bncl.h>

#include "fail.h"
#include "fashion_data.h"
#include "fashion_evaluator.h"
#include "fashion_model.h"
#include "fashion_options.h"
#include "fashion_trainer.h"
#include "progress.h"
#include "writable.h"

#define EXIT_USAGE 2
#define TEST_BATCH 1000

/* Everything the run owns. */
typedef struct fashion_run {
    fashion_options options;
    progress bar;
    fashion_set train, test;
    bncl_context *context;
    bncl_queue *queue;
    bncl_graph *graph;
    bncl_graph_profile *profile; /* of the first epoch, while it lasts */
    fashion_evaluator *evaluator;
    float *logits; /* of all test images, in eval mode: [test.count, FASHION_CLASSES] */
} fashion_run;

static bncl_status open_device(fashion_run *run, bncl_error *err)
{
    bncl_device_info device;
    bncl_status status;
    if ((status = bncl_context_create(run->options.device, &run->context, err)) ||
        (status = bncl_context_device(run->context, &device, err)) ||
        (status = run->options.profile ? bncl_queue_create_timed(run->context, &run->queue, err)
                                       : bncl_queue_create(run->context, &run->queue, err)))
        return status;
    printf("device    %s: %s (%s)\n", device.index, device.name, device.platform);
    return BNCL_OK;
}

static bncl_status read_data(fashion_run *run, bncl_error *err)
{
    const char *folder = run->options.data;
    bncl_status status = fashion_set_read(folder, "t10k", &run->test, err);
    if (status == BNCL_OK && run->options.load == NULL)
        status = fashion_set_read(folder, "train", &run->train, err);
    if (status != BNCL_OK)
        return status;
    run->logits = calloc(run->test.count, FASHION_CLASSES * sizeof *run->logits);
    if (run->logits == NULL)
        return example_fail(err, BNCL_ERROR_MEMORY, "out of memory for the logits");
    printf("data      %s: ", folder);
    if (run->options.load == NULL)
        printf("%zu images to train on, ", run->train.count);
    printf("%zu to test\n", run->test.count);
    return BNCL_OK;
}

/* Eval mode: batch norm uses the running statistics, so that an image's logits do not depend on the
   others in its batch. */
static bncl_status test_network(fashion_run *run, bncl_graph *graph, float *logits,
                                double *accuracy, bncl_error *err)
{
    bncl_status status = bncl_graph_eval(graph, err);
    if (status == BNCL_OK)
        status =
            fashion_evaluator_run(run->evaluator, graph, run->test.count, TEST_BATCH, logits, err);
    if (status == BNCL_OK)
        *accuracy = fashion_accuracy(&run->test, logits, run->test.count);
    return status;
}

/* Ends the profile of an epoch and prints it. */
static bncl_status show_profile(fashion_run *run, const fashion_epoch *result, bncl_error *err)
{
    const size_t steps = (result->images + run->options.batch - 1) / run->options.batch;
    bncl_status status = bncl_graph_profile_end(run->profile, steps, err);
    progress_clear(&run->bar);
    if (status == BNCL_OK)
        status = bncl_graph_profile_print(run->profile, stdout, err);
    bncl_graph_profile_destroy(run->profile);
    run->profile = NULL;
    return status;
}

static bncl_status train_epoch(fashion_run *run, fashion_trainer *trainer, size_t epoch,
                               double *accuracy, bncl_error *err)
{
    char label[64];
    double began = progress_seconds();
    fashion_epoch result;
    snprintf(label, sizeof label, "epoch %zu/%zu", epoch, run->options.epochs);
    progress_draw(&run->bar, label, 0.0, epoch == 1 ? "building kernels" : "");
    bncl_status status = BNCL_OK;
    if (run->options.profile && epoch == 1)
        status = bncl_graph_profile_begin(run->graph, run->queue, &run->profile, err);
    if (status == BNCL_OK)
        status = fashion_trainer_epoch(trainer, epoch, label, &run->bar, &result, err);
    if (status == BNCL_OK && run->profile != NULL)
        status = show_profile(run, &result, err);
    if (status == BNCL_OK)
        status = test_network(run, run->graph, run->logits, accuracy, err);
    progress_clear(&run->bar);
    if (status != BNCL_OK)
        return status;
    printf("%s  loss %.4f  accuracy %.4f  test accuracy %.4f  %.0f samples/s  %.1f s\n", label,
           result.loss, result.accuracy, *accuracy, result.rate, progress_seconds() - began);
    fflush(stdout);
    return BNCL_OK;
}

/* What passes take on the device, and would if nothing in it were used again. */
static bncl_status tell_memory(const fashion_run *run, bncl_error *err)
{
    const double mib = 1048576.0;
    bncl_graph_memory_info memory;
    bncl_status status = bncl_graph_memory(run->graph, &memory, err);
    if (status == BNCL_OK)
        printf("memory    values %.2f MiB (%.2f one by one), their gradients %.2f MiB (%.2f)\n",
               (double)memory.values / mib, (double)memory.naive_values / mib,
               (double)memory.gradients / mib, (double)memory.naive_gradients / mib);
    return status;
}

/* Saving after each epoch keeps what was learned if the run is interrupted. */
static bncl_status train_network(fashion_run *run, double *accuracy, bncl_error *err)
{
    const fashion_options *options = &run->options;
    fashion_trainer *trainer = NULL;
    printf("training  batch %zu, epochs %zu, lr %g to %g, momentum %g, seed %llu\n", options->batch,
           options->epochs, options->lr, options->final_lr, options->momentum,
           (unsigned long long)options->seed);
    fflush(stdout);
    bncl_status status = fashion_trainer_create(run->context, run->queue, run->graph, &run->train,
                                                options, &trainer, err);
    for (size_t epoch = 1; epoch <= options->epochs && status == BNCL_OK; ++epoch)
        if (!(status = train_epoch(run, trainer, epoch, accuracy, err)))
            status = bncl_graph_save(run->graph, run->queue, options->output, err);
    fashion_trainer_destroy(trainer);
    return status == BNCL_OK ? tell_memory(run, err) : status;
}

/* Compares bit for bit what the trained network and the loaded one make of the test images. */
static bncl_status compare_logits(const fashion_run *run, const float *loaded, bncl_error *err)
{
    size_t predictions = 0, rows = 0;
    for (size_t i = 0; i < run->test.count; ++i) {
        const float *a = run->logits + i * FASHION_CLASSES, *b = loaded + i * FASHION_CLASSES;
        if (fashion_prediction(a) != fashion_prediction(b))
            ++predictions;
        if (memcmp(a, b, FASHION_CLASSES * sizeof *a) != 0)
            ++rows;
    }
    if (rows > 0)
        return example_fail(err, BNCL_ERROR_FORMAT,
                            "the network loaded from %s gives other logits for %zu of %zu test "
                            "images, other predictions for %zu",
                            run->options.output, rows, run->test.count, predictions);
    printf("saved %s and loaded it into a fresh graph:\n"
           "  same prediction and same logits, bit for bit, on all %zu test images\n",
           run->options.output, run->test.count);
    return BNCL_OK;
}

/* One line of the demonstration: test accuracy in training mode. An even number of images leaves no
   last batch of one, which batch norm would refuse. */
static bncl_status show_train_mode(fashion_run *run, bncl_graph *graph, size_t batch, float *logits,
                                   bncl_error *err)
{
    size_t count = run->test.count - run->test.count % 2;
    bncl_status status = bncl_graph_train(graph, err);
    if (status == BNCL_OK)
        status = fashion_evaluator_run(run->evaluator, graph, count, batch, logits, err);
    if (status == BNCL_OK)
        printf("  without eval(), batches of %-5zu  %.4f\n", batch < count ? batch : count,
               fashion_accuracy(&run->test, logits, count));
    return status;
}

/* What happens if one forgets bncl_graph_eval(): the accuracy depends on how images are batched,
   and each forward changes the running statistics, so that even eval mode is worse afterwards. Done
   to a graph that is thrown away. */
static bncl_status forget_eval(fashion_run *run, bncl_graph *graph, double with_eval, float *logits,
                               bncl_error *err)
{
    double afterwards;
    bncl_status status;
    printf("what forgetting eval() does to the test accuracy:\n"
           "  with eval()                       %.4f\n",
           with_eval);
    if ((status = show_train_mode(run, graph, TEST_BATCH, logits, err)) ||
        (status = show_train_mode(run, graph, 2, logits, err)) ||
        (status = test_network(run, graph, logits, &afterwards, err)))
        return status;
    printf("  with eval() after those           %.4f  (they have changed the running statistics)\n",
           afterwards);
    return BNCL_OK;
}

/* Loads the saved file into a fresh graph, whose own first weights differ. */
static bncl_status check_saved(fashion_run *run, double accuracy, bncl_error *err)
{
    bncl_graph *fresh = NULL;
    double loaded_accuracy;
    bncl_status status;
    float *logits = calloc(run->test.count, FASHION_CLASSES * sizeof *logits);
    if (logits == NULL)
        return example_fail(err, BNCL_ERROR_MEMORY, "out of memory for the logits");
    if ((status =
             fashion_model_create(run->context, run->queue, run->options.seed + 1, &fresh, err)) ||
        (status = bncl_graph_load(fresh, run->queue, run->options.output, err)) ||
        (status = test_network(run, fresh, logits, &loaded_accuracy, err)) ||
        (status = compare_logits(run, logits, err)))
        goto done;
    status = forget_eval(run, fresh, accuracy, logits, err);
done:
    bncl_graph_destroy(fresh);
    free(logits);
    return status;
}

static bncl_status load_network(fashion_run *run, double *accuracy, bncl_error *err)
{
    bncl_status status = bncl_graph_load(run->graph, run->queue, run->options.load, err);
    if (status == BNCL_OK)
        status = test_network(run, run->graph, run->logits, accuracy, err);
    if (status == BNCL_OK)
        printf("network   %s\n", run->options.load);
    return status;
}

static bncl_status write_logits(const fashion_run *run, bncl_error *err)
{
    const char *path = run->options.logits;
    size_t count = run->test.count * FASHION_CLASSES;
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return example_fail(err, BNCL_ERROR_IO, "cannot open %s: %s", path, strerror(errno));
    int cause = fwrite(run->logits, sizeof *run->logits, count, file) == count ? 0 : errno;
    if (fclose(file) != 0 && cause == 0)
        cause = errno;
    if (cause != 0)
        return example_fail(err, BNCL_ERROR_IO, "cannot write %s: %s", path, strerror(cause));
    return BNCL_OK;
}

/* Minutes of training are not to end with a name that cannot be written. */
static bncl_status check_results(const fashion_options *options, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    if (options->load == NULL)
        status = writable_check(options->output, true, err);
    if (status == BNCL_OK && options->logits != NULL)
        status = writable_check(options->logits, false, err);
    return status;
}

static bncl_status run_fashion_run(fashion_run *run, bncl_error *err)
{
    double accuracy = 0.0;
    bncl_status status;
    if ((status = open_device(run, err)) || (status = read_data(run, err)) ||
        (status =
             fashion_model_create(run->context, run->queue, run->options.seed, &run->graph, err)) ||
        (status =
             fashion_evaluator_create(run->context, run->queue, &run->test, &run->evaluator, err)))
        return status;
    if (run->options.load != NULL)
        status = load_network(run, &accuracy, err);
    else if (!(status = train_network(run, &accuracy, err)))
        status = check_saved(run, accuracy, err);
    if (status == BNCL_OK && run->options.logits != NULL)
        status = write_logits(run, err);
    if (status != BNCL_OK)
        return status;
    printf("test accuracy: %.4f\n", accuracy);
    if (fflush(stdout) != 0 || ferror(stdout))
        return example_fail(err, BNCL_ERROR_IO, "cannot write to the standard output");
    return BNCL_OK;
}

/* What was made last goes first. */
static void close_fashion_run(fashion_run *run)
{
    bncl_graph_profile_destroy(run->profile);
    fashion_evaluator_destroy(run->evaluator);
    bncl_graph_destroy(run->graph);
    bncl_queue_destroy(run->queue);
    bncl_context_destroy(run->context);
    fashion_set_free(&run->train);
    fashion_set_free(&run->test);
    free(run->logits);
}

int main(int argc, char **argv)
{
    fashion_run run = {0};
    bncl_error err = {{0}};
    if (fashion_options_parse(argc, argv, &run.options, &err) != BNCL_OK) {
        fprintf(stderr, "fashion_mlp: %s\nTry 'fashion_mlp --help'.\n", err.text);
        return EXIT_USAGE;
    }
    if (run.options.help || run.options.version) {
        if (run.options.help)
            fputs(fashion_usage, stdout);
        else
            printf("fashion_mlp (libbncl %s)\n", bncl_version());
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    progress_init(&run.bar);
    bncl_status status = check_results(&run.options, &err);
    if (status == BNCL_OK && !run.options.check)
        status = run_fashion_run(&run, &err);
    progress_clear(&run.bar);
    if (status != BNCL_OK)
        fprintf(stderr, "fashion_mlp: %s: %s\n", bncl_status_string(status), err.text);
    close_fashion_run(&run);
    return status == BNCL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
