/* Fusing: a batch norm runs with the sum and the activation behind it as one operation, which saves
   two or four passes over memory and the values in between. Results keep their bits: those of the
   operation are those of the separate ones (see batch_norm.h), and fused layers do not change the
   order in which a value's gradients are added up. */
#include "graph/fuse.h"

#include "graph/topology.h"

/* A group that is being put together. */
typedef struct group {
    const bncli_layer *norm, *sum, *activation; /* the latter two: NULL where there is none */
} group;

static bool is_free(const bncl_graph *graph, const bncli_layer *layer)
{
    return !layer->fusion.absorbed && layer->fusion.worker == bncli_layer_index(graph, layer);
}

/* The layer of this kind that alone uses what `layer` gives; NULL where there is none. */
static const bncli_layer *follower(const bncl_graph *graph, const bncli_layer *layer,
                                   const bncli_layer_kind *kind)
{
    const bncli_layer *next = bncli_value_consumer(graph, layer->output);
    const bool alone = bncli_value_uses(graph, layer->output) == 1;
    return alone && next != NULL && next->kind == kind && is_free(graph, next) ? next : NULL;
}

/* The sum's operand that is not the batch norm's. */
static bncl_value residual_of(const group *g)
{
    return g->sum->inputs[g->sum->inputs[0] == g->norm->output ? 1 : 0];
}

/* Whether a layer between the two, other than the sum, uses the value. Its gradients would then be
   added up in another order, since the group's arrive where its last layer stands. */
static bool used_between(bncl_value value, const bncli_layer *from, const bncli_layer *to,
                         const bncli_layer *sum)
{
    for (const bncli_layer *layer = from + 1; layer < to; ++layer)
        if (layer != sum && bncli_layer_takes(layer, value))
            return true;
    return false;
}

static const bncli_layer *last_of(const group *g)
{
    if (g->activation != NULL)
        return g->activation;
    return g->sum != NULL ? g->sum : g->norm;
}

static bool keeps_order(const group *g)
{
    const bncli_layer *last = last_of(g);
    return !used_between(g->norm->inputs[0], g->norm, last, g->sum) &&
           (g->sum == NULL || !used_between(residual_of(g), g->sum, last, g->sum));
}

static void join(bncl_graph *graph, const group *g)
{
    const size_t worker = bncli_layer_index(graph, g->norm);
    const bncli_layer *const members[] = {g->norm, g->sum, g->activation};
    for (size_t i = 0; i < 3; ++i)
        if (members[i] != NULL)
            graph->layers[bncli_layer_index(graph, members[i])].fusion =
                (bncli_fusion){.absorbed = true, .worker = worker, .residual = -1};
    bncli_fusion *last = &graph->layers[bncli_layer_index(graph, last_of(g))].fusion;
    last->absorbed = false;
    last->residual = g->sum != NULL ? residual_of(g) : -1;
    if (g->activation != NULL)
        graph->layers[worker].of.batch_norm->options.norm.activation = g->activation->of.activation;
}

static void leave_alone(bncl_graph *graph, bncli_layer *layer)
{
    layer->fusion = (bncli_fusion){
        .absorbed = false, .worker = bncli_layer_index(graph, layer), .residual = -1};
    if (layer->kind == &bncli_layer_batch_norm)
        layer->of.batch_norm->options.norm.activation = (bncl_activation){0};
}

void bncli_fuse(bncl_graph *graph)
{
    for (size_t i = 0; i < graph->layer_count; ++i)
        leave_alone(graph, &graph->layers[i]);
    for (size_t i = 0; i < graph->layer_count && !graph->unfused; ++i) {
        if (graph->layers[i].kind != &bncli_layer_batch_norm)
            continue;
        group g = {.norm = &graph->layers[i]};
        g.sum = follower(graph, g.norm, &bncli_layer_add);
        g.activation = follower(graph, last_of(&g), &bncli_layer_activation);
        if (last_of(&g) != g.norm && keeps_order(&g))
            join(graph, &g);
    }
}
