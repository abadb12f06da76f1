/* Internal: what the upper floors need to know of a device. */
#ifndef BNCLI_DEVICE_H
#define BNCLI_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bncl/context.h>

typedef struct bncli_device_facts {
    uint32_t native_vector; /* floats of a register that one work-item uses; 1 where the device puts
                               neighbouring work-items into one */
    size_t max_work_group;  /* work-items */
    size_t max_items[3];    /* of a work-group, along each dimension */
    uint64_t local_bytes;   /* of a work-group */
    uint64_t max_allocation; /* bytes of one buffer */
    uint64_t cache_bytes;    /* of its largest cache, 16 MiB a compute unit at most; 0 without */
    uint32_t compute_units;
    bool has_fp64;
    bool runs_native; /* it is the host's own processor, and a C function of the host can be a
                         command of its queues, on memory that both see: runtime/native.h */
} bncli_device_facts;

#endif
