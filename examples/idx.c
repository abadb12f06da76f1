/* Reads IDX files through zlib; see idx.h. */
#include "idx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "fail.h"

#define PATH_SIZE 4096
#define MAGIC_UNSIGNED_BYTES UINT32_C(0x00000800) /* + the number of dimensions */
#define CHUNK_BYTES ((size_t)1 << 30)             /* gzread counts in unsigned int */
#define DEFLATE_RATIO_MAX 1032                    /* no compressed byte stands for more */

/* An open file, and what its error texts need. */
typedef struct idx_file {
    const char *path;
    gzFile gz;
    uint64_t size; /* bytes on disk */
} idx_file;

static bncl_status fail_errno(bncl_error *err, const char *verb, const char *path, int cause)
{
    return example_fail(err, BNCL_ERROR_IO, "cannot %s %s: %s", verb, path, strerror(cause));
}

/* gzopen would do, but the size on disk is wanted too, and a FIFO or a device of that name without
   O_NONBLOCK could make it wait for ever. gzdopen owns the descriptor from then on. */
static bncl_status open_file(const char *path, idx_file *out, bncl_error *err)
{
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0)
        return fail_errno(err, "open", path, errno);
    bncl_status status;
    struct stat facts;
    gzFile gz;
    if (fstat(descriptor, &facts) != 0)
        status = fail_errno(err, "examine", path, errno);
    else if (!S_ISREG(facts.st_mode))
        status = example_fail(err, BNCL_ERROR_IO, "%s is not a regular file", path);
    else if ((gz = gzdopen(descriptor, "rb")) == NULL)
        status = example_fail(err, BNCL_ERROR_MEMORY, "out of memory for reading %s", path);
    else {
        *out = (idx_file){path, gz, (uint64_t)facts.st_size};
        return BNCL_OK;
    }
    close(descriptor);
    return status;
}

/* zlib's own words: before them it puts a name for the file, "<fd:3>: ", that means nothing to a
   user. */
static const char *zlib_words(const char *text)
{
    const char *end = strncmp(text, "<fd:", 4) == 0 ? strstr(text, ">: ") : NULL;
    return end != NULL ? end + strlen(">: ") : text;
}

/* Why gzread gave less than was asked for: the disk, the compression, or the file's end. */
static bncl_status fail_short(const idx_file *file, const char *what, size_t wanted, size_t got,
                              bncl_error *err)
{
    int cause = errno; /* gzread's, before another call changes it */
    int code;
    const char *text = gzerror(file->gz, &code);
    if (code == Z_ERRNO)
        return fail_errno(err, "read", file->path, cause);
    if (code == Z_MEM_ERROR)
        return example_fail(err, BNCL_ERROR_MEMORY, "out of memory for reading %s", file->path);
    if (code < 0 && code != Z_BUF_ERROR)
        return example_fail(err, BNCL_ERROR_FORMAT,
                            "%s is damaged: expected %zu bytes of %s, but zlib says: %s",
                            file->path, wanted, what, zlib_words(text));
    return example_fail(err, BNCL_ERROR_FORMAT,
                        "%s is truncated: expected %zu bytes of %s, got %zu", file->path, wanted,
                        what, got);
}

static bncl_status read_exactly(const idx_file *file, const char *what, void *out, size_t bytes,
                                bncl_error *err)
{
    size_t done = 0;
    while (done < bytes) {
        size_t chunk = bytes - done < CHUNK_BYTES ? bytes - done : CHUNK_BYTES;
        int got = gzread(file->gz, (uint8_t *)out + done, (unsigned)chunk);
        if (got <= 0)
            return fail_short(file, what, bytes, done, err);
        done += (size_t)got;
    }
    return BNCL_OK;
}

