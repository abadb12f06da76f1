/* Folding: which Linear each batch norm goes into, by the graph's topology alone.

   A batch norm and its Linear may have Flatten between them, which keeps the order of a sample's
   elements, and batch norms that have a place already. Nothing else may use a value between: it
   would see the one with the batch norm in it, or without. */
#include "graph/fold.h"

#include "base/alloc.h"
#include "base/error.h"
#include "graph/topology.h"

/* What a walk from a batch norm came to. */
typedef struct neighbour {
    const bncli_layer *linear; /* NULL: none */
    bool shared;               /* a value on the way is used elsewhere too */
} neighbour;

/* Whether a walk goes on through this layer. */
static bool passes(const bncli_fold *fold, const bncli_layer *layer)
{
    return layer->kind == &bncli_layer_flatten ||
           fold->removed[bncli_layer_index(fold->graph, layer)];
}

static neighbour linear_before(const bncli_fold *fold, const bncli_layer *norm)
{
    const bncl_graph *graph = fold->graph;
    neighbour found = {.linear = NULL};
    for (bncl_value value = norm->inputs[0]; graph->values[value].producer >= 0;) {
        const bncli_layer *layer = &graph->layers[graph->values[value].producer];
        found.shared = found.shared || bncli_value_uses(graph, value) != 1;
        if (layer->kind == &bncli_layer_linear)
            found.linear = layer;
        if (!passes(fold, layer))
            break;
        value = layer->inputs[0];
    }
    return found;
}

static neighbour linear_after(const bncli_fold *fold, const bncli_layer *norm)
{
    neighbour found = {.linear = NULL};
    for (bncl_value value = norm->output;;) {
        const bncli_layer *layer = bncli_value_consumer(fold->graph, value);
        found.shared = bncli_value_uses(fold->graph, value) != 1;
        if (found.shared || layer == NULL)
            break;
        if (layer->kind == &bncli_layer_linear)
            found.linear = layer;
        if (!passes(fold, layer))
            break;
        value = layer->output;
    }
    return found;
}

/* Gives the batch norm a place, if there is one now. */
static bool place(bncli_fold *fold, const bncli_layer *norm)
{
    neighbour found = linear_before(fold, norm);
    const bool after = found.linear == NULL || found.shared;
    if (after)
        found = linear_after(fold, norm);
    if (found.linear == NULL || found.shared)
        return false;
    const size_t index = bncli_layer_index(fold->graph, norm);
    fold->steps[fold->step_count++] = (bncli_fold_step){
        .norm = index, .linear = bncli_layer_index(fold->graph, found.linear), .after = after};
    fold->removed[index] = true;
    return true;
}

static bncl_status no_place(const bncli_fold *fold, const bncli_layer *norm, bncl_error *err)
{
    const neighbour before = linear_before(fold, norm), after = linear_after(fold, norm);
    const char *tail = after.shared ? "what it gives is used more than once" : "none comes after";
    if (before.linear == NULL)
        return bncli_fail(err, BNCL_ERROR_UNSUPPORTED,
                          "%s: cannot be folded: no Linear comes before it, and %s", norm->name,
                          tail);
    return bncli_fail(err, BNCL_ERROR_UNSUPPORTED,
                      "%s: cannot be folded: what %s before it gives is used more than once, and "
                      "%s",
                      norm->name, before.linear->name, tail);
}

static bncl_status check_statistics(const bncl_graph *graph, bncl_error *err)
{
    for (size_t i = 0; i < graph->layer_count; ++i) {
        const bncli_layer *layer = &graph->layers[i];
        if (layer->kind == &bncli_layer_batch_norm && bncli_tracked_state(layer) == NULL)
            return bncli_fail(err, BNCL_ERROR_UNSUPPORTED,
                              "%s: cannot be folded: it has no running statistics", layer->name);
    }
    return BNCL_OK;
}

static bncl_status allocate(bncli_fold *fold, bncl_error *err)
{
    const size_t layers = fold->graph->layer_count;
    bncl_status status = bncli_new(&fold->removed, layers, sizeof *fold->removed, err);
    if (status == BNCL_OK)
        status = bncli_new(&fold->steps, layers, sizeof *fold->steps, err);
    return status == BNCL_OK ? bncli_new(&fold->linears, layers, sizeof *fold->linears, err)
                             : status;
}

bncl_status bncli_fold_find(bncli_fold *fold, bncl_error *err)
{
    const bncl_graph *graph = fold->graph;
    bncl_status status = check_statistics(graph, err);
    if (status == BNCL_OK)
        status = allocate(fold, err);
    if (status != BNCL_OK)
        return status;
    /* One that found no place may find it through a later one that did: hence again and again. */
    const bncli_layer *left;
    size_t placed;
    do {
        left = NULL;
        placed = fold->step_count;
        for (size_t i = 0; i < graph->layer_count; ++i) {
            const bncli_layer *layer = &graph->layers[i];
            if (layer->kind == &bncli_layer_batch_norm && !fold->removed[i] &&
                !place(fold, layer) && left == NULL)
                left = layer;
        }
    } while (left != NULL && fold->step_count > placed);
    return left == NULL ? BNCL_OK : no_place(fold, left, err);
}

void bncli_fold_destroy(bncli_fold *fold)
{
    for (size_t i = 0; fold->linears != NULL && i < fold->graph->layer_count; ++i) {
        bncli_free(fold->linears[i].weight);
        bncli_free(fold->linears[i].bias);
    }
    bncli_free(fold->linears);
    bncli_free(fold->steps);
    bncli_free(fold->removed);
}
