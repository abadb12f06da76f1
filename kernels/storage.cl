/* How elements lie in memory, and vectors of them in registers. Part of every program.

   STORAGE  the type in memory; everything in between is float
   VEC      elements of a vector: 1, 2, 4, 8, 16. Only who computes what depends on it. */
#ifndef STORAGE
#define STORAGE float
#endif
#ifndef VEC
#define VEC 1
#endif

#pragma OPENCL FP_CONTRACT OFF

typedef STORAGE storage_t;

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#if VEC == 1
typedef float floatv;
#define VLOAD(p) (*(p))
#define VSTORE(v, p) (*(p) = (v))
#define ANY(condition) (condition)
#else
typedef JOIN(float, VEC) floatv;
#define VLOAD(p) JOIN(vload, VEC)(0, p)
#define VSTORE(v, p) JOIN(vstore, VEC)(v, 0, p)
#define ANY(condition) any(condition)
#endif

/* The first min(have, VEC) elements from p on; zeros after them. */
floatv load_some(__global const storage_t *p, uint have)
{
#if VEC == 1
    return have > 0 ? *p : 0.0f;
#else
    if (have >= VEC)
        return VLOAD(p);
    float part[VEC];
    for (uint i = 0; i < VEC; ++i)
        part[i] = i < have ? p[i] : 0.0f;
    return VLOAD(part);
#endif
}

/* Writes the first min(have, VEC) elements of v. */
void store_some(floatv v, __global storage_t *p, uint have)
{
#if VEC == 1
    if (have > 0)
        *p = v;
#else
    if (have >= VEC) {
        VSTORE(v, p);
        return;
    }
    float part[VEC];
    VSTORE(v, part);
    for (uint i = 0; i < VEC; ++i)
        if (i < have)
            p[i] = part[i];
#endif
}

/* How many elements are left from `at` on. */
uint left(uint length, uint at)
{
    return length - min(length, at);
}
