/* Element types: one row each, and nothing about them anywhere else. */
#include "tensor/dtype.h"

static const bncli_dtype_facts rows[] = {
    [BNCL_F32] = {"f32", "F32", "float", 4},
    [BNCL_I32] = {"i32", "I32", "int", 4},
    [BNCL_I64] = {"i64", "I64", "long", 8},
};
_Static_assert(sizeof rows / sizeof rows[0] == BNCL_DTYPE_COUNT, "every dtype has a row");

const bncli_dtype_facts *bncli_dtype_facts_of(bncl_dtype dtype)
{
    if ((int)dtype < 0 || dtype >= BNCL_DTYPE_COUNT)
        return 0;
    return &rows[dtype];
}

size_t bncl_dtype_size(bncl_dtype dtype)
{
    const bncli_dtype_facts *facts = bncli_dtype_facts_of(dtype);
    return facts ? facts->size : 0;
}

const char *bncl_dtype_name(bncl_dtype dtype)
{
    const bncli_dtype_facts *facts = bncli_dtype_facts_of(dtype);
    return facts ? facts->name : "unknown";
}
