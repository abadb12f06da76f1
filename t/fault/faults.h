/* Trying an operation with everything failing under it that can: each OpenCL call, each allocation;
   once, and from then on. Knows the library's public headers and its memory fault point. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bncl/bncl.h>

#include "fault/fault_layer.h"
#include "lib/device.h"

/* cmocka's group setup and teardown: lib/device's, with the fault layer under the device. A layer
   that does not get loaded fails the group; one that was not built skips its tests. */
int faults_open(void **state);

/* The layer's account; its fault point is off between operations. */
fault_layer *faults_layer(void);

/* Named results or states, to be compared bit by bit. */
enum { fault_record_most = 48 };

typedef struct fault_record {
    size_t count;
    const char *names[fault_record_most]; /* static, or as long-lived as the record */
    uint64_t hashes[fault_record_most];
} fault_record;

void fault_record_bytes(fault_record *record, const char *name, const void *bytes, size_t count);

/* Reads the tensor; passes over an absent one. */
void fault_record_tensor(fault_record *record, const char *name, device *d,
                         const bncl_tensor *tensor);

/* Reads every entry of the graph's state dict. */
void fault_record_state(fault_record *record, device *d, bncl_graph *graph);

/* What an output pointer holds before a call; a failed call must leave it there. */
#define FAULT_SENTINEL ((void *)&fault_sentinel)
extern char fault_sentinel;

/* A set of statuses. */
#define FAULT_STATUS(status) (1u << (status))

/* One public call. All functions get the same `world`, whatever the test makes of it. */
typedef struct fault_operation {
    const char *name;
    unsigned statuses;            /* the failures that its documentation names */
    void (*prepare)(void *world); /* puts everything back where the call begins */
    bncl_status (*run)(void *world, bncl_error *err);
    /* What a failed call leaves as it was: parameters, statistics, outputs' pointers. */
    void (*lasting)(void *world, fault_record *record);
    /* What a good call gives; may be NULL. */
    void (*results)(void *world, fault_record *record);
    void (*discard)(void *world); /* destroys what a good call has made; may be NULL */
    /* For a call that leaves buffers, kernels or programs behind, failed or not, for the next to
       use: destroys the objects that own them, which `prepare` has made. NULL: the call leaves
       nothing. */
    void (*finish)(void *world);
    const char *only;   /* the one OpenCL call to fail, "clCreateBuffer"; NULL: every one */
    bool may_meet_none; /* a call that may have nothing to fail */
    /* OpenCL calls whose failure is none of this call's, by their names in one text. */
    const char *tolerates;
} fault_operation;

/* Which faults to try. */
enum {
    FAULTS_OPENCL_ONCE = 1,
    FAULTS_OPENCL_STICKY = 2,
    FAULTS_MEMORY_ONCE = 4,
    FAULTS_MEMORY_STICKY = 8,
    FAULTS_ALL = 15
};

/* Runs it well once; then with the nth OpenCL call failing, n = 1, 2, … until none fails, once and
   sticky, and the same with allocations. Each time the call must fail with a documented status and
   a text, leave nothing behind and everything as it was, and give the same bits when it is made
   again. In the end it is made once more, and what it made is destroyed with every call failing.
   With BNCL_TEST_SMALL=1, for slow checkers of memory, only a few faults are tried, once each. */
void faults_try(const fault_operation *operation, void *world);

/* The same with some of the faults, for what takes long. */
void faults_try_some(const fault_operation *operation, void *world, unsigned faults);

#endif
