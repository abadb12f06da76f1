/* Faults under the graph's state dict: saving, loading, reading an entry. (What the operating
   system refuses, t/unit/atomic_file_test tries.) */
#include <stdio.h>

#include "fault/graph_world.h"
#include "lib/files.h"
#include "lib/harness.h"

/* Files of a graph of another graph_world_seed: `saved`, and `path` that is replaced, and so begins
   otherwise. */
static graph_world *world_with_files(void **state)
{
    graph_world *w = graph_world_make(state);
    bncl_graph *other = NULL;
    w->folder = files_folder();
    w->saved = files_path(w->folder, "saved.safetensors");
    w->path = files_path(w->folder, "replaced.safetensors");
    device_ok(w->d,
              fixture_graph(w->d->context, w->d->queue, graph_world_seed + 1, &other, &w->d->err),
              "fixture_graph");
    bncl_status status = bncl_graph_save(other, w->d->queue, w->saved, &w->d->err);
    bncl_graph_destroy(other);
    device_ok(w->d, status, "bncl_graph_save");
    w->warm[0] = w->batch;
    return w;
}

static void prepare_files(void *of)
{
    graph_world *w = of;
    graph_world_prepare(w);
    files_write(w->path, "old", 3);
}

static void record_file(graph_world *w, fault_record *record)
{
    static unsigned char bytes[8192];
    FILE *file = fopen(w->path, "rb");
    if (file == NULL)
        harness_fail("%s has gone", w->path);
    const size_t count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (count == sizeof bytes)
        harness_fail("%s has %zu bytes and more", w->path, count);
    const size_t entries = files_count(w->folder), open = files_open();
    fault_record_bytes(record, "the file", bytes, count);
    fault_record_bytes(record, "the folder's entries", &entries, sizeof entries);
    fault_record_bytes(record, "the open files", &open, sizeof open);
}

static void file_lasting(void *of, fault_record *record)
{
    graph_world_lasting(of, record);
    record_file(of, record);
}

static bncl_status save(void *of, bncl_error *err)
{
    graph_world *w = of;
    return bncl_graph_save(w->graph, w->d->queue, w->path, err);
}

static bncl_status load(void *of, bncl_error *err)
{
    graph_world *w = of;
    return bncl_graph_load(w->graph, w->d->queue, w->saved, err);
}

static bncl_status read_entry(void *of, bncl_error *err)
{
    graph_world *w = of;
    return bncl_graph_state_read(w->graph, w->d->queue, "bn1.running_var", w->read, 20, err);
}

static void read_results(void *of, fault_record *record)
{
    graph_world *w = of;
    fault_record_bytes(record, "what was read", w->read, sizeof w->read);
}

static void saving(void **state)
{
    const fault_operation operation = {.name = "bncl_graph_save",
                                       .statuses = FAILS(MEMORY) | FAILS(OPENCL),
                                       .prepare = prepare_files,
                                       .run = save,
                                       .lasting = file_lasting,
                                       .results = file_lasting,
                                       .finish = graph_world_destroy_graph};
    faults_try(&operation, world_with_files(state));
}

static void loading(void **state)
{
    const fault_operation operation = {.name = "bncl_graph_load",
                                       .statuses =
                                           FAILS(MEMORY) | FAILS(DEVICE_MEMORY) | FAILS(OPENCL),
                                       .prepare = prepare_files,
                                       .run = load,
                                       .lasting = file_lasting,
                                       .results = graph_world_record_pass,
                                       .finish = graph_world_destroy_graph};
    faults_try(&operation, world_with_files(state));
}

static void reading_an_entry(void **state)
{
    const fault_operation operation = {.name = "bncl_graph_state_read",
                                       .statuses = FAILS(OPENCL),
                                       .prepare = prepare_files,
                                       .run = read_entry,
                                       .lasting = graph_world_lasting,
                                       .results = read_results,
                                       .finish = graph_world_destroy_graph};
    faults_try(&operation, world_with_files(state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(saving),
        HARNESS_TEST(loading),
        HARNESS_TEST(reading_an_entry),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
