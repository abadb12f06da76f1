/* The header of a safetensors file: one JSON object, {"name":{"dtype":"F32","shape":[2,3],
   "data_offsets":[0,24]}, …}, in which every byte may be hostile.

   It is parsed a member at a time, because a tree of all of it takes twenty times its bytes and
   more, and those may be a hundred million. A scan by brackets finds where each member ends and
   refuses what nests deeper than the format does, before jansson (which recurses) sees it; the
   member, put into braces of its own where it lies, then is an object of one key. */
#include "tensor/safetensors_header.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/foreign_text.h"
#include "tensor/safetensors_entry.h"

#define DEPTH_MOST 3           /* header, tensor, shape */
#define LISTS_MOST 2           /* shape and data_offsets */
#define MEMBER_MOST (16 << 20) /* bytes of a tensor's entry or of the metadata: our own limit */

typedef struct header_parse {
    char *bytes;
    size_t length;
    uint64_t data_bytes;
    bncli_safetensors *file;
    size_t capacity; /* of file->tensors */
    bool metadata;   /* seen */
} header_parse;

/* Makes room for one more tensor, by doubling: the header's commas are no promise of tensors. */
static bncl_status make_room(header_parse *p, bncl_error *err)
{
    if (p->file->count < p->capacity)
        return BNCL_OK;
    size_t capacity = p->capacity == 0 ? 16 : 2 * p->capacity;
    bncli_safetensor *tensors;
    bncl_status status = bncli_new(&tensors, capacity, sizeof *tensors, err);
    if (status != BNCL_OK)
        return status;
    if (p->file->count > 0)
        memcpy(tensors, p->file->tensors, p->file->count * sizeof *tensors);
    bncli_free(p->file->tensors);
    p->file->tensors = tensors;
    p->capacity = capacity;
    return BNCL_OK;
}

static bncl_status add_tensor(header_parse *p, const char *name, const json_t *entry,
                              bncl_error *err)
{
    bncli_safetensor tensor = {0};
    bncli_excerpt excerpt;
    char prefix[BNCLI_EXCERPT_SIZE + sizeof "tensor \"\""];
    bncl_status status = bncli_safetensors_read_entry(entry, p->data_bytes, &tensor, err);
    if (status != BNCL_OK) {
        snprintf(prefix, sizeof prefix, "tensor \"%s\"", bncli_excerpt_of(name, &excerpt));
        return bncli_fail_within(err, status, prefix);
    }
    status = make_room(p, err);
    if (status != BNCL_OK)
        return status;
    tensor.name = bncli_strdup(name);
    if (tensor.name == NULL)
        return bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for a name");
    p->file->tensors[p->file->count++] = tensor;
    return BNCL_OK;
}

static bncl_status check_metadata(header_parse *p, json_t *metadata, bncl_error *err)
{
    if (p->metadata)
        return bncli_fail(err, BNCL_ERROR_FORMAT, "duplicate key \"__metadata__\"");
    p->metadata = true;
    bool strings = json_is_object(metadata);
    for (void *at = json_object_iter(metadata); at != NULL && strings;
         at = json_object_iter_next(metadata, at))
        strings = json_is_string(json_object_iter_value(at));
    if (!strings)
        return bncli_fail(err, BNCL_ERROR_FORMAT,
                          "expected \"__metadata__\" to be an object of strings");
    return BNCL_OK;
}

/* Where the member ends that begins after bytes[from]: at the ',' before the next one, or at the
   '}' of the header. Strings are only skipped here, and brackets counted; all else
   is jansson's. */
static bncl_status find_end(const header_parse *p, size_t from, size_t *end, bncl_error *err)
{
    bool string = false;
    int depth = 1, lists = 0;
    for (size_t i = from + 1; i < p->length; ++i) {
        char c = p->bytes[i];
        if (c == '"')
            string = !string;
        else if (string)
            i += c == '\\';
        else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MOST || (depth == DEPTH_MOST && ++lists > LISTS_MOST))
                return bncli_fail(err, BNCL_ERROR_FORMAT,
                                  "the header is nested deeper than the format at its byte %zu", i);
        } else if (c == '-') {
            return bncli_fail(err, BNCL_ERROR_FORMAT, "negative number at byte %zu of the header",
                              i);
        } else if ((c == ',' && depth == 1) || ((c == '}' || c == ']') && --depth == 0)) {
            *end = i;
            if (c == ']')
                break;
            return BNCL_OK;
        }
    }
    return bncli_fail(err, BNCL_ERROR_FORMAT, "the header's object is not closed by '}'");
}

/* jansson tells a failed allocation by an error without text, except while it reads a string: that
   looks like wrong syntax. So what looks wrong is parsed again; where memory has run out for good,
   that fails at jansson's first allocation, which has nothing to be mistaken for. */
static bncl_status load(const char *bytes, size_t length, size_t at, json_t **out, bncl_error *err)
{
    json_error_t error;
    bncli_excerpt excerpt;
    for (int tries = 0; tries < 2; ++tries) {
        *out = json_loadb(bytes + at, length, JSON_REJECT_DUPLICATES, &error);
        if (*out != NULL)
            return BNCL_OK;
        if (error.text[0] == '\0')
            return bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for the header");
    }
    return bncli_fail(err, BNCL_ERROR_FORMAT, "the header is no JSON at its byte %zu: %s",
                      at + (size_t)(error.position > 0 ? error.position - 1 : 0),
                      bncli_excerpt_of(error.text, &excerpt));
}

