/* How elements lie in memory, and vectors of them in registers. Part of every program.

   DTYPE_F16, DTYPE_BF16, DTYPE_F64; none of them is f32
            storage_t, the type in memory of x, y and their gradients, and acc_t, that of
            everything else: float, but double for f64. f16 and bf16 are storage only: they are
            read exactly, and written with one rounding to nearest even.
   VEC      elements of a vector: 1, 2, 4, 8, 16. Only who computes what depends on it.
   STREAM   defined where results go past the caches: for a clang that compiles for a processor.
   PREFETCH defined where memory is asked for before it is read, likewise. */
#ifndef VEC
#define VEC 1
#endif

#pragma OPENCL FP_CONTRACT OFF

/* Arrays of vectors stay in registers only where every loop over them is unrolled, which PoCL's
   compiler does not do unless told, and every function that takes them is inlined. Loops over
   vectors carry #pragma unroll, such functions this. */
#define INLINE __attribute__((always_inline))

#ifdef DTYPE_F64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define ACC double
typedef double storage_t;
#else
#define ACC float
#if defined(DTYPE_F16)
typedef half storage_t;
#elif defined(DTYPE_BF16)
typedef ushort storage_t;
#else
typedef float storage_t;
#endif
#endif
typedef ACC acc_t;

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

/* Vectors of acc_t, of bits and of what comparisons of accv give, and what is written otherwise
   with one element. CHOOSE is select: b where the condition holds. */
#if VEC == 1
typedef acc_t accv;
typedef uint bitsv;
typedef int condv;
#define VLOAD(p) (*(p))
#define VSTORE(v, p) (*(p) = (v))
#define ANY(condition) (condition)
#define CHOOSE(a, b, condition) ((condition) ? (b) : (a))
#define OF_VEC(name) name
#else
typedef JOIN(ACC, VEC) accv;
typedef JOIN(uint, VEC) bitsv;
#ifdef DTYPE_F64
typedef JOIN(long, VEC) condv;
#else
typedef JOIN(int, VEC) condv;
#endif
#define VLOAD(p) JOIN(vload, VEC)(0, p)
#define VSTORE(v, p) JOIN(vstore, VEC)(v, 0, p)
#define ANY(condition) any(condition)
#define CHOOSE(a, b, condition) select(a, b, condition)
#define OF_VEC(name) JOIN(name, VEC)
#endif

/* Asks for the line of the cache that p lies in, and goes on. */
#ifdef PREFETCH
#define ASK_FOR(p) __builtin_prefetch((const void *)(ulong)(p))
#else
#define ASK_FOR(p)
#endif

/* LOAD, STORE: one element of storage_t; LOADV, STOREV: VEC of them; STREAMV: VEC of them, at a
   multiple of their size, past the caches. */
#if defined(DTYPE_F16)
#define LOAD(p) vload_half(0, p)
#define STORE(v, p) vstore_half_rte(v, 0, p)
#define LOADV(p) OF_VEC(vload_half)(0, p)
#if VEC == 1
#define STOREV(v, p) vstore_half_rte(v, 0, p)
#else
#define STOREV(v, p) JOIN(JOIN(vstore_half, VEC), _rte)(v, 0, p)
#endif
#define STREAMV(v, p) STOREV(v, p)
#elif defined(DTYPE_BF16)
/* The upper half of a float's bits. Just over half of the lower one's range rounds up, and half of
   it where that makes the result even; a NaN keeps a bit that says so. */
uint bf16_bits(float v)
{
    const uint bits = as_uint(v);
    return isnan(v) ? (bits >> 16) | 0x40u : (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
}
#define LOAD(p) as_float((uint)(*(p)) << 16)
#define STORE(v, p) (*(p) = (ushort)bf16_bits(v))
#if VEC == 1
#define LOADV(p) LOAD(p)
#define STOREV(v, p) STORE(v, p)
#else
bitsv bf16_bitsv(accv v)
{
    const bitsv bits = OF_VEC(as_uint)(v);
    return select((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16, (bits >> 16) | 0x40u, isnan(v));
}
#define LOADV(p) OF_VEC(as_float)(OF_VEC(convert_uint)(VLOAD(p)) << 16)
#define STOREV(v, p) VSTORE(OF_VEC(convert_ushort)(bf16_bitsv(v)), p)
#define STREAMV(v, p)                                                                              \
    __builtin_nontemporal_store(OF_VEC(convert_ushort)(bf16_bitsv(v)),                             \
                                (__global JOIN(ushort, VEC) *)(p))
#endif
#else
#define LOAD(p) (*(p))
#define STORE(v, p) (*(p) = (v))
#define LOADV(p) VLOAD(p)
#define STOREV(v, p) VSTORE(v, p)
#define STREAMV(v, p) __builtin_nontemporal_store(v, (__global accv *)(p))
#endif