/* Reading on to the end is also what makes zlib compare its checksum. */
static bncl_status expect_end(const idx_file *file, bncl_error *err)
{
    uint8_t extra;
    int got = gzread(file->gz, &extra, 1);
    if (got > 0)
        return example_fail(err, BNCL_ERROR_FORMAT,
                            "%s has trailing data: expected its end after the values its header "
                            "announces, got more",
                            file->path);
    int code;
    gzerror(file->gz, &code);
    return got < 0 || code == Z_BUF_ERROR ? fail_short(file, "checksum", 8, 0, err) : BNCL_OK;
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bncl_status read_header(const idx_file *file, int rank, const size_t *expected,
                               idx_array *array, bncl_error *err)
{
    uint8_t header[4 + 4 * IDX_MAX_RANK];
    bncl_status status = read_exactly(file, "magic number", header, 4, err);
    if (status != BNCL_OK)
        return status;
    uint32_t magic = big_endian(header), wanted = MAGIC_UNSIGNED_BYTES + (uint32_t)rank;
    if (magic != wanted)
        return example_fail(err, BNCL_ERROR_FORMAT,
                            "%s: expected magic number 0x%08x (unsigned bytes, %d dimensions), "
                            "got 0x%08x",
                            file->path, (unsigned)wanted, rank, (unsigned)magic);
    status = read_exactly(file, "dimensions", header + 4, 4 * (size_t)rank, err);
    for (int i = 0; i < rank && status == BNCL_OK; ++i) {
        array->dims[i] = big_endian(header + 4 + 4 * i);
        if (expected[i] != 0 && array->dims[i] != expected[i])
            status =
                example_fail(err, BNCL_ERROR_FORMAT, "%s: expected dimension %d to be %zu, got %zu",
                             file->path, i, expected[i], array->dims[i]);
    }
    array->rank = rank;
    return status;
}

/* The product of the dimensions, once it is known to fit size_t and to be possible at all: a header
   must not make the reader take memory that the file cannot fill. */
static bncl_status count_values(const idx_file *file, idx_array *array, bncl_error *err)
{
    size_t count = 1;
    for (int i = 0; i < array->rank; ++i) {
        size_t dim = array->dims[i];
        if (dim != 0 && count > SIZE_MAX / dim)
            return example_fail(err, BNCL_ERROR_FORMAT,
                                "%s: the product of its dimensions does not fit this machine",
                                file->path);
        count *= dim;
    }
    if (count / DEFLATE_RATIO_MAX > file->size)
        return example_fail(err, BNCL_ERROR_FORMAT,
                            "%s is truncated: expected %zu values, got a file of only %llu bytes",
                            file->path, count, (unsigned long long)file->size);
    array->count = count;
    return BNCL_OK;
}

static bncl_status read_values(const idx_file *file, idx_array *array, bncl_error *err)
{
    array->values = malloc(array->count > 0 ? array->count : 1);
    if (array->values == NULL)
        return example_fail(err, BNCL_ERROR_MEMORY, "out of memory for the %zu values of %s",
                            array->count, file->path);
    bncl_status status = read_exactly(file, "values", array->values, array->count, err);
    return status == BNCL_OK ? expect_end(file, err) : status;
}

bncl_status idx_read(const char *path, int rank, const size_t *expected, idx_array *out,
                     bncl_error *err)
{
    if (rank < 1 || rank > IDX_MAX_RANK)
        return example_fail(err, BNCL_ERROR_ARGUMENT, "rank: expected 1 to %d, got %d",
                            IDX_MAX_RANK, rank);
    idx_file file = {0};
    bncl_status status = open_file(path, &file, err);
    if (status != BNCL_OK)
        return status;
    idx_array array = {0};
    if ((status = read_header(&file, rank, expected, &array, err)) == BNCL_OK &&
        (status = count_values(&file, &array, err)) == BNCL_OK)
        status = read_values(&file, &array, err);
    gzclose(file.gz);
    if (status == BNCL_OK)
        *out = array;
    else
        idx_free(&array);
    return status;
}

void idx_free(idx_array *array)
{
    free(array->values);
    *array = (idx_array){0};
}

/* FOLDER/STEM-KIND-ubyte.gz where there is one; else the name without .gz where that exists; else
   the first again, for the error text. */
static bncl_status find_file(const char *folder, const char *stem, const char *kind,
                             char path[PATH_SIZE], bncl_error *err)
{
    int length = snprintf(path, PATH_SIZE, "%s/%s-%s-ubyte.gz", folder, stem, kind);
    if (length < 0 || length >= PATH_SIZE)
        return example_fail(err, BNCL_ERROR_IO, "the folder's name is too long: %s", folder);
    char *suffix = path + length - strlen(".gz");
    if (access(path, F_OK) == 0)
        return BNCL_OK;
    *suffix = '\0';
    if (access(path, F_OK) != 0)
        *suffix = '.';
    return BNCL_OK;
}

bool idx_labelled_missing(const char *folder, const char *stem)
{
    static const char *const kinds[] = {"images-idx3", "labels-idx1"};
    for (int i = 0; i < 2; ++i) {
        char path[PATH_SIZE];
        struct stat facts;
        if (find_file(folder, stem, kinds[i], path, NULL) != BNCL_OK)
            return false;
        if (stat(path, &facts) != 0)
            return errno == ENOENT || errno == ENOTDIR;
        if (!S_ISREG(facts.st_mode) || access(path, R_OK) != 0)
            return false;
    }
    return false;
}

static bncl_status check_labels(const char *path, const idx_labelled *set, size_t classes,
                                bncl_error *err)
{
    if (set->labels.count != set->images.dims[0])
        return example_fail(err, BNCL_ERROR_FORMAT,
                            "%s: expected as many labels as there are images, %zu, got %zu", path,
                            set->images.dims[0], set->labels.count);
    for (size_t i = 0; i < set->labels.count; ++i)
        if (set->labels.values[i] >= classes)
            return example_fail(err, BNCL_ERROR_FORMAT,
                                "%s: expected labels of 0 to %zu, got %u for image %zu", path,
                                classes - 1, (unsigned)set->labels.values[i], i);
    return BNCL_OK;
}

bncl_status idx_labelled_read(const char *folder, const char *stem, size_t rows, size_t columns,
                              size_t classes, idx_labelled *out, bncl_error *err)
{
    const size_t image_dims[3] = {0, rows, columns}, label_dims[1] = {0};
    char path[PATH_SIZE];
    idx_labelled set = {0};
    bncl_status status;
    if ((status = find_file(folder, stem, "images-idx3", path, err)) == BNCL_OK &&
        (status = idx_read(path, 3, image_dims, &set.images, err)) == BNCL_OK &&
        (status = find_file(folder, stem, "labels-idx1", path, err)) == BNCL_OK &&
        (status = idx_read(path, 1, label_dims, &set.labels, err)) == BNCL_OK)
        status = check_labels(path, &set, classes, err);
    if (status == BNCL_OK)
        *out = set;
    else
        idx_labelled_free(&set);
    return status;
}

void idx_labelled_free(idx_labelled *set)
{
    idx_free(&set->images);
    idx_free(&set->labels);
}
