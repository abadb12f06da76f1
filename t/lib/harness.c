/* Failing, notes and held objects of the test programs: see harness.h. One test runs at a time, so
   one list in the program is enough. */
#include "lib/harness.h"

#include <stdio.h>
#include <string.h>

typedef struct held {
    struct held *next;
    void *object;
    void (*release)(void *object);
} held;

static held *holding;

void harness_fail(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fail_msg("%s", text);
    abort(); /* fail_msg leaves by longjmp; the compiler is not told */
}

void harness_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("# ", stdout);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    fflush(stdout);
}

bool harness_flag(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

void *harness_hold(void *object, void (*release)(void *object))
{
    held *entry = malloc(sizeof *entry);
    if (entry == NULL) {
        release(object);
        harness_fail("the test ran out of memory");
    }
    *entry = (held){holding, object, release};
    holding = entry;
    return object;
}

void *harness_memory(size_t count, size_t size)
{
    void *memory = calloc(count != 0 ? count : 1, size);
    if (memory == NULL)
        harness_fail("the test ran out of memory: %zu elements of %zu bytes", count, size);
    return harness_hold(memory, free);
}

float *harness_floats(size_t count)
{
    return harness_memory(count, sizeof(float));
}

double *harness_doubles(size_t count)
{
    return harness_memory(count, sizeof(double));
}

double *harness_widen(const float *values, size_t count)
{
    if (values == NULL)
        return NULL;
    double *wide = harness_doubles(count);
    for (size_t i = 0; i < count; ++i)
        wide[i] = (double)values[i];
    return wide;
}

const char *harness_text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        harness_fail("vsnprintf refused \"%s\"", format);
    char *text = harness_memory((size_t)length + 1, 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

int harness_release(void **state)
{
    (void)state;
    while (holding != NULL) {
        held *entry = holding;
        holding = entry->next;
        entry->release(entry->object);
        free(entry);
    }
    return 0;
}
