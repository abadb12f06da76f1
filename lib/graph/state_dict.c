/* The state dict: its entries in PyTorch's order, and their way to and from safetensors files. */
#include <bncl/state_dict.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/foreign_text.h"
#include "graph/graph.h"
#include "ops/operand.h"
#include "runtime/buffer.h"
#include "tensor/dtype.h"
#include "tensor/safetensors.h"

/* An entry and where its values live: on the device, or for the counter on the host. */
typedef struct entry {
    bncl_state_entry info;
    bncl_tensor tensor; /* absent for the counter */
    const bncli_parameter *parameter;
    bncli_batch_norm_state *state; /* of a running statistic or counter */
    size_t row;                    /* of a running statistic: 0 mean, 1 var */
} entry;

static size_t entry_bytes(const entry *e)
{
    size_t bytes = bncl_dtype_size(e->info.dtype);
    for (int i = 0; i < e->info.rank; ++i)
        bytes *= e->info.dims[i];
    return bytes;
}

static size_t layer_entries(const bncli_layer *layer)
{
    return layer->parameter_count + (bncli_tracked_state(layer) != NULL ? 3 : 0);
}

/* The index-th entry of a layer: its parameters, then running_mean, running_var, counter. */
static entry layer_entry(const bncli_layer *layer, size_t index)
{
    entry e = {.parameter = NULL};
    if (index < layer->parameter_count) {
        e.parameter = &layer->parameters[index];
        e.tensor = e.parameter->value;
        e.info.name = e.parameter->name;
    } else {
        e.state = bncli_tracked_state(layer);
        e.row = index - layer->parameter_count;
        e.info.name = e.state->names[e.row];
        e.info.dtype = BNCL_I64;
        if (e.row == 2)
            return e;
        e.tensor = bncli_running_row(e.state, e.row);
    }
    e.info.dtype = e.tensor.dtype;
    e.info.rank = e.tensor.rank;
    memcpy(e.info.dims, e.tensor.dims, sizeof e.info.dims);
    return e;
}

size_t bncl_graph_state_count(const bncl_graph *graph)
{
    size_t count = 0;
    if (graph == NULL || graph->state == BNCLI_GRAPH_BUILDING)
        return 0;
    for (size_t i = 0; i < graph->layer_count; ++i)
        count += layer_entries(&graph->layers[i]);
    return count;
}

/* index is below bncl_graph_state_count(). */
static entry entry_at(const bncl_graph *graph, size_t index)
{
    const bncli_layer *layer = graph->layers;
    for (; index >= layer_entries(layer); ++layer)
        index -= layer_entries(layer);
    return layer_entry(layer, index);
}

bncl_status bncl_graph_state_entry(const bncl_graph *graph, size_t index, bncl_state_entry *out,
                                   bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "graph or out is NULL");
    bncl_status status = bncli_graph_require(graph, true, "bncl_graph_state_entry", err);
    if (status != BNCL_OK)
        return status;
    if (index >= bncl_graph_state_count(graph))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected an index below %zu, got %zu",
                          bncl_graph_state_count(graph), index);
    *out = entry_at(graph, index).info;
    return BNCL_OK;
}

/* What the calls that move state check first. */
static bncl_status check(const bncl_graph *graph, const bncl_queue *queue, const void *needed,
                         const char *call, bncl_error *err)
{
    bncli_error_clear(err);
    if (graph == NULL || needed == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%s: graph, name or path is NULL", call);
    bncl_status status = bncli_graph_require(graph, true, call, err);
    return status == BNCL_OK ? bncli_queue_check(graph->context, queue, err) : status;
}

static bncl_status read_entry(bncl_queue *queue, const entry *e, void *host, bncl_error *err)
{
    if (e->tensor.buffer != NULL)
        return bncl_tensor_read(queue, &e->tensor, host, NULL, err);
    memcpy(host, &e->state->batches, sizeof e->state->batches);
    return BNCL_OK;
}

bncl_status bncl_graph_state_read(bncl_graph *graph, bncl_queue *queue, const char *name,
                                  void *host, size_t bytes, bncl_error *err)
{
    bncl_status status = check(graph, queue, name, "bncl_graph_state_read", err);
    if (status != BNCL_OK)
        return status;
    const size_t count = bncl_graph_state_count(graph);
    for (size_t i = 0; i < count; ++i) {
        const entry e = entry_at(graph, i);
        if (strcmp(e.info.name, name) != 0)
            continue;
        if (host == NULL)
            return bncli_fail(err, BNCL_ERROR_ARGUMENT, "host is NULL");
        if (bytes != entry_bytes(&e))
            return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected memory of %zu bytes, got %zu",
                              name, entry_bytes(&e), bytes);
        return read_entry(queue, &e, host, err);
    }
    return bncli_fail(err, BNCL_ERROR_KEY, "the state dict has no key '%.100s'", name);
}

static void free_data(bncli_safetensor *tensors, void **data, size_t count)
{
    for (size_t i = 0; data != NULL && i < count; ++i)
        bncli_free(data[i]);
    bncli_free(data);
    bncli_free(tensors);
}

