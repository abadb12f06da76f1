/* Profiles of a graph's steps, against the launches that the driver sees, and the same steps'
   trace. */
#include <stdio.h>
#include <string.h>

#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/launch_log.h"
#include "lib/network_graph.h"
#include "lib/traced.h"
#include "lib/tuning.h"

enum { steps = 3, samples = 6 };

static void release_profile(void *profile)
{
    bncl_graph_profile_destroy(profile);
}

/* A device whose queue is another, held. */
static device with_queue(const device *d, bool timed)
{
    device own = *d;
    device_ok(d,
              timed ? bncl_queue_create_timed(d->context, &own.queue, &own.err)
                    : bncl_queue_create(d->context, &own.queue, &own.err),
              "a queue");
    return own;
}

static bncl_graph_profile *profile_begin(network_graph *g)
{
    bncl_graph_profile *profile = NULL;
    device_ok(g->d, bncl_graph_profile_begin(g->graph, g->d->queue, &profile, &g->d->err),
              "bncl_graph_profile_begin");
    return harness_hold(profile, release_profile);
}

static void profile_end(network_graph *g, bncl_graph_profile *profile)
{
    device_ok(g->d, bncl_graph_profile_end(profile, steps, &g->d->err), "bncl_graph_profile_end");
}

/* A graph that has made a step, so that all its plans are there. */
typedef struct training {
    network_graph g;
    network_data data;
    bncl_sgd *sgd;
} training;

static void run_step(training *t)
{
    network_graph_forward(&t->g, &t->data);
    network_graph_loss(&t->g, &t->data, true);
    network_graph_step(&t->g, t->sgd);
}

static training *training_make(device *d, const network *net)
{
    const bncl_sgd_options options = {.lr = 0.1};
    training *t = harness_memory(1, sizeof *t);
    t->g = network_graph_make(d, net, 1);
    t->data = network_data_make(net, samples, 3);
    t->sgd = network_graph_sgd(&t->g, &options);
    run_step(t);
    return t;
}

static bncl_graph_profile *profile_of(training *t)
{
    bncl_graph_profile *profile = profile_begin(&t->g);
    launch_log_clear();
    for (int i = 0; i < steps; ++i)
        run_step(t);
    profile_end(&t->g, profile);
    return profile;
}

static bncl_graph_profile_entry row_of(device *d, const bncl_graph_profile *profile, size_t index)
{
    bncl_graph_profile_entry entry;
    device_ok(d, bncl_graph_profile_row(profile, index, &entry, &d->err), "row");
    return entry;
}

static bncl_graph_profile_sums total_of(device *d, const bncl_graph_profile *profile)
{
    bncl_graph_profile_sums sums;
    device_ok(d, bncl_graph_profile_total(profile, &sums, &d->err), "total");
    return sums;
}

static size_t times_launched(const char *name)
{
    const launch_log *log = launch_log_so_far();
    size_t count = 0;
    for (size_t i = 0; i < log->count; ++i)
        count += strcmp(log->names[i], name) == 0;
    return count;
}

/* The counts of all rows of this name, and that these are told apart by layer and pass. */
static size_t times_told(device *d, const bncl_graph_profile *profile, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < bncl_graph_profile_count(profile); ++i) {
        const bncl_graph_profile_entry row = row_of(d, profile, i);
        for (size_t k = 0; k < i; ++k) {
            const bncl_graph_profile_entry other = row_of(d, profile, k);
            assert_true(strcmp(row.name, other.name) != 0 || strcmp(row.layer, other.layer) != 0 ||
                        strcmp(row.pass, other.pass) != 0);
        }
        count += strcmp(row.name, name) == 0 ? row.count : 0;
    }
    return count;
}

static void expect_launches(device *d, const bncl_graph_profile *profile)
{
    const launch_log *log = launch_log_so_far();
    size_t kernels = 0, products = 0;
    for (size_t i = 0; i < bncl_graph_profile_count(profile); ++i) {
        const bncl_graph_profile_entry row = row_of(d, profile, i);
        assert_int_equal(row.count % steps, 0);
        assert_true(row.bytes > 0 && row.bytes % steps == 0);
        products += strcmp(row.name, "sgemm") == 0 ? row.count : 0;
        if (!row.is_launch || strcmp(row.name, "sgemm") == 0)
            continue;
        kernels += row.count;
        assert_int_equal(times_told(d, profile, row.name), times_launched(row.name));
    }
    assert_int_equal(kernels, log->count);
    assert_int_equal(total_of(d, profile).launches, kernels + products);
}

