/* Layer graphs as tables: see network.h. */
#include "lib/network.h"

#define LAYERS(table) .layers = table, .layer_count = sizeof table / sizeof table[0]

static const network_layer mlp_layers[] = {
    {NETWORK_LINEAR, "fc1", .a = 0, .features = 5}, /* 1 */
    {NETWORK_BATCH_NORM, "bn1", .a = 1},            /* 2 */
    {NETWORK_RELU, "relu1", .a = 2},                /* 3 */
    {NETWORK_LINEAR, "fc2", .a = 3, .features = 5}, /* 4 */
    {NETWORK_BATCH_NORM, "bn2", .a = 4},            /* 5 */
    {NETWORK_ADD, "residual", .a = 3, .b = 5},      /* 6 */
    {NETWORK_RELU, "relu2", .a = 6},                /* 7 */
    {NETWORK_LINEAR, "fc3", .a = 7, .features = 4}, /* 8 */
};
const network network_mlp = {
    .name = "mlp", .inputs = {{1, {6}, true}}, .input_count = 1, LAYERS(mlp_layers)};

static const network_layer sequence_layers[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0},  {NETWORK_RELU, "relu1", .a = 1},
    {NETWORK_FLATTEN, "flatten", .a = 2}, {NETWORK_LINEAR, "fc1", .a = 3, .features = 4},
    {NETWORK_BATCH_NORM, "bn2", .a = 4},  {NETWORK_LINEAR, "fc2", .a = 5, .features = 3},
};
const network network_sequence = {
    .name = "sequence", .inputs = {{2, {3, 5}, true}}, .input_count = 1, LAYERS(sequence_layers)};

static const network_layer channels_last_layers[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0, .last = true},
    {NETWORK_RELU, "relu1", .a = 1},
    {NETWORK_FLATTEN, "flatten", .a = 2},
    {NETWORK_LINEAR, "fc1", .a = 3, .features = 3},
};
const network network_channels_last = {.name = "channels last",
                                       .inputs = {{2, {5, 3}, true}},
                                       .input_count = 1,
                                       LAYERS(channels_last_layers)};

static const network_layer planes_layers[] = {
    {NETWORK_BATCH_NORM, "bn1", .a = 0, .planes = true, .no_beta = true},
    {NETWORK_RELU, "relu1", .a = 1},
    {NETWORK_BATCH_NORM, "bn2", .a = 2, .planes = true, .last = true, .no_gamma = true},
    {NETWORK_FLATTEN, "flatten", .a = 3},
    {NETWORK_LINEAR, "fc1", .a = 4, .features = 3},
};
const network network_planes = {
    .name = "planes", .inputs = {{3, {3, 2, 4}, true}}, .input_count = 1, LAYERS(planes_layers)};

static const network_layer two_inputs_layers[] = {
    {NETWORK_LINEAR, "left", .a = 0, .features = 4},  /* 2 */
    {NETWORK_LINEAR, "right", .a = 1, .features = 4}, /* 3 */
    {NETWORK_ADD, "sum", .a = 2, .b = 3},             /* 4 */
    {NETWORK_BATCH_NORM, "bn", .a = 4},               /* 5 */
    {NETWORK_ADD, "again", .a = 5, .b = 1},           /* 6 */
    {NETWORK_RELU, "relu", .a = 6},                   /* 7 */
    {NETWORK_ADD, "twice", .a = 7, .b = 7},           /* 8 */
    {NETWORK_LINEAR, "head", .a = 8, .features = 3},  /* 9 */
};
const network network_two_inputs = {.name = "two inputs",
                                    .inputs = {{1, {3}, true}, {1, {4}, true}},
                                    .input_count = 2,
                                    LAYERS(two_inputs_layers)};

static const network_layer options_layers[] = {
    {NETWORK_LINEAR, "fc1", .a = 0, .features = 5, .bare = true},
    {NETWORK_BATCH_NORM, "bn1", .a = 1, .bare = true, .momentum = 0.5},
    {NETWORK_RELU, "relu1", .a = 2},
    {NETWORK_LINEAR, "fc2", .a = 3, .features = 4},
    {NETWORK_BATCH_NORM, "bn2", .a = 4, .untracked = true, .eps = 1e-3},
    {NETWORK_LINEAR, "fc3", .a = 5, .features = 4, .bare = true},
    {NETWORK_BATCH_NORM, "bn3", .a = 6, .cumulative = true, .eps = 1e-2},
};
const network network_options = {
    .name = "options", .inputs = {{1, {4}, false}}, .input_count = 1, LAYERS(options_layers)};

/* A block: x + Linear(ReLU(batch norm(x))). `x` is the value it begins from. */
#define BLOCK(number, x)                                                                           \
    {NETWORK_BATCH_NORM, "bn" #number, .a = (x)}, {NETWORK_RELU, "relu" #number, .a = (x) + 1},    \
        {NETWORK_LINEAR, "fc" #number, .a = (x) + 2, .features = 5},                               \
    {                                                                                              \
        NETWORK_ADD, "add" #number, .a = (x), .b = (x) + 3                                         \
    }

static const network_layer deep_layers[] = {
    BLOCK(1, 0),  BLOCK(2, 4),  BLOCK(3, 8),  BLOCK(4, 12),
    BLOCK(5, 16), BLOCK(6, 20), BLOCK(7, 24), BLOCK(8, 28),
};
const network network_deep = {
    .name = "deep", .inputs = {{1, {5}, true}}, .input_count = 1, LAYERS(deep_layers)};

static const network_layer bare_layers[] = {
    {NETWORK_RELU, "relu", .a = 0},
    {NETWORK_ADD, "double", .a = 1, .b = 1},
    {NETWORK_FLATTEN, "flatten", .a = 2},
};
const network network_bare = {
    .name = "bare", .inputs = {{3, {2, 3, 2}, true}}, .input_count = 1, LAYERS(bare_layers)};

static size_t sample_of(const network_shape *shape)
{
    size_t sample = 1;
    for (int i = 0; i < shape->rank; ++i)
        sample *= shape->dims[i];
    return sample;
}

int network_shapes(const network *net, network_shape shapes[network_most_values])
{
    int count = 0;
    for (int i = 0; i < net->input_count; ++i) {
        const network_input *in = &net->inputs[i];
        shapes[count] = (network_shape){in->rank, {in->dims[0], in->dims[1], in->dims[2]}, 0};
        shapes[count].sample = sample_of(&shapes[count]);
        ++count;
    }
    for (int i = 0; i < net->layer_count; ++i) {
        const network_layer *layer = &net->layers[i];
        network_shape shape = shapes[layer->a];
        if (layer->kind == NETWORK_LINEAR)
            shape = (network_shape){1, {layer->features}, layer->features};
        if (layer->kind == NETWORK_FLATTEN)
            shape = (network_shape){1, {shape.sample}, shape.sample};
        shapes[count++] = shape;
    }
    return count;
}
