/* Finding what a test needs in recorded vectors, or failing the test: see vectors.h. */
#include "lib/vectors.h"

#include <string.h>

#include "lib/harness.h"

static void release_vectors(void *v)
{
    vectors_destroy(v);
}

const vectors *vectors_open(const char *name)
{
    char error[vectors_error_size];
    const char *path = harness_text("%s/vectors/%s", BNCL_T_DIR, name);
    vectors *v = vectors_read(path, error);
    if (v == NULL)
        harness_fail("%s", error);
    return harness_hold(v, release_vectors);
}

const vectors_tensor *vectors_find(const vectors_case *c, vectors_type type, const char *name)
{
    for (size_t i = 0; i < c->tensor_count; ++i)
        if (c->tensors[i].type == type && strcmp(c->tensors[i].name, name) == 0)
            return &c->tensors[i];
    return NULL;
}

const vectors_tensor *vectors_get(const vectors_case *c, vectors_type type, const char *name)
{
    const vectors_tensor *t = vectors_find(c, type, name);
    if (t == NULL)
        harness_fail("case %s has no tensor %s", c->name, name);
    return t;
}

double vectors_number_of(const vectors_case *c, const char *name)
{
    for (size_t i = 0; i < c->number_count; ++i)
        if (strcmp(c->numbers[i].name, name) == 0)
            return c->numbers[i].value;
    harness_fail("case %s has no number %s", c->name, name);
}

float *vectors_floats(const vectors_case *c, const char *name)
{
    const vectors_tensor *t = vectors_find(c, VECTORS_F32, name);
    if (t == NULL)
        return NULL;
    float *values = harness_floats(t->count);
    for (size_t i = 0; i < t->count; ++i)
        values[i] = (float)t->values[i];
    return values;
}
