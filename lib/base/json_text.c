/* Text as a JSON string. */
#include "base/json_text.h"

#include <stdio.h>
#include <string.h>

#include "base/foreign_text.h"

enum { ESCAPE_MOST = 7 }; /* "\u001f" and its end */

/* How many bytes the UTF-8 character has that begins so. */
static size_t character_length(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Writes the character's form in JSON to `form`; returns its length. */
static size_t form_of(const char *at, size_t length, char form[ESCAPE_MOST])
{
    const unsigned char c = (unsigned char)at[0];
    if (c == '"' || c == '\\')
        return (size_t)snprintf(form, ESCAPE_MOST, "\\%c", c);
    if (c < 0x20 || c == 0x7f)
        return (size_t)snprintf(form, ESCAPE_MOST, "\\u%04x", c);
    memcpy(form, at, length);
    return length;
}

size_t bncli_json_text(const char *text, char *out, size_t size)
{
    size_t used = 0, left = strlen(text), good = bncli_utf8_prefix(text, left);
    out[used++] = '"';
    while (left > 0) {
        char form[ESCAPE_MOST] = "\\ufffd";
        size_t taken = 1, length = sizeof form - 1;
        if (good > 0) {
            taken = character_length((unsigned char)text[0]);
            length = form_of(text, taken, form);
        }
        if (used + length + 2 > size)
            break;
        memcpy(out + used, form, length);
        used += length;
        text += taken;
        left -= taken;
        good = good > 0 ? good - taken : bncli_utf8_prefix(text, left);
    }
    out[used++] = '"';
    out[used] = '\0';
    return used;
}
