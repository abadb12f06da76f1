/* What t/dist/oclgrind.sh has Oclgrind watch: `oclgrind_probe CASE` runs one kernel, z = a + a, on
   memory that is `never` written, written in a `part` of what was written before, or at an address
   that has come `again`. Exit status 0 whatever Oclgrind makes of it, 77 without a device. */
#include <stdio.h>
#include <string.h>

#include <bncl/bncl.h>

enum { elements = 64, larger = 4096 };

typedef struct probe {
    bncl_context *context;
    bncl_queue *queue;
    bncl_elementwise *op;
} probe;

static bncl_status make(const probe *p, size_t count, bncl_tensor *out)
{
    *out = (bncl_tensor){.dtype = BNCL_F32, .rank = 1, .dims = {count}};
    return bncl_buffer_create(p->context, count * sizeof(float), &out->buffer, NULL);
}

static bncl_status fill(const probe *p, const bncl_tensor *t, size_t begin, size_t count)
{
    bncl_tensor part = *t;
    part.offset = begin;
    part.dims[0] = count;
    return bncl_tensor_fill(p->queue, &part, 1.5, NULL, NULL);
}

static bncl_status twice(const probe *p, const bncl_tensor *a, const bncl_tensor *z)
{
    return bncl_add(p->op, p->queue, a, a, z, NULL, NULL);
}

static bncl_status run(const probe *p, const char *name)
{
    bncl_tensor a = {.buffer = NULL}, z = a;
    bncl_status status = make(p, elements, &a);
    if (status == BNCL_OK && strcmp(name, "never") != 0)
        status = fill(p, &a, 0, elements);
    if (status == BNCL_OK && strcmp(name, "part") == 0)
        status = fill(p, &a, elements / 2, elements / 4);
    if (status == BNCL_OK && strcmp(name, "again") == 0) {
        bncl_buffer_destroy(a.buffer);
        status = make(p, larger, &a);
        if (status == BNCL_OK)
            status = fill(p, &a, 0, larger);
    }
    if (status == BNCL_OK)
        status = make(p, a.dims[0], &z);
    if (status == BNCL_OK)
        status = twice(p, &a, &z);
    if (status == BNCL_OK)
        status = twice(p, &z, &a);
    bncl_status finished = bncl_queue_finish(p->queue, NULL);
    bncl_buffer_destroy(a.buffer);
    bncl_buffer_destroy(z.buffer);
    return status == BNCL_OK ? finished : status;
}

int main(int argc, char **argv)
{
    probe p = {.context = NULL};
    bncl_error err;
    if (argc != 2)
        return 2;
    if (bncl_context_create(NULL, &p.context, &err) != BNCL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 77;
    }
    bncl_status status = bncl_queue_create(p.context, &p.queue, &err);
    if (status == BNCL_OK)
        status = bncl_elementwise_create(p.context, BNCL_F32, &p.op, &err);
    if (status == BNCL_OK)
        status = run(&p, argv[1]);
    bncl_elementwise_destroy(p.op);
    bncl_queue_destroy(p.queue);
    bncl_context_destroy(p.context);
    if (status != BNCL_OK)
        fprintf(stderr, "%s\n", bncl_status_string(status));
    return status != BNCL_OK;
}
