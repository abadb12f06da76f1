/* Makes calls of the operating system fail, be cut short or be interrupted. Linked into a
   program, it takes the place of libc's open, pread, read, write, pwrite, flock, fsync, fchmod,
   fchown, close and rename there, and passes on to them whatever is not to fail. For one thread. */
#ifndef FILE_FAULT_H
#define FILE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* From now on, `call` ("write") fails with errno `error` from its nth time (1: the next) on,
   `times` times. close() has closed all the same, as Linux does. */
void file_fault_set(const char *call, unsigned long nth, unsigned long times, int error);

/* From now on, pread, read, write and pwrite handle at most `most` bytes at once. */
void file_fault_shorten(size_t most);

/* From now on, open, pread, read, write, pwrite, flock and fsync are interrupted every second
   time. */
void file_fault_interrupt(void);

/* From now on, the first open that may create a file finds a symbolic link to `target` of the name
   it asks for. */
void file_fault_plant(const char *target);

/* What the last fsync was of, whether or not it was to fail: false when there was none since
   file_fault_clear. */
bool file_fault_synced(struct stat *facts);

/* Ends all of that. Returns how many calls were made to fail. */
unsigned long file_fault_clear(void);

#endif
