/* Internal: a file of events in Chrome's trace format, which Perfetto reads. Floor 0, libc only.

   The file is whole JSON after every write: what a process has not written yet when it dies is
   missing, no more. Contexts of one process that name one file share it. A process that opens a
   file of another one, or an old one, begins it anew; the other's events then end there. */
#ifndef BNCLI_TRACE_FILE_H
#define BNCLI_TRACE_FILE_H

#include <bncl/status.h>

typedef struct bncli_trace_file bncli_trace_file;

/* Bytes of one event, at most. */
#define BNCLI_TRACE_EVENT_SIZE 1024

/* Opens the file `name`, in which "%p" stands for the process id and "%%" for '%', and writes that
   a context `label` begins. Errors: MEMORY, IO. */
bncl_status bncli_trace_file_open(const char *name, const char *label, bncli_trace_file **out,
                                  bncl_error *err);

/* The number by which events name this context, their "pid": no other one in the file has it. */
unsigned long long bncli_trace_file_number(const bncli_trace_file *file);

/* Adds an event, a JSON object in one line. It is written with later ones. Where writing fails the
   file ends, whole, with what it held. From any thread. */
void bncli_trace_file_add(bncli_trace_file *file, const char *event);

/* Writes what was added. From any thread. */
void bncli_trace_file_flush(bncli_trace_file *file);

/* Writes what was added, and closes. In a process forked from the one that opened it, it closes
   only. NULL is fine. */
void bncli_trace_file_close(bncli_trace_file *file);

#endif
