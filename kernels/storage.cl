/* How elements lie in memory, and vectors of them in registers. Part of every program.

   DTYPE_F16, DTYPE_BF16, DTYPE_F64; none of them is f32
            storage_t, the type in memory of x, y and their gradients, and acc_t, that of
            everything else: float, but double for f64. f16 and bf16 are storage only: they are
            read exactly, and written with one rounding to nearest even.
   VEC      elements of a vector: 1, 2, 4, 8, 16. Only who computes what depends on it.
   STREAM   defined where results go past the caches, with PROCESSOR.
   PROCESSOR defined where the device is the host's own processor: what only a clang that compiles
            for one knows may be used then. All other compilers get plain OpenCL C. */
#if defined(PROCESSOR) && !defined(__clang__)
#undef PROCESSOR
#undef STREAM
#endif
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
#else
#define ACC float
#endif
#if defined(DTYPE_F16) || defined(DTYPE_BF16)
#define STORAGE ushort
#else
#define STORAGE ACC
#endif
typedef ACC acc_t;
typedef STORAGE storage_t;

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

/* Vectors of acc_t, of storage_t, of bits and of what comparisons of accv give, and what is written
   otherwise with one element. CHOOSE is select: b where the condition holds. */
#if VEC == 1
typedef acc_t accv;
typedef storage_t storagev;
typedef uint bitsv;
typedef int condv;
#define VLOAD(p) (*(p))
#define VSTORE(v, p) (*(p) = (v))
#define ANY(condition) (condition)
#define CHOOSE(a, b, condition) ((condition) ? (b) : (a))
#define OF_VEC(name) name
#else
typedef JOIN(ACC, VEC) accv;
typedef JOIN(STORAGE, VEC) storagev;
typedef JOIN(uint, VEC) bitsv;
#ifdef DTYPE_F64
typedef JOIN(long, VEC) condv;
#else
typedef JOIN(int, VEC) condv;
#endif
#define ANY(condition) any(condition)
#define CHOOSE(a, b, condition) select(a, b, condition)
#define OF_VEC(name) JOIN(name, VEC)
#endif

/* Asks for the line of memory that p lies in, and goes on. It goes to the second cache: rows that
   lie a power of two apart drive each other out of the first. */
#ifdef PROCESSOR
#define ASK_FOR(p) __builtin_prefetch((const void *)(ulong)(p), 0, 2)
#else
#define ASK_FOR(p)
#endif

/* LOAD, STORE: one element of storage_t; LOADV, STOREV: VEC of them; STREAMV: VEC of them, at a
   multiple of their size, past the caches. */
#if defined(DTYPE_F16)
/* By way of memory whose vectors lie at multiples of their size: PoCL's vload_half16 has been seen
   to take that for granted. */
float from_bits(ushort bits)
{
    return vload_half(0, (const half *)&bits);
}

ushort to_bits(float v)
{
    ushort bits;
    vstore_half_rte(v, 0, (half *)&bits);
    return bits;
}
#if VEC == 16 && defined(PROCESSOR) && defined(__AVX512F__)
/* One instruction, where PoCL's functions take 8 elements at a time and put them together. Told
   to raise no exceptions it is one that LLVM knows nothing of. Where it knew that floats came from
   halves it compared those instead, one by one, and took x < 0 ? 0 : x for x <= 0 ? 0 : x, whose -0
   is no -0. */
#define NEAREST_EVEN 0
#define NO_EXCEPTIONS 8
accv from_bitsv(storagev bits)
{
    return __builtin_ia32_vcvtph2ps512_mask(__builtin_astype(bits, short16), (accv)(0.0f), -1,
                                            NO_EXCEPTIONS);
}

storagev to_bitsv(accv v)
{
    return __builtin_astype(__builtin_ia32_vcvtps2ph512_mask(v, NEAREST_EVEN | NO_EXCEPTIONS,
                                                             (short16)(0), -1),
                            storagev);
}
#elif VEC > 1
accv from_bitsv(storagev bits)
{
    return OF_VEC(vload_half)(0, (const half *)&bits);
}

storagev to_bitsv(accv v)
{
    storagev bits;
    JOIN(JOIN(vstore_half, VEC), _rte)(v, 0, (half *)&bits);
    return bits;
}
#endif
#elif defined(DTYPE_BF16)
float from_bits(ushort bits)
{
    return as_float((uint)bits << 16);
}

/* The upper half of a float's bits. Just over half of the lower one's range rounds up, and half of
   it where that makes the result even; a NaN keeps a bit that says so. */
ushort to_bits(float v)
{
    const uint bits = as_uint(v);
    return (ushort)(isnan(v) ? (bits >> 16) | 0x40u
                             : (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}
#if VEC > 1
accv from_bitsv(storagev bits)
{
    return OF_VEC(as_float)(OF_VEC(convert_uint)(bits) << 16);
}

storagev to_bitsv(accv v)
{
    const bitsv bits = OF_VEC(as_uint)(v);
    return OF_VEC(convert_ushort)(
        select((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16, (bits >> 16) | 0x40u, isnan(v)));
}
#endif
#else
#define from_bits(v) (v)
#define to_bits(v) (v)
#if VEC > 1
#define from_bitsv(v) (v)
#define to_bitsv(v) (v)
#endif
#endif
#if VEC == 1
#define from_bitsv(bits) from_bits(bits)
#define to_bitsv(v) to_bits(v)
#endif
#define LOAD(p) from_bits(*(p))
#define STORE(v, p) (*(p) = to_bits(v))
#define LOADV(p) from_bitsv(VLOAD(p))
#define STOREV(v, p) VSTORE(to_bitsv(v), p)
#define STREAMV(v, p) __builtin_nontemporal_store(to_bitsv(v), (__global storagev *)(p))

/* Two neighbouring vectors, at a multiple of the size of both. */
#if defined(STREAM) && VEC == 16 && (defined(DTYPE_F16) || defined(DTYPE_BF16))
#define STREAM_TWO(a, b, p)                                                                        \
    __builtin_nontemporal_store((uint16)(as_uint8(to_bitsv(a)), as_uint8(to_bitsv(b))),            \
                                (__global uint16 *)(p))
#endif
