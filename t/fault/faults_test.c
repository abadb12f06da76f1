/* Tests of the fault tests: each thing that faults_try looks for is found where it is planted. A
   planted one fails its test, so it runs in a process of its own: this program, given its name. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "fault/faults.h"
#include "lib/harness.h"

typedef struct plant {
    const char *name;
    const char *found; /* what the failed test says */
} plant;

static const plant plants[] = {
    {"nothing", NULL},
    {"a leak", "1 buffers more than before"},
    {"a leak after success", "1 events more than before"},
    {"a change", "a (item 1) has changed"},
    {"an output written", "the event (item 0) has changed"},
    {"a failure kept quiet", "success all the same"},
    {"an undocumented status", "undocumented status 10 (OpenCL call failed)"},
    {"no text", "OpenCL call failed without a text"},
    {"a failure that lasts", "without a fault: OpenCL call failed"},
    {"other bits the second time", "b (item 0) has changed"},
    {"a text after success", "a text after a success"},
    {"no calls", "there was nothing to fail"},
};

static const char *program;
static const char *planted; /* the name of the one in this process */

static bool is_planted(const char *name)
{
    return strcmp(planted, name) == 0;
}

typedef struct world {
    device *d;
    bncl_tensor a, b;
    bncl_event *event;
    unsigned long failures;
} world;

static void prepare(void *of)
{
    world *w = of;
    w->event = FAULT_SENTINEL;
    w->failures = 0;
    device_ok(w->d, bncl_tensor_fill(w->d->queue, &w->a, 1.0, NULL, &w->d->err), "fill");
}

/* What goes wrong in a call that meets a fault. */
static bncl_status go_wrong(world *w, bncl_status status, bncl_error *err)
{
    bncl_buffer *leaked;
    ++w->failures;
    if (is_planted("a leak"))
        (void)bncl_buffer_create(w->d->context, 4, &leaked, NULL);
    if (is_planted("a change"))
        (void)bncl_tensor_fill(w->d->queue, &w->a, 2.0, NULL, NULL);
    if (is_planted("an output written"))
        w->event = NULL;
    if (is_planted("no text"))
        err->text[0] = '\0';
    return is_planted("a failure kept quiet") ? BNCL_OK : status;
}

static bncl_status run(void *of, bncl_error *err)
{
    world *w = of;
    const bncl_sync sync = {.signal = &w->event};
    double value = is_planted("other bits the second time") ? (double)w->failures : 3.0;
    err->text[0] = '\0';
    if (is_planted("no calls"))
        return BNCL_OK;
    if (is_planted("a failure that lasts") && w->failures > 0)
        return BNCL_ERROR_OPENCL;
    bncl_status status = bncl_queue_flush(w->d->queue, err);
    if (status == BNCL_OK)
        status = bncl_tensor_fill(w->d->queue, &w->b, value, &sync, err);
    if (status != BNCL_OK)
        return go_wrong(w, status, err);
    if (is_planted("a text after success"))
        strcpy(err->text, "well done");
    return BNCL_OK;
}

static void lasting(void *of, fault_record *record)
{
    world *w = of;
    fault_record_bytes(record, "the event", &w->event, sizeof w->event);
    fault_record_tensor(record, "a", w->d, &w->a);
}

static void results(void *of, fault_record *record)
{
    world *w = of;
    fault_record_tensor(record, "b", w->d, &w->b);
}

static void discard(void *of)
{
    world *w = of;
    faults_layer()->release_is_forgotten = is_planted("a leak after success");
    if (!is_planted("no calls"))
        bncl_event_destroy(w->event);
    faults_layer()->release_is_forgotten = false;
}

static void try_plant(void **state)
{
    world w = {.d = device_of(state)};
    const fault_operation operation = {.name = "a planted operation",
                                       .statuses = is_planted("an undocumented status")
                                                       ? 0
                                                       : FAULT_STATUS(BNCL_ERROR_OPENCL) |
                                                             FAULT_STATUS(BNCL_ERROR_MEMORY),
                                       .prepare = prepare,
                                       .run = run,
                                       .lasting = lasting,
                                       .results = results,
                                       .discard = discard};
    w.a = device_vector(w.d, 8, NULL);
    w.b = device_vector(w.d, 8, NULL);
    faults_try(&operation, &w);
}

/* Whether a process with the plant fails, and says why. */
static void each_plant_is_found(void **state)
{
    (void)device_of(state);
    for (size_t i = 0; i < sizeof plants / sizeof plants[0]; ++i) {
        char output[8192];
        const char *command = harness_text("'%s' '%s' 2>&1", program, plants[i].name);
        FILE *child = popen(command, "r");
        if (child == NULL)
            harness_fail("cannot run %s", command);
        size_t length = fread(output, 1, sizeof output - 1, child);
        output[length] = '\0';
        int status = pclose(child);
        bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (passed != (plants[i].found == NULL))
            harness_fail("planted %s, and the test %s: %s", plants[i].name,
                         passed ? "passed" : "failed", output);
        if (plants[i].found != NULL && strstr(output, plants[i].found) == NULL)
            harness_fail("planted %s: expected \"%s\", got: %s", plants[i].name, plants[i].found,
                         output);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest one[] = {HARNESS_TEST(try_plant)};
    const struct CMUnitTest all[] = {HARNESS_TEST(each_plant_is_found)};
    program = argv[0];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (argc > 1) {
        planted = argv[1];
        return cmocka_run_group_tests_name("a plant", one, faults_open, device_close);
    }
    return cmocka_run_group_tests_name("all plants", all, faults_open, device_close);
}
