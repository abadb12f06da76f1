/* A graph of layers: a DAG in which each layer takes values and gives one.

   Life:  BUILDING --bncl_graph_plan--> PLANNED --bncl_graph_forward--> READY
     BUILDING  layers may be added
     PLANNED   topology is fixed, parameters exist and are initialized
     READY     buffers exist for a batch size and a forward has run; a forward with another batch
               size plans again by itself
   A call that is not legal in the present state gives BNCL_ERROR_STATE and changes nothing.

   A graph starts in training mode, as PyTorch's modules do. One graph, one thread at a time, one
   queue at a time. */
#ifndef BNCL_GRAPH_H
#define BNCL_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bncl/batch_norm.h>
#include <bncl/context.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

typedef struct bncl_graph bncl_graph;

/* A value of the graph: an input, or what a layer gives. Small integers, valid for their graph. */
typedef int bncl_value;

/* An empty graph in state BUILDING. The context must outlive it; the caller owns *out.
   Errors: ARGUMENT, MEMORY. */
BNCL_API bncl_status bncl_graph_create(bncl_context *context, bncl_graph **out, bncl_error *err);

/* Destroys the graph with its layers, parameters and buffers. NULL is fine. */
BNCL_API void bncl_graph_destroy(bncl_graph *graph);

/* ---- BUILDING: each call adds one layer and gives its value. Layers have names, unique in the
   graph, of letters, digits, '_' and '.'; they begin the state dict's keys ("bn1.weight"). Shapes
   leave the batch out: dims are those of one sample. Errors of all: ARGUMENT (NULL, unknown value,
   bad or repeated name), SHAPE, STATE, MEMORY. ---- */

/* An f32 input of shape [N, dims…], rank_of_sample 1 … 3. With requires_grad the backward pass
   gives its gradient as well. Inputs are numbered in the order they are added. */
BNCL_API bncl_status bncl_graph_input(bncl_graph *graph, int rank_of_sample, const size_t *dims,
                                      bool requires_grad, bncl_value *out, bncl_error *err);

/* torch.nn.Linear: x [N, in] to [N, out_features]. Parameters name.weight [out, in] and, with bias,
   name.bias [out]. */
BNCL_API bncl_status bncl_graph_linear(bncl_graph *graph, const char *name, bncl_value x,
                                       size_t out_features, bool bias, bncl_value *out,
                                       bncl_error *err);

typedef struct bncl_graph_batch_norm_options {
    bncl_batch_norm_options norm; /* eps, momentum, cumulative; no activation: that is a layer */
    bool gamma;                   /* parameter name.weight; without it gamma is 1 */
    bool beta;                    /* parameter name.bias; without it beta is 0 */
    bool track_running_stats;     /* name.running_mean, running_var, num_batches_tracked */
    bool channels_last;           /* samples of [L,C] or [H,W,C] rather than [C,L] or [C,H,W] */
} bncl_graph_batch_norm_options;

/* PyTorch's defaults: those of bncl_batch_norm_options, gamma and beta (affine), tracking; channels
   first. */
BNCL_API bncl_graph_batch_norm_options bncl_graph_batch_norm_options_default(void);

/* torch.nn.BatchNorm1d on x [N,C], [N,C,L] or, with channels_last, [N,L,C]. C is x's, so that this
   is LazyBatchNorm1d, too, as bncl_graph_linear is LazyLinear. options NULL: the defaults. */
BNCL_API bncl_status bncl_graph_batch_norm(bncl_graph *graph, const char *name, bncl_value x,
                                           const bncl_graph_batch_norm_options *options,
                                           bncl_value *out, bncl_error *err);

/* torch.nn.BatchNorm2d on x [N,C,H,W] or, with channels_last, [N,H,W,C]; else as
   bncl_graph_batch_norm. */
BNCL_API bncl_status bncl_graph_batch_norm2d(bncl_graph *graph, const char *name, bncl_value x,
                                             const bncl_graph_batch_norm_options *options,
                                             bncl_value *out, bncl_error *err);

