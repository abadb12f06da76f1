/* Internal: writing error texts. Floor 0, libc only. */
#ifndef BNCLI_ERROR_H
#define BNCLI_ERROR_H

#include <bncl/status.h>

/* Writes the text into err (NULL is fine) and returns status, so that a caller can fail in
   a line. */
bncl_status bncli_fail(bncl_error *err, bncl_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text that is there, and returns status. */
bncl_status bncli_fail_within(bncl_error *err, bncl_status status, const char *prefix);

/* Empties the text. Every public call does this first. */
void bncli_error_clear(bncl_error *err);

#endif
