/* How the elementwise steps of batch norm walk over a tensor: line by line.

     CHANNELS_INNERMOST 0 (NCL, NCHW):     a line is one channel's run of `inner` values in a sample
     CHANNELS_INNERMOST 1 (NC, NLC, NHWC): a line is a row of all channels

   Line o of channel c begins at o*outer + c*channel (c is 0 with channels innermost), o counting
   samples, or rows. A work-item takes LINE_STEPS (1 with channels innermost) times VEC*LINE_VECTORS
   neighbours of LINES lines of one c, so that it reads its coefficients once.

   Grid: blocks of a line x channels (1 with channels innermost) x blocks of lines. No division
   finds the channel. */
#ifndef LINE_VECTORS
#define LINE_VECTORS 1
#endif
#ifndef LINE_STEPS
#define LINE_STEPS 1
#endif
#define LINE_STEP (VEC * LINE_VECTORS)
#ifndef LINES
#define LINES 1
#endif

/* Whether a part of a line that is whole has code of its own, without checks: it is for vectors,
   and makes compilers work twice. */
#ifdef PROCESSOR
#define WHOLE_PARTS 1
#else
#define WHOLE_PARTS 0
#endif

/* A work-item's part: elements at ... to-1 of lines first ... end-1 of a channel; empty beyond the
   tensor. */
typedef struct {
    uint at, to, channel, first, end;
} line_part;

line_part line_part_of(uint lines, uint length, uint channels)
{
    line_part p;
    p.at = (uint)get_global_id(0) * (LINE_STEP * LINE_STEPS);
    p.to = min(p.at + LINE_STEP * LINE_STEPS, length);
    p.channel = (uint)get_global_id(1);
    p.first = (uint)get_global_id(2) * LINES;
    p.end = min(p.first + LINES, lines);
    if (p.at >= length || p.channel >= (CHANNELS_INNERMOST ? 1 : channels))
        p.end = 0;
    return p;
}

/* The steps of a part of a line: `i` is where each begins. One step is no loop. */
#if LINE_STEPS > 1
#define FOR_STEPS(i, part) for (uint i = (part).at; i < (part).to; i += LINE_STEP)
#else
#define FOR_STEPS(i, part) for (uint i = (part).at, once = 1; once; once = 0)
#endif

/* Where line 0 of the part's channel begins in a tensor. */
size_t line_part_begin(line_part p, ulong channel)
{
    return p.channel * channel;
}

/* Where line `line` of the part's channel begins in a mask, in bytes: see mask.cl. */
size_t line_part_mask(line_part p, uint line, uint length, uint channels)
{
    return ((size_t)line * (CHANNELS_INNERMOST ? 1 : channels) + p.channel) * ((length + 7) / 8);
}

/* The first channel of the part's u-th vector. */
uint line_part_channel(line_part p, uint u)
{
    return CHANNELS_INNERMOST ? p.at + u * VEC : p.channel;
}

/* Coefficient k of the part's u-th vector. */
accv line_coefficient(__global const acc_t *coefficients, uint k, uint channels, line_part p,
                      uint u)
{
    const uint c = line_part_channel(p, u);
    return channel_load(coefficients + (size_t)k * channels + c, left(channels, c));
}

/* Writes the u-th vector of a part of a line, of results that are left from there on; p is where it
   goes. Past the caches a line of memory goes whole: of f16 and bf16 that is two vectors, of which
   the first is held until the second is there. */
INLINE void result_store(accv v, accv *held, __global storage_t *p, uint u, uint have)
{
#ifdef STREAM_TWO
    const int first = u % 2 == 0;
    __global storage_t *line = first ? p : p - VEC;
    const int both = first ? u + 1 < LINE_VECTORS && have >= 2 * VEC : have >= VEC;
    if (both && ((ulong)line & 63) == 0) {
        if (first)
            *held = v;
        else
            STREAM_TWO(*held, v, line);
        return;
    }
#endif
    store_result(v, p, have);
}

/* The same of a gradient, or adds it to what is there. */
INLINE void gradient_store(accv gradient, accv *held, __global storage_t *to, uint u, uint have,
                           uint accumulate)
{
    result_store(unsigned_zero(accumulate ? load_some(to, have) + gradient : gradient), held, to, u,
                 have);
}
