/* A progress bar on a terminal. Where neither stderr nor stdout is one, nothing is drawn. */
#ifndef EXAMPLE_PROGRESS_H
#define EXAMPLE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct progress {
    FILE *stream;    /* the terminal, or NULL */
    double drawn_at; /* progress_seconds() of the last drawing */
    bool visible;    /* a bar is on the screen */
} progress;

/* Seconds of a clock that never jumps. Only differences mean something. */
double progress_seconds(void);

/* Looks for a terminal: stderr, else stdout. */
void progress_init(progress *bar);

/* Whether a drawing is due: there is a terminal, and the last one is a tenth of a second old.
   Making up the texts may be dear (reading a loss from a device waits for it): ask before. */
bool progress_due(const progress *bar);

/* Draws "LEFT [####......] RIGHT" over what was there, as wide as the terminal, with `fraction`
   (0 … 1) of the bar filled. */
void progress_draw(progress *bar, const char *left, double fraction, const char *right);

/* Wipes the bar, so that ordinary lines can be printed. */
void progress_clear(progress *bar);

/* Writes the line that progress_draw shows on a terminal of `columns` into out, of `size` bytes:
   the last column stays free. Where the bar would get too short, the parts of `right`, which two
   blanks set apart, go one by one from the last; then the bar goes; then the text is cut. Texts are
   ASCII. */
void progress_format(char *out, size_t size, int columns, const char *left, double fraction,
                     const char *right);

#endif
