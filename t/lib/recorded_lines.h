/* Text files of recorded lines, "NAME: RESULT", to compare results with. */
#ifndef RECORDED_LINES_H
#define RECORDED_LINES_H

#include <stdio.h>

/* Opens the file for reading; held until the test ends. Fails the test if it cannot be read. */
FILE *recorded_lines_open(const char *path);

/* Fails unless the file has this very line; `line` ends with a line end, and its name with its
   first colon. */
void recorded_lines_expect(FILE *file, const char *line);

/* Opens the file anew for writing, its first line being `comment`; and closes it, which skips the
   running test: nothing was compared. Both fail the test where the file cannot be written. */
FILE *recorded_lines_begin(const char *path, const char *comment);
void recorded_lines_end(FILE *file, const char *path);

#endif
