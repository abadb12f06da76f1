/* Internal: the header of a safetensors file, from its bytes to its tensors. Floor 1: knows the
   format's JSON, but no files. */
#ifndef BNCLI_SAFETENSORS_HEADER_H
#define BNCLI_SAFETENSORS_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include <bncl/status.h>

#include "tensor/safetensors.h"

#define BNCLI_SAFETENSORS_HEADER_MOST 100000000 /* bytes: a limit of the format */

/* Checks the header's `length` bytes, which it overwrites, against each other and against
   `data_bytes`, what the file holds after the header, and fills file->tensors and file->count.
   After an error, too, those are for bncli_safetensors_close to free. Errors: FORMAT (the reason,
   without the path), MEMORY. */
bncl_status bncli_safetensors_parse_header(char *header, size_t length, uint64_t data_bytes,
                                           bncli_safetensors *file, bncl_error *err);

#endif
