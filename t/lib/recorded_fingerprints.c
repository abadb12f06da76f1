/* Recorded fingerprints: see recorded_fingerprints.h. */
#include "lib/recorded_fingerprints.h"

#include "lib/harness.h"
#include "lib/recorded_lines.h"

/* "train NCL 3x5x7 offset 0: …". */
static const char *line_of(device *d, fingerprint_run *run, size_t index, bool train)
{
    const batch_norm_case c = fingerprint_case(index);
    return harness_text("%s %s %zux%zux%zu offset %g: %s\n", train ? "train" : "eval",
                        bncl_layout_name(c.layout), c.samples, c.channels, c.positions, c.offset,
                        run(d, &c, train));
}

static void record(device *d, fingerprint_run *run, const char *path, const char *comment)
{
    FILE *file = recorded_lines_begin(path, comment);
    for (size_t i = 0; i < fingerprint_cases; ++i) {
        fputs(line_of(d, run, i, true), file);
        fputs(line_of(d, run, i, false), file);
    }
    recorded_lines_end(file, path);
}

void recorded_fingerprints_check(device *d, fingerprint_run *run, const char *file,
                                 const char *comment)
{
    const char *path = getenv("BNCL_TEST_RECORD");
    if (!d->info.same_bits)
        harness_note("by what it declares, the device need not give the same bits");
    if (path != NULL && path[0] != '\0')
        record(d, run, path, comment);
    FILE *lines = recorded_lines_open(harness_text("%s/vectors/%s", BNCL_T_DIR, file));
    for (size_t i = 0; i < (d->small ? fingerprint_small_cases : fingerprint_cases); ++i) {
        recorded_lines_expect(lines, line_of(d, run, i, true));
        recorded_lines_expect(lines, line_of(d, run, i, false));
    }
}
