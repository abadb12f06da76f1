/* Whether a file can be written, found out before the work that is to fill it. */
#ifndef EXAMPLE_WRITABLE_H
#define EXAMPLE_WRITABLE_H

#include <stdbool.h>

#include <bncl/status.h>

/* Expects that `path` can be written, or, with `replace`, that a new file can take its place, as
   bncl_graph_save does. A file that is there stays as it is. Where it leads to a folder, that is
   tried with an empty file, which goes again at once. Errors: IO, with a text that says what is in
   the way. That nothing gets into the way afterwards is not promised. */
bncl_status writable_check(const char *path, bool replace, bncl_error *err);

#endif
