/* Safetensors files of tests: see safetensors_bytes.h. */
#include "lib/safetensors_bytes.h"

#include <string.h>

#include "lib/files.h"
#include "lib/harness.h"

void safetensors_bytes_write(const char *path, const char *header, size_t header_bytes,
                             size_t data_bytes)
{
    unsigned char *bytes = malloc(8 + header_bytes + data_bytes);
    if (bytes == NULL)
        harness_fail("the test ran out of memory");
    for (int i = 0; i < 8; ++i)
        bytes[i] = (unsigned char)((uint64_t)header_bytes >> (8 * i));
    memcpy(bytes + 8, header, header_bytes);
    for (size_t i = 0; i < data_bytes; ++i)
        bytes[8 + header_bytes + i] = (unsigned char)i;
    files_write(path, bytes, 8 + header_bytes + data_bytes);
    free(bytes);
}

static void check_tensor(const bncli_safetensors *file, const bncli_safetensor *tensor)
{
    bncl_error err = {""};
    size_t elements = 1;
    for (int i = 0; i < tensor->rank; ++i)
        elements *= tensor->dims[i];
    if (tensor->dtype != BNCL_DTYPE_COUNT && tensor->rank >= 0 &&
        elements * bncl_dtype_size(tensor->dtype) != tensor->bytes)
        harness_fail("%s: %zu elements in %zu bytes", tensor->name, elements, tensor->bytes);
    if (tensor->rank < -1 || tensor->rank > BNCL_MAX_RANK || tensor->data != NULL)
        harness_fail("%s: rank %d, or data", tensor->name, tensor->rank);
    void *bytes = malloc(tensor->bytes + 1);
    if (bytes == NULL)
        harness_fail("the test ran out of memory");
    bncl_status status = bncli_safetensors_read(file, tensor, bytes, &err);
    free(bytes);
    if (status != BNCL_OK)
        harness_fail("%s: %s", tensor->name, err.text);
}

void safetensors_bytes_check(const bncli_safetensors *file, size_t file_bytes)
{
    uint64_t begin = file->count > 0 ? file->tensors[0].begin : file_bytes;
    for (size_t i = 0; i < file->count; ++i) {
        const bncli_safetensor *tensor = &file->tensors[i];
        if (tensor->begin != begin)
            harness_fail("%s: expected its data at %ju, got %ju", tensor->name, (uintmax_t)begin,
                         (uintmax_t)tensor->begin);
        begin += tensor->bytes;
        check_tensor(file, tensor);
        for (size_t j = 0; j < i; ++j)
            if (strcmp(tensor->name, file->tensors[j].name) == 0)
                harness_fail("two tensors are called %s", tensor->name);
    }
    if (begin != file_bytes)
        harness_fail("expected the data to end at %zu, got %ju", file_bytes, (uintmax_t)begin);
}
