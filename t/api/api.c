/* Asking public functions for what they must refuse: see api.h. */
#include "api/api.h"

#include <stdint.h>
#include <string.h>

#include "lib/harness.h"

char api_sentinel;
static api the_api;

static int open_other(api *a)
{
    const size_t one = 1;
    bncl_error *err = &a->d->err;
    bncl_tensor tensor;
    const bncl_sync sync = {.signal = &a->event};
    bncl_buffer *buffer = NULL;
    bncl_status status = bncl_context_create(a->d->info.index, &a->other, err);
    if (status == BNCL_OK)
        status = bncl_queue_create(a->other, &a->other_queue, err);
    if (status == BNCL_OK)
        status = bncl_buffer_create(a->other, 4096, &a->other_buffer, err);
    if (status == BNCL_OK)
        status = bncl_buffer_create(a->d->context, 4, &buffer, err);
    if (status == BNCL_OK)
        status = bncl_tensor_init(&tensor, buffer, 0, BNCL_F32, 1, &one, err);
    if (status == BNCL_OK)
        status = bncl_tensor_fill(a->d->queue, &tensor, 0.0, &sync, err);
    bncl_buffer_destroy(buffer);
    if (status != BNCL_OK)
        print_error("%s\n", err->text);
    return status == BNCL_OK ? 0 : -1;
}

int api_open(void **state)
{
    api *a = &the_api;
    void *d = NULL;
    memset(a, 0, sizeof *a);
    if (device_open(&d) != 0)
        return -1;
    a->d = d;
    *state = a;
    return a->d->context != NULL ? open_other(a) : 0;
}

int api_close(void **state)
{
    api *a = *state;
    void *d = a->d;
    bncl_event_destroy(a->event);
    bncl_buffer_destroy(a->other_buffer);
    bncl_queue_destroy(a->other_queue);
    bncl_context_destroy(a->other);
    return device_close(&d);
}

api *api_of(void **state)
{
    api *a = *state;
    void *d = a->d;
    (void)device_of(&d);
    return a;
}

void api_output(api_call *call, const char *name, const void *place, size_t bytes)
{
    if (call->output_count == api_outputs_most)
        harness_fail("%s has more than %d outputs", call->function, api_outputs_most);
    call->outputs[call->output_count].name = name;
    call->outputs[call->output_count].place = place;
    call->outputs[call->output_count++].bytes = bytes;
}

void api_accepts(const api_call *call)
{
    bncl_error err;
    memset(err.text, 'x', sizeof err.text); /* not even terminated */
    bncl_status status = call->run(call->args, &err);
    if (status != BNCL_OK)
        harness_fail("%s, with good arguments: %s: %.200s", call->function,
                     bncl_status_string(status), err.text);
    if (err.text[0] != '\0')
        harness_fail("%s: a text after a success: %.200s", call->function, err.text);
    if (call->undo != NULL)
        call->undo(call->args);
    status = call->run(call->args, NULL);
    if (status != BNCL_OK)
        harness_fail("%s, without a place for a text: %s", call->function,
                     bncl_status_string(status));
    if (call->undo != NULL)
        call->undo(call->args);
}

/* A copy of all outputs, one behind the other. */
static unsigned char *copy_outputs(const api_call *call)
{
    size_t bytes = 0;
    for (size_t i = 0; i < call->output_count; ++i)
        bytes += call->outputs[i].bytes;
    unsigned char *copy = harness_memory(bytes, 1);
    bytes = 0;
    for (size_t i = 0; i < call->output_count; ++i) {
        memcpy(copy + bytes, call->outputs[i].place, call->outputs[i].bytes);
        bytes += call->outputs[i].bytes;
    }
    return copy;
}

static void compare_outputs(const api_call *call, const unsigned char *before, const char *words)
{
    for (size_t i = 0; i < call->output_count; ++i) {
        if (memcmp(before, call->outputs[i].place, call->outputs[i].bytes) != 0)
            harness_fail("%s, refused for \"%s\": %s was written", call->function, words,
                         call->outputs[i].name);
        before += call->outputs[i].bytes;
    }
}

