/* What a double backward should give, and checks of what it gave. Knows the host's data only, no
   device. */
#ifndef DOUBLE_BACKWARD_CHECK_H
#define DOUBLE_BACKWARD_CHECK_H

#include "lib/double_backward.h"

/* One number for every result. */
typedef struct double_backward_values {
    double *dx;
    double *ddy;
    double *dgamma;
} double_backward_values;

/* Held until the test ends. */
typedef struct double_backward_expectation {
    size_t total;
    double_backward_values results; /* the reference's */
    double_backward_values bounds;  /* how far the library's may lie from them */
    double_backward_values
        magnitudes; /* every term taken positive, x̂ as |x| and |mean| that do not cancel */
} double_backward_expectation;

/* By which statistics. */
typedef enum double_backward_statistics {
    DOUBLE_BACKWARD_SAVED,  /* as forward saved them, which are then exact */
    DOUBLE_BACKWARD_EXACT,  /* the batch's true ones, which forward's may be off by its promises */
    DOUBLE_BACKWARD_RUNNING /* those given, but for invstd's roundings */
} double_backward_statistics;

double_backward_expectation double_backward_expect(const batch_norm_case *c,
                                                   const double_backward_data *data,
                                                   double_backward_statistics statistics);

/* After double_backward_run: dx, ddy, dgamma, those that are not NULL. */
void double_backward_check(const batch_norm_case *c, bool train, const double_backward_data *data);

#endif
