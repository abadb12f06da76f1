/* Internal: host memory, and the point where tests make it fail. Floor 0, libc only. */
#ifndef BNCLI_ALLOC_H
#define BNCLI_ALLOC_H

#include <stddef.h>

#include <bncl/status.h>

/* Zeroed memory for count elements of size bytes, or NULL: also when the product overflows. An
   empty request gives one byte, so that NULL always means failure. */
void *bncli_alloc(size_t count, size_t size);

/* bncli_alloc that says why it failed: *out is the memory, or NULL with BNCL_ERROR_MEMORY. */
bncl_status bncli_new(void *out, size_t count, size_t size, bncl_error *err);

/* A copy of a string, or NULL. */
char *bncli_strdup(const char *text);

/* NULL is fine. */
void bncli_free(void *memory);

/* The memory fault point, for tests. From now on this thread's nth call of bncli_alloc (1: the
   next) fails, and with `sticky` all after it too; 0 switches it off. Returns how many calls there
   have been since it was last set. */
unsigned long bncli_alloc_fault(unsigned long nth, int sticky);

#endif
