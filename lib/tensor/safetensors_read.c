/* Reading a safetensors file: 8 bytes of header length (little-endian), header, data. The file is
   checked before memory is taken for it; its header is safetensors_header.c's. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "tensor/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "tensor/dtype.h"
#include "base/foreign_text.h"
#include "tensor/safetensors_header.h"

#define LENGTH_BYTES 8
#define READ_MOST (1 << 30) /* Linux reads less than 2 GiB at once, macOS refuses more */

/* Opens a regular file. A FIFO or a device without O_NONBLOCK could make open() wait for ever. */
static bncl_status open_regular(const char *path, int *fd, uint64_t *size, bncl_error *err)
{
    struct stat facts;
    do
        *fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0 || fstat(*fd, &facts) != 0)
        return bncli_fail(err, BNCL_ERROR_IO, "cannot open: %s", strerror(errno));
    if (!S_ISREG(facts.st_mode))
        return bncli_fail(err, BNCL_ERROR_IO, "expected a regular file, got %s",
                          S_ISDIR(facts.st_mode) ? "a folder" : "another kind of file");
    *size = (uint64_t)facts.st_size;
    return BNCL_OK;
}

static bncl_status read_at(int fd, uint64_t offset, void *out, size_t bytes, bncl_error *err)
{
    char *at = out;
    for (size_t left = bytes; left > 0;) {
        ssize_t got = pread(fd, at, left < READ_MOST ? left : READ_MOST, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return bncli_fail(err, BNCL_ERROR_IO, "cannot read: %s", strerror(errno));
        if (got == 0)
            return bncli_fail(err, BNCL_ERROR_FORMAT,
                              "the file has become shorter: it ends at byte %" PRIu64
                              ", %zu bytes too early",
                              offset, left);
        at += got;
        offset += (uint64_t)got;
        left -= (size_t)got;
    }
    return BNCL_OK;
}

static bncl_status read_header_length(int fd, uint64_t size, size_t *length, bncl_error *err)
{
    unsigned char bytes[LENGTH_BYTES];
    uint64_t value = 0;
    if (size < LENGTH_BYTES)
        return bncli_fail(err, BNCL_ERROR_FORMAT, "expected at least %d bytes, got %" PRIu64,
                          LENGTH_BYTES, size);
    bncl_status status = read_at(fd, 0, bytes, sizeof bytes, err);
    if (status != BNCL_OK)
        return status;
    for (int i = LENGTH_BYTES - 1; i >= 0; --i)
        value = value << 8 | bytes[i];
    uint64_t most = size - LENGTH_BYTES;
    if (most > BNCLI_SAFETENSORS_HEADER_MOST)
        most = BNCLI_SAFETENSORS_HEADER_MOST;
    if (value > most)
        return bncli_fail(err, BNCL_ERROR_FORMAT,
                          "expected a header of at most %" PRIu64 " bytes, got %" PRIu64, most,
                          value);
    *length = (size_t)value;
    return BNCL_OK;
}

static bncl_status read_header(bncli_safetensors *file, bncl_error *err)
{
    uint64_t size = 0;
    size_t length = 0;
    char *header;
    bncl_status status = open_regular(file->path, &file->fd, &size, err);
    if (status == BNCL_OK)
        status = read_header_length(file->fd, size, &length, err);
    if (status == BNCL_OK)
        status = bncli_new(&header, length, 1, err);
    if (status != BNCL_OK)
        return status;
    status = read_at(file->fd, LENGTH_BYTES, header, length, err);
    if (status == BNCL_OK)
        status =
            bncli_safetensors_parse_header(header, length, size - LENGTH_BYTES - length, file, err);
    bncli_free(header);
    return status;
}

bncl_status bncli_safetensors_open(const char *path, bncli_safetensors **out, bncl_error *err)
{
    bncli_safetensors *file = NULL;
    bncl_status status = bncli_new(&file, 1, sizeof *file, err);
    if (status != BNCL_OK)
        goto fail;
    file->fd = -1;
    file->path = bncli_strdup(path);
    if (file->path == NULL)
        status = bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for the path");
    else
        status = read_header(file, err);
    if (status != BNCL_OK)
        goto fail;
    *out = file;
    return BNCL_OK;
fail:
    bncli_safetensors_close(file);
    return bncli_fail_about(err, status, path);
}

bncl_status bncli_safetensors_read(const bncli_safetensors *file, const bncli_safetensor *tensor,
                                   void *out, bncl_error *err)
{
    bncl_status status = read_at(file->fd, tensor->begin, out, tensor->bytes, err);
    if (status != BNCL_OK) {
        bncli_fail_about(err, status, tensor->name);
        bncli_fail_about(err, status, file->path);
    }
    return status;
}

bncl_status bncli_safetensors_read_f32(const bncli_safetensors *file,
                                       const bncli_safetensor *tensor, float *out, bncl_error *err)
{
    if (tensor->dtype == BNCL_F32)
        return bncli_safetensors_read(file, tensor, out, err);
    const bncli_dtype_facts *from = bncli_dtype_facts_of(tensor->dtype);
    const size_t count = tensor->bytes / from->size;
    char *elements;
    bncl_status status = bncli_new(&elements, tensor->bytes, 1, err);
    if (status == BNCL_OK)
        status = bncli_safetensors_read(file, tensor, elements, err);
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        out[i] = (float)from->decode(elements + i * from->size);
    bncli_free(elements);
    return status;
}

void bncli_safetensors_close(bncli_safetensors *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        close(file->fd);
    for (size_t i = 0; i < file->count; ++i)
        bncli_free((char *)file->tensors[i].name);
    bncli_free(file->tensors);
    bncli_free(file->path);
    bncli_free(file);
}