static void expect_sums(device *d, const bncl_graph_profile *profile)
{
    const bncl_graph_profile_sums sums = total_of(d, profile);
    bncl_graph_profile_sums own = {.steps = steps};
    for (size_t i = 0; i < bncl_graph_profile_count(profile); ++i) {
        const bncl_graph_profile_entry row = row_of(d, profile, i);
        *(row.is_launch ? &own.launches : &own.transfers) += row.count;
        own.bytes += row.bytes;
        own.seconds += row.seconds;
    }
    assert_true(sums.steps == own.steps && sums.launches == own.launches &&
                sums.transfers == own.transfers && sums.bytes == own.bytes);
    assert_true(sums.seconds > 0.0 && sums.seconds < own.seconds * (1.0 + 1e-9) &&
                sums.seconds > own.seconds * (1.0 - 1e-9) && sums.elapsed > sums.seconds);
}

static void steps_are_added_up(void **state)
{
    device *d = device_of(state);
    for (int timed = 0; timed < 2; ++timed) {
        device own = with_queue(d, timed);
        training *t = training_make(&own, &network_mlp);
        bncl_graph_profile *profile = profile_of(t);
        expect_launches(d, profile);
        expect_sums(d, profile);
        assert_true(times_told(d, profile, "sgd_step") == steps);
        const bool by_device = total_of(d, profile).by_device;
        assert_true(!by_device || timed);
        if (strstr(d->info.platform, "Portable") != NULL)
            assert_true(by_device == timed);
        launch_log_clear();
        run_step(t);
        assert_true(launch_log_so_far()->count > 0);
        assert_int_equal(launch_log_so_far()->events, 0); /* it has ended */
        harness_release(state);
        bncl_queue_destroy(own.queue);
    }
}

/* Which layer's they are: batch norm's own kernels are its, products are Linear's. */
static void rows_name_layers(void **state)
{
    device *d = device_of(state);
    training *t = training_make(d, &network_mlp);
    bncl_graph_profile *profile = profile_of(t);
    for (int k = 0; k < network_mlp.layer_count; ++k) {
        const network_layer *layer = &network_mlp.layers[k];
        size_t forward = 0, backward = 0;
        for (size_t i = 0; i < bncl_graph_profile_count(profile); ++i) {
            const bncl_graph_profile_entry row = row_of(d, profile, i);
            if (strcmp(row.layer, layer->name) != 0)
                continue;
            forward += strcmp(row.pass, "forward") == 0;
            backward += strcmp(row.pass, "backward") == 0;
            if (strncmp(row.name, "batch_norm_", 11) == 0)
                assert_true(layer->kind == NETWORK_BATCH_NORM);
            if (strcmp(row.name, "sgemm") == 0)
                assert_true(layer->kind == NETWORK_LINEAR);
        }
        if (layer->kind == NETWORK_LINEAR || layer->kind == NETWORK_BATCH_NORM)
            assert_true(forward > 0 && backward > 0);
    }
}

/* More rows than a profile has room for at first. */
static void a_deep_network(void **state)
{
    device *d = device_of(state);
    tune("whole=0,direct=0"); /* more rows than a profile has room for at first */
    training *t = training_make(d, &network_deep);
    bncl_graph_profile *profile = profile_of(t);
    assert_true(bncl_graph_profile_count(profile) > 64);
    expect_launches(d, profile);
    expect_sums(d, profile);
}

