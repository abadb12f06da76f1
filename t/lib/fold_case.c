/* Networks to fold: see fold_case.h. */
#include "lib/fold_case.h"

#include "lib/harness.h"

#define LAYERS(table) table, (int)(sizeof table / sizeof table[0])

/* Inputs. */
#define VECTOR                                                                                     \
    {                                                                                              \
        1, {7}, true                                                                               \
    }
#define SEQUENCE                                                                                   \
    {                                                                                              \
        2, {3, 5}, true                                                                            \
    }
#define PLANES                                                                                     \
    {                                                                                              \
        3, {3, 2, 4}, true                                                                         \
    }

static const network_layer fc[] = {{NETWORK_LINEAR, "fc", .a = 0, .features = 5}};
static const network_layer fc_flat[] = {
    {NETWORK_LINEAR, "fc", .a = 0, .features = 5},
    {NETWORK_FLATTEN, "flat", .a = 1},
};
static const network_layer flat_fc[] = {
    {NETWORK_FLATTEN, "flat", .a = 0},
    {NETWORK_LINEAR, "fc", .a = 1, .features = 4},
};

/* ---- the Linear comes first ---- */

static const network_layer fc_bn[] = {
    {NETWORK_LINEAR, "fc", .a = 0, .features = 5},
    {NETWORK_BATCH_NORM, "bn", .a = 1},
};
static const network_layer bare_fc_bn[] = {
    {NETWORK_LINEAR, "fc", .a = 0, .features = 5, .bare = true},
    {NETWORK_BATCH_NORM, "bn", .a = 1, .eps = 0.25},
};
static const network_layer fc_gamma[] = {
    {NETWORK_LINEAR, "fc", .a = 0, .features = 5},
    {NETWORK_BATCH_NORM, "bn", .a = 1, .no_beta = true},
};
static const network_layer fc_beta[] = {
    {NETWORK_LINEAR, "fc", .a = 0, .features = 5},
    {NETWORK_BATCH_NORM, "bn", .a = 1, .no_gamma = true},
};
static const network_layer bare_fc_none[] = {
    {NETWORK_LINEAR, "fc", .a = 0, .features = 5, .bare = true},
    {NETWORK_BATCH_NORM, "bn", .a = 1, .bare = true},
};
static const network_layer fc_flat_bn[] = {
    {NETWORK_LINEAR, "fc", .a = 0, .features = 5},
    {NETWORK_FLATTEN, "flat", .a = 1},
    {NETWORK_BATCH_NORM, "bn", .a = 2},
};
static const network_layer fc_bn_bn[] = {
    {NETWORK_LINEAR, "fc", .a = 0, .features = 5},
    {NETWORK_BATCH_NORM, "bn1", .a = 1},
    {NETWORK_BATCH_NORM, "bn2", .a = 2},
};

/* ---- the batch norm comes first ---- */

static const network_layer bn_fc[] = {
    {NETWORK_BATCH_NORM, "bn", .a = 0},
    {NETWORK_LINEAR, "fc", .a = 1, .features = 5},
};
static const network_layer gamma_bare_fc[] = {
    {NETWORK_BATCH_NORM, "bn", .a = 0, .no_beta = true, .eps = 0.25},
    {NETWORK_LINEAR, "fc", .a = 1, .features = 5, .bare = true},
};
static const network_layer beta_bare_fc[] = {
    {NETWORK_BATCH_NORM, "bn", .a = 0, .no_gamma = true},
    {NETWORK_LINEAR, "fc", .a = 1, .features = 5, .bare = true},
};
static const network_layer none_fc[] = {
    {NETWORK_BATCH_NORM, "bn", .a = 0, .bare = true},
    {NETWORK_LINEAR, "fc", .a = 1, .features = 5},
};
static const network_layer bn_fc_bn[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0},
    {NETWORK_LINEAR, "fc", .a = 1, .features = 5},
    {NETWORK_BATCH_NORM, "bn2", .a = 2},
};
static const network_layer ncl[] = {
    {NETWORK_BATCH_NORM, "bn", .a = 0},
    {NETWORK_FLATTEN, "flat", .a = 1},
    {NETWORK_LINEAR, "fc", .a = 2, .features = 4},
};
static const network_layer nlc[] = {
    {NETWORK_BATCH_NORM, "bn", .a = 0, .last = true},
    {NETWORK_FLATTEN, "flat", .a = 1},
    {NETWORK_LINEAR, "fc", .a = 2, .features = 4},
};
static const network_layer nchw[] = {
    {NETWORK_BATCH_NORM, "bn", .a = 0, .planes = true},
    {NETWORK_FLATTEN, "flat", .a = 1},
    {NETWORK_LINEAR, "fc", .a = 2, .features = 4},
};
static const network_layer nhwc[] = {
    {NETWORK_BATCH_NORM, "bn", .a = 0, .planes = true, .last = true},
    {NETWORK_FLATTEN, "flat", .a = 1},
    {NETWORK_LINEAR, "fc", .a = 2, .features = 4},
};
/* Over one value by channels first, by channels last, and over the flat sample. */
static const network_layer three[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0},
    {NETWORK_BATCH_NORM, "bn2", .a = 1, .last = true},
    {NETWORK_FLATTEN, "flat", .a = 2},
    {NETWORK_BATCH_NORM, "bn3", .a = 3},
    {NETWORK_LINEAR, "fc", .a = 4, .features = 4},
};

