/* Training: steps as the reference makes them, runs that repeat to the last bit, a loss that
   falls. */
#include <math.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/network_check.h"

static void check_steps(device *d, const network *net, const bncl_sgd_options *optimizer, int steps)
{
    const size_t n = d->small ? 5 : 12;
    network_graph g = network_graph_make(d, net, 1);
    reference_graph *reference = reference_graph_make(net, n);
    network_graph_vary(&g, 21);
    network_graph_copy(&g, reference);
    const network_data data = network_data_smooth(reference, n, true, 0.005);
    const network_course course = {
        .data = &data, .training = true, .steps = steps, .optimizer = *optimizer};
    network_course_check(
        &g, reference, &course,
        harness_text("%s, lr %g momentum %g", net->name, optimizer->lr, optimizer->momentum));
}

/* Losses, parameters, gradients and running statistics after a few steps. */
static void steps_are_the_reference(void **state)
{
    device *d = device_of(state);
    const bncl_sgd_options options[] = {
        {.lr = 0.05, .momentum = 0.9},
        {.lr = 0.1},
        {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true},
        {.lr = 0.05, .momentum = 0.5, .dampening = 0.25},
    };
    for (size_t i = 0; i < (d->small ? 1 : 4); ++i) {
        check_steps(d, &network_mlp, &options[i], d->small ? 2 : 5);
        check_steps(d, &network_options, &options[i], d->small ? 1 : 5);
    }
}

/* Samples of four classes, told apart by the sign of two inputs. */
static network_data learnable(size_t n, uint64_t seed)
{
    network_data data = network_data_make(&network_mlp, n, seed);
    for (size_t i = 0; i < n; ++i) {
        const float *x = data.inputs[0] + 6 * i;
        data.labels[i] = (x[0] > 0.5f ? 1 : 0) + (x[3] > 0.5f ? 2 : 0);
    }
    return data;
}

/* Trains from the beginning; the losses of the first and the last step. */
static void run(network_graph *g, int steps, size_t n, float losses[2])
{
    const bncl_sgd_options options = {.lr = 0.05, .momentum = 0.9};
    bncl_sgd *sgd = network_graph_sgd(g, &options);
    for (int step = 0; step < steps; ++step) {
        const network_data data = learnable(n, (uint64_t)step % 4);
        device_ok(g->d, network_graph_try(g, &data), "forward");
        losses[step > 0] = network_graph_loss(g, &data, true);
        network_graph_step(g, sgd);
    }
}

static void the_loss_falls(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &network_mlp, 1);
    float losses[2];
    if (d->small)
        skip();
    run(&g, 50, 64, losses);
    if (!(losses[0] > 1.0f && losses[1] < 0.4f * losses[0]))
        harness_fail("the loss went from %g to %g", (double)losses[0], (double)losses[1]);

    /* what it has learnt holds for samples it has not seen, in evaluation */
    const network_data unseen = learnable(200, 50);
    size_t correct = 0;
    device_ok(d, bncl_graph_eval(g.graph, &d->err), "bncl_graph_eval");
    const float *logits = network_graph_forward(&g, &unseen);
    for (size_t i = 0; i < 200; ++i) {
        int best = 0;
        for (int c = 1; c < 4; ++c)
            best = logits[4 * i + (size_t)c] > logits[4 * i + (size_t)best] ? c : best;
        correct += best == unseen.labels[i];
    }
    if (correct < 150)
        harness_fail("%zu of 200 unseen samples are right", correct);
}

/* Trains a new graph and gives the bytes of its file. */
static unsigned char *train_and_save(device *d, uint64_t seed, size_t *bytes)
{
    network_graph g = network_graph_make(d, &network_mlp, seed);
    const char *path = files_path(files_folder(), "trained");
    float losses[2];
    run(&g, d->small ? 2 : 8, d->small ? 4 : 32, losses);
    device_ok(d, bncl_graph_save(g.graph, d->queue, path, &d->err), "bncl_graph_save");
    return files_read(path, bytes);
}

static void runs_repeat(void **state)
{
    device *d = device_of(state);
    size_t first_bytes, again_bytes, other_bytes;
    const unsigned char *first = train_and_save(d, 7, &first_bytes);
    const unsigned char *again = train_and_save(d, 7, &again_bytes);
    const unsigned char *other = train_and_save(d, 8, &other_bytes);
    assert_true(first_bytes == again_bytes && first_bytes == other_bytes);
    assert_memory_equal(first, again, first_bytes);
    assert_memory_not_equal(first, other, first_bytes);
}

/* A training that is saved in its middle and goes on in another graph ends where it would have. */
static void runs_resume(void **state)
{
    device *d = device_of(state);
    const bncl_sgd_options options = {.lr = 0.05};
    const char *path = files_path(files_folder(), "half-way");
    network_graph g = network_graph_make(d, &network_mlp, 7);
    network_graph heir = network_graph_make(d, &network_mlp, 8);
    bncl_sgd *sgd = network_graph_sgd(&g, &options);
    const network_data data = learnable(d->small ? 4 : 16, 3);
    for (int step = 0; step < 6; ++step) {
        network_graph *const now = step < 3 ? &g : &heir;
        if (step == 3) {
            device_ok(d, bncl_graph_save(g.graph, d->queue, path, &d->err), "bncl_graph_save");
            device_ok(d, bncl_graph_load(heir.graph, d->queue, path, &d->err), "bncl_graph_load");
        }
        network_graph *const both[] = {now, &g};
        for (int i = 0; i < (step < 3 ? 1 : 2); ++i) {
            device_ok(d, network_graph_try(both[i], &data), "forward");
            network_graph_loss(both[i], &data, true);
            network_graph_step(both[i], sgd);
        }
    }
    const network_state end = network_graph_state(&g);
    network_graph_expect(&heir, &end, "the heir");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(steps_are_the_reference),
        HARNESS_TEST(the_loss_falls),
        HARNESS_TEST(runs_repeat),
        HARNESS_TEST(runs_resume),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
