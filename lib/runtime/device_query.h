/* Internal to floor 2: finding devices. */
#ifndef BNCLI_DEVICE_QUERY_H
#define BNCLI_DEVICE_QUERY_H

#include "runtime/cl_call.h"
#include "runtime/device.h"

typedef struct bncli_device_entry {
    cl_device_id device;
    cl_platform_id platform;
    bncl_device_info info;
    char match[512]; /* what a selection text is looked for in */
} bncli_device_entry;

/* All devices of all platforms, in the loader's order. The caller frees *out with bncli_free. */
bncl_status bncli_device_entries(bncli_device_entry **out, size_t *count, bncl_error *err);

/* The entry that the text selects (see bncl_context_create), or NULL. */
const bncli_device_entry *bncli_device_select(const bncli_device_entry *entries, size_t count,
                                              const char *selection);

/* Describes one device. Errors: OPENCL. */
bncl_status bncli_device_describe(cl_device_id device, bncl_device_info *out, bncl_error *err);
bncl_status bncli_device_facts_of(cl_device_id device, bncli_device_facts *out, bncl_error *err);

/* What so many compute units have of a cache: a virtual machine of two cores is told of all 480 MiB
   of its server's, which other machines use as well. */
uint64_t bncli_cache_of_units(uint64_t bytes, uint32_t units);

#endif
