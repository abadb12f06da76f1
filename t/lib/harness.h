/* What every test program shares: cmocka with what it needs included before it, failing with a
   text, and the things a test makes, which are released after it however it ended. */
#ifndef HARNESS_H
#define HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Ends the running test as failed, with the text. */
void harness_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Prints a TAP comment ("# text"). */
void harness_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The environment variable is set, and to something other than "" and "0". */
bool harness_flag(const char *name);

/* A text, printed as by printf and held until the test ends. */
const char *harness_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Keeps `object` until the running test ends, then calls release(object). Returns object. */
void *harness_hold(void *object, void (*release)(void *object));

/* Zeroed memory for count elements of size bytes, held; never NULL, also for 0. */
void *harness_memory(size_t count, size_t size);
float *harness_floats(size_t count);
double *harness_doubles(size_t count);

/* A copy in double of count floats, held. NULL for NULL. */
double *harness_widen(const float *values, size_t count);

/* Releases all that is held, the youngest first. A cmocka teardown; state is not used. */
int harness_release(void **state);

/* A test with harness_release behind it; runs them all as one TAP stream. */
#define HARNESS_TEST(function) cmocka_unit_test_teardown(function, harness_release)

#endif
