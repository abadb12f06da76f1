/* How elements lie in memory, and vectors of them in registers. Part of every program.

   DTYPE_F16, DTYPE_BF16, DTYPE_F64; none of them is f32
            storage_t, the type in memory of x, y and their gradients, and acc_t, that of
            everything else: float, but double for f64. f16 and bf16 are storage only: they are
            read exactly, and written with one rounding to nearest even.
   VEC      elements of a vector: 1, 2, 4, 8, 16. Only who computes what depends on it. */
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

/* LOAD, STORE: one element of storage_t; LOADV, STOREV: VEC of them. */
#if defined(DTYPE_F16)
#define LOAD(p) vload_half(0, p)
#define STORE(v, p) vstore_half_rte(v, 0, p)
#define LOADV(p) OF_VEC(vload_half)(0, p)
#if VEC == 1
#define STOREV(v, p) vstore_half_rte(v, 0, p)
#else
#define STOREV(v, p) JOIN(JOIN(vstore_half, VEC), _rte)(v, 0, p)
#endif
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
#endif
#else
#define LOAD(p) (*(p))
#define STORE(v, p) (*(p) = (v))
#define LOADV(p) VLOAD(p)
#define STOREV(v, p) VSTORE(v, p)
#endif

/* The first min(have, VEC) elements from p on; zeros after them. */
accv load_some(__global const storage_t *p, uint have)
{
#if VEC == 1
    return have > 0 ? LOAD(p) : (acc_t)0;
#else
    if (have >= VEC)
        return LOADV(p);
    acc_t part[VEC];
    for (uint i = 0; i < VEC; ++i)
        part[i] = i < have ? LOAD(p + i) : (acc_t)0;
    return VLOAD(part);
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
    acc_t part[VEC];
    VSTORE(v, part);
    for (uint i = 0; i < VEC; ++i)
        if (i < have)
            STORE(part[i], p + i);
#endif
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
    for (uint i = 0; i < VEC; ++i)
        part[i] = i < have ? p[i] : (acc_t)0;
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
    for (uint i = 0; i < VEC; ++i)
        if (i < have)
            p[i] = part[i];
#endif
}

/* The values that v has once it is stored: what an operation of its own would read back. */
accv round_to_storage(accv v)
{
#if defined(DTYPE_F16) || defined(DTYPE_BF16)
    ushort stored[VEC];
    STOREV(v, (storage_t *)stored);
    return LOADV((const storage_t *)stored);
#else
    return v;
#endif
}

/* How many elements are left from `at` on. */
uint left(uint length, uint at)
{
    return length - min(length, at);
}
