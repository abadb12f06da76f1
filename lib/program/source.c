/* The text of the .cl files: embedded, or read from a folder for development. */
#include "program/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

static bncl_status embedded_text(const char *name, char **out, bncl_error *err)
{
    const bncli_source *source = bncli_sources;
    while (source->name != NULL && strcmp(source->name, name) != 0)
        ++source;
    if (source->name == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "there is no kernel source %s.cl", name);
    size_t length = 1;
    for (size_t i = 0; i < source->count; ++i)
        length += strlen(source->lines[i]);
    char *text;
    bncl_status status = bncli_new(&text, length, 1, err);
    if (status != BNCL_OK)
        return status;
    size_t used = 0;
    for (size_t i = 0; i < source->count; ++i) {
        size_t bytes = strlen(source->lines[i]);
        memcpy(text + used, source->lines[i], bytes);
        used += bytes;
    }
    *out = text;
    return BNCL_OK;
}

static bncl_status read_all(FILE *file, const char *path, char **out, bncl_error *err)
{
    enum { limit = 1 << 20 };
    char *text;
    bncl_status status = bncli_new(&text, limit, 1, err);
    if (status != BNCL_OK)
        return status;
    size_t bytes = fread(text, 1, limit, file);
    if (ferror(file) || bytes == limit) {
        bncli_free(text);
        return bncli_fail(err, BNCL_ERROR_IO, "%s: cannot be read, or has more than %d bytes", path,
                          limit - 1);
    }
    *out = text;
    return BNCL_OK;
}

bncl_status bncli_source_text(const char *name, char **out, bncl_error *err)
{
    const char *folder = getenv("BNCL_KERNEL_DIR");
    if (folder == NULL || folder[0] == '\0')
        return embedded_text(name, out, err);
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s.cl", folder, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return bncli_fail(err, BNCL_ERROR_IO, "BNCL_KERNEL_DIR is too long");
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return bncli_fail(err, BNCL_ERROR_IO, "%s: %s (BNCL_KERNEL_DIR is set)", path,
                          strerror(errno));
    bncl_status status = read_all(file, path, out, err);
    fclose(file);
    return status;
}
