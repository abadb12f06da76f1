/* What a work-item that takes channels whole, one after the other, does while it reads one: it
   writes the one before, of which all is known by then. Reading waits for memory and writing fills
   its queue, so either hides the other.

     reads    channel 0   channel 1   channel 2   -           a step of a tile, 64 values,
     writes   -           channel 0   channel 1   channel 2   and a part of a line, in turn

   The lines of the channel that is written are walked part by part, as lines.cl cuts them. On
   other devices than the host's processor, and where a work-group's items share a channel and
   alternate, all of a channel is written before the next one is read: the device's other groups
   read meanwhile. */
#if defined(PROCESSOR) && LANE_ITEMS == 1 && TILES_PER_GROUP == 1
#define RUNS_ERRANDS 1
#else
#define RUNS_ERRANDS 0
#endif

typedef struct {
    uint line, at; /* of the part that is next */
    uint lines, length;
} errand_walk;

/* Nothing to write. */
#define ERRAND_NONE {0, 0, 0, 0}

/* A channel of so many lines, 0 for none of it. */
INLINE void errand_begin(errand_walk *w, uint lines, uint length)
{
    w->line = (uint)get_local_id(1);
    w->at = (uint)get_local_id(0) * (VEC * LINE_VECTORS);
    w->lines = w->at < length ? lines : 0;
    w->length = length;
}

INLINE int errand_is_left(const errand_walk *w)
{
    return w->line < w->lines;
}

INLINE void errand_next(errand_walk *w)
{
    w->at += LANE_ITEMS * VEC * LINE_VECTORS;
    if (w->at < w->length)
        return;
    w->at = (uint)get_local_id(0) * (VEC * LINE_VECTORS);
    w->line += TILES_PER_GROUP;
}

/* The channels of a work-group, of as many groups as the grid has. */
typedef struct {
    uint begin, end;
} channel_range;

channel_range channel_range_of(uint channels)
{
    const uint groups = (uint)get_global_size(2), each = (channels + groups - 1) / groups;
    channel_range r;
    r.begin = (uint)get_global_id(2) * each;
    r.end = min(r.begin + each, channels);
    return r;
}
