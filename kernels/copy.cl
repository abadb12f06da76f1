/* y = x, bit for bit, for tensors of one shape that each lie as they like.

   dims      the sizes, the fastest last; at most 2^31, as many dims as there are come last and
             those before them are 1
   strides   of x and of y in elements: element (a, b, c, d) lies at
             at + a*strides.x + b*strides.y + c*strides.z + d*strides.w
   bytes     of an element: 1, 2, 4 or 8; no value is looked at, so that NaNs stay as they are

   Elements count through with the fastest dim first. A work-item takes VEC*VECTORS of them: with
   both of 1 neighbouring work-items read and write neighbours along the fastest dim. Dense runs go
   by vectors, all else one by one. Places are 64-bit, counts 32-bit.

   Traffic per element: `bytes` read, `bytes` written; with strides, the lines of memory that the
   elements lie in. */
#ifndef VECTORS
#define VECTORS 1
#endif

/* `count` elements, `x_step` and `y_step` apart. */
#define COPY_RUN(name, word)                                                                       \
    void name(__global const word *x, ulong x_step, __global word *y, ulong y_step, uint count)    \
    {                                                                                              \
        uint i = 0;                                                                                \
        if (x_step == 1 && y_step == 1)                                                            \
            for (; i + VEC <= count; i += VEC)                                                     \
                VSTORE(VLOAD(x + i), y + i);                                                       \
        for (; i < count; ++i)                                                                     \
            y[i * y_step] = x[i * x_step];                                                         \
    }

VECTOR_MEMORY(uchar)
VECTOR_MEMORY(ulong)
COPY_RUN(copy_run_1, uchar)
COPY_RUN(copy_run_2, ushort)
COPY_RUN(copy_run_4, uint)
COPY_RUN(copy_run_8, ulong)

ulong place_of(uint4 index, ulong4 strides)
{
    return index.x * strides.x + index.y * strides.y + index.z * strides.z + index.w * strides.w;
}

/* The coordinates of the element that is counted `at`. */
uint4 index_of(uint at, uint4 dims)
{
    uint4 index;
    const uint c = at / dims.w, b = c / dims.z, a = b / dims.y;
    index.w = at - c * dims.w;
    index.z = c - b * dims.z;
    index.y = b - a * dims.y;
    index.x = a;
    return index;
}

/* The begin of the next run along the fastest dim. */
uint4 next_run(uint4 index, uint4 dims)
{
    index.w = 0;
    if (++index.z == dims.z) {
        index.z = 0;
        if (++index.y == dims.y) {
            index.y = 0;
            ++index.x;
        }
    }
    return index;
}

__kernel void copy_strided(__global const uchar *x, ulong x_at, ulong4 x_strides,
                           __global uchar *y, ulong y_at, ulong4 y_strides, uint dim0, uint dim1,
                           uint dim2, uint dim3, uint bytes, uint count)
{
    const uint4 dims = (uint4)(dim0, dim1, dim2, dim3);
    const uint first = (uint)get_global_id(0) * (VEC * VECTORS);
    uint have = min(left(count, first), (uint)(VEC * VECTORS));
    uint4 index = index_of(first, dims);
    while (have > 0) {
        const uint run = min(have, dims.w - index.w);
        __global const uchar *from = x + (x_at + place_of(index, x_strides)) * bytes;
        __global uchar *to = y + (y_at + place_of(index, y_strides)) * bytes;
        if (bytes == 1)
            copy_run_1(from, x_strides.w, to, y_strides.w, run);
        else if (bytes == 2)
            copy_run_2((__global const ushort *)from, x_strides.w, (__global ushort *)to,
                       y_strides.w, run);
        else if (bytes == 4)
            copy_run_4((__global const uint *)from, x_strides.w, (__global uint *)to, y_strides.w,
                       run);
        else
            copy_run_8((__global const ulong *)from, x_strides.w, (__global ulong *)to,
                       y_strides.w, run);
        have -= run;
        index = next_run(index, dims);
    }
}
