/* The device a test program runs on: context, queue, and tensors with their buffers, all checked.
   Failures carry the library's own error text. Public headers only. */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include <bncl/bncl.h>

/* What environment it takes:
     BNCL_DEVICE               which device, as bncl_context_create reads it
     BNCL_TEST_REQUIRE_DEVICE  1: a missing device fails the tests instead of skipping them
     BNCL_TEST_SMALL           1: asks for small shapes, for a device that checks every access */
typedef struct device {
    bncl_context *context; /* NULL: there is no device */
    bncl_queue *queue;
    bncl_device_info info;
    bool small;
    size_t
        before; /* elements between a buffer's begin and the tensor that device_tensor puts there */
    size_t after; /* and behind the tensor: both hold canaries */
    bncl_error err;
} device;

/* cmocka's group setup and teardown: open the one device of the program, and close it. */
int device_open(void **state);
int device_close(void **state);

/* The opened device; skips the running test when there is none. Its margins are back at their
   defaults. */
device *device_of(void **state);

/* Fails the running test unless status is BNCL_OK, with `what` and the error's text. */
void device_ok(const device *d, bncl_status status, const char *what);

/* Fails unless the call was refused with `expected` and a text that contains `words`. */
void device_refused(const device *d, bncl_status status, bncl_status expected, const char *words);

/* Keeps what holds device memory, a buffer or a plan, until the running test ends. Where small
   shapes are asked for, until the program does: Oclgrind's watch over uninitialised memory takes a
   new buffer for the one that was at its address before, and what it knew of that one for true.
   Returns object. */
void *device_hold(const device *d, void *object, void (*release)(void *object));

/* More channels of NCL than lone work-items take one of each, see kernels/errand.cl: some take
   several. */
size_t device_many_channels(const device *d);

/* The elementwise operations on values of a dtype, held. */
bncl_elementwise *device_elementwise(device *d, bncl_dtype dtype);

/* An absent tensor. */
bncl_tensor device_absent(void);

/* A tensor in a buffer of its own, held until the test ends, with d->before elements before it and
   d->after behind it. Filled from host (as many elements as it has), or, where that is NULL, with
   canaries as well: they are NaNs, so that an element never written does not pass. */
bncl_tensor device_tensor(device *d, bncl_dtype dtype, int rank, const size_t *dims,
                          const void *host);

/* The same with strides; canaries lie between the elements, too. */
bncl_tensor device_strided(device *d, bncl_dtype dtype, int rank, const size_t *dims,
                           const size_t *strides, const void *host);

/* The same of one dimension, f32. */
bncl_tensor device_vector(device *d, size_t count, const float *host);

/* Overwrites the tensor's elements (host NULL: with canaries), and those around them with canaries;
   waits. (The whole buffer at once: after a write to a part, Oclgrind takes all else for
   uninitialised.) */
void device_write(device *d, const bncl_tensor *tensor, const void *host);

/* Reads the tensor into host and waits; fails if a canary around it, or between its elements,
   has changed. Absent tensors and
   a NULL host are passed over. */
void device_read(device *d, const bncl_tensor *tensor, void *host);

/* Reads f32 tensors into held memory; NULL for an absent one. */
float *device_floats(device *d, const bncl_tensor *tensor);

/* Fails unless every element of the tensor still holds the canary: it was not written. */
void device_untouched(device *d, const char *what, const bncl_tensor *tensor);

/* Waits for the device's queue. */
void device_finish(device *d);

#endif