/* torch.nn.ReLU. */
BNCL_API bncl_status bncl_graph_relu(bncl_graph *graph, const char *name, bncl_value x,
                                     bncl_value *out, bncl_error *err);

/* torch.nn.LeakyReLU; PyTorch's default slope is 0.01. */
BNCL_API bncl_status bncl_graph_leaky_relu(bncl_graph *graph, const char *name, bncl_value x,
                                           double negative_slope, bncl_value *out, bncl_error *err);

/* torch.nn.Hardtanh; with 0 and 6 torch.nn.ReLU6. Errors: also ARGUMENT unless min < max. */
BNCL_API bncl_status bncl_graph_hardtanh(bncl_graph *graph, const char *name, bncl_value x,
                                         double min, double max, bncl_value *out, bncl_error *err);

/* torch.nn.Flatten: [N, a, b, …] to [N, a·b·…]. */
BNCL_API bncl_status bncl_graph_flatten(bncl_graph *graph, const char *name, bncl_value x,
                                        bncl_value *out, bncl_error *err);

/* The sum of two values of one shape: a residual connection. a and b may be the same. */
BNCL_API bncl_status bncl_graph_add(bncl_graph *graph, const char *name, bncl_value a, bncl_value b,
                                    bncl_value *out, bncl_error *err);

/* Whether batch norms run as one operation with the layers behind them, as they do at first: an
   activation, or a sum with any other value (a residual connection), or such a sum and then an
   activation, where no other layer uses the values between. That saves memory and time and changes
   no bit of any result; groups for which it would (since they would add a value's gradients up in
   another order) stay apart. Errors: ARGUMENT, STATE. */
BNCL_API bncl_status bncl_graph_fuse(bncl_graph *graph, bool fuse, bncl_error *err);

/* BUILDING -> PLANNED: fixes the topology with `output` as the graph's result, allocates the
   parameters and initializes them from `seed`, the same on every device: Linear's weight and bias
   uniform in ±1/√in (PyTorch's default), gamma = 1, beta = 0, running_mean = 0, running_var = 1.
   Blocks. Errors: ARGUMENT, STATE, SHAPE (a layer that `output` does not depend on), MEMORY,
   DEVICE_MEMORY, NO_COMPILER, BUILD, OPENCL. */
BNCL_API bncl_status bncl_graph_plan(bncl_graph *graph, bncl_value output, uint64_t seed,
                                     bncl_queue *queue, bncl_error *err);

/* ---- modes ---- */

/* Training mode: batch norm uses the batch's statistics and updates the running ones. Any state.
   Errors: ARGUMENT. */
BNCL_API bncl_status bncl_graph_train(bncl_graph *graph, bncl_error *err);

/* Evaluation mode: batch norm uses the running statistics. Any state. Errors: ARGUMENT. */
BNCL_API bncl_status bncl_graph_eval(bncl_graph *graph, bncl_error *err);

/* Keeps one layer in evaluation mode whatever the graph's (frozen), or lets it follow the graph
   again. Its parameters still receive gradients, as PyTorch's do. Any state. Errors: ARGUMENT (no
   such layer). */
BNCL_API bncl_status bncl_graph_freeze(bncl_graph *graph, const char *layer, bool frozen,
                                       bncl_error *err);

/* Switches a batch norm layer's tracking off, or on again, as setting track_running_stats on a
   PyTorch module does: in training the running statistics and the counter then stay as they are, in
   evaluation they are still used. Any state. Errors: ARGUMENT (no such layer, or one that was made
   without running statistics). */
BNCL_API bncl_status bncl_graph_track_running_stats(bncl_graph *graph, const char *layer,
                                                    bool track, bncl_error *err);

/* Whether a backward pass adds to the parameters' gradients, as PyTorch's does, or overwrites them,
   as a graph's does at first. Any state. Errors: ARGUMENT. */
BNCL_API bncl_status bncl_graph_accumulate(bncl_graph *graph, bool accumulate, bncl_error *err);

/* ---- PLANNED and READY ---- */

