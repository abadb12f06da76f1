/* Loading a state dict that is not what it should be: the graph stays bit for bit as it was, in its
   state and in what it computes. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/compare.h"
#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/network_graph.h"
#include "tensor/dtype.h"
#include "tensor/safetensors.h"

enum { entry_most = 24 };

/* A state dict in memory, from which files with one thing wrong are made. */
typedef struct dict {
    bncli_safetensor tensors[entry_most];
    size_t count;
} dict;

/* A graph in use, a file of another one's state, and what a failed load must leave as it is. */
typedef struct scene {
    device *d;
    network_graph g;
    network_image image;
    const char *folder, *good, *bad;
    dict entries;
} scene;

static void read_dict(device *d, const char *path, dict *out)
{
    bncli_safetensors *file = NULL;
    device_ok(d, bncli_safetensors_open(path, &file, &d->err), path);
    out->count = file->count;
    for (size_t i = 0; i < file->count; ++i) {
        const bncli_safetensor *t = &file->tensors[i];
        void *data = harness_memory(t->bytes, 1);
        out->tensors[i] = *t;
        out->tensors[i].name = harness_text("%s", t->name);
        out->tensors[i].data = data;
        device_ok(d, bncli_safetensors_read(file, t, data, &d->err), t->name);
    }
    bncli_safetensors_close(file);
}

static network_graph used_graph(device *d, uint64_t seed)
{
    network_graph g = network_graph_make(d, &network_mlp, seed);
    const network_data data = network_data_make(&network_mlp, 4, seed);
    network_graph_vary(&g, seed);
    network_graph_forward(&g, &data);
    return g;
}

static scene scene_make(void **state)
{
    scene s = {.d = device_of(state), .folder = files_folder()};
    const network_graph other = used_graph(s.d, 2);
    s.good = files_path(s.folder, "good");
    s.bad = files_path(s.folder, "bad");
    device_ok(s.d, bncl_graph_save(other.graph, s.d->queue, s.good, &s.d->err), "bncl_graph_save");
    read_dict(s.d, s.good, &s.entries);
    s.g = used_graph(s.d, 1);
    s.image = network_graph_image(&s.g);
    return s;
}

static bncl_status load(scene *s, const char *path)
{
    return bncl_graph_load(s->g.graph, s->d->queue, path, &s->d->err);
}

static void refuse(scene *s, const char *path, bncl_status expected, const char *words)
{
    device_refused(s->d, load(s, path), expected, words);
    if (strstr(s->d->err.text, path) == NULL)
        harness_fail("the text does not name the file: %s", s->d->err.text);
    network_graph_expect(&s->g, &s->image.state, words);
}

/* The file of the good entries but for what the test has changed in s->entries. */
static void refuse_entries(scene *s, bncl_status expected, const char *words)
{
    device_ok(s->d,
              bncli_safetensors_write(s->bad, s->entries.tensors, s->entries.count, &s->d->err),
              "bncli_safetensors_write");
    refuse(s, s->bad, expected, words);
    read_dict(s->d, s->good, &s->entries);
}

static bncli_safetensor *entry(scene *s, const char *name)
{
    for (size_t i = 0; i < s->entries.count; ++i)
        if (strcmp(s->entries.tensors[i].name, name) == 0)
            return &s->entries.tensors[i];
    harness_fail("the good file has no %s", name);
}

static void drop(scene *s, const char *name)
{
    *entry(s, name) = s->entries.tensors[--s->entries.count];
}

/* At the end of each test: the same as ever, and the good file can still be loaded. */
static void finish(scene *s)
{
    network_graph_expect_image(&s->g, &s->image, "refused files");
    device_ok(s->d, load(s, s->good), "the good file");
    const network_state after = network_graph_state(&s->g);
    assert_true(compare_bits(after.bytes, s->image.state.bytes, 1, after.count) < after.count);
}

