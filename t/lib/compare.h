/* The comparator. An element passes when error <= bound, written so that a NaN on either side, in
   the bound too, fails. It must not know what is compared, nor the library. */
#ifndef COMPARE_H
#define COMPARE_H

#include <stdbool.h>
#include <stddef.h>

/* What a comparison found; the element with the largest error/bound, a NaN first of all. */
typedef struct compare_report {
    bool ok;
    size_t index;
    double got;
    double expected;
    double error;
    double bound;
} compare_report;

/* |got[i] - expected[i]| <= bound[i] for all i. Of 0 elements: ok. */
compare_report compare_doubles(const double *got, const double *expected, const double *bound,
                               size_t count);
compare_report compare_floats(const float *got, const double *expected, const double *bound,
                              size_t count);

/* As these two, but where `expected` is NaN, got must be NaN, and where it is infinite, got must
   be the same infinity, whatever the bound there. */
compare_report compare_doubles_or_special(const double *got, const double *expected,
                                          const double *bound, size_t count);
compare_report compare_floats_or_special(const float *got, const double *expected,
                                         const double *bound, size_t count);

/* The first of count elements of `size` bytes whose bits differ, or count. */
size_t compare_bits(const void *got, const void *expected, size_t size, size_t count);

/* The same as tests: they fail with `what`, the index, got, expected, error and bound. */
void check_doubles(const char *what, const double *got, const double *expected, const double *bound,
                   size_t count);
void check_floats(const char *what, const float *got, const double *expected, const double *bound,
                  size_t count);
void check_doubles_or_special(const char *what, const double *got, const double *expected,
                              const double *bound, size_t count);
void check_floats_or_special(const char *what, const float *got, const double *expected,
                             const double *bound, size_t count);
void check_float_bits(const char *what, const float *got, const float *expected, size_t count);

/* Every element is NaN; every element has exactly this value (-0 equals 0). */
void check_all_nan(const char *what, const float *got, size_t count);
void check_all_equal(const char *what, const float *got, float expected, size_t count);

#endif