/* Runs the graph on `count` inputs, in the order they were added, all of one batch size N, which
   may differ from call to call. *output (may be NULL) becomes a view of the result, good until the
   next forward or the graph's end. The input tensors must stay as they are until backward is done.
   Enqueues and returns; blocks only to allocate and build when the batch size is new.
   A failed call changes neither parameters nor running statistics; where it was not refused for its
   arguments, backward then needs a new forward. Errors: ARGUMENT; STATE (still BUILDING); SHAPE
   ("fc1: …": wrong shape, one value per channel in training); DTYPE; UNSUPPORTED (BNCL_GEMM, see
   gemm.h); MEMORY; DEVICE_MEMORY; BUILD; OPENCL; BLAS. */
BNCL_API bncl_status bncl_graph_forward(bncl_graph *graph, bncl_queue *queue,
                                        const bncl_tensor *inputs, size_t count,
                                        bncl_tensor *output, const bncl_sync *sync,
                                        bncl_error *err);

/* Backpropagates dy, the gradient of a scalar with respect to the last forward's output, of the
   output's shape: overwrites the gradient of every parameter (or adds to it, where
   bncl_graph_accumulate says so), and of the inputs that ask for one. A failed call may leave part
   of the gradients added. Enqueues and returns; the first one of a batch size allocates. Legal in
   READY, once or more after a forward. Errors: as bncl_graph_forward. */
BNCL_API bncl_status bncl_graph_backward(bncl_graph *graph, bncl_queue *queue,
                                         const bncl_tensor *dy, const bncl_sync *sync,
                                         bncl_error *err);

/* The gradient of input `index` (one that requires_grad) from the last backward; good until the
   next forward. An input that the output does not depend on has an absent gradient (PyTorch: None).
   Errors: ARGUMENT, STATE (no backward since the last forward). */
BNCL_API bncl_status bncl_graph_input_gradient(const bncl_graph *graph, size_t index,
                                               bncl_tensor *out, bncl_error *err);

typedef struct bncl_graph_parameter_info {
    const char *name; /* "fc1.weight"; borrowed from the graph */
    bncl_tensor value;
    bncl_tensor gradient;
} bncl_graph_parameter_info;

/* How many parameters there are; 0 for NULL or while BUILDING. */
BNCL_API size_t bncl_graph_parameter_count(const bncl_graph *graph);

/* The index-th parameter, in the order of the layers, weight before bias. Errors:
   ARGUMENT, STATE. */
BNCL_API bncl_status bncl_graph_parameter(const bncl_graph *graph, size_t index,
                                          bncl_graph_parameter_info *out, bncl_error *err);

/* All parameters, and all their gradients, as one flat tensor each (they lie in one buffer, padding
   between them zero): what an optimizer steps on. Errors: ARGUMENT, STATE. */
BNCL_API bncl_status bncl_graph_parameters(const bncl_graph *graph, bncl_tensor *values,
                                           bncl_tensor *gradients, bncl_error *err);

/* Sets all parameters' gradients to zero, as an optimizer's zero_grad(). Enqueues and returns.
   Errors: ARGUMENT, STATE, OPENCL. */
BNCL_API bncl_status bncl_graph_zero_gradients(bncl_graph *graph, bncl_queue *queue,
                                               const bncl_sync *sync, bncl_error *err);

/* Device memory in bytes, besides parameters and what operators keep. */
typedef struct bncl_graph_memory_info {
    size_t values;          /* what layers give, and masks: as of the largest batch so far */
    size_t gradients;       /* their gradients: of the largest backward pass */
    size_t naive_values;    /* what these would take if each had memory of its own, */
    size_t naive_gradients; /* and every layer ran by itself */
} bncl_graph_memory_info;

/* What passes take. Values that backward does not read, and gradients that have been used, leave
   their memory to others. 0 before the first pass. Errors: ARGUMENT, STATE (still BUILDING). */
BNCL_API bncl_status bncl_graph_memory(const bncl_graph *graph, bncl_graph_memory_info *out,
                                       bncl_error *err);

BNCL_END_DECLS

#endif
