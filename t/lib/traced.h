/* Reading the file of a trace. */
#ifndef TRACED_H
#define TRACED_H

#include <stddef.h>
#include <stdint.h>

/* A command; texts are "" where the file has none. */
typedef struct traced_event {
    const char *name, *category, *layer, *pass, *clock;
    long long pid, tid;
    double start, duration; /* microseconds */
    uint64_t bytes;
    size_t grid, group; /* work-items in all; 0: it has no grid */
} traced_event;

typedef struct traced {
    size_t count;
    traced_event *events;
    size_t names; /* of contexts and queues */
} traced;

/* The commands in the file from number `first` on, held; fails the test where it is not JSON, or
   where an event lacks something or has something that it must not. */
traced traced_since(const char *path, size_t first);

/* The events of one name (NULL: of any) and category (likewise). */
size_t traced_count(const traced *trace, const char *name, const char *category);

/* Of each queue, commands began one after the other and, by the device's clock, did not overlap. */
void traced_in_order(const traced *trace);

#endif
