/* Safetensors files of tests, made without the library, and what holds for every one it opens. */
#ifndef SAFETENSORS_BYTES_H
#define SAFETENSORS_BYTES_H

#include <stddef.h>

#include "tensor/safetensors.h"

/* Writes the file: the header's length, the header, and data_bytes bytes 0, 1, 2, … */
void safetensors_bytes_write(const char *path, const char *header, size_t header_bytes,
                             size_t data_bytes);

/* Fails the test unless the tensors lie in the file of file_bytes bytes one after the other to its
   end, with distinct names and bytes that fit their dims, and can be read to the last byte. */
void safetensors_bytes_check(const bncli_safetensors *file, size_t file_bytes);

#endif
