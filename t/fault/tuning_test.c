/* Faults under tunings: telling, keeping and forgetting one. */
#include <string.h>

#include "fault/faults.h"
#include "lib/files.h"
#include "lib/harness.h"

#define TEXT "lines=2,group=4"

typedef struct world {
    device *d;
    const char *folder;
    const char *before;    /* what is kept when a call begins; NULL: nothing */
    bncl_context *context; /* new for each try */
    bncl_tuning_info info;
} world;

static void forget_folder(void *unused)
{
    (void)unused;
    unsetenv("BNCL_CACHE_DIR");
    setenv("BNCL_CACHE", "off", 1);
}

static world *world_make(void **state)
{
    world *w = harness_memory(1, sizeof *w);
    w->d = device_of(state);
    w->folder = files_folder();
    harness_hold(w, forget_folder);
    setenv("BNCL_CACHE_DIR", w->folder, 1);
    unsetenv("BNCL_CACHE");
    return w;
}

static bncl_context *new_context(world *w)
{
    bncl_context *context = NULL;
    device_ok(w->d, bncl_context_create(w->d->info.index, &context, &w->d->err),
              "bncl_context_create");
    return context;
}

/* Keeps, or with a NULL forgets, without faults and without the world's context knowing. */
static void set_kept(world *w, const char *text)
{
    bncl_context *context = new_context(w);
    const bncl_status status = text != NULL ? bncl_tuning_keep(context, text, &w->d->err)
                                            : bncl_tuning_forget(context, &w->d->err);
    bncl_context_destroy(context);
    device_ok(w->d, status, "what is kept");
}

/* What a new context finds. */
static void record_kept(world *w, fault_record *record)
{
    bncl_tuning_info info;
    bncl_context *context = new_context(w);
    const bncl_status status = bncl_tuning_get(context, &info, &w->d->err);
    bncl_context_destroy(context);
    device_ok(w->d, status, "bncl_tuning_get");
    fault_record_bytes(record, "what is kept", info.text, strlen(info.text));
    const size_t files = files_count(w->folder);
    fault_record_bytes(record, "files", &files, sizeof files);
}

static void prepare(void *of)
{
    world *w = of;
    set_kept(w, w->before);
    w->context = new_context(w);
    memset(&w->info, 0x5a, sizeof w->info);
}

static void lasting(void *of, fault_record *record)
{
    world *w = of;
    record_kept(w, record);
    fault_record_bytes(record, "the info", &w->info, sizeof w->info);
}

static void finish(void *of)
{
    world *w = of;
    bncl_context_destroy(w->context);
}

static bncl_status get(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_tuning_get(w->context, &w->info, err);
}

static bncl_status keep(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_tuning_keep(w->context, TEXT, err);
}

static bncl_status forget(void *of, bncl_error *err)
{
    world *w = of;
    return bncl_tuning_forget(w->context, err);
}

static void results(void *of, fault_record *record)
{
    world *w = of;
    record_kept(w, record);
}

static void told(void *of, fault_record *record)
{
    world *w = of;
    fault_record_bytes(record, "what is told", w->info.text, strlen(w->info.text));
}

/* A driver that does not say who it is has nothing kept for it: then none must be, for the same
   results. Memory is asked for in every case. */
static void telling(void **state)
{
    world *w = world_make(state);
    fault_operation op = {.name = "bncl_tuning_get",
                          .statuses = FAULT_STATUS(BNCL_ERROR_MEMORY),
                          .prepare = prepare,
                          .run = get,
                          .lasting = lasting,
                          .results = told,
                          .finish = finish,
                          .tolerates = "clGetDeviceInfo clGetPlatformInfo"};
    faults_try(&op, w);
    w->before = TEXT;
    faults_try_some(&op, w, FAULTS_MEMORY_ONCE | FAULTS_MEMORY_STICKY);
}

static void keeping_and_forgetting(void **state)
{
    world *w = world_make(state);
    fault_operation op = {.name = "bncl_tuning_keep",
                          .statuses = FAULT_STATUS(BNCL_ERROR_MEMORY) |
                                      FAULT_STATUS(BNCL_ERROR_OPENCL) | FAULT_STATUS(BNCL_ERROR_IO),
                          .prepare = prepare,
                          .run = keep,
                          .lasting = lasting,
                          .results = results,
                          .finish = finish};
    faults_try(&op, w);
    w->before = "lines=16";
    faults_try(&op, w);
    op.name = "bncl_tuning_forget";
    op.run = forget;
    faults_try(&op, w);
}

/* A driver that has not said who it is when it was asked is asked again: nothing wrong is noted. */
static void a_silent_driver_is_asked_again(void **state)
{
    world *w = world_make(state);
    fault_layer *layer = faults_layer();
    w->before = TEXT;
    prepare(w);
    for (int silent = 1; silent >= 0; --silent) {
        layer->only = "clGetPlatformInfo";
        layer->calls = 0;
        layer->sticky = true;
        layer->nth = silent ? 1 : 0;
        const bncl_status status = bncl_tuning_get(w->context, &w->info, &w->d->err);
        layer->nth = 0;
        layer->sticky = false;
        layer->only = NULL;
        if (status != BNCL_OK)
            finish(w);
        device_ok(w->d, status, "bncl_tuning_get");
        if (strcmp(w->info.origin, silent ? "default" : "kept") != 0)
            harness_fail("silent: %d, but %s", silent, w->info.origin);
    }
    finish(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(telling),
        HARNESS_TEST(keeping_and_forgetting),
        HARNESS_TEST(a_silent_driver_is_asked_again),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
