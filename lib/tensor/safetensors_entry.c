/* One tensor's entry in the header of a safetensors file: {"dtype":"F32","shape":[2,3],
   "data_offsets":[0,24]}, as parsed JSON, checked. */
#include "tensor/safetensors_entry.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/foreign_text.h"
#include "tensor/dtype.h"

/* The format's dtypes that libbncl lacks; those it has are in dtype.c. */
static const struct {
    const char *word;
    unsigned bits;
} foreign_dtypes[] = {
    {"F4", 4},      {"F6_E2M3", 6},     {"F6_E3M2", 6}, {"BOOL", 8},        {"I8", 8},
    {"F8_E4M3", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2", 8}, {"F8_E5M2FNUZ", 8}, {"F8_E8M0", 8},
    {"I16", 16},    {"U16", 16},        {"U32", 32},    {"C64", 64},        {"U64", 64},
};

/* Bits of an element, 0 where the format has no such word. */
static unsigned dtype_bits(const char *word, bncl_dtype *dtype)
{
    for (int i = 0; i < BNCL_DTYPE_COUNT; ++i) {
        const bncli_dtype_facts *facts = bncli_dtype_facts_of((bncl_dtype)i);
        if (strcmp(word, facts->safetensors) == 0) {
            *dtype = (bncl_dtype)i;
            return (unsigned)(8 * facts->size);
        }
    }
    *dtype = BNCL_DTYPE_COUNT;
    for (size_t i = 0; i < sizeof foreign_dtypes / sizeof foreign_dtypes[0]; ++i)
        if (strcmp(word, foreign_dtypes[i].word) == 0)
            return foreign_dtypes[i].bits;
    return 0;
}

static bncl_status read_dtype(const json_t *entry, bncli_safetensor *tensor, unsigned *bits,
                              bncl_error *err)
{
    bncli_excerpt excerpt;
    const char *word = json_string_value(json_object_get(entry, "dtype"));
    if (word == NULL)
        return bncli_fail(err, BNCL_ERROR_FORMAT, "expected \"dtype\" to be a string");
    *bits = dtype_bits(word, &tensor->dtype);
    if (*bits == 0)
        return bncli_fail(err, BNCL_ERROR_FORMAT, "\"%s\" is no dtype of the format",
                          bncli_excerpt_of(word, &excerpt));
    snprintf(tensor->dtype_name, sizeof tensor->dtype_name, "%s", word);
    return BNCL_OK;
}

/* A JSON integer that is a size here. */
static bool read_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (size_t)json_integer_value(value);
    return (json_int_t)*out == json_integer_value(value);
}

/* The product of dims leaves zeros out: a shape whose other dims overflow is as false as one whose
   product does. */
static bncl_status read_shape(const json_t *entry, bncli_safetensor *tensor, uint64_t *elements,
                              bncl_error *err)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return bncli_fail(err, BNCL_ERROR_FORMAT, "expected \"shape\" to be a list");
    size_t rank = json_array_size(shape);
    bool empty = false;
    *elements = 1;
    for (size_t i = 0; i < rank; ++i) {
        size_t dim;
        if (!read_size(json_array_get(shape, i), &dim))
            return bncli_fail(err, BNCL_ERROR_FORMAT, "expected \"shape\" to hold sizes only");
        if (rank <= BNCL_MAX_RANK)
            tensor->dims[i] = dim;
        if (dim == 0)
            empty = true;
        else if (*elements > UINT64_MAX / 8 / dim) /* room for 8 bytes each */
            return bncli_fail(err, BNCL_ERROR_FORMAT, "the size of \"shape\" overflows");
        else
            *elements *= dim;
    }
    if (empty)
        *elements = 0;
    tensor->rank = rank <= BNCL_MAX_RANK ? (int)rank : -1;
    return BNCL_OK;
}

static bncl_status read_offsets(const json_t *entry, uint64_t data_bytes, bncli_safetensor *tensor,
                                bncl_error *err)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t begin, end;
    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &begin) ||
        !read_size(json_array_get(offsets, 1), &end))
        return bncli_fail(err, BNCL_ERROR_FORMAT, "expected \"data_offsets\" to be two sizes");
    if (begin > end || end > data_bytes)
        return bncli_fail(err, BNCL_ERROR_FORMAT,
                          "expected data_offsets in order within the file's %" PRIu64
                          " bytes of data, got [%zu, %zu]",
                          data_bytes, begin, end);
    tensor->begin = begin;
    tensor->bytes = end - begin;
    return BNCL_OK;
}

bncl_status bncli_safetensors_read_entry(const json_t *entry, uint64_t data_bytes,
                                         bncli_safetensor *tensor, bncl_error *err)
{
    unsigned bits = 0;
    uint64_t elements = 0;
    if (!json_is_object(entry) || json_object_size(entry) != 3)
        return bncli_fail(err, BNCL_ERROR_FORMAT,
                          "expected an object of \"dtype\", \"shape\" and \"data_offsets\"");
    bncl_status status = read_dtype(entry, tensor, &bits, err);
    if (status == BNCL_OK)
        status = read_shape(entry, tensor, &elements, err);
    if (status == BNCL_OK)
        status = read_offsets(entry, data_bytes, tensor, err);
    if (status != BNCL_OK)
        return status;
    /* Elements of less than a byte must fill bytes together. No overflow: 8 elements at a time. */
    uint64_t bytes = elements / 8 * bits + elements % 8 * bits / 8;
    if (elements % 8 * bits % 8 != 0)
        return bncli_fail(err, BNCL_ERROR_FORMAT,
                          "%" PRIu64 " elements of %u bits do not fill whole bytes", elements,
                          bits);
    if (bytes != tensor->bytes)
        return bncli_fail(err, BNCL_ERROR_FORMAT,
                          "expected %" PRIu64 " bytes for %" PRIu64
                          " elements of %s, data_offsets give %zu",
                          bytes, elements, tensor->dtype_name, tensor->bytes);
    return BNCL_OK;
}
