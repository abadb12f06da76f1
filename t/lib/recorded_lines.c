/* Recorded lines: see recorded_lines.h. */
#include "lib/recorded_lines.h"

#include <string.h>

#include "lib/harness.h"

enum { line_size = 640 };

static void close_file(void *file)
{
    fclose(file);
}

FILE *recorded_lines_open(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        harness_fail("%s cannot be read", path);
    return harness_hold(file, close_file);
}

void recorded_lines_expect(FILE *file, const char *line)
{
    char recorded[line_size];
    size_t name = (size_t)(strchr(line, ':') - line) + 1;
    rewind(file);
    while (fgets(recorded, sizeof recorded, file) != NULL)
        if (strncmp(recorded, line, name) == 0) {
            if (strcmp(recorded, line) != 0)
                harness_fail("other bits than recorded:\n got %s was %s", line, recorded);
            return;
        }
    harness_fail("nothing is recorded of %s", line);
}

FILE *recorded_lines_begin(const char *path, const char *comment)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fprintf(file, "%s\n", comment) < 0)
        harness_fail("%s cannot be written", path);
    return file;
}

void recorded_lines_end(FILE *file, const char *path)
{
    const bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed)
        harness_fail("%s cannot be written", path);
    harness_note("recorded into %s; nothing was compared", path);
    skip();
}
