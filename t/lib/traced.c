/* Reading the file of a trace: see traced.h. */
#include "lib/traced.h"

#include <jansson.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/json_file.h"

static size_t product_of(json_t *sizes)
{
    size_t product = 1;
    if (sizes == NULL)
        return 0;
    assert_int_equal(json_array_size(sizes), 3);
    for (size_t i = 0; i < 3; ++i)
        product *= (size_t)json_integer_value(json_array_get(sizes, i));
    return product;
}

static traced_event event_of(json_t *object)
{
    traced_event e = {.layer = "", .pass = ""};
    json_int_t pid, tid, bytes;
    json_t *grid = NULL, *group = NULL;
    double rate = -1.0;
    if (json_unpack(object, "{s:s,s:s,s:s,s:I,s:I,s:F,s:F,s:{s:I,s?F,s?o,s?o,s?s,s?s,s:s!}!}",
                    "name", &e.name, "cat", &e.category, "ph", &e.clock, "pid", &pid, "tid", &tid,
                    "ts", &e.start, "dur", &e.duration, "args", "bytes", &bytes, "GB/s", &rate,
                    "grid", &grid, "group", &group, "layer", &e.layer, "pass", &e.pass, "clock",
                    &e.clock) != 0)
        harness_fail("not as an event is: %s", json_dumps(object, 0));
    e.pid = pid;
    e.tid = tid;
    e.bytes = (uint64_t)bytes;
    e.grid = product_of(grid);
    e.group = product_of(group);
    assert_true(strcmp(e.clock, "device") == 0 || strcmp(e.clock, "host") == 0);
    assert_true((e.grid > 0) == (strcmp(e.category, "kernel") == 0));
    assert_true(e.duration >= 0.0 && (rate >= 0.0) == (e.duration > 0.0));
    if (rate >= 0.0) /* it is cut to a thousandth */
        assert_true(rate <= 1e-3 * (double)e.bytes / e.duration + 1e-6 &&
                    rate >= 1e-3 * (double)e.bytes / e.duration - 1.1e-3);
    return e;
}

traced traced_since(const char *path, size_t first)
{
    json_t *object;
    traced trace = {.count = 0};
    size_t i, commands = 0;
    json_t *events = json_object_get(json_file(path), "traceEvents");
    trace.events = harness_memory(json_array_size(events), sizeof *trace.events);
    json_array_foreach(events, i, object)
    {
        const char *kind = json_string_value(json_object_get(object, "ph"));
        assert_non_null(kind);
        if (strcmp(kind, "M") == 0)
            ++trace.names;
        else if (commands++ >= first)
            trace.events[trace.count++] = event_of(object);
    }
    return trace;
}

size_t traced_count(const traced *trace, const char *name, const char *category)
{
    size_t count = 0;
    for (size_t i = 0; i < trace->count; ++i)
        count += (name == NULL || strcmp(trace->events[i].name, name) == 0) &&
                 (category == NULL || strcmp(trace->events[i].category, category) == 0);
    return count;
}

/* The next command of the same queue; NULL: there is none. */
static const traced_event *next_of(const traced *trace, size_t index)
{
    const traced_event *e = &trace->events[index];
    while (++index < trace->count)
        if (trace->events[index].pid == e->pid && trace->events[index].tid == e->tid)
            return &trace->events[index];
    return NULL;
}

void traced_in_order(const traced *trace)
{
    for (size_t i = 0; i < trace->count; ++i) {
        const traced_event *e = &trace->events[i], *next = next_of(trace, i);
        const double least = next == NULL || strcmp(e->clock, next->clock) != 0
                                 ? -1.0
                                 : next->start + 5e-4; /* half a nanosecond: numbers are rounded */
        const double end = e->start + (strcmp(e->clock, "device") == 0 ? e->duration : 0.0);
        if (least >= 0.0 && end > least)
            harness_fail("%s (command %zu) ends at %.3f us, the next begins at %.3f", e->name, i,
                         end, next->start);
    }
}
