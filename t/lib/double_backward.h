/* The double backward of a batch norm case: its data on the host, and running it on a device. Knows
   the library's public headers; the expected results are double_backward_check's. */
#ifndef DOUBLE_BACKWARD_H
#define DOUBLE_BACKWARD_H

#include "lib/batch_norm_case.h"

/* Inputs and results on the host, held until the test ends; absent ones are NULL. */
typedef struct double_backward_data {
    batch_norm_data norm; /* the case's; forward's results, with save_ where the batch's own
                             statistics were used */
    float *ddx;
    float *ddgamma;
    float *ddbeta;

    float *dx;
    float *ddy;
    float *dgamma;
} double_backward_data;

/* A plan and the tensors of a call, after the forward call that made its statistics; outputs are
   canaries. */
typedef struct double_backward {
    batch_norm_case c;
    bool train;
    bncl_batch_norm *plan;
    bncl_batch_norm_double_backward args;
} double_backward;

/* Random inputs. */
double_backward_data double_backward_data_make(const batch_norm_case *c);

/* Runs forward, by the batch's statistics or in evaluation, and reads its results into the data;
   then makes the tensors. */
double_backward double_backward_make(device *d, const batch_norm_case *c, bool train,
                                     double_backward_data *data);

/* The call; the status is to be BNCL_OK. */
void double_backward_call(device *d, const double_backward *of);

void double_backward_read(device *d, const double_backward *of, double_backward_data *data);

/* All of it. */
void double_backward_run(device *d, const batch_norm_case *c, bool train,
                         double_backward_data *data);

#endif