static void the_table(void **state)
{
    device *d = device_of(state);
    training *t = training_make(d, &network_mlp);
    bncl_graph_profile *profile = profile_of(t);
    const char *path = files_path(files_folder(), "table");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    device_ok(d, bncl_graph_profile_print(profile, file, &d->err), "print");
    fclose(file);
    size_t count = 0, lines = 0;
    const unsigned char *bytes = files_read(path, &count);
    const char *text = harness_text("%.*s", (int)count, (const char *)bytes);
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; ++at)
        ++lines;
    assert_int_equal(lines, bncl_graph_profile_count(profile) + 2);
    for (size_t i = 0; i < bncl_graph_profile_count(profile); ++i) {
        const bncl_graph_profile_entry row = row_of(d, profile, i);
        if (strstr(text, harness_text("\n%-12s %-9s %s ", row.layer, row.pass, row.name)) == NULL)
            harness_fail("no line of %s, %s in:\n%s", row.layer, row.name, text);
    }
    const double launches = (double)total_of(d, profile).launches / steps;
    assert_non_null(strstr(text, harness_text("a step: %.4g launches", launches)));
    file = fopen(path, "r"); /* cannot be written to */
    assert_non_null(file);
    bncl_status status = bncl_graph_profile_print(profile, file, &d->err);
    fclose(file);
    device_refused(d, status, BNCL_ERROR_IO, "cannot write the profile");
}

/* ---- when ---- */

static void one_profile_a_queue(void **state)
{
    device *d = device_of(state);
    training *t = training_make(d, &network_mlp);
    bncl_graph_profile *profile = profile_begin(&t->g), *second = NULL;
    device_refused(d, bncl_graph_profile_begin(t->g.graph, d->queue, &second, &d->err),
                   BNCL_ERROR_STATE, "has a profile");
    assert_null(second);
    run_step(t);
    profile_end(&t->g, profile);
    const size_t count = bncl_graph_profile_count(profile);
    assert_true(count > 0);
    second = profile_begin(&t->g);
    profile_end(&t->g, second); /* of nothing */
    assert_int_equal(bncl_graph_profile_count(second), 0);
    assert_int_equal(bncl_graph_profile_count(profile), count);
    bncl_graph_profile_sums sums = total_of(d, second);
    assert_true(sums.launches == 0 && sums.seconds == 0.0 && sums.bytes == 0);
    FILE *file = tmpfile();
    assert_non_null(file);
    bncl_status status = bncl_graph_profile_print(second, file, &d->err);
    fclose(file);
    device_ok(d, status, "print");
}

/* A profile that is given up while commands are under way, and one whose queue has gone. */
static void profiles_end_early(void **state)
{
    device *d = device_of(state);
    device own = with_queue(d, true);
    training *t = training_make(&own, &network_mlp);
    bncl_graph_profile *profile = NULL;
    device_ok(d, bncl_graph_profile_begin(t->g.graph, own.queue, &profile, &d->err), "begin");
    network_graph_try(&t->g, &t->data);
    bncl_graph_profile_destroy(profile);
    profile = profile_begin(&t->g);
    run_step(t);
    bncl_queue_destroy(own.queue);
    device_refused(d, bncl_graph_profile_end(profile, 1, &d->err), BNCL_ERROR_STATE, "its queue");
    assert_int_equal(bncl_graph_profile_count(profile), 0);
}

/* While a trace is written the same commands go there, and nothing of the profile's own. */
static void with_a_trace(void **state)
{
    device *d = device_of(state);
    device own = *d;
    const char *path = files_path(files_folder(), "t.json");
    setenv("BNCL_TRACE", path, 1);
    bncl_status status = bncl_context_create(d->info.index, &own.context, &d->err);
    unsetenv("BNCL_TRACE");
    device_ok(d, status, "bncl_context_create");
    own = with_queue(&own, false);
    training *t = training_make(&own, &network_mlp);
    device_finish(&own);
    const size_t before = traced_since(path, 0).count;
    bncl_graph_profile *profile = profile_of(t);
    const bncl_graph_profile_sums sums = total_of(d, profile);
    const traced trace = traced_since(path, before);
    uint64_t bytes = 0;
    for (size_t i = 0; i < trace.count; ++i)
        bytes += trace.events[i].bytes;
    assert_int_equal(trace.count, sums.launches + sums.transfers);
    assert_int_equal(bytes, sums.bytes);
    run_step(t); /* the profile has ended, the trace goes on */
    device_finish(&own);
    assert_true(traced_since(path, before).count > trace.count);
    harness_release(state);
    bncl_queue_destroy(own.queue);
    bncl_context_destroy(own.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(steps_are_added_up),  HARNESS_TEST(rows_name_layers),
        HARNESS_TEST(a_deep_network),      HARNESS_TEST(the_table),
        HARNESS_TEST(one_profile_a_queue), HARNESS_TEST(profiles_end_early),
        HARNESS_TEST(with_a_trace),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