/* Reads entry i to new host memory and describes it for the file. */
static bncl_status gather(const bncl_graph *graph, bncl_queue *queue, size_t i,
                          bncli_safetensor *tensor, void **data, bncl_error *err)
{
    const entry e = entry_at(graph, i);
    bncl_status status = bncli_new(data, entry_bytes(&e), 1, err);
    if (status == BNCL_OK)
        status = read_entry(queue, &e, *data, err);
    *tensor = (bncli_safetensor){.name = e.info.name,
                                 .dtype = e.info.dtype,
                                 .rank = e.info.rank,
                                 .data = *data,
                                 .bytes = entry_bytes(&e)};
    memcpy(tensor->dims, e.info.dims, sizeof tensor->dims);
    return status;
}

bncl_status bncl_graph_save(bncl_graph *graph, bncl_queue *queue, const char *path, bncl_error *err)
{
    bncl_status status = check(graph, queue, path, "bncl_graph_save", err);
    if (status != BNCL_OK)
        return status;
    const size_t count = bncl_graph_state_count(graph);
    bncli_safetensor *tensors = NULL;
    void **data = NULL;
    status = bncli_new(&tensors, count, sizeof *tensors, err);
    if (status == BNCL_OK)
        status = bncli_new(&data, count, sizeof *data, err);
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        status = gather(graph, queue, i, &tensors[i], &data[i], err);
    if (status == BNCL_OK)
        status = bncli_safetensors_write(path, tensors, count, err);
    free_data(tensors, data, count);
    return status;
}

/* ---- loading: all into new buffers, which take the old ones' place at the end ---- */

typedef struct loading {
    bncl_graph *graph;
    bncl_queue *queue;
    const char *path;
    const bncli_safetensors *file;
    float *parameters; /* host: all of the flat buffer */
    bncl_buffer *new_parameters;
    bncl_buffer **new_running; /* by layer; NULL where there is none */
    float **running;           /* host, by layer: [2][channels] */
    int64_t *batches;          /* by layer */
} loading;

static const bncli_safetensor *find(const bncli_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; ++i)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

/* Whether values of the file's tensor can be the entry's: of its dtype, or both floating. */
static bool converts(const entry *e, const bncli_safetensor *tensor)
{
    const bncli_dtype_facts *from = bncli_dtype_facts_of(tensor->dtype);
    return tensor->dtype == e->info.dtype ||
           (e->info.dtype == BNCL_F32 && from != NULL && from->decode != NULL);
}

/* Whether the file's tensor is what the entry needs. */
static bncl_status match(const entry *e, const bncli_safetensor *tensor, bncl_error *err)
{
    if (!converts(e, tensor))
        return bncli_fail(err, BNCL_ERROR_DTYPE, "%s: expected %s, got %s", e->info.name,
                          bncl_dtype_name(e->info.dtype), tensor->dtype_name);
    if (tensor->rank == e->info.rank &&
        memcmp(tensor->dims, e->info.dims, (size_t)e->info.rank * sizeof(size_t)) == 0)
        return BNCL_OK;
    char expected[128], got[128] = "more dims";
    bncli_shape_text(e->info.rank, e->info.dims, expected, sizeof expected);
    if (tensor->rank >= 0)
        bncli_shape_text(tensor->rank, tensor->dims, got, sizeof got);
    return bncli_fail(err, BNCL_ERROR_SHAPE, "%s: expected %s, got %s", e->info.name, expected,
                      got);
}

/* Every key of the file must be one of the graph's. */
static bncl_status check_keys(const bncl_graph *graph, const bncli_safetensors *file,
                              bncl_error *err)
{
    const size_t count = bncl_graph_state_count(graph);
    for (size_t i = 0; i < file->count; ++i) {
        size_t j = 0;
        while (j < count && strcmp(entry_at(graph, j).info.name, file->tensors[i].name) != 0)
            ++j;
        if (j == count) {
            bncli_excerpt excerpt;
            return bncli_fail(err, BNCL_ERROR_KEY, "unexpected key %s",
                              bncli_excerpt_of(file->tensors[i].name, &excerpt));
        }
    }
    return BNCL_OK;
}

/* Where the layer of a state stands in the graph's list. */
static size_t layer_index(const bncl_graph *graph, const bncli_batch_norm_state *state)
{
    size_t i = 0;
    while (bncli_tracked_state(&graph->layers[i]) != state)
        ++i;
    return i;
}

