/* The state dict: its entries in PyTorch's order, reading them, and saving and loading them
   whole. */
#include <string.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/network_graph.h"
#include "tensor/safetensors.h"

typedef struct expected_entry {
    const char *name;
    bncl_dtype dtype;
    int rank;
    size_t dims[2];
} expected_entry;

static void expect_entries(device *d, const network *net, const expected_entry *expected,
                           size_t count)
{
    const network_graph g = network_graph_make(d, net, 1);
    bncl_state_entry entry;
    if (bncl_graph_state_count(g.graph) != count)
        harness_fail("%s: expected %zu entries, got %zu", net->name, count,
                     bncl_graph_state_count(g.graph));
    for (size_t i = 0; i < count; ++i) {
        device_ok(d, bncl_graph_state_entry(g.graph, i, &entry, &d->err), expected[i].name);
        assert_string_equal(entry.name, expected[i].name);
        assert_true(entry.dtype == expected[i].dtype && entry.rank == expected[i].rank);
        for (int k = 0; k < entry.rank; ++k)
            assert_true(entry.dims[k] == expected[i].dims[k]);
    }
    device_refused(d, bncl_graph_state_entry(g.graph, count, &entry, &d->err), BNCL_ERROR_ARGUMENT,
                   harness_text("%zu", count));
}

static void entries_as_pytorch_has_them(void **state)
{
    device *d = device_of(state);
    static const expected_entry mlp[] = {
        {"fc1.weight", BNCL_F32, 2, {5, 6}},
        {"fc1.bias", BNCL_F32, 1, {5}},
        {"bn1.weight", BNCL_F32, 1, {5}},
        {"bn1.bias", BNCL_F32, 1, {5}},
        {"bn1.running_mean", BNCL_F32, 1, {5}},
        {"bn1.running_var", BNCL_F32, 1, {5}},
        {"bn1.num_batches_tracked", BNCL_I64, 0, {0}},
        {"fc2.weight", BNCL_F32, 2, {5, 5}},
        {"fc2.bias", BNCL_F32, 1, {5}},
        {"bn2.weight", BNCL_F32, 1, {5}},
        {"bn2.bias", BNCL_F32, 1, {5}},
        {"bn2.running_mean", BNCL_F32, 1, {5}},
        {"bn2.running_var", BNCL_F32, 1, {5}},
        {"bn2.num_batches_tracked", BNCL_I64, 0, {0}},
        {"fc3.weight", BNCL_F32, 2, {4, 5}},
        {"fc3.bias", BNCL_F32, 1, {4}},
    };
    static const expected_entry options[] = {
        {"fc1.weight", BNCL_F32, 2, {5, 4}},   {"bn1.running_mean", BNCL_F32, 1, {5}},
        {"bn1.running_var", BNCL_F32, 1, {5}}, {"bn1.num_batches_tracked", BNCL_I64, 0, {0}},
        {"fc2.weight", BNCL_F32, 2, {4, 5}},   {"fc2.bias", BNCL_F32, 1, {4}},
        {"bn2.weight", BNCL_F32, 1, {4}},      {"bn2.bias", BNCL_F32, 1, {4}},
        {"fc3.weight", BNCL_F32, 2, {4, 4}},   {"bn3.weight", BNCL_F32, 1, {4}},
        {"bn3.bias", BNCL_F32, 1, {4}},        {"bn3.running_mean", BNCL_F32, 1, {4}},
        {"bn3.running_var", BNCL_F32, 1, {4}}, {"bn3.num_batches_tracked", BNCL_I64, 0, {0}},
    };
    expect_entries(d, &network_mlp, mlp, sizeof mlp / sizeof mlp[0]);
    expect_entries(d, &network_options, options, sizeof options / sizeof options[0]);
}

