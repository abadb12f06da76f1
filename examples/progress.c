/* A progress bar on a terminal; see progress.h. */
#include "progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_SECONDS 0.1
#define LINE_SIZE 512
#define COLUMNS_IF_UNKNOWN 80
#define BAR_CELLS_MIN 5
#define BAR_CELLS_MAX 40

double progress_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_init(progress *bar)
{
    const char *terminal = getenv("TERM");
    *bar = (progress){.drawn_at = -1.0};
    if (terminal != NULL && strcmp(terminal, "dumb") == 0)
        return;
    if (isatty(STDERR_FILENO))
        bar->stream = stderr;
    else if (isatty(STDOUT_FILENO))
        bar->stream = stdout;
}

bool progress_due(const progress *bar)
{
    return bar->stream != NULL &&
           (!bar->visible || progress_seconds() - bar->drawn_at >= REDRAW_SECONDS);
}

static int terminal_columns(FILE *stream)
{
    struct winsize size;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_IF_UNKNOWN;
    return size.ws_col < LINE_SIZE ? size.ws_col : LINE_SIZE - 1;
}

/* How much of `right` is shown: it loses its last part, two blanks and what follows them, as long
   as it has several and leaves the bar too little room. */
static int shown_length(int room, const char *right)
{
    int length = (int)strlen(right);
    while (room - length < BAR_CELLS_MIN) {
        int shorter = length - 1;
        while (shorter > 0 && strncmp(right + shorter, "  ", 2) != 0)
            --shorter;
        if (shorter <= 0)
            break;
        length = shorter;
    }
    return length;
}

void progress_format(char *out, size_t size, int columns, const char *left, double fraction,
                     const char *right)
{
    int room = columns - 1 - (int)strlen(left) - (int)strlen(" [] ");
    int shown = shown_length(room, right);
    int cells = room - shown < BAR_CELLS_MAX ? room - shown : BAR_CELLS_MAX;
    if (cells < BAR_CELLS_MIN) {
        snprintf(out, size, "%s %.*s", left, shown, right);
    } else {
        const double clamped = fraction > 0.0 ? (fraction < 1.0 ? fraction : 1.0) : 0.0;
        char bar[BAR_CELLS_MAX + 1];
        memset(bar, '.', (size_t)cells);
        memset(bar, '#', (size_t)(clamped * cells));
        bar[cells] = '\0';
        snprintf(out, size, "%s [%s] %.*s", left, bar, shown, right);
    }
    size_t limit = columns > 1 ? (size_t)columns - 1 : 0;
    if (limit < size && strlen(out) > limit)
        out[limit] = '\0';
}

void progress_draw(progress *bar, const char *left, double fraction, const char *right)
{
    if (bar->stream == NULL)
        return;
    char line[LINE_SIZE];
    int columns = terminal_columns(bar->stream);
    progress_format(line, sizeof line, columns, left, fraction, right);
    fprintf(bar->stream, "\r%-*s", columns - 1, line);
    fflush(bar->stream);
    bar->drawn_at = progress_seconds();
    bar->visible = true;
}

void progress_clear(progress *bar)
{
    if (bar->stream == NULL || !bar->visible)
        return;
    fprintf(bar->stream, "\r%-*s\r", terminal_columns(bar->stream) - 1, "");
    fflush(bar->stream);
    bar->visible = false;
}
