/* Files of a test: a folder of its own, and whole files in and out of it. What goes wrong here
   fails the test. */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>

/* A new, empty folder below $TMPDIR or /tmp, held: it goes with all in it when the test ends. */
const char *files_folder(void);

/* "folder/name", held. */
const char *files_path(const char *folder, const char *name);

/* Makes `path` a file of exactly these bytes. */
void files_write(const char *path, const void *bytes, size_t count);

/* All bytes of `path`, held, and their number. */
unsigned char *files_read(const char *path, size_t *count);

/* `path` is a file of exactly these bytes, or the test fails. */
void files_expect(const char *path, const void *bytes, size_t count);

/* How many entries the folder has. */
size_t files_count(const char *folder);

/* How many file descriptors the process has open; 0 where the system does not tell. */
size_t files_open(void);

#endif
