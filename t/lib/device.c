/* The device of a test program: see device.h. */
#include "lib/device.h"

#include <string.h>
#include <unistd.h>

#include "lib/harness.h"

/* A NaN with a payload that no computation makes. */
static const uint32_t canary = 0x7fc5a3e1u;

/* Seconds after which a program that waits for its device is ended, also where no t/on_device.sh
   watches it: twice what that allows. */
static unsigned patience(void)
{
    const char *limit = getenv("BNCL_TEST_TIMEOUT");
    unsigned long seconds = limit == NULL ? 0 : strtoul(limit, NULL, 10);
    return seconds == 0 || seconds > 100000 ? 1200 : (unsigned)(2 * seconds);
}

static device the_device;

/* What lasts until the program ends. */
typedef struct lasting {
    struct lasting *next;
    void *object;
    void (*release)(void *object);
} lasting;

static lasting *to_the_end;

static int no_device(const char *why)
{
    harness_note("no device: %s", why);
    if (harness_flag("BNCL_TEST_REQUIRE_DEVICE")) {
        print_error("a device is required, but: %s\n", why);
        return -1;
    }
    return 0;
}

int device_open(void **state)
{
    device *d = &the_device;
    alarm(patience());
    memset(d, 0, sizeof *d);
    d->small = harness_flag("BNCL_TEST_SMALL");
    *state = d;
    if (bncl_context_create(NULL, &d->context, &d->err) != BNCL_OK)
        return no_device(d->err.text);
    if (bncl_queue_create(d->context, &d->queue, &d->err) != BNCL_OK ||
        bncl_context_device(d->context, &d->info, &d->err) != BNCL_OK) {
        print_error("%s\n", d->err.text);
        return -1;
    }
    harness_note("device %s: %s, %s %s", d->info.index, d->info.name, d->info.platform,
                 d->info.driver);
    return 0;
}

int device_close(void **state)
{
    device *d = *state;
    while (to_the_end != NULL) {
        lasting *entry = to_the_end;
        to_the_end = entry->next;
        entry->release(entry->object);
        free(entry);
    }
    bncl_queue_destroy(d->queue);
    bncl_context_destroy(d->context);
    memset(d, 0, sizeof *d);
    return 0;
}

device *device_of(void **state)
{
    device *d = *state;
    if (d->context == NULL)
        skip();
    d->before = 3;
    d->after = d->small ? 0 : 17; /* a device that checks every access is to see the end */
    return d;
}

void device_ok(const device *d, bncl_status status, const char *what)
{
    if (status != BNCL_OK)
        harness_fail("%s: %s: %s", what, bncl_status_string(status), d->err.text);
}

void device_refused(const device *d, bncl_status status, bncl_status expected, const char *words)
{
    if (status != expected || strstr(d->err.text, words) == NULL)
        harness_fail("expected \"%s: …%s…\", got \"%s: %s\"", bncl_status_string(expected), words,
                     bncl_status_string(status), d->err.text);
}

void *device_hold(const device *d, void *object, void (*release)(void *object))
{
    if (!d->small)
        return harness_hold(object, release);
    lasting *entry = malloc(sizeof *entry);
    if (entry == NULL) {
        release(object);
        harness_fail("the test ran out of memory");
    }
    *entry = (lasting){to_the_end, object, release};
    to_the_end = entry;
    return object;
}

static void release_elementwise(void *op)
{
    bncl_elementwise_destroy(op);
}

size_t device_many_channels(const device *d)
{
    return (size_t)d->info.compute_units * 16 + 5;
}

bncl_elementwise *device_elementwise(device *d, bncl_dtype dtype)
{
    bncl_elementwise *op = NULL;
    device_ok(d, bncl_elementwise_create(d->context, dtype, &op, &d->err),
              "bncl_elementwise_create");
    return device_hold(d, op, release_elementwise);
}

bncl_tensor device_absent(void)
{
    return (bncl_tensor){.buffer = NULL};
}

static void release_buffer(void *buffer)
{
    bncl_buffer_destroy(buffer);
}

/* Over `count` bytes from `begin` on, counted from the buffer's begin. */
static void put_canaries(unsigned char *bytes, size_t begin, size_t count)
{
    for (size_t i = begin; i < begin + count; ++i)
        bytes[i] = (unsigned char)(canary >> 8 * (i % 4));
}

/* The whole buffer of the tensor as a tensor. */
static bncl_tensor whole(const bncl_tensor *tensor)
{
    bncl_tensor all = *tensor;
    all.offset = 0;
    all.rank = 1;
    all.dims[0] = bncl_buffer_size(tensor->buffer) / bncl_dtype_size(tensor->dtype);
    memset(all.strides, 0, sizeof all.strides);
    return all;
}

static bool has_strides(const bncl_tensor *tensor)
{
    for (int i = 0; i < tensor->rank; ++i)
        if (tensor->strides[i] != 0)
            return true;
    return false;
}

