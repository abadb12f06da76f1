/* The files of tunings: what it is and whose, the tuning, and a hash of these two lines:

     libbncl 0.1.0, tuning for DEVICE; DRIVER; PLATFORM
     vector=16,vectors=4,…
     0123456789abcdef

   The file is named by a hash of the first line, so that another device's, driver's or version's
   is another file, and counts only with that very line in it. All tunings give the same bits:
   against accidents a plain hash will do, and a library without Nettle keeps tunings as well. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "program/tuning_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bncl/version.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/foreign_text.h"
#include "program/cache_folder.h"
#include "program/own_file.h"
#include "program/tuning_text.h"
#include "runtime/program.h"

#define HEADING_SIZE (BNCLI_IDENTITY_SIZE + 64)
#define CONTENT_SIZE (HEADING_SIZE + BNCL_TUNING_TEXT_SIZE + 32)
#define NAME_FORMAT "%s/tuning-%016" PRIx64

/* Folder, path and first line of a device's file. */
typedef struct tuning_file {
    char *folder, *path;
    char heading[HEADING_SIZE]; /* with the line's end */
} tuning_file;

bool bncli_tuning_file_possible(void)
{
    return bncli_cache_folder_is_wanted() && bncli_cache_folder_is_named();
}

/* FNV-1a of 64 bits: Fowler, Noll, Vo; draft-eastlake-fnv. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; ++text)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static void write_heading(const char *identity, char out[HEADING_SIZE])
{
    snprintf(out, HEADING_SIZE - 1, "libbncl %s, tuning for %s", bncl_version(), identity);
    size_t length = strlen(out);
    while (length > 0 && out[length - 1] == '\n')
        out[--length] = '\0';
    for (char *at = out; *at != '\0'; ++at)
        if (*at == '\n')
            *at = ';';
    memcpy(out + length, "\n", 2);
}

static void close_file(tuning_file *file)
{
    if (file == NULL)
        return;
    bncli_free(file->folder);
    bncli_free(file->path);
    bncli_free(file);
}

/* Names the file; touches no disk. Errors: UNSUPPORTED, MEMORY. */
static bncl_status name_file(const char *identity, tuning_file **out, bncl_error *err)
{
    if (!bncli_tuning_file_possible())
        return bncli_fail(err, BNCL_ERROR_UNSUPPORTED,
                          "no folder to keep a tuning in: BNCL_CACHE is off, or none of "
                          "BNCL_CACHE_DIR, XDG_CACHE_HOME and HOME is an absolute path");
    tuning_file *file;
    bncl_status status = bncli_new(&file, 1, sizeof *file, err);
    if (status != BNCL_OK)
        return status;
    write_heading(identity, file->heading);
    file->folder = bncli_cache_folder_path();
    const size_t bytes = file->folder != NULL ? strlen(file->folder) + sizeof NAME_FORMAT + 16 : 0;
    if (bytes > 0)
        file->path = bncli_alloc(bytes, 1);
    if (file->path == NULL) {
        close_file(file);
        return bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for a path");
    }
    snprintf(file->path, bytes, NAME_FORMAT, file->folder, hash_of(file->heading));
    *out = file;
    return BNCL_OK;
}

/* The file with this text in it. Returns its length. */
static size_t write_content(const char *heading, const char *text, char out[CONTENT_SIZE])
{
    const int length = snprintf(out, CONTENT_SIZE, "%s%s\n", heading, text);
    return (size_t)length + (size_t)snprintf(out + length, CONTENT_SIZE - (size_t)length,
                                             "%016" PRIx64 "\n", hash_of(out));
}

/* Takes the text out of a whole file, which must be just as it would be written. */
static bool read_content(const char *content, size_t length, const char *heading,
                         char out[BNCL_TUNING_TEXT_SIZE])
{
    char text[BNCL_TUNING_TEXT_SIZE], expected[CONTENT_SIZE];
    bncli_tuning any = {0};
    const size_t before = strlen(heading);
    const char *end = length > before ? memchr(content + before, '\n', length - before) : NULL;
    const size_t count = end != NULL ? (size_t)(end - content) - before : sizeof text;
    if (count >= sizeof text)
        return false;
    memcpy(text, content + before, count);
    text[count] = '\0';
    if (write_content(heading, text, expected) != length ||
        memcmp(content, expected, length) != 0 ||
        bncli_tuning_read("file", text, &any, NULL) != BNCL_OK)
        return false;
    memcpy(out, text, count + 1);
    return true;
}

static bool read_file(const tuning_file *file, char out[BNCL_TUNING_TEXT_SIZE])
{
    char content[CONTENT_SIZE];
    struct stat facts;
    const int fd = bncli_own_file_open(file->folder, file->path, &facts);
    if (fd < 0)
        return false;
    const bool fits = facts.st_size > 0 && facts.st_size <= (off_t)sizeof content;
    const size_t length = fits ? (size_t)facts.st_size : 0;
    const bool good = fits && bncli_own_file_read(fd, content, length) &&
                      read_content(content, length, file->heading, out);
    close(fd);
    return good;
}

bncl_status bncli_tuning_file_read(const char *identity, char out[BNCL_TUNING_TEXT_SIZE],
                                   bncl_error *err)
{
    tuning_file *file;
    out[0] = '\0';
    if (!bncli_tuning_file_possible())
        return BNCL_OK;
    bncl_status status = name_file(identity, &file, err);
    if (status != BNCL_OK)
        return status;
    if (!read_file(file, out))
        out[0] = '\0';
    close_file(file);
    return BNCL_OK;
}

bncl_status bncli_tuning_file_write(const char *identity, const char *text, bncl_error *err)
{
    tuning_file *file;
    bncl_status status = name_file(identity, &file, err);
    if (status != BNCL_OK)
        return status;
    char content[CONTENT_SIZE];
    const bncli_bytes whole = {content, write_content(file->heading, text, content)};
    status = bncli_own_file_write(file->folder, file->path, &whole, 1, err);
    close_file(file);
    return status;
}

bncl_status bncli_tuning_file_remove(const char *identity, bncl_error *err)
{
    tuning_file *file;
    bncl_status status = name_file(identity, &file, err);
    if (status != BNCL_OK)
        return status;
    /* In a folder that is not safe there is nothing that anybody reads. */
    if (bncli_cache_folder_is_safe(file->folder) && unlink(file->path) != 0 && errno != ENOENT) {
        bncli_fail(err, BNCL_ERROR_IO, "cannot remove it: %s", strerror(errno));
        status = bncli_fail_about(err, BNCL_ERROR_IO, file->path);
    }
    close_file(file);
    return status;
}
