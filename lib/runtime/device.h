/* Internal: what the upper floors need to know of a device. */
#ifndef BNCLI_DEVICE_H
#define BNCLI_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bncl/context.h>

typedef struct bncli_device_facts {
    bool is_cpu;
    uint32_t native_vector; /* floats of a register that one work-item uses; 1 where the device puts
                               neighbouring work-items into one */
    uint32_t compute_units;
    size_t max_work_group; /* work-items */
    uint64_t local_bytes;
    uint64_t max_allocation; /* bytes of one buffer */
} bncli_device_facts;

#endif
