/* Internal: text as a JSON string. Floor 0, libc only. */
#ifndef BNCLI_JSON_TEXT_H
#define BNCLI_JSON_TEXT_H

#include <stddef.h>

/* Writes `text` as a JSON string, quotes included, always terminated and always whole: what does
   not fit is left out, between characters. What is not UTF-8 becomes U+FFFD. `size` is at least 3.
   Returns the length. */
size_t bncli_json_text(const char *text, char *out, size_t size);

#endif