static void no_file(void **state)
{
    scene s = scene_make(state);
    refuse(&s, files_path(s.folder, "missing"), BNCL_ERROR_IO, "No such file");
    refuse(&s, s.folder, BNCL_ERROR_IO, "");
    device_refused(s.d, load(&s, NULL), BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(s.d, bncl_graph_load(s.g.graph, NULL, s.good, &s.d->err), BNCL_ERROR_ARGUMENT,
                   "queue");
    device_refused(s.d, bncl_graph_load(NULL, s.d->queue, s.good, &s.d->err), BNCL_ERROR_ARGUMENT,
                   "NULL");
    finish(&s);
}

/* Cut at every length that is a step into something new, and one byte too long. */
static void damaged_file(void **state)
{
    scene s = scene_make(state);
    size_t bytes;
    const unsigned char *good = files_read(s.good, &bytes);
    const size_t cuts[] = {0, 1, 7, 8, 9, 100, bytes / 2, bytes - 8, bytes - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; ++i) {
        files_write(s.bad, good, cuts[i]);
        refuse(&s, s.bad, BNCL_ERROR_FORMAT, "");
    }
    unsigned char *more = harness_memory(bytes + 1, 1);
    memcpy(more, good, bytes);
    files_write(s.bad, more, bytes + 1);
    refuse(&s, s.bad, BNCL_ERROR_FORMAT, "");
    more[8] = '[';
    files_write(s.bad, more, bytes);
    refuse(&s, s.bad, BNCL_ERROR_FORMAT, "");
    files_write(s.bad, "PK\3\4, a zip of PyTorch's own format", 36);
    refuse(&s, s.bad, BNCL_ERROR_FORMAT, "");
    finish(&s);
}

static void wrong_keys(void **state)
{
    scene s = scene_make(state);
    drop(&s, "bn2.running_var");
    refuse_entries(&s, BNCL_ERROR_KEY, "missing key bn2.running_var");
    drop(&s, "fc1.weight");
    refuse_entries(&s, BNCL_ERROR_KEY, "missing key fc1.weight");
    entry(&s, "fc3.bias")->name = "fc4.bias";
    refuse_entries(&s, BNCL_ERROR_KEY, "fc4.bias");
    entry(&s, "bn1.num_batches_tracked")->name = "bn1.batches";
    refuse_entries(&s, BNCL_ERROR_KEY, "unexpected key bn1.batches");
    s.entries.tensors[s.entries.count] = *entry(&s, "fc3.bias");
    s.entries.tensors[s.entries.count++].name = "fc3.extra";
    refuse_entries(&s, BNCL_ERROR_KEY, "unexpected key fc3.extra");
    s.entries.count = 0;
    refuse_entries(&s, BNCL_ERROR_KEY, "missing key fc1.weight");
    finish(&s);
}

static void wrong_shapes(void **state)
{
    scene s = scene_make(state);
    bncli_safetensor *t = entry(&s, "fc1.weight");
    t->dims[0] = 6, t->dims[1] = 5;
    refuse_entries(&s, BNCL_ERROR_SHAPE, "fc1.weight: expected [5, 6], got [6, 5]");
    t = entry(&s, "fc1.weight");
    t->rank = 1, t->dims[0] = 30;
    refuse_entries(&s, BNCL_ERROR_SHAPE, "fc1.weight: expected [5, 6], got [30]");
    t = entry(&s, "bn1.running_mean");
    t->dims[0] = 4, t->bytes = 16;
    refuse_entries(&s, BNCL_ERROR_SHAPE, "bn1.running_mean: expected [5], got [4]");
    t = entry(&s, "bn2.num_batches_tracked");
    t->rank = 1, t->dims[0] = 1;
    refuse_entries(&s, BNCL_ERROR_SHAPE, "bn2.num_batches_tracked: expected [], got [1]");
    finish(&s);
}

static void wrong_dtypes(void **state)
{
    scene s = scene_make(state);
    entry(&s, "fc2.bias")->dtype = BNCL_I32;
    refuse_entries(&s, BNCL_ERROR_DTYPE, "fc2.bias: expected f32, got I32");
    bncli_safetensor *t = entry(&s, "bn2.num_batches_tracked");
    t->dtype = BNCL_F32, t->bytes = 4;
    refuse_entries(&s, BNCL_ERROR_DTYPE, "bn2.num_batches_tracked: expected i64, got F32");
    finish(&s);
}

/* A dtype of the format that the library has no word for, and more dims than it has room for. */
static void foreign_entries(void **state)
{
    scene s = scene_make(state);
    static const char *const headers[] = {
        "{\"fc1.weight\":{\"dtype\":\"F8_E5M2\",\"shape\":[5,6],\"data_offsets\":[0,30]}}",
        "{\"fc1.weight\":{\"dtype\":\"F32\",\"shape\":[5,6,1,1,1],\"data_offsets\":[0,120]}}",
    };
    const bncl_status expected[] = {BNCL_ERROR_DTYPE, BNCL_ERROR_SHAPE};
    for (size_t i = 0; i < 2; ++i) {
        const size_t length = strlen(headers[i]), data = i == 0 ? 30 : 120;
        unsigned char *bytes = harness_memory(8 + length + data, 1);
        bytes[0] = (unsigned char)length;
        memcpy(bytes + 8, headers[i], length);
        files_write(s.bad, bytes, 8 + length + data);
        refuse(&s, s.bad, expected[i], "fc1.weight");
    }
    finish(&s);
}

/* A missing counter, of files from old PyTorch, is 0; all else comes from the file. */
static void missing_counter_is_zero(void **state)
{
    scene s = scene_make(state);
    network_graph other = network_graph_make(s.d, &network_mlp, 5);
    int64_t first = -1, second = -1;
    drop(&s, "bn1.num_batches_tracked");
    device_ok(s.d, bncli_safetensors_write(s.bad, s.entries.tensors, s.entries.count, &s.d->err),
              "write");
    device_ok(s.d, load(&s, s.bad), "without a counter");
    network_graph_entry(&s.g, "bn1.num_batches_tracked", &first, sizeof first);
    network_graph_entry(&s.g, "bn2.num_batches_tracked", &second, sizeof second);
    assert_true(first == 0 && second == 1);
    device_ok(s.d, bncl_graph_load(other.graph, s.d->queue, s.good, &s.d->err), "the good file");
    float got[5], expected[5];
    network_graph_entry(&s.g, "bn1.running_var", got, sizeof got);
    network_graph_entry(&other, "bn1.running_var", expected, sizeof expected);
    check_float_bits("bn1.running_var", got, expected, 5);
}

/* The values of an entry of `count`, written as another floating dtype, which it becomes. */
static void rewrite(scene *s, const char *name, bncl_dtype dtype, const double *values,
                    size_t count)
{
    bncli_safetensor *t = entry(s, name);
    char *data = harness_memory(count, bncl_dtype_size(dtype));
    for (size_t i = 0; i < count; ++i)
        bncli_dtype_facts_of(dtype)->encode(values[i], data + i * bncl_dtype_size(dtype));
    t->dtype = dtype;
    t->bytes = count * bncl_dtype_size(dtype);
    t->data = data;
}

static void expect_values(scene *s, const char *name, const double expected[5])
{
    float got[5];
    network_graph_entry(&s->g, name, got, sizeof got);
    for (size_t i = 0; i < 5; ++i)
        if ((double)got[i] != expected[i])
            harness_fail("%s[%zu]: got %a, expected %a", name, i, (double)got[i], expected[i]);
}

/* PyTorch's load_state_dict converts; here f64 rounds to nearest even, f16 and bf16 are exact. */
static void other_floating_dtypes(void **state)
{
    scene s = scene_make(state);
    const double f64[] = {1.0 + 0x1p-24, 1.0 + 0x1.8p-23, -0x1p-149, 1e300, 0x1.000003p0};
    const float rounded[] = {1.0f, 1.0f + 0x1p-22f, -0x1p-149f, INFINITY, 1.0f + 0x1p-22f};
    const double f16[] = {0.5, -65504.0, 0x1p-24, 3.0, 0.0};
    const double bf16[] = {0x1p100, 2.0, 0x1p-130, 1.0078125, 4.0};
    float got[5];
    rewrite(&s, "bn1.weight", BNCL_F64, f64, 5);
    rewrite(&s, "bn1.running_mean", BNCL_F16, f16, 5);
    rewrite(&s, "bn1.running_var", BNCL_BF16, bf16, 5);
    device_ok(s.d, bncli_safetensors_write(s.bad, s.entries.tensors, s.entries.count, &s.d->err),
              "write");
    device_ok(s.d, load(&s, s.bad), "f64, f16 and bf16");
    network_graph_entry(&s.g, "bn1.weight", got, sizeof got);
    check_float_bits("bn1.weight", got, rounded, 5);
    expect_values(&s, "bn1.running_mean", f16);
    expect_values(&s, "bn1.running_var", bf16);
}

/* The counter is one of 64 bits. */
static void large_counters(void **state)
{
    scene s = scene_make(state);
    const int64_t large = INT64_C(5000000000);
    int64_t got = 0;
    entry(&s, "bn1.num_batches_tracked")->data = &large;
    device_ok(s.d, bncli_safetensors_write(s.bad, s.entries.tensors, s.entries.count, &s.d->err),
              "write");
    device_ok(s.d, load(&s, s.bad), "a large counter");
    device_ok(s.d, bncl_graph_train(s.g.graph, &s.d->err), "bncl_graph_train");
    network_graph_forward(&s.g, &s.image.data);
    network_graph_entry(&s.g, "bn1.num_batches_tracked", &got, sizeof got);
    assert_true(got == large + 1);
}

/* No graph has counted to this. */
static void negative_counters(void **state)
{
    scene s = scene_make(state);
    const int64_t negative = -1;
    entry(&s, "bn1.num_batches_tracked")->data = &negative;
    refuse_entries(&s, BNCL_ERROR_FORMAT, "bn1.num_batches_tracked: expected 0 or more, got -1");
    finish(&s);
}

/* A file of another network: what is wrong first is said, nothing is taken. */
static void another_networks_file(void **state)
{
    scene s = scene_make(state);
    network_graph other = network_graph_make(s.d, &network_sequence, 1);
    device_ok(s.d, bncl_graph_save(other.graph, s.d->queue, s.bad, &s.d->err), "bncl_graph_save");
    refuse(&s, s.bad, BNCL_ERROR_SHAPE, "fc1.weight");
    other = network_graph_make(s.d, &network_deep, 1);
    device_ok(s.d, bncl_graph_save(other.graph, s.d->queue, s.bad, &s.d->err), "bncl_graph_save");
    refuse(&s, s.bad, BNCL_ERROR_KEY, "unexpected key");
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(no_file),
        HARNESS_TEST(damaged_file),
        HARNESS_TEST(wrong_keys),
        HARNESS_TEST(wrong_shapes),
        HARNESS_TEST(wrong_dtypes),
        HARNESS_TEST(foreign_entries),
        HARNESS_TEST(missing_counter_is_zero),
        HARNESS_TEST(other_floating_dtypes),
        HARNESS_TEST(large_counters),
        HARNESS_TEST(negative_counters),
        HARNESS_TEST(another_networks_file),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
