/* What a batch norm case should give: the reference's results, how far from them a result may lie,
   and the magnitudes that went into them. Knows the host's data only, no device. */
#ifndef BATCH_NORM_EXPECT_H
#define BATCH_NORM_EXPECT_H

#include "lib/batch_norm_case.h"

/* One number for every result. running_ are NULL where nothing is tracked. */
typedef struct batch_norm_values {
    double *y;
    double *dx;
    double *dgamma;
    double *dbeta;
    double *mean; /* what normalizes: the batch's, or the running one */
    double *var;  /* results only */
    double *invstd;
    double *running_mean; /* after the call */
    double *running_var;
} batch_norm_values;

/* Held until the test ends. */
typedef struct batch_norm_expectation {
    reference_shape shape;
    size_t n;                     /* values of a channel */
    size_t total;                 /* all values */
    double weight;                /* of this batch in the running statistics */
    bool batch;                   /* the batch's statistics normalize, not running ones */
    batch_norm_values results;    /* the reference's */
    batch_norm_values bounds;     /* what the library promises */
    batch_norm_values magnitudes; /* Σ of the magnitudes that enter, with no cancellation */
} batch_norm_expectation;

/* Of the case's inputs in data. `train`: a training call, whose number data->num_batches_tracked
   is; else an evaluation, by running statistics where the data have them. */
batch_norm_expectation batch_norm_expect(const batch_norm_case *c, const batch_norm_data *data,
                                         bool train);

#endif