const fold_case fold_affine[] = {
    {"Linear, batch norm", VECTOR, LAYERS(fc_bn), LAYERS(fc), "bn "},
    {"Linear without bias", VECTOR, LAYERS(bare_fc_bn), LAYERS(fc), "bn "},
    {"gamma alone", VECTOR, LAYERS(fc_gamma), LAYERS(fc), "bn "},
    {"beta alone", VECTOR, LAYERS(fc_beta), LAYERS(fc), "bn "},
    {"nothing affine", VECTOR, LAYERS(bare_fc_none), LAYERS(fc), "bn "},
    {"Linear, Flatten, batch norm", VECTOR, LAYERS(fc_flat_bn), LAYERS(fc_flat), "bn "},
    {"Linear, two batch norms", VECTOR, LAYERS(fc_bn_bn), LAYERS(fc), "bn2 "},
    {"batch norm, Linear", VECTOR, LAYERS(bn_fc), LAYERS(fc), "fc "},
    {"gamma alone, before", VECTOR, LAYERS(gamma_bare_fc), LAYERS(fc), "fc "},
    {"beta alone, before", VECTOR, LAYERS(beta_bare_fc), LAYERS(fc), "fc "},
    {"nothing affine, before", VECTOR, LAYERS(none_fc), LAYERS(fc), "fc "},
    {"batch norm, Linear, batch norm", VECTOR, LAYERS(bn_fc_bn), LAYERS(fc), "bn2 "},
    {"[N,C,L]", SEQUENCE, LAYERS(ncl), LAYERS(flat_fc), "fc "},
    {"[N,L,C]", SEQUENCE, LAYERS(nlc), LAYERS(flat_fc), "fc "},
    {"[N,C,H,W]", PLANES, LAYERS(nchw), LAYERS(flat_fc), "fc "},
    {"[N,H,W,C]", PLANES, LAYERS(nhwc), LAYERS(flat_fc), "fc "},
    {"three batch norms", SEQUENCE, LAYERS(three), LAYERS(flat_fc), "fc "},
};

/* ---- with more in them ---- */

