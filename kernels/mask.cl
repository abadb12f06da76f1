/* Where the gradient passes an activation: one bit an element, 1 where it passes.

     a line of memory, 11 long:   element   0 1 2 3 4 5 6 7 | 8 9 10
                                  bit       0 1 2 3 4 5 6 7 | 0 1 2  and five bits 0
                                  byte            0         |      1

   Each line begins a byte of its own: (length + 7)/8 bytes a line, line after line. So the bytes do
   not depend on who writes them, if each is written by one work-item: one that writes takes a
   multiple of 8 elements of a line, or all of it. Whoever reads may begin at any bit.

   Traffic: 1/8 byte an element, written and read; a read that begins within a byte reads up to a
   byte more. */
#if VEC == 1
#define LANE_BITS 1u
#elif VEC == 2
#define LANE_BITS ((uint2)(1u, 2u))
#elif VEC == 4
#define LANE_BITS ((uint4)(1u, 2u, 4u, 8u))
#elif VEC == 8
#define LANE_BITS ((uint8)(1u, 2u, 4u, 8u, 16u, 32u, 64u, 128u))
#else
#define LANE_BITS                                                                                  \
    ((uint16)(1u, 2u, 4u, 8u, 16u, 32u, 64u, 128u, 256u, 512u, 1024u, 2048u, 4096u, 8192u,         \
              16384u, 32768u))
#endif

uint mask_line_bytes(uint length)
{
    return (length + 7) / 8;
}

/* The bit of one element. */
uint mask_bit(__global const uchar *line, uint at)
{
    return (line[at / 8] >> (at % 8)) & 1u;
}

/* The bits of the first min(have, VEC) elements from `at` on, the first of them lowest; what is
   above them is of no meaning. have > 0. */
uint mask_bits(__global const uchar *line, uint at, uint have)
{
    const uint last = (at % 8 + min(have, (uint)VEC) - 1) / 8;
    line += at / 8;
    uint bits = line[0];
#if VEC > 1
    if (last > 0)
        bits |= (uint)line[1] << 8;
#endif
#if VEC > 8
    if (last > 1)
        bits |= (uint)line[2] << 16;
#endif
    return bits >> (at % 8);
}

/* Bits as a condition, element by element. */
condv mask_condition(uint bits)
{
#if VEC == 1
    return (bits & 1u) != 0u;
#elif defined(DTYPE_F64)
    return OF_VEC(convert_long)(((bitsv)(bits) & LANE_BITS) != 0u);
#else
    return ((bitsv)(bits) & LANE_BITS) != 0u;
#endif
}

/* A condition as bits, the first element's lowest. */
uint mask_bits_of(condv condition)
{
#if VEC == 1
    return condition ? 1u : 0u;
#else
    uint part[VEC], bits = 0;
    VSTORE(select((bitsv)(0u), LANE_BITS, OF_VEC(convert_int)(condition)), part);
    for (uint i = 0; i < VEC; ++i)
        bits |= part[i];
    return bits;
#endif
}

/* Puts a vector's bits, for elements `at` ... of a line of which `have` are left, behind those that
   are `pending` for the byte that `at` lies in. Writes the bytes that are full, and at the line's
   end the last; gives what is pending then. */
uint mask_append(uint pending, uint bits, __global uchar *line, uint at, uint have)
{
    const uint count = min(have, (uint)VEC), end = at % 8 + count;
    pending |= (bits & ((1u << count) - 1u)) << (at % 8);
    if (end < 8 && have > VEC)
        return pending;
    line += at / 8;
    for (uint byte = 0; 8 * byte < end; ++byte)
        line[byte] = (uchar)(pending >> (8 * byte));
    return 0;
}