static void reading_an_entry(void **state)
{
    device *d = device_of(state);
    network_graph g = network_graph_make(d, &network_mlp, 1);
    const network_data data = network_data_make(&network_mlp, 4, 1);
    int64_t batches;
    float mean[6] = {0};
    for (int i = 0; i < 3; ++i)
        network_graph_forward(&g, &data);
    network_graph_entry(&g, "bn2.num_batches_tracked", &batches, sizeof batches);
    assert_true(batches == 3);
    bncl_graph *graph = g.graph;
    device_refused(d, bncl_graph_state_read(graph, d->queue, "bn3.weight", mean, 20, &d->err),
                   BNCL_ERROR_KEY, "'bn3.weight'");
    device_refused(d, bncl_graph_state_read(graph, d->queue, "bn1", mean, 20, &d->err),
                   BNCL_ERROR_KEY, "'bn1'");
    device_refused(d, bncl_graph_state_read(graph, d->queue, "bn1.weight", mean, 19, &d->err),
                   BNCL_ERROR_SHAPE, "bn1.weight: expected memory of 20 bytes, got 19");
    device_refused(d, bncl_graph_state_read(graph, d->queue, "bn1.weight", mean, 24, &d->err),
                   BNCL_ERROR_SHAPE, "got 24");
    device_refused(d, bncl_graph_state_read(graph, d->queue, "bn1.weight", NULL, 20, &d->err),
                   BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(d, bncl_graph_state_read(graph, d->queue, NULL, mean, 20, &d->err),
                   BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(d, bncl_graph_state_read(graph, NULL, "bn1.weight", mean, 20, &d->err),
                   BNCL_ERROR_ARGUMENT, "queue");
    device_refused(d, bncl_graph_state_read(NULL, d->queue, "bn1.weight", mean, 20, &d->err),
                   BNCL_ERROR_ARGUMENT, "NULL");
    check_all_equal("memory of refused calls", mean, 0.0f, 6);
}

static void save(const network_graph *g, const char *path)
{
    device_ok(g->d, bncl_graph_save(g->graph, g->d->queue, path, &g->d->err), "bncl_graph_save");
}

static void load(const network_graph *g, const char *path)
{
    device_ok(g->d, bncl_graph_load(g->graph, g->d->queue, path, &g->d->err), "bncl_graph_load");
}

/* A graph whose every entry is away from its beginning. */
static network_graph used_graph(device *d, const network *net)
{
    network_graph g = network_graph_make(d, net, 1);
    const network_data data = network_data_make(net, 4, 1);
    network_graph_vary(&g, 2);
    network_graph_forward(&g, &data);
    network_graph_forward(&g, &data);
    return g;
}

static void round_trip(device *d, const network *net)
{
    const char *folder = files_folder(), *path = files_path(folder, "a");
    const char *again = files_path(folder, "b");
    network_graph g = used_graph(d, net);
    const network_image image = network_graph_image(&g);
    network_graph other = network_graph_make(d, net, 77);
    size_t bytes;
    save(&g, path);
    load(&other, path);
    network_graph_expect_image(&other, &image, "a loaded graph");
    network_graph_expect_image(&g, &image, "a saved graph");
    save(&other, again);
    const unsigned char *content = files_read(path, &bytes);
    files_expect(again, content, bytes);
    assert_true(files_count(folder) == 2);

    /* and training goes on from there as from the original */
    const network_data data = network_data_make(net, 5, 9);
    device_ok(d, bncl_graph_train(g.graph, &d->err), "train");
    device_ok(d, bncl_graph_train(other.graph, &d->err), "train");
    const float *y = network_graph_forward(&g, &data);
    check_float_bits("y", network_graph_forward(&other, &data), y, bncl_tensor_count(&g.output));
    const network_state end = network_graph_state(&g);
    network_graph_expect(&other, &end, "a step after loading");
}

static void round_trips(void **state)
{
    device *d = device_of(state);
    const network *const nets[] = {&network_mlp, &network_options, &network_sequence};
    for (size_t i = 0; i < (d->small ? 1 : 3); ++i)
        round_trip(d, nets[i]);
}

/* A graph without state saves and loads a file without tensors. */
static void empty_state(void **state)
{
    device *d = device_of(state);
    const char *path = files_path(files_folder(), "empty");
    network_graph g = network_graph_make(d, &network_bare, 1);
    bncl_error *const err = &d->err;
    bncli_safetensors *file = NULL;
    save(&g, path);
    load(&g, path);
    device_ok(d, bncli_safetensors_open(path, &file, err), "open");
    const size_t count = file->count;
    bncli_safetensors_close(file);
    assert_true(count == 0);
}

/* The file's own keys, in the state dict's order, and the counter as a scalar of 64 bits. */
static void file_has_pytorchs_keys(void **state)
{
    device *d = device_of(state);
    const char *path = files_path(files_folder(), "state");
    network_graph g = used_graph(d, &network_mlp);
    bncli_safetensors *file = NULL;
    bncl_state_entry entry;
    int64_t batches = 0;
    save(&g, path);
    device_ok(d, bncli_safetensors_open(path, &file, &d->err), "open");
    size_t found = 0;
    const size_t count = bncl_graph_state_count(g.graph);
    for (size_t i = 0; i < count; ++i) {
        device_ok(d, bncl_graph_state_entry(g.graph, i, &entry, &d->err), "entry");
        for (size_t k = 0; k < file->count; ++k)
            found += strcmp(file->tensors[k].name, entry.name) == 0 &&
                     file->tensors[k].dtype == entry.dtype && file->tensors[k].rank == entry.rank;
    }
    for (size_t k = 0; k < file->count; ++k)
        if (strcmp(file->tensors[k].name, "bn1.num_batches_tracked") == 0 &&
            bncli_safetensors_read(file, &file->tensors[k], &batches, &d->err) != BNCL_OK)
            batches = -1;
    const size_t in_file = file->count;
    bncli_safetensors_close(file);
    assert_true(found == count && in_file == count);
    assert_true(batches == 2);
}

/* Tensors that were handed out before a load see what it brings. */
static void loading_keeps_handed_out_tensors(void **state)
{
    device *d = device_of(state);
    const char *path = files_path(files_folder(), "state");
    network_graph g = used_graph(d, &network_mlp);
    network_graph other = network_graph_make(d, &network_mlp, 77);
    const bncl_tensor weight = network_graph_parameter(&other, 0).value;
    const bncl_tensor expected = network_graph_parameter(&g, 0).value;
    save(&g, path);
    load(&other, path);
    check_float_bits("fc1.weight", network_graph_read(&other, &weight),
                     network_graph_read(&g, &expected), bncl_tensor_count(&weight));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(entries_as_pytorch_has_them),
        HARNESS_TEST(reading_an_entry),
        HARNESS_TEST(round_trips),
        HARNESS_TEST(empty_state),
        HARNESS_TEST(file_has_pytorchs_keys),
        HARNESS_TEST(loading_keeps_handed_out_tensors),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