void api_refuses(const api_call *call, bncl_status status, const char *words)
{
    const unsigned char *before = copy_outputs(call);
    bncl_error err;
    memset(err.text, 'x', sizeof err.text);
    bncl_status got = call->run(call->args, &err);
    if (memchr(err.text, '\0', sizeof err.text) == NULL)
        harness_fail("%s: the text is not terminated", call->function);
    if (got != status || err.text[0] == '\0' || strstr(err.text, words) == NULL)
        harness_fail("%s: expected \"%s: …%s…\", got \"%s: %s\"", call->function,
                     bncl_status_string(status), words, bncl_status_string(got), err.text);
    compare_outputs(call, before, words);
    got = call->run(call->args, NULL);
    if (got != status)
        harness_fail("%s: %s, but %s without a place for a text", call->function,
                     bncl_status_string(status), bncl_status_string(got));
    compare_outputs(call, before, words);
}

void api_refuses_bytes(const api_call *call, void *place, const void *bad, size_t size,
                       bncl_status status, const char *words)
{
    unsigned char *good = harness_memory(size, 1);
    memcpy(good, place, size);
    memcpy(place, bad, size);
    api_refuses(call, status, words);
    memcpy(place, good, size);
}

void api_refuses_null(const api_call *call, void *place, const char *words)
{
    const void *null = NULL;
    api_refuses_bytes(call, place, &null, sizeof null, BNCL_ERROR_ARGUMENT, words);
}

void api_refuses_size(const api_call *call, size_t *place, size_t bad, bncl_status status,
                      const char *words)
{
    api_refuses_bytes(call, place, &bad, sizeof bad, status, words);
}

void api_refuses_int(const api_call *call, int *place, int bad, bncl_status status,
                     const char *words)
{
    api_refuses_bytes(call, place, &bad, sizeof bad, status, words);
}

void api_refuses_double(const api_call *call, double *place, double bad, bncl_status status,
                        const char *words)
{
    api_refuses_bytes(call, place, &bad, sizeof bad, status, words);
}

void api_refuses_queues(const api *a, const api_call *call, bncl_queue **place)
{
    api_refuses_null(call, place, "queue");
    api_refuses_bytes(call, place, &a->other_queue, sizeof a->other_queue, BNCL_ERROR_ARGUMENT,
                      "another context");
}

void api_refuses_syncs(const api *a, const api_call *call, bncl_sync *place)
{
    bncl_event *const events[] = {a->event, NULL, a->event};
    bncl_sync bad = *place;
    bad.wait = NULL;
    bad.wait_count = 1;
    api_refuses_bytes(call, place, &bad, sizeof bad, BNCL_ERROR_ARGUMENT, "wait");
    bad.wait = events;
    bad.wait_count = 3;
    api_refuses_bytes(call, place, &bad, sizeof bad, BNCL_ERROR_ARGUMENT, "event 1 of the wait");
}

void api_run_init(api_run *run, const api *a)
{
    *run = (api_run){.queue = a->d->queue, .event = API_SENTINEL};
    run->held_sync.signal = &run->event;
    run->sync = &run->held_sync;
}

void api_run_undo(void *args)
{
    api_run *run = args;
    bncl_event_wait(run->event, NULL);
    bncl_event_destroy(run->event);
    run->event = API_SENTINEL;
}

void api_refuses_run(const api *a, api_call *call)
{
    api_run *run = call->args;
    call->undo = api_run_undo;
    api_output(call, "signal", &run->event, sizeof run->event);
    api_refuses_queues(a, call, &run->queue);
    api_refuses_syncs(a, call, &run->held_sync);
}

bncl_tensor api_matrix(const api *a, size_t dim0, size_t dim1)
{
    const size_t dims[] = {dim0, dim1};
    return device_tensor(a->d, BNCL_F32, 2, dims, NULL);
}

