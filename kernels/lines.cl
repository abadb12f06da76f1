/* How the elementwise steps of batch norm walk over a tensor: line by line.

     CHANNELS_INNERMOST 0 (NCL): a line is one channel's run of `inner` values, its channel is
                                 line mod channels: [outer*channels][inner]
     CHANNELS_INNERMOST 1 (NC, NLC): a line is a row of all channels: [outer][channels]

   A work-item takes VEC*LINE_VECTORS neighbours of LINES lines, so that with channels innermost it
   reads its coefficients once. Grid: blocks of a line x blocks of lines. */
#ifndef LINE_VECTORS
#define LINE_VECTORS 1
#endif
#ifndef LINES
#define LINES 1
#endif
#ifndef CHANNELS_INNERMOST
#define CHANNELS_INNERMOST 0
#endif

/* Whether a line's coefficients are others than those of the line before. */
#if CHANNELS_INNERMOST
#define NEW_COEFFICIENTS(line, first_line) ((line) == (first_line))
#else
#define NEW_COEFFICIENTS(line, first_line) 1
#endif

/* Coefficient k of the u-th vector of a work-item's part of a line. */
floatv line_coefficient(__global const float *coefficients, uint k, uint channels, uint line,
                        uint at, uint u)
{
#if CHANNELS_INNERMOST
    const uint c = at + u * VEC;
    return load_some(coefficients + (size_t)k * channels + c, left(channels, c));
#else
    return (floatv)(coefficients[(size_t)k * channels + line % channels]);
#endif
}
