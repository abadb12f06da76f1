/* Writing a safetensors file: 8 bytes of header length (little-endian), header, data. How the file
   gets into its place is atomic_file.c's. */
#include "tensor/safetensors.h"

#include <stdint.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/foreign_text.h"
#include "tensor/dtype.h"
#include "tensor/safetensors_header.h"
#include "tensor/size.h"

#define LENGTH_BYTES 8
#define ELEMENT_MOST 8 /* bytes of the largest element, to which the data's begin is aligned */
#define NUMBER_ROOM 64 /* bytes for one piece of formatted text */

/* A text that is measured first, with bytes NULL, and then written. */
typedef struct header_text {
    char *bytes;
    size_t length;
} header_text;

static void put_bytes(header_text *text, const char *bytes, size_t length)
{
    if (text->bytes != NULL)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static void put(header_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(header_text *text, const char *format, ...)
{
    char piece[NUMBER_ROOM];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    put_bytes(text, piece, (size_t)length);
}

/* A JSON string; what is no control character stands for itself, in UTF-8. */
static void put_string(header_text *text, const char *string)
{
    put(text, "\"");
    for (const char *at = string; *at != '\0'; ++at) {
        if ((unsigned char)*at < 0x20)
            put(text, "\\u%04x", (unsigned)(unsigned char)*at);
        else if (*at == '"' || *at == '\\')
            put(text, "\\%c", *at);
        else
            put_bytes(text, at, 1);
    }
    put(text, "\"");
}

static void put_entry(header_text *text, const bncli_safetensor *tensor, size_t begin)
{
    put(text, ",");
    put_string(text, tensor->name);
    put(text, ":{\"dtype\":\"%s\",\"shape\":[", bncli_dtype_facts_of(tensor->dtype)->safetensors);
    for (int i = 0; i < tensor->rank; ++i)
        put(text, i == 0 ? "%zu" : ",%zu", tensor->dims[i]);
    put(text, "],\"data_offsets\":[%zu,%zu]}", begin, begin + tensor->bytes);
}

/* The whole header, without its length. */
static void put_header(header_text *text, const bncli_safetensor *tensors, size_t count,
                       const size_t *begins)
{
    put(text, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < count; ++i)
        put_entry(text, &tensors[i], begins[i]);
    put(text, "}");
    while (text->length % ELEMENT_MOST != 0)
        put(text, " ");
}

/* A refusal to write what could not be read again. */
static bncl_status check_tensor(const bncli_safetensor *tensor, bncl_error *err)
{
    size_t bytes, size = bncl_dtype_size(tensor->dtype);
    if (strcmp(tensor->name, "__metadata__") == 0)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "no tensor may have this name");
    if (bncli_utf8_prefix(tensor->name, strlen(tensor->name)) < strlen(tensor->name))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the name is no UTF-8");
    if (size == 0)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "%d is no dtype", (int)tensor->dtype);
    if (tensor->rank < 0 || tensor->rank > BNCL_MAX_RANK)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected a rank of 0 to %d, got %d",
                          BNCL_MAX_RANK, tensor->rank);
    if (!bncli_size_product(tensor->rank, tensor->dims, &bytes) ||
        !bncli_size_mul(bytes, size, &bytes))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the tensor's size overflows");
    if (bytes != tensor->bytes)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected %zu bytes for its dims, got %zu",
                          bytes, tensor->bytes);
    if (tensor->data == NULL && bytes > 0)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "data is NULL");
    return BNCL_OK;
}

static bncl_status check_tensors(const bncli_safetensor *tensors, size_t count, bncl_error *err)
{
    for (size_t i = 0; i < count; ++i) {
        if (tensors[i].name == NULL)
            return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the name of tensor %zu is NULL", i);
        bncl_status status = check_tensor(&tensors[i], err);
        for (size_t j = 0; j < i && status == BNCL_OK; ++j)
            if (strcmp(tensors[i].name, tensors[j].name) == 0)
                status = bncli_fail(err, BNCL_ERROR_ARGUMENT, "two tensors have this name");
        if (status != BNCL_OK)
            return bncli_fail_about(err, status, tensors[i].name);
    }
    return BNCL_OK;
}

/* Where each tensor's data begins, counted from the data's begin: larger elements first. */
static bncl_status place_data(const bncli_safetensor *tensors, size_t count, size_t *begins,
                              bncl_error *err)
{
    size_t end = 0;
    for (size_t size = ELEMENT_MOST; size > 0; size /= 2)
        for (size_t i = 0; i < count; ++i) {
            if (bncl_dtype_size(tensors[i].dtype) != size)
                continue;
            begins[i] = end;
            if (!bncli_size_add(end, tensors[i].bytes, &end))
                return bncli_fail(err, BNCL_ERROR_ARGUMENT, "the size of all data overflows");
        }
    return BNCL_OK;
}

/* *out: the header with its length before it, `bytes` in all; the caller frees it. */
static bncl_status make_header(const bncli_safetensor *tensors, size_t count, char **out,
                               size_t *bytes, bncl_error *err)
{
    size_t *begins;
    header_text text = {0};
    bncl_status status = bncli_new(&begins, count, sizeof *begins, err);
    if (status != BNCL_OK)
        return status;
    status = place_data(tensors, count, begins, err);
    if (status != BNCL_OK)
        goto done;
    put_header(&text, tensors, count, begins);
    if (text.length > BNCLI_SAFETENSORS_HEADER_MOST) {
        status =
            bncli_fail(err, BNCL_ERROR_ARGUMENT, "expected a header of at most %d bytes, got %zu",
                       BNCLI_SAFETENSORS_HEADER_MOST, text.length);
        goto done;
    }
    *bytes = LENGTH_BYTES + text.length;
    status = bncli_new(out, *bytes, 1, err);
    if (status != BNCL_OK)
        goto done;
    for (int i = 0; i < LENGTH_BYTES; ++i)
        (*out)[i] = (char)((uint64_t)text.length >> (8 * i) & 0xff);
    text = (header_text){.bytes = *out + LENGTH_BYTES};
    put_header(&text, tensors, count, begins);
done:
    bncli_free(begins);
    return status;
}

/* In the order of place_data. */
static bncl_status write_data(bncli_atomic_file *file, const bncli_safetensor *tensors,
                              size_t count, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    for (size_t size = ELEMENT_MOST; size > 0; size /= 2)
        for (size_t i = 0; i < count && status == BNCL_OK; ++i)
            if (bncl_dtype_size(tensors[i].dtype) == size)
                status = bncli_atomic_file_write(file, tensors[i].data, tensors[i].bytes, err);
    return status;
}

bncl_status bncli_safetensors_write(const char *path, const bncli_safetensor *tensors, size_t count,
                                    bncl_error *err)
{
    bncli_atomic_file *file = NULL;
    char *header = NULL;
    size_t bytes = 0;
    bncl_status status = check_tensors(tensors, count, err);
    if (status == BNCL_OK)
        status = make_header(tensors, count, &header, &bytes, err);
    if (status == BNCL_OK)
        status = bncli_atomic_file_create(path, &file, err);
    if (status == BNCL_OK)
        status = bncli_atomic_file_write(file, header, bytes, err);
    if (status == BNCL_OK)
        status = write_data(file, tensors, count, err);
    if (status == BNCL_OK)
        status = bncli_atomic_file_commit(file, err);
    bncli_atomic_file_destroy(file);
    bncli_free(header);
    return status;
}
