/* Asking public functions for what they must refuse. A call is made with good arguments first, then
   with one of them exchanged for a bad one: it must fail with the documented status and a text that
   names the argument, with and without a place for the text, and write to nothing. */
#ifndef API_H
#define API_H

#include <stddef.h>

#include <bncl/bncl.h>

#include "lib/device.h"

/* What the tests of a program share; cmocka's state. */
typedef struct api {
    device *d;
    bncl_context *other; /* another context of the same device, with a queue and a buffer */
    bncl_queue *other_queue;
    bncl_buffer *other_buffer;
    bncl_event *event; /* of d's context, long completed */
} api;

/* cmocka's group setup and teardown. */
int api_open(void **state);
int api_close(void **state);

/* Skips the running test when there is no device. */
api *api_of(void **state);

enum { api_outputs_most = 6 };

/* One public function with all of its arguments. */
typedef struct api_call {
    const char *function; /* its name: t/dist/api_tested.sh looks for it */
    bncl_status (*run)(void *args, bncl_error *err);
    void *args;
    void (*undo)(void *args); /* destroys what a good call has made; may be NULL */
    size_t output_count;
    struct {
        const char *name;
        const void *place;
        size_t bytes;
    } outputs[api_outputs_most]; /* what a refused call leaves as it was */
} api_call;

/* What outputs hold before a call. */
#define API_SENTINEL ((void *)&api_sentinel)
extern char api_sentinel;

void api_output(api_call *call, const char *name, const void *place, size_t bytes);

/* The call succeeds, with and without a place for a text. */
void api_accepts(const api_call *call);

/* The call is refused as its arguments are. "": with whatever text, but with one. */
void api_refuses(const api_call *call, bncl_status status, const char *words);

/* The call is refused with `size` bytes of `bad` at `place`, which then gets its old bytes back. */
void api_refuses_bytes(const api_call *call, void *place, const void *bad, size_t size,
                       bncl_status status, const char *words);

/* … with NULL at the pointer that `place` is, whatever its type. ARGUMENT. */
void api_refuses_null(const api_call *call, void *place, const char *words);

void api_refuses_size(const api_call *call, size_t *place, size_t bad, bncl_status status,
                      const char *words);
void api_refuses_int(const api_call *call, int *place, int bad, bncl_status status,
                     const char *words);
void api_refuses_double(const api_call *call, double *place, double bad, bncl_status status,
                        const char *words);

/* The queue: NULL, and of another context. */
void api_refuses_queues(const api *a, const api_call *call, bncl_queue **place);

/* The wait list: NULL with a count, and with a NULL among its events. */
void api_refuses_syncs(const api *a, const api_call *call, bncl_sync *place);

/* What each call that enqueues is given. The arguments of such a call begin with one of these. */
typedef struct api_run {
    bncl_queue *queue;
    bncl_sync held_sync;
    const bncl_sync *sync;
    bncl_event *event; /* what the sync signals */
} api_run;

/* In place: it points into itself. */
void api_run_init(api_run *run, const api *a);

/* Waits for the event and destroys it: the call's `undo`. */
void api_run_undo(void *args);

/* The queue, the wait list, and that a refused call signals nothing. Sets the call's `undo`. */
void api_refuses_run(const api *a, api_call *call);

/* A tensor f32 [dim0, dim1] of any values. */
bncl_tensor api_matrix(const api *a, size_t dim0, size_t dim1);

/* A mask of `bytes` bytes, with room behind it for as many elements of another dtype. */
bncl_tensor api_mask(const api *a, size_t bytes);

/* What a tensor may be, where it need not be exactly what is expected. */
enum { API_OPTIONAL = 1, API_ANY_SHAPE = 2, API_ANY_DTYPE = 4 };

/* Every bad tensor: absent, of another context, of a wrong dtype or none, of a wrong rank or none,
   of wrong dims, beyond its buffer, overflowing. */
void api_refuses_tensors(const api *a, const api_call *call, bncl_tensor *place, const char *name,
                         unsigned may);

/* A tensor among a call's arguments: where it stands, and what it may be. */
typedef struct api_tensor {
    bncl_tensor *tensor;
    const char *name;
    unsigned may;
} api_tensor;

void api_refuses_all(const api *a, const api_call *call, const api_tensor *tensors, size_t count);

#endif