/* The member between bytes[from] and bytes[to], both of which are ',' or a brace of the header. */
static bncl_status parse_member(header_parse *p, size_t from, size_t to, bncl_error *err)
{
    json_t *member;
    bool alone = p->bytes[from] == '{' && p->bytes[to] == '}';
    p->bytes[from] = '{';
    p->bytes[to] = '}';
    bncl_status status = load(p->bytes, to - from + 1, from, &member, err);
    if (status != BNCL_OK)
        return status;
    void *at = json_object_iter(member);
    const char *name = at == NULL ? NULL : json_object_iter_key(at);
    if (name == NULL) {
        if (!alone)
            status = bncli_fail(err, BNCL_ERROR_FORMAT,
                                "expected a key between bytes %zu and %zu of the header", from, to);
    } else if (strcmp(name, "__metadata__") == 0) {
        status = check_metadata(p, json_object_iter_value(at), err);
    } else {
        status = add_tensor(p, name, json_object_iter_value(at), err);
    }
    json_decref(member);
    return status;
}

static bncl_status check_text(const header_parse *p, bncl_error *err)
{
    if (p->length == 0 || p->bytes[0] != '{')
        return bncli_fail(err, BNCL_ERROR_FORMAT, "expected the header to begin with '{'");
    size_t valid = bncli_utf8_prefix(p->bytes, p->length);
    if (valid < p->length)
        return bncli_fail(err, BNCL_ERROR_FORMAT, "the header is no UTF-8 at its byte %zu", valid);
    const char *nul = memchr(p->bytes, '\0', p->length); /* jansson would skip it */
    if (nul != NULL)
        return bncli_fail(err, BNCL_ERROR_FORMAT, "the header has a NUL at its byte %zu",
                          (size_t)(nul - p->bytes));
    return BNCL_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const bncli_safetensor *)a)->name, ((const bncli_safetensor *)b)->name);
}

/* By begin, then end (empty tensors first), then name. */
static int compare_places(const void *a, const void *b)
{
    const bncli_safetensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bncl_status check_names(const bncli_safetensors *file, bncl_error *err)
{
    bncli_excerpt excerpt;
    for (size_t i = 1; i < file->count; ++i)
        if (compare_names(&file->tensors[i - 1], &file->tensors[i]) == 0)
            return bncli_fail(err, BNCL_ERROR_FORMAT, "duplicate key \"%s\"",
                              bncli_excerpt_of(file->tensors[i].name, &excerpt));
    return BNCL_OK;
}

/* Every byte of data belongs to one tensor. */
static bncl_status check_places(const header_parse *p, bncl_error *err)
{
    bncli_excerpt excerpt;
    uint64_t expected = 0;
    for (size_t i = 0; i < p->file->count; ++i) {
        const bncli_safetensor *tensor = &p->file->tensors[i];
        if (tensor->begin != expected)
            return bncli_fail(err, BNCL_ERROR_FORMAT,
                              "tensor \"%s\" %s: expected its data at %" PRIu64 ", got %" PRIu64,
                              bncli_excerpt_of(tensor->name, &excerpt),
                              tensor->begin < expected ? "overlaps another" : "leaves a hole",
                              expected, tensor->begin);
        expected += tensor->bytes;
    }
    if (expected != p->data_bytes)
        return bncli_fail(err, BNCL_ERROR_FORMAT,
                          "expected %" PRIu64 " bytes of data, the file has %" PRIu64, expected,
                          p->data_bytes);
    return BNCL_OK;
}

static bncl_status parse_members(header_parse *p, size_t *end, bncl_error *err)
{
    *end = 0;
    do {
        size_t from = *end;
        bncl_status status = find_end(p, from, end, err);
        bool last = status == BNCL_OK && p->bytes[*end] == '}';
        if (status == BNCL_OK && *end - from > MEMBER_MOST)
            status = bncli_fail(err, BNCL_ERROR_FORMAT,
                                "expected an entry of at most %d bytes, got %zu at byte %zu of the "
                                "header",
                                MEMBER_MOST, *end - from, from);
        if (status == BNCL_OK)
            status = parse_member(p, from, *end, err);
        if (status != BNCL_OK || last)
            return status;
    } while (true);
}

bncl_status bncli_safetensors_parse_header(char *header, size_t length, uint64_t data_bytes,
                                           bncli_safetensors *file, bncl_error *err)
{
    header_parse p = {.bytes = header, .length = length, .data_bytes = data_bytes, .file = file};
    size_t end;
    bncl_status status = check_text(&p, err);
    if (status == BNCL_OK)
        status = parse_members(&p, &end, err);
    if (status != BNCL_OK)
        return status;
    while (++end < length)
        if (header[end] != ' ')
            return bncli_fail(err, BNCL_ERROR_FORMAT,
                              "expected only spaces after the header's object, got byte %zu", end);
    if (file->count > 0)
        qsort(file->tensors, file->count, sizeof *file->tensors, compare_names);
    status = check_names(file, err);
    if (status != BNCL_OK)
        return status;
    if (file->count > 0)
        qsort(file->tensors, file->count, sizeof *file->tensors, compare_places);
    status = check_places(&p, err);
    for (size_t i = 0; i < file->count; ++i)
        file->tensors[i].begin += 8 + length;
    return status;
}
