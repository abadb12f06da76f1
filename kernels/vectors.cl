/* Vectors in memory, which may hold only their first elements, since a line, or a tensor, ends
   within them; see storage.cl. */

/* VLOAD, VSTORE: VEC neighbours at any element, of acc_t and of every `word` that VECTOR_MEMORY is
   for. A processor's are one access each: of PoCL's vload and vstore, which go in pieces of 16
   bytes, its compiler does not always make one. */
#if VEC == 1
#define VECTOR_MEMORY(word)
#elif defined(PROCESSOR)
#define VECTOR_MEMORY_IN(space, word)                                                              \
    __attribute__((overloadable)) JOIN(word, VEC) VLOAD(const space word *p)                       \
    {                                                                                              \
        typedef JOIN(word, VEC) vector __attribute__((aligned(sizeof(word))));                     \
        return *(const space vector *)p;                                                           \
    }                                                                                              \
    __attribute__((overloadable)) void VSTORE(JOIN(word, VEC) v, space word *p)                    \
    {                                                                                              \
        typedef JOIN(word, VEC) vector __attribute__((aligned(sizeof(word))));                     \
        *(space vector *)p = v;                                                                    \
    }
#define VECTOR_MEMORY(word)                                                                        \
    VECTOR_MEMORY_IN(__global, word)                                                               \
    VECTOR_MEMORY_IN(__local, word)                                                                \
    VECTOR_MEMORY_IN(__private, word)
#else
#define VLOAD(p) JOIN(vload, VEC)(0, p)
#define VSTORE(v, p) JOIN(vstore, VEC)(v, 0, p)
#define VECTOR_MEMORY(word)
#endif
VECTOR_MEMORY(ACC)
VECTOR_MEMORY(ushort)
VECTOR_MEMORY(uint)

/* Those that end early are copied element by element to memory of their own, or from there: one
   masked instruction of a processor that has those, as clang makes of a loop that it is told to.
   (Not of a simulator, which knows no masked instructions.) */
#if VEC > 1
#ifdef PROCESSOR
#define AT_ONCE _Pragma("clang loop vectorize_width(VEC) unroll(disable)")
#else
#define AT_ONCE
#endif
#define READ_SOME(part, p, have)                                                                   \
    AT_ONCE for (uint i = 0; i < VEC; ++i) (part)[i] = i < (have) ? (p)[i] : 0
#define WRITE_SOME(p, part, have)                                                                  \
    AT_ONCE for (uint i = 0; i < VEC; ++i) if (i < (have)) (p)[i] = (part)[i]
#endif

/* The first min(have, VEC) elements from p on; zeros after them. */
accv load_some(__global const storage_t *p, uint have)
{
#if VEC == 1
    return have > 0 ? LOAD(p) : (acc_t)0;
#else
    if (have >= VEC)
        return LOADV(p);
    storage_t part[VEC];
    READ_SOME(part, p, have);
    return LOADV(part);
#endif
}

/* Writes the first min(have, VEC) elements of v. */
void store_some(accv v, __global storage_t *p, uint have)
{
#if VEC == 1
    if (have > 0)
        STORE(v, p);
#else
    if (have >= VEC) {
        STOREV(v, p);
        return;
    }
    storage_t part[VEC];
    STOREV(v, part);
    WRITE_SOME(p, part, have);
#endif
}

/* The same of an operation's result, of a tensor that is so large that nobody will find it in a
   cache: with STREAM it goes past them, and its memory is not read before it is written. */
void store_result(accv v, __global storage_t *p, uint have)
{
#if defined(STREAM) && VEC > 1
    if (have >= VEC && ((ulong)p & (VEC * sizeof(storage_t) - 1)) == 0) {
        STREAMV(v, p);
        return;
    }
#endif
    store_some(v, p, have);
}

/* The same of memory that holds acc_t: parameters, statistics, what kernels hand on. */
accv acc_load_some(__global const acc_t *p, uint have)
{
#if VEC == 1
    return have > 0 ? *p : (acc_t)0;
#else
    if (have >= VEC)
        return VLOAD(p);
    acc_t part[VEC];
    READ_SOME(part, p, have);
    return VLOAD(part);
#endif
}

void acc_store_some(accv v, __global acc_t *p, uint have)
{
#if VEC == 1
    if (have > 0)
        *p = v;
#else
    if (have >= VEC) {
        VSTORE(v, p);
        return;
    }
    acc_t part[VEC];
    VSTORE(v, part);
    WRITE_SOME(p, part, have);
#endif
}

/* The values that v has once it is stored: what an operation of its own would read back. */
accv round_to_storage(accv v)
{
    return from_bitsv(to_bitsv(v));
}

/* How many elements are left from `at` on. */
uint left(uint length, uint at)
{
    return length - min(length, at);
}
