/* Text that comes from outside: its check and its form in error texts. */
#include "base/foreign_text.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

/* Bytes of the well-formed sequence that begins here, 0 where none does (Unicode, table 3-7). */
static size_t sequence_bytes(const unsigned char *at, size_t left)
{
    if (at[0] < 0x80)
        return 1;
    size_t bytes = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || bytes > left)
        return 0;
    for (size_t i = 1; i < bytes; ++i)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool surrogate = at[0] == 0xed && at[1] > 0x9f;
    bool beyond = at[0] == 0xf4 && at[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : bytes;
}

size_t bncli_utf8_prefix(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        size_t bytes = sequence_bytes((const unsigned char *)text + at, length - at);
        if (bytes == 0)
            break;
        at += bytes;
    }
    return at;
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Takes the middle out; no UTF-8 sequence is cut in two. */
static void shorten(const char *text, size_t length, bncli_excerpt *out)
{
    static const char dots[] = "...";
    size_t head = BNCLI_EXCERPT_SIZE / 3;
    size_t tail = length - (BNCLI_EXCERPT_SIZE - head - sizeof dots);
    while (head > 0 && continues(text[head]))
        --head;
    while (continues(text[tail]))
        ++tail;
    memcpy(out->text, text, head);
    memcpy(out->text + head, dots, sizeof dots - 1);
    memcpy(out->text + head + sizeof dots - 1, text + tail, length - tail + 1);
}

const char *bncli_excerpt_of(const char *text, bncli_excerpt *out)
{
    size_t length = strlen(text);
    if (length < sizeof out->text)
        memcpy(out->text, text, length + 1);
    else
        shorten(text, length, out);
    for (char *at = out->text; *at != '\0'; ++at) {
        unsigned char c = (unsigned char)*at, next = (unsigned char)at[1];
        if (c == 0xc2 && next >= 0x80 && next < 0xa0) /* U+0080 to U+009F: controls, too */
            at[0] = at[1] = '?';
        else if (c < 0x20 || c == 0x7f)
            *at = '?';
    }
    return out->text;
}

bncl_status bncli_fail_about(bncl_error *err, bncl_status status, const char *subject)
{
    bncli_excerpt excerpt;
    return bncli_fail_within(err, status, bncli_excerpt_of(subject, &excerpt));
}
