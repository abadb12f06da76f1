/* What sets the limit: a pass over memory and nothing else.
   count vectors of VEC words each, READS tensors in, WRITES out. A work-group of WG work-items
   moves a block of DEPTH*WG vectors, work-items side by side:
     group g:  | WG vectors | WG vectors | ... DEPTH times |
   What is read and not written is xored, and stored where the sum has a value that it never has.
   Traffic: READS + WRITES words a word. */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#if VEC == 1
typedef uint words;
#define IS(v, w) ((v) == (w))
#else
typedef JOIN(uint, VEC) words;
#define IS(v, w) all((v) == (words)(w))
#endif

#if READS > 2
#define READ(i) (a[i] ^ b[i] ^ c[i])
#elif READS > 1
#define READ(i) (a[i] ^ b[i])
#else
#define READ(i) a[i]
#endif

/* STREAMS: writes go past the caches, which do not read a line first then. */
#ifdef STREAMS
#define PUT(to, i, v) __builtin_nontemporal_store(v, &(to)[i])
#else
#define PUT(to, i, v) (to)[i] = (v)
#endif

#if WRITES > 1
#define MOVE(i)                                                                                    \
    do {                                                                                           \
        const words v = READ(i);                                                                   \
        PUT(y, i, v);                                                                              \
        PUT(z, i, v);                                                                              \
    } while (0)
#elif WRITES > 0
#define MOVE(i) PUT(y, i, READ(i))
#else
#define MOVE(i) sum ^= READ(i)
#endif

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void limit_pass(
    global const words *a, global const words *b, global const words *c, global words *y,
    global words *z, uint count)
{
    const uint block = (uint)get_group_id(0) * (WG * DEPTH), begin = block + get_local_id(0);
    words sum = (words)(0);
    if (block + WG * DEPTH <= count) {
        for (uint k = 0; k < DEPTH; ++k)
            MOVE(begin + k * WG);
    } else {
        for (uint i = begin; i < count; i += WG)
            MOVE(i);
    }
#if WRITES == 0
    if (IS(sum, 0x2545f491u))
        y[begin] = sum;
#endif
}

kernel void limit_nothing(global uint *y)
{
}