bncl_tensor api_mask(const api *a, size_t bytes)
{
    const size_t after = a->d->after;
    a->d->after = 8 * (a->d->before + bytes);
    const bncl_tensor mask = device_tensor(a->d, BNCL_U8, 1, &bytes, NULL);
    a->d->after = after;
    return mask;
}

static void refuses_tensor(const api_call *call, bncl_tensor *place, bncl_tensor bad,
                           bncl_status status, const char *words)
{
    api_refuses_bytes(call, place, &bad, sizeof bad, status, words);
}

static void refuses_dtypes(const api_call *call, bncl_tensor *place, const char *name, unsigned may)
{
    bncl_tensor bad = *place;
    bad.dtype = BNCL_DTYPE_COUNT;
    refuses_tensor(call, place, bad, BNCL_ERROR_DTYPE, name);
    bad.dtype = (bncl_dtype)-1;
    refuses_tensor(call, place, bad, BNCL_ERROR_DTYPE, name);
    /* of the same size, or (see api_mask) one for which there is room */
    bad.dtype = place->dtype == BNCL_F32 ? BNCL_I32 : BNCL_F32;
    if ((may & API_ANY_DTYPE) == 0)
        refuses_tensor(call, place, bad, BNCL_ERROR_DTYPE, name);
}

static void refuses_shapes(const api_call *call, bncl_tensor *place, const char *name, unsigned may)
{
    bncl_tensor bad = *place;
    bad.rank = -1;
    refuses_tensor(call, place, bad, BNCL_ERROR_SHAPE, name);
    bad.rank = BNCL_MAX_RANK + 1;
    refuses_tensor(call, place, bad, BNCL_ERROR_SHAPE, name);
    if ((may & API_ANY_SHAPE) != 0)
        return;
    bad = *place;
    bad.dims[bad.rank++] = 1; /* as many elements as before */
    refuses_tensor(call, place, bad, BNCL_ERROR_SHAPE, name);
    for (int i = 0; i < place->rank; ++i) {
        bad = *place;
        ++bad.dims[i];
        refuses_tensor(call, place, bad, BNCL_ERROR_SHAPE, name);
        bad.dims[i] -= 2;
        if (place->dims[i] > 0)
            refuses_tensor(call, place, bad, BNCL_ERROR_SHAPE, name);
    }
}

/* Places that are not there, and sizes that cannot be counted. */
static void refuses_extents(const api_call *call, bncl_tensor *place, const char *name)
{
    const size_t size = bncl_dtype_size(place->dtype);
    const size_t held = bncl_buffer_size(place->buffer) / size;
    bncl_tensor bad = *place;
    bad.offset = held - bncl_tensor_count(place) + 1;
    refuses_tensor(call, place, bad, BNCL_ERROR_SHAPE, name);
    bad.offset = SIZE_MAX;
    refuses_tensor(call, place, bad, BNCL_ERROR_SHAPE, name);
    bad.offset = SIZE_MAX / size; /* as bytes it wraps around */
    refuses_tensor(call, place, bad, BNCL_ERROR_SHAPE, name);
    bad = *place;
    bad.rank = 2;
    bad.dims[0] = bad.dims[1] = SIZE_MAX / 2 + 1; /* their product wraps around to 0 */
    refuses_tensor(call, place, bad, BNCL_ERROR_SHAPE, name);
}

void api_refuses_tensors(const api *a, const api_call *call, bncl_tensor *place, const char *name,
                         unsigned may)
{
    bncl_tensor bad = *place;
    bad.buffer = a->other_buffer;
    refuses_tensor(call, place, bad, BNCL_ERROR_ARGUMENT, name);
    bad.buffer = NULL;
    if ((may & API_OPTIONAL) == 0)
        refuses_tensor(call, place, bad, BNCL_ERROR_ARGUMENT, name);
    refuses_dtypes(call, place, name, may);
    refuses_shapes(call, place, name, may);
    refuses_extents(call, place, name);
}

void api_refuses_all(const api *a, const api_call *call, const api_tensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        api_refuses_tensors(a, call, tensors[i].tensor, tensors[i].name, tensors[i].may);
}
