/* All public headers but opencl.h, which needs CL/cl.h. */
#ifndef BNCL_BNCL_H
#define BNCL_BNCL_H

#include <bncl/activation.h>
#include <bncl/batch_norm.h>
#include <bncl/batch_norm_statistics.h>
#include <bncl/buffer.h>
#include <bncl/context.h>
#include <bncl/cross_entropy.h>
#include <bncl/dtype.h>
#include <bncl/elementwise.h>
#include <bncl/event.h>
#include <bncl/export.h>
#include <bncl/fold.h>
#include <bncl/gemm.h>
#include <bncl/graph.h>
#include <bncl/graph_profile.h>
#include <bncl/linear.h>
#include <bncl/queue.h>
#include <bncl/random.h>
#include <bncl/recalibrate.h>
#include <bncl/sgd.h>
#include <bncl/state_dict.h>
#include <bncl/status.h>
#include <bncl/tensor.h>
#include <bncl/tuning.h>
#include <bncl/version.h>

#endif
