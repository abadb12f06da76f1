/* The comparator: see compare.h. */
#include "lib/compare.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "lib/harness.h"

/* How far beyond its bound: 1 at the bound; infinite for a NaN, and for any error where 0 is asked.
   */
static double badness(double error, double bound)
{
    if (isnan(error) || isnan(bound))
        return INFINITY;
    if (error == 0.0)
        return 0.0;
    return bound > 0.0 ? error / bound : INFINITY;
}

/* Takes one element into the report. */
static void consider(compare_report *report, double *worst, size_t index, double got,
                     double expected, double bound)
{
    double error = fabs(got - expected);
    bool ok = error <= bound;
    double bad = badness(error, bound);
    if ((report->ok && !ok) || (report->ok == ok && bad > *worst)) {
        *report = (compare_report){ok, index, got, expected, error, bound};
        *worst = bad;
    }
}

compare_report compare_doubles(const double *got, const double *expected, const double *bound,
                               size_t count)
{
    compare_report report = {.ok = true};
    double worst = -1.0;
    for (size_t i = 0; i < count; ++i)
        consider(&report, &worst, i, got[i], expected[i], bound[i]);
    return report;
}

compare_report compare_floats(const float *got, const double *expected, const double *bound,
                              size_t count)
{
    compare_report report = {.ok = true};
    double worst = -1.0;
    for (size_t i = 0; i < count; ++i)
        consider(&report, &worst, i, (double)got[i], expected[i], bound[i]);
    return report;
}

/* consider(), but what is special by right is passed over. */
static void consider_or_special(compare_report *report, double *worst, size_t index, double got,
                                double expected, double bound)
{
    if (isnan(expected) ? isnan(got) : isinf(expected) && got == expected)
        return;
    consider(report, worst, index, got, expected, isfinite(expected) ? bound : (double)NAN);
}

compare_report compare_doubles_or_special(const double *got, const double *expected,
                                          const double *bound, size_t count)
{
    compare_report report = {.ok = true};
    double worst = -1.0;
    for (size_t i = 0; i < count; ++i)
        consider_or_special(&report, &worst, i, got[i], expected[i], bound[i]);
    return report;
}

compare_report compare_floats_or_special(const float *got, const double *expected,
                                         const double *bound, size_t count)
{
    compare_report report = {.ok = true};
    double worst = -1.0;
    for (size_t i = 0; i < count; ++i)
        consider_or_special(&report, &worst, i, (double)got[i], expected[i], bound[i]);
    return report;
}

size_t compare_bits(const void *got, const void *expected, size_t size, size_t count)
{
    const unsigned char *a = got;
    const unsigned char *b = expected;
    for (size_t i = 0; i < count; ++i)
        if (memcmp(a + i * size, b + i * size, size) != 0)
            return i;
    return count;
}

static void demand(const char *what, const compare_report *report, size_t count)
{
    if (!report->ok)
        harness_fail("%s: worst at [%zu] of %zu: got %.9g, expected %.9g, error %.3g, bound %.3g",
                     what, report->index, count, report->got, report->expected, report->error,
                     report->bound);
}

void check_doubles(const char *what, const double *got, const double *expected, const double *bound,
                   size_t count)
{
    compare_report report = compare_doubles(got, expected, bound, count);
    demand(what, &report, count);
}

void check_floats(const char *what, const float *got, const double *expected, const double *bound,
                  size_t count)
{
    compare_report report = compare_floats(got, expected, bound, count);
    demand(what, &report, count);
}

void check_doubles_or_special(const char *what, const double *got, const double *expected,
                              const double *bound, size_t count)
{
    compare_report report = compare_doubles_or_special(got, expected, bound, count);
    demand(what, &report, count);
}

void check_floats_or_special(const char *what, const float *got, const double *expected,
                             const double *bound, size_t count)
{
    compare_report report = compare_floats_or_special(got, expected, bound, count);
    demand(what, &report, count);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void check_float_bits(const char *what, const float *got, const float *expected, size_t count)
{
    size_t i = compare_bits(got, expected, sizeof *got, count);
    if (i < count)
        harness_fail("%s: bits differ first at [%zu] of %zu: got %.9g (%08x), expected %.9g (%08x)",
                     what, i, count, (double)got[i], (unsigned)bits_of(got[i]), (double)expected[i],
                     (unsigned)bits_of(expected[i]));
}

void check_all_nan(const char *what, const float *got, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        if (!isnan(got[i]))
            harness_fail("%s: [%zu] of %zu is %.9g, expected NaN", what, i, count, (double)got[i]);
}

void check_all_equal(const char *what, const float *got, float expected, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        if (!(got[i] == expected))
            harness_fail("%s: [%zu] of %zu is %.9g, expected %.9g", what, i, count, (double)got[i],
                         (double)expected);
}
