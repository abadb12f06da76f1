/* Running statistics estimated anew from data: after weights were averaged, for data of another
   kind, or because running averages lag behind training. */
#ifndef BNCL_RECALIBRATE_H
#define BNCL_RECALIBRATE_H

#include <stdbool.h>
#include <stddef.h>

#include <bncl/export.h>
#include <bncl/graph.h>
#include <bncl/queue.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

BNCL_BEGIN_DECLS

/* Gives the next batch: sets inputs[0 … count-1] to tensors as bncl_graph_forward takes them, and
   *more to true; or sets *more to false when there is none left. The tensors must stay as they are
   until the next call, or the end of bncl_graph_recalibrate; by then no command reads them. It must
   not use the graph. A status other than BNCL_OK, with a text in err, ends the recalibration. */
typedef bncl_status bncl_graph_source(void *user, bncl_tensor *inputs, size_t count, bool *more,
                                      bncl_error *err);

/* Sets running_mean and running_var of every batch norm layer to the mean and the unbiased variance
   (divided by n - 1) of all values that reach it over all of the source's batches, taken together:
   what torch.optim.swa_utils.update_bn estimates by an average of averages. Each batch runs forward
   in training mode, batches may differ in size, and num_batches_tracked becomes their number. Both
   statistics are the exact ones of the batches' own (mean, M2) rounded once, so that the order of
   the batches does not change a bit, and neither does the device. Source: the definition; batches
   together have Σn, Σn·mean and Σ(M2 + n·mean²), which are kept as whole numbers.

   Frozen layers stay as they are and normalize with their running statistics; layers without them,
   or whose tracking is switched off, normalize with the batch's. Where no layer is left the source
   is not called. The graph's mode stays what it was; backward then needs a new forward. Whatever
   fails, running statistics and counters stay as they were.

   Memory beside the graph's own: 12 bytes a channel on the device, some 230 on the host, however
   many batches there are. Blocks. Errors: as bncl_graph_forward; ARGUMENT; STATE (still BUILDING);
   SHAPE ("bn1: …": no values to estimate from; one value per channel); what the source returns. */
BNCL_API bncl_status bncl_graph_recalibrate(bncl_graph *graph, bncl_queue *queue,
                                            bncl_graph_source *source, void *user, bncl_error *err);

BNCL_END_DECLS

#endif
