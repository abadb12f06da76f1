/* Internal: one tensor's entry in the header of a safetensors file. Floor 1. */
#ifndef BNCLI_SAFETENSORS_ENTRY_H
#define BNCLI_SAFETENSORS_ENTRY_H

#include <stdint.h>

#include <jansson.h>

#include <bncl/status.h>

#include "tensor/safetensors.h"

/* Fills all of *tensor but its name from an entry, which must have the format's three keys and no
   other; `begin` counts from the data's begin. data_bytes: how many there are of it. Errors: FORMAT
   (*tensor may be half filled). */
bncl_status bncli_safetensors_read_entry(const json_t *entry, uint64_t data_bytes,
                                         bncli_safetensor *tensor, bncl_error *err);

#endif
