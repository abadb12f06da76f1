/* Compares a network on the library with the reference: passes forward and backward, and training
   steps. */
#ifndef NETWORK_CHECK_H
#define NETWORK_CHECK_H

#include "lib/network_graph.h"

/* What is run: forward, loss and backward on `data`; then, `steps` times, a step of the optimizer
   and the same again. */
typedef struct network_course {
    const network_data *data;
    bool training;
    int steps;
    bncl_sgd_options optimizer;
} network_course;

enum { network_most_results = 160 };

/* Named arrays: "loss 0", "output", "gradient of fc1.weight", "fc1.weight", "bn1.running_mean". */
typedef struct network_results {
    size_t count;
    struct {
        const char *name;
        size_t count;
        double *values;
    } of[network_most_results];
} network_results;

network_results network_course_library(network_graph *g, const network_course *course);
network_results network_course_reference(reference_graph *g, const network_course *course);

/* How far each result of the reference goes when every operator errs as f32 may, from the state
   that `start` is in: the largest of 16 runs, one number a result. */
double *network_course_spread(const reference_graph *start, const network_course *course,
                              const network_results *exact);

/* A result of the library, whose largest magnitude is `largest`, where honest f32 computations
   strayed up to `spread`: twice that, since the library's errors are of the same size and origin
   but not the same draw, and a rounding of the result itself. */
double tolerance_graph(double spread, double largest);

/* Runs the course on both, from the graph's present state, and fails where they differ by more. */
void network_course_check(network_graph *g, reference_graph *reference,
                          const network_course *course, const char *what);

/* ---- central differences in the reference ---- */

/* d loss / d *entry by the five-point formula
     (8·(f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12h,   error h⁴/30·f⁽⁵⁾ and roundings of f over h.
   `entry` is a parameter of the graph, or a number of data->wide. Fails the test if a ReLU came so
   near its kink that the loss may not be smooth in between. */
double network_difference(reference_graph *g, const network_data *data, bool training,
                          double *entry);

/* How far the five-point formula may be from the derivative, for a loss of this size. */
double tolerance_difference(double loss);

/* Data on which every ReLU's input is at least `margin` from 0 in the mode: the first of many seeds
   that gives such. */
network_data network_data_smooth(reference_graph *g, size_t n, bool training, double margin);

#endif
