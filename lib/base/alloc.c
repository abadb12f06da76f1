/* Host memory, and the point where tests make it fail. */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Per thread, so that a test's faults stay its own and the library has no shared state. */
static _Thread_local unsigned long fault_nth, fault_calls;
static _Thread_local int fault_sticky;

unsigned long bncli_alloc_fault(unsigned long nth, int sticky)
{
    unsigned long calls = fault_calls;
    fault_nth = nth;
    fault_sticky = sticky;
    fault_calls = 0;
    return calls;
}

static int fault_hit(void)
{
    ++fault_calls;
    if (fault_nth == 0)
        return 0;
    return fault_sticky ? fault_calls >= fault_nth : fault_calls == fault_nth;
}

void *bncli_alloc(size_t count, size_t size)
{
    if (fault_hit())
        return NULL;
    if (count == 0 || size == 0)
        return calloc(1, 1);
    if (count > SIZE_MAX / size) /* calloc knows too, but a sanitizer's ends the process over it */
        return NULL;
    return calloc(count, size);
}

bncl_status bncli_new(void *out, size_t count, size_t size, bncl_error *err)
{
    void *memory = bncli_alloc(count, size);
    memcpy(out, &memory, sizeof memory);
    if (memory == NULL)
        return bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for %zu elements of %zu bytes",
                          count, size);
    return BNCL_OK;
}

char *bncli_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = bncli_alloc(bytes, 1);
    if (copy != NULL)
        memcpy(copy, text, bytes);
    return copy;
}

void bncli_free(void *memory)
{
    free(memory);
}