static const network_layer mlp[] = {
    {NETWORK_LINEAR, "fc1", .a = 0, .features = 6},
    {NETWORK_BATCH_NORM, "bn1", .a = 1},
    {NETWORK_RELU, "relu1", .a = 2},
    {NETWORK_LINEAR, "fc2", .a = 3, .features = 5},
    {NETWORK_BATCH_NORM, "bn2", .a = 4},
    {NETWORK_RELU, "relu2", .a = 5},
    {NETWORK_LINEAR, "fc3", .a = 6, .features = 4},
};
static const network_layer mlp_folded[] = {
    {NETWORK_LINEAR, "fc1", .a = 0, .features = 6}, {NETWORK_RELU, "relu1", .a = 1},
    {NETWORK_LINEAR, "fc2", .a = 2, .features = 5}, {NETWORK_RELU, "relu2", .a = 3},
    {NETWORK_LINEAR, "fc3", .a = 4, .features = 4},
};
/* A residual around a Linear and its batch norm. */
static const network_layer residual[] = {
    {NETWORK_BATCH_NORM, "bn0", .a = 0, .last = true}, /* 1 */
    {NETWORK_FLATTEN, "flat", .a = 1},                 /* 2 */
    {NETWORK_LINEAR, "fc1", .a = 2, .features = 5},    /* 3 */
    {NETWORK_RELU, "relu1", .a = 3},                   /* 4 */
    {NETWORK_LINEAR, "fc2", .a = 4, .features = 5},    /* 5 */
    {NETWORK_BATCH_NORM, "bn2", .a = 5},               /* 6 */
    {NETWORK_ADD, "sum", .a = 4, .b = 6},              /* 7 */
    {NETWORK_RELU, "relu2", .a = 7},                   /* 8 */
};
static const network_layer residual_folded[] = {
    {NETWORK_FLATTEN, "flat", .a = 0},              /* 1 */
    {NETWORK_LINEAR, "fc1", .a = 1, .features = 5}, /* 2 */
    {NETWORK_RELU, "relu1", .a = 2},                /* 3 */
    {NETWORK_LINEAR, "fc2", .a = 3, .features = 5}, /* 4 */
    {NETWORK_ADD, "sum", .a = 3, .b = 4},           /* 5 */
    {NETWORK_RELU, "relu2", .a = 5},                /* 6 */
};
/* fc1 is needed without bn1, and the input without bn0: both can only go into what comes after. */
static const network_layer after_alone[] = {
    {NETWORK_BATCH_NORM, "bn0", .a = 0},            /* 1 */
    {NETWORK_LINEAR, "fc0", .a = 1, .features = 7}, /* 2 */
    {NETWORK_ADD, "sum0", .a = 2, .b = 0},          /* 3 */
    {NETWORK_LINEAR, "fc1", .a = 3, .features = 6}, /* 4 */
    {NETWORK_BATCH_NORM, "bn1", .a = 4},            /* 5 */
    {NETWORK_BATCH_NORM, "bn2", .a = 5},            /* 6 */
    {NETWORK_LINEAR, "fc2", .a = 6, .features = 6}, /* 7 */
    {NETWORK_ADD, "sum", .a = 4, .b = 7},           /* 8 */
};
static const network_layer after_alone_folded[] = {
    {NETWORK_LINEAR, "fc0", .a = 0, .features = 7}, /* 1 */
    {NETWORK_ADD, "sum0", .a = 1, .b = 0},          /* 2 */
    {NETWORK_LINEAR, "fc1", .a = 2, .features = 6}, /* 3 */
    {NETWORK_LINEAR, "fc2", .a = 3, .features = 6}, /* 4 */
    {NETWORK_ADD, "sum", .a = 3, .b = 4},           /* 5 */
};
/* bn goes into fc1, though fc2 could take it, too. */
static const network_layer between[] = {
    {NETWORK_LINEAR, "fc1", .a = 0, .features = 6},
    {NETWORK_BATCH_NORM, "bn", .a = 1},
    {NETWORK_LINEAR, "fc2", .a = 2, .features = 5},
};
static const network_layer between_folded[] = {
    {NETWORK_LINEAR, "fc1", .a = 0, .features = 6},
    {NETWORK_LINEAR, "fc2", .a = 1, .features = 5},
};

const fold_case fold_deep[] = {
    {"mlp", VECTOR, LAYERS(mlp), LAYERS(mlp_folded), "bn1 bn2 fc3 "},
    {"residual", SEQUENCE, LAYERS(residual), LAYERS(residual_folded), "fc1 bn2 "},
    {"into the Linear after alone", VECTOR, LAYERS(after_alone), LAYERS(after_alone_folded),
     "fc0 fc1 fc2 "},
    {"between two Linears", VECTOR, LAYERS(between), LAYERS(between_folded), "bn fc2 "},
};

_Static_assert(sizeof fold_affine / sizeof fold_affine[0] == fold_affine_count, "fold_affine");
_Static_assert(sizeof fold_deep / sizeof fold_deep[0] == fold_deep_count, "fold_deep");

static network network_of(const fold_case *c, const network_layer *layers, int count)
{
    return (network){.name = c->name,
                     .inputs = {c->input},
                     .input_count = 1,
                     .layers = layers,
                     .layer_count = count};
}

network fold_case_from(const fold_case *c)
{
    return network_of(c, c->from, c->from_count);
}

network fold_case_to(const fold_case *c)
{
    return network_of(c, c->to, c->to_count);
}

network_data fold_case_data(const network *net, size_t n, uint64_t seed, double offset)
{
    network_shape shapes[network_most_values];
    network_shapes(net, shapes);
    network_data data = network_data_make(net, n, seed);
    for (int i = 0; i < net->input_count; ++i) {
        const size_t count = n * shapes[i].sample;
        for (size_t k = 0; k < count; ++k)
            data.inputs[i][k] += (float)offset;
        data.wide[i] = harness_widen(data.inputs[i], count);
    }
    return data;
}

network_graph fold_case_make(device *d, const network *net, double offset)
{
    const size_t n = 9;
    network_graph g = network_graph_make(d, net, 5);
    network_graph_vary(&g, 6);
    for (uint64_t pass = 0; pass < 4; ++pass) {
        const network_data data = fold_case_data(net, n, 100 + pass, offset);
        network_graph_forward(&g, &data);
    }
    device_ok(d, bncl_graph_eval(g.graph, &d->err), "bncl_graph_eval");
    return g;
}

static void release_graph(void *graph)
{
    bncl_graph_destroy(graph);
}

network_graph fold_case_fold(const network_graph *from, const network *net)
{
    network_graph g = {.d = from->d, .net = net};
    device_ok(g.d, bncl_graph_fold(from->graph, g.d->queue, &g.graph, &g.d->err), net->name);
    device_hold(g.d, g.graph, release_graph);
    return g;
}
