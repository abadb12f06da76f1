/* Folding: an evaluating graph's batch norms become part of the Linears beside them, which then
   cost nothing. */
#ifndef BNCL_FOLD_H
#define BNCL_FOLD_H

#include <bncl/export.h>
#include <bncl/graph.h>
#include <bncl/queue.h>
#include <bncl/status.h>

BNCL_BEGIN_DECLS

/* Makes a new graph that computes what `graph` does in evaluation, without its batch norms: with
   scale = gamma/√(running_var+eps), each goes into the Linear before it,
     W' = scale·W by rows       b' = scale·(b - running_mean) + beta
   or, where that cannot be, into the Linear after it,
     W' = W·scale by columns    b' = b + W·(beta - scale·running_mean)
   Flatten may lie between; a column is then scaled by the channel that batch norm's layout gives
   it. A Linear without bias gets one. Several batch norms may go into one Linear. All of it is
   computed on the host in double and rounded to f32 once. Source: one affine map put into the
   other; the first is what torch.nn.utils.fusion.fuse_linear_bn_eval does.

   *out is planned and in evaluation mode. It has the same inputs, all other layers under their
   names, and copies of their parameters; so it can be saved, loaded and run like any other, and
   even trained, but that is without batch norms. `graph` stays as it is. Its context must outlive
   *out, which the caller owns. Blocks.

   Per output of a Linear with K inputs, the folded result and the unfolded one differ by at most
   2·√(K+3) units in the last place of M, which adds up the magnitudes of all terms that go into it:
     |scale|·(Σ|W·x| + |b| + |running_mean|) + |beta|             folded into the Linear before
     Σ|W|·(|scale|·(|x| + |running_mean|) + |beta|) + |b|         folded into the one after
   That is how the roundings of two sums of K products and three more terms add up unless they
   conspire (Higham and Mary, "A new approach to probabilistic rounding error analysis", SIAM J.
   Sci. Comput. 2019). Measured: from K = 16 on at most two thirds of 2·√K. It needs folded values
   of 2⁻¹²⁶ and more: what is below keeps the bits that subnormal numbers have.

   Errors: ARGUMENT (also a batch norm whose scale, or a folded weight or bias, is no finite f32:
   the text names it); STATE (BUILDING, or training mode); UNSUPPORTED, with the batch norm's name:
   it has no running statistics, or there is no Linear before or after it that it can go into,
   because of what else stands there, or because a value in between is used elsewhere or is the
   graph's output; MEMORY; DEVICE_MEMORY; NO_COMPILER; BUILD; OPENCL. */
BNCL_API bncl_status bncl_graph_fold(const bncl_graph *graph, bncl_queue *queue, bncl_graph **out,
                                     bncl_error *err);

BNCL_END_DECLS

#endif
