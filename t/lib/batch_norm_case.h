/* One batch norm as a test: its shape and options, its data on the host, and running it on a
   device. Knows the library's public headers; the expected results are batch_norm_check's. */
#ifndef BATCH_NORM_CASE_H
#define BATCH_NORM_CASE_H

#include "lib/device.h"
#include "lib/reference.h"

typedef struct batch_norm_case {
    bncl_layout layout;
    bncl_dtype dtype; /* of x and its like; the data are floats all the same: of f16 and bf16 those
                         that these can be, of f64 what is left of it */
    size_t samples;
    size_t channels;
    size_t positions; /* 1 for BNCL_LAYOUT_NC */
    size_t width;     /* of NCHW and NHWC: positions is a multiple of it */
    size_t padding;   /* elements between rows, and more between samples; 0: dense tensors */
    bncl_batch_norm_options options;
    bool no_gamma;
    bool no_beta;
    bool untracked;   /* without running statistics */
    double offset;    /* x is normal around it … */
    double deviation; /* … with this deviation; 0: 1 */
    bool coarse;      /* all data whole numbers, many of them zeros of either sign, and every third
                         channel's x one zero, every third one value */
    uint64_t seed;
} batch_norm_case;

/* Inputs and results on the host, held until the test ends; absent ones are NULL. */
typedef struct batch_norm_data {
    float *x;
    float *dy;
    float *gamma;
    float *beta;
    float *running_mean; /* before the call */
    float *running_var;
    int64_t num_batches_tracked; /* in and out */

    float *y;
    float *new_running_mean; /* what forward_train left in the running statistics' tensors */
    float *new_running_var;
    float *save_mean;
    float *save_mean_lo;
    float *save_invstd;
    float *dx;
    float *dgamma;
    float *dbeta;
} batch_norm_data;

/* A case of the shape with PyTorch's options. */
batch_norm_case batch_norm_case_make(bncl_layout layout, size_t samples, size_t channels,
                                     size_t positions);

/* "NCL [2,3,7] offset 0": held. */
const char *batch_norm_case_name(const batch_norm_case *c);

reference_shape batch_norm_case_shape(const batch_norm_case *c);
size_t batch_norm_case_total(const batch_norm_case *c);

/* The rank, and the dims in the layout's order. */
int batch_norm_case_dims(const batch_norm_case *c, size_t dims[BNCL_MAX_RANK]);

/* Random inputs of the case. */
batch_norm_data batch_norm_data_make(const batch_norm_case *c);

/* Whether the device has f64; where not, notes so, and looks that a plan of it is refused. */
bool batch_norm_has_f64(device *d);

/* A plan, held. */
bncl_batch_norm *batch_norm_plan(device *d, const batch_norm_case *c);

/* A tensor of the case's shape on a device, filled as by device_tensor; `more` tells tensors of one
   call apart by their strides. A channel's run stays dense, and so do the dims before channels that
   are last. */
bncl_tensor batch_norm_case_tensor(device *d, const batch_norm_case *c, size_t more,
                                   const float *host);

/* A tensor [C] of parameters or statistics, of the dtype that goes with the case's. */
bncl_tensor batch_norm_case_vector(device *d, const batch_norm_case *c, const float *host);

/* Reads a tensor of any of the dtypes as floats; NULL for an absent one. */
float *batch_norm_case_floats(device *d, const bncl_tensor *tensor);

/* Rounds to what the case's dtype can hold, in place. */
void batch_norm_case_round(const batch_norm_case *c, float *values, size_t count);

/* Tensors of a forward call with the data's inputs, on a device; all outputs are canaries. */
bncl_batch_norm_forward batch_norm_forward_tensors(device *d, const batch_norm_case *c,
                                                   batch_norm_data *data);

/* The tensors of the backward call that follows, with a dy and outputs of its own. */
bncl_batch_norm_backward batch_norm_backward_tensors(device *d, const batch_norm_case *c,
                                                     const batch_norm_data *data,
                                                     const bncl_batch_norm_forward *forward);

/* Read what the calls wrote into the data. */
void batch_norm_read_forward(device *d, const bncl_batch_norm_forward *args, batch_norm_data *data);
void batch_norm_read_backward(device *d, const bncl_batch_norm_backward *args,
                              batch_norm_data *data);

/* Plan, forward, backward, read: with the batch's statistics, and with running ones. */
void batch_norm_run_train(device *d, const batch_norm_case *c, batch_norm_data *data);
void batch_norm_run_eval(device *d, const batch_norm_case *c, batch_norm_data *data);

#endif
