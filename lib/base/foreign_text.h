/* Internal: text that comes from outside, paths and names in files: is it UTF-8, and a form of it
   that is fit for an error text. Floor 0, libc only. */
#ifndef BNCLI_FOREIGN_TEXT_H
#define BNCLI_FOREIGN_TEXT_H

#include <stddef.h>

#include <bncl/status.h>

/* How many bytes come before the first that is not well-formed UTF-8: `length` where all is well.
   Overlong forms, surrogates and what lies beyond U+10FFFF are not well-formed. */
size_t bncli_utf8_prefix(const char *text, size_t length);

#define BNCLI_EXCERPT_SIZE 256

typedef struct bncli_excerpt {
    char text[BNCLI_EXCERPT_SIZE];
} bncli_excerpt;

/* Copies `text` to *out, so that it can neither break the line, nor command a terminal, nor crowd
   out the rest of an error text: '?' replaces control characters, "..." the middle of a long text
   (the end of a path says the most). Returns out->text. */
const char *bncli_excerpt_of(const char *text, bncli_excerpt *out);

/* Puts an excerpt of `subject` and ": " before the error text that is there; returns status. */
bncl_status bncli_fail_about(bncl_error *err, bncl_status status, const char *subject);

#endif