/* Where the index-th element lies, in elements from the buffer's begin. */
static size_t place_of(const bncl_tensor *tensor, size_t index)
{
    if (!has_strides(tensor))
        return tensor->offset + index;
    size_t place = tensor->offset;
    for (int i = tensor->rank; i-- > 0; index /= tensor->dims[i])
        place += index % tensor->dims[i] * tensor->strides[i];
    return place;
}

/* Gives the tensor, which has none, a buffer of its own that ends `after` behind `end`. */
static bncl_tensor buffered(device *d, bncl_tensor tensor, size_t end, const void *host)
{
    size_t bytes = (end + d->after) * bncl_dtype_size(tensor.dtype);
    device_ok(d, bncl_buffer_create(d->context, bytes, &tensor.buffer, &d->err),
              "bncl_buffer_create");
    device_hold(d, tensor.buffer, release_buffer);
    device_write(d, &tensor, host);
    return tensor;
}

bncl_tensor device_tensor(device *d, bncl_dtype dtype, int rank, const size_t *dims,
                          const void *host)
{
    bncl_tensor tensor;
    device_ok(d, bncl_tensor_init(&tensor, NULL, d->before, dtype, rank, dims, &d->err),
              "bncl_tensor_init");
    return buffered(d, tensor, d->before + bncl_tensor_count(&tensor), host);
}

bncl_tensor device_strided(device *d, bncl_dtype dtype, int rank, const size_t *dims,
                           const size_t *strides, const void *host)
{
    bncl_tensor tensor;
    device_ok(
        d, bncl_tensor_init_strided(&tensor, NULL, d->before, dtype, rank, dims, strides, &d->err),
        "bncl_tensor_init_strided");
    const size_t count = bncl_tensor_count(&tensor);
    return buffered(d, tensor, count > 0 ? place_of(&tensor, count - 1) + 1 : d->before, host);
}

bncl_tensor device_vector(device *d, size_t count, const float *host)
{
    return device_tensor(d, BNCL_F32, 1, &count, host);
}

void device_write(device *d, const bncl_tensor *tensor, const void *host)
{
    size_t size = bncl_dtype_size(tensor->dtype);
    size_t total = bncl_buffer_size(tensor->buffer);
    unsigned char *bytes = harness_memory(total, 1);
    put_canaries(bytes, 0, total);
    const size_t count = host != NULL ? bncl_tensor_count(tensor) : 0;
    for (size_t i = 0; i < count; ++i)
        memcpy(bytes + place_of(tensor, i) * size, (const unsigned char *)host + i * size, size);
    bncl_tensor all = whole(tensor);
    device_ok(d, bncl_tensor_write(d->queue, &all, bytes, NULL, &d->err), "bncl_tensor_write");
    device_finish(d);
}

/* Fails if bytes[begin … end-1] are not canaries, counted from the buffer's begin. */
static void expect_canaries(const char *what, const unsigned char *bytes, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; ++i)
        if (bytes[i] != (unsigned char)(canary >> 8 * (i % 4)))
            harness_fail("%s: byte %zu of the buffer was written", what, i);
}

void device_read(device *d, const bncl_tensor *tensor, void *host)
{
    if (tensor->buffer == NULL || host == NULL)
        return;
    size_t total = bncl_buffer_size(tensor->buffer);
    size_t size = bncl_dtype_size(tensor->dtype);
    unsigned char *bytes = harness_memory(total, 1);
    bncl_tensor all = whole(tensor);
    device_ok(d, bncl_tensor_read(d->queue, &all, bytes, NULL, &d->err), "bncl_tensor_read");
    const size_t count = bncl_tensor_count(tensor);
    for (size_t i = 0; i < count; ++i) {
        unsigned char *element = bytes + place_of(tensor, i) * size;
        memcpy((unsigned char *)host + i * size, element, size);
        put_canaries(bytes, (size_t)(element - bytes), size);
    }
    expect_canaries("around a tensor", bytes, 0, total);
}

float *device_floats(device *d, const bncl_tensor *tensor)
{
    if (tensor->buffer == NULL)
        return NULL;
    float *host = harness_floats(bncl_tensor_count(tensor));
    device_read(d, tensor, host);
    return host;
}

void device_untouched(device *d, const char *what, const bncl_tensor *tensor)
{
    size_t size = bncl_dtype_size(tensor->dtype);
    size_t begin = tensor->offset * size;
    size_t bytes = bncl_tensor_count(tensor) * size;
    unsigned char *got = harness_memory(begin + bytes, 1);
    device_read(d, tensor, got + begin);
    expect_canaries(what, got, begin, begin + bytes);
}

void device_finish(device *d)
{
    device_ok(d, bncl_queue_finish(d->queue, &d->err), "bncl_queue_finish");
}
