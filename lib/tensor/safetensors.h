/* Internal: the safetensors file format, reading and writing whole files. Floor 1: knows dtypes and
   files, no OpenCL, no graph. JSON is jansson's. */
#ifndef BNCLI_SAFETENSORS_H
#define BNCLI_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include <bncl/dtype.h>
#include <bncl/status.h>
#include <bncl/tensor.h>

/* One tensor of a file. */
typedef struct bncli_safetensor {
    const char *name; /* UTF-8; read: owned by the file; write: the caller's */
    bncl_dtype dtype; /* read: BNCL_DTYPE_COUNT for a dtype of the format that libbncl lacks */
    int rank;         /* read: -1 for a rank above BNCL_MAX_RANK (dims are then not filled) */
    size_t dims[BNCL_MAX_RANK];
    const void *data; /* write: bytes to write; read: NULL, see bncli_safetensors_read */
    size_t bytes;
    uint64_t begin;      /* read: offset of the data in the file, in bytes */
    char dtype_name[16]; /* read: the file's word for the dtype, "F32" */
} bncli_safetensor;

typedef struct bncli_safetensors {
    int fd;
    char *path;
    bncli_safetensor *tensors; /* in the order of their data */
    size_t count;
} bncli_safetensors;

/* Opens `path` and checks all of its header before any tensor is read: header length at most
   min(100,000,000, file size - 8), begins with '{', nothing but spaces after its object, valid
   UTF-8, no NUL, no duplicate keys, no more levels or keys than the format has, no entry above 16
   MiB (our own limit: it bounds the memory that parsing takes), shape and dtype agree with the
   offsets without overflow (also where another dim is 0), no holes, overlaps or trailing bytes;
   zero-size and 0-rank tensors are fine; "__metadata__" must be an object of strings and is
   skipped. Errors: IO (open, read: path and strerror; not a regular file), FORMAT (path and
   reason, expected and got), MEMORY. */
bncl_status bncli_safetensors_open(const char *path, bncli_safetensors **out, bncl_error *err);

/* Reads the tensor's bytes into out, which must hold tensor->bytes. Several threads may read from
   one file. Errors: IO, FORMAT (the file has become shorter). */
bncl_status bncli_safetensors_read(const bncli_safetensors *file, const bncli_safetensor *tensor,
                                   void *out, bncl_error *err);

/* Reads a tensor of any floating dtype as f32, rounded to nearest even, likewise. Its dtype must
   have a decode: see dtype.h. Errors: as bncli_safetensors_read, MEMORY. */
bncl_status bncli_safetensors_read_f32(const bncli_safetensors *file,
                                       const bncli_safetensor *tensor, float *out, bncl_error *err);

/* NULL is fine. */
void bncli_safetensors_close(bncli_safetensors *file);

/* Writes a file of `count` tensors: header in the order given, padded with spaces to a multiple
   of 8 bytes, metadata {"format":"pt"}; data packed without holes, tensors of larger elements
   first and otherwise in the order given, so that each lies aligned. The same tensors give the
   same bytes. Atomic and following links, see base/atomic_file.h: on any error an old file is
   untouched. Errors: ARGUMENT (a name that is NULL, not UTF-8, given twice or "__metadata__"; a
   dtype or rank out of range; bytes that do not fit the dims; no data; a header above the
   format's limit), IO (path, step and strerror), MEMORY. */
bncl_status bncli_safetensors_write(const char *path, const bncli_safetensor *tensors, size_t count,
                                    bncl_error *err);

#endif