/* Reads one entry from the file into the host memory that will be uploaded. */
static bncl_status load_entry(const loading *l, const entry *e, bncl_error *err)
{
    const bool counter = e->tensor.buffer == NULL;
    const bncli_safetensor *tensor = find(l->file, e->info.name);
    if (tensor == NULL && counter)
        return BNCL_OK; /* files of old PyTorch have none: 0 */
    if (tensor == NULL)
        return bncli_fail(err, BNCL_ERROR_KEY, "missing key %s", e->info.name);
    bncl_status status = match(e, tensor, err);
    if (status != BNCL_OK)
        return status;
    if (!counter) {
        float *all =
            e->parameter != NULL ? l->parameters : l->running[layer_index(l->graph, e->state)];
        return bncli_safetensors_read_f32(l->file, tensor, all + e->tensor.offset, err);
    }
    int64_t *batches = &l->batches[layer_index(l->graph, e->state)];
    status = bncli_safetensors_read(l->file, tensor, batches, err);
    if (status == BNCL_OK && *batches < 0) {
        status = bncli_fail(err, BNCL_ERROR_FORMAT, "%s: expected 0 or more, got %" PRId64,
                            e->info.name, *batches);
        bncli_fail_about(err, status, l->path);
    }
    return status;
}

/* New device memory with the host's floats, which have been read when it returns. */
static bncl_status upload(bncl_context *context, bncl_queue *queue, const float *host,
                          size_t elements, bncl_buffer **out, bncl_error *err)
{
    bncl_status status = bncl_buffer_create(context, elements * sizeof(float), out, err);
    const bncl_tensor all = {.buffer = *out, .dtype = BNCL_F32, .rank = 1, .dims = {elements}};
    return status == BNCL_OK ? bncli_tensor_upload(queue, &all, host, err) : status;
}

static bncl_status load_host(loading *l, bncl_error *err)
{
    const bncl_graph *graph = l->graph;
    const size_t layers = graph->layer_count;
    bncl_status status =
        bncli_new(&l->parameters, graph->parameter_elements, sizeof *l->parameters, err);
    if (status == BNCL_OK)
        status = bncli_new(&l->new_running, layers, sizeof *l->new_running, err);
    if (status == BNCL_OK)
        status = bncli_new(&l->running, layers, sizeof *l->running, err);
    if (status == BNCL_OK)
        status = bncli_new(&l->batches, layers, sizeof *l->batches, err);
    for (size_t i = 0; i < layers && status == BNCL_OK; ++i) {
        const bncli_batch_norm_state *state = bncli_tracked_state(&graph->layers[i]);
        if (state != NULL)
            status = bncli_new(&l->running[i], 2 * state->channels, sizeof(float), err);
    }
    if (status == BNCL_OK)
        status = check_keys(graph, l->file, err);
    const size_t count = bncl_graph_state_count(graph);
    for (size_t i = 0; i < count && status == BNCL_OK; ++i) {
        const entry e = entry_at(graph, i);
        status = load_entry(l, &e, err);
    }
    return status;
}

static bncl_status load_device(loading *l, bncl_error *err)
{
    const bncl_graph *graph = l->graph;
    bncl_status status = upload(graph->context, l->queue, l->parameters, graph->parameter_elements,
                                &l->new_parameters, err);
    for (size_t i = 0; i < graph->layer_count && status == BNCL_OK; ++i) {
        const bncli_batch_norm_state *state = bncli_tracked_state(&graph->layers[i]);
        if (state != NULL)
            status = upload(graph->context, l->queue, l->running[i], 2 * state->channels,
                            &l->new_running[i], err);
    }
    return status;
}

/* Puts the new state in the old one's place; the old buffers end up in *l. Cannot fail. */
static void take_over(loading *l)
{
    bncl_graph *graph = l->graph;
    bncli_buffer_swap(graph->parameters, l->new_parameters);
    for (size_t i = 0; i < graph->layer_count; ++i) {
        bncli_batch_norm_state *state = bncli_tracked_state(&graph->layers[i]);
        if (state == NULL)
            continue;
        bncli_buffer_swap(state->running, l->new_running[i]);
        state->batches = l->batches[i];
    }
}

static void free_loading(loading *l)
{
    for (size_t i = 0; i < l->graph->layer_count; ++i) {
        if (l->running != NULL)
            bncli_free(l->running[i]);
        if (l->new_running != NULL)
            bncl_buffer_destroy(l->new_running[i]);
    }
    bncl_buffer_destroy(l->new_parameters);
    bncli_free(l->parameters);
    bncli_free(l->running);
    bncli_free(l->new_running);
    bncli_free(l->batches);
}

bncl_status bncl_graph_load(bncl_graph *graph, bncl_queue *queue, const char *path, bncl_error *err)
{
    bncl_status status = check(graph, queue, path, "bncl_graph_load", err);
    bncli_safetensors *file = NULL;
    if (status == BNCL_OK)
        status = bncli_safetensors_open(path, &file, err);
    if (status != BNCL_OK)
        return status;
    loading l = {.graph = graph, .queue = queue, .path = path, .file = file};
    status = load_host(&l, err);
    if (status == BNCL_ERROR_KEY || status == BNCL_ERROR_SHAPE || status == BNCL_ERROR_DTYPE)
        bncli_fail_about(err, status, path);
    if (status == BNCL_OK)
        status = load_device(&l, err);
    if (status == BNCL_OK)
        take_over(&l);
    free_loading(&l);
    bncli_safetensors_close(file);
    return status;
}
