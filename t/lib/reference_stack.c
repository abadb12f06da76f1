/* The reference's linear map, ReLU, sum, cross entropy and SGD. It must not know the library. */
#include "lib/reference.h"

#include <math.h>

void reference_linear_forward(const reference_linear *shape, const double *x, const double *weight,
                              const double *bias, double *y)
{
    for (size_t r = 0; r < shape->rows; ++r) {
        for (size_t o = 0; o < shape->out_features; ++o) {
            long double sum = bias != NULL ? (long double)bias[o] : 0.0L;
            for (size_t i = 0; i < shape->in_features; ++i)
                sum += (long double)x[r * shape->in_features + i] *
                       (long double)weight[o * shape->in_features + i];
            y[r * shape->out_features + o] = (double)sum;
        }
    }
}

/* z [rows,columns] with z[r,c] = Σ over k < depth of a[r,k]·b[k,c], where a and b are given with
   the distance in memory from one row, and from one column, to the next. */
typedef struct strided {
    const double *values;
    size_t row;
    size_t column;
} strided;

static void product(size_t rows, size_t columns, size_t depth, strided a, strided b, double *z)
{
    for (size_t r = 0; r < rows; ++r) {
        for (size_t c = 0; c < columns; ++c) {
            long double sum = 0.0L;
            for (size_t k = 0; k < depth; ++k)
                sum += (long double)a.values[r * a.row + k * a.column] *
                       (long double)b.values[k * b.row + c * b.column];
            z[r * columns + c] = (double)sum;
        }
    }
}

void reference_linear_backward(const reference_linear *shape, const double *x, const double *weight,
                               const double *dy, double *dx, double *dweight, double *dbias)
{
    size_t in = shape->in_features;
    size_t out = shape->out_features;
    const double one = 1.0;
    if (dx != NULL)
        product(shape->rows, in, out, (strided){dy, out, 1}, (strided){weight, in, 1}, dx);
    if (dweight != NULL)
        product(out, in, shape->rows, (strided){dy, 1, out}, (strided){x, in, 1}, dweight);
    if (dbias != NULL)
        product(1, out, shape->rows, (strided){&one, 0, 0}, (strided){dy, out, 1}, dbias);
}

void reference_relu(size_t count, const double *x, double *y)
{
    for (size_t i = 0; i < count; ++i)
        y[i] = x[i] <= 0.0 ? 0.0 : x[i];
}

void reference_relu_backward(size_t count, const double *y, const double *dy, double *dx)
{
    for (size_t i = 0; i < count; ++i)
        dx[i] = y[i] <= 0.0 ? 0.0 : dy[i];
}

void reference_add(size_t count, const double *a, const double *b, double *z)
{
    for (size_t i = 0; i < count; ++i)
        z[i] = a[i] + b[i];
}

static size_t first_largest(size_t classes, const double *row)
{
    size_t best = 0;
    for (size_t c = 1; c < classes; ++c)
        if (row[c] > row[best])
            best = c;
    return best;
}

/* log Σexp of the row, from its largest value so that nothing overflows. */
static long double log_sum_exp(size_t classes, const double *row)
{
    long double top = (long double)row[first_largest(classes, row)];
    long double sum = 0.0L;
    for (size_t c = 0; c < classes; ++c)
        sum += expl((long double)row[c] - top);
    return top + logl(sum);
}

static void softmax_gradient(size_t rows, size_t classes, const double *row, int32_t label,
                             long double log_sum, double *drow)
{
    bool known = label >= 0 && (size_t)label < classes;
    for (size_t c = 0; c < classes; ++c) {
        long double p = expl((long double)row[c] - log_sum);
        long double target = known && c == (size_t)label ? 1.0L : 0.0L;
        drow[c] = known ? (double)((p - target) / (long double)rows) : 0.0;
    }
}

double reference_cross_entropy(size_t rows, size_t classes, const double *logits,
                               const int32_t *labels, int32_t *correct, double *dlogits)
{
    long double sum = 0.0L;
    int32_t hits = 0;
    for (size_t r = 0; r < rows; ++r) {
        const double *row = logits + r * classes;
        long double log_sum = log_sum_exp(classes, row);
        bool known = labels[r] >= 0 && (size_t)labels[r] < classes;
        sum += known ? log_sum - (long double)row[labels[r]] : (long double)NAN;
        if (known && first_largest(classes, row) == (size_t)labels[r])
            ++hits;
        if (dlogits != NULL)
            softmax_gradient(rows, classes, row, labels[r], log_sum, dlogits + r * classes);
    }
    if (correct != NULL)
        *correct = hits;
    return (double)(sum / (long double)rows);
}

void reference_sgd_step(const reference_sgd *options, size_t step, size_t count, const double *dw,
                        double *buf, double *w)
{
    for (size_t i = 0; i < count; ++i) {
        double g = dw[i] + options->weight_decay * w[i];
        if (options->momentum != 0.0) {
            buf[i] = step == 0 ? g : options->momentum * buf[i] + (1.0 - options->dampening) * g;
            g = options->nesterov ? g + options->momentum * buf[i] : buf[i];
        }
        w[i] -= options->lr * g;
    }
}
