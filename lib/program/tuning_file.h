/* Internal: the file that keeps a device's tuning. It is optional: what is not exactly what was
   written is not there. */
#ifndef BNCLI_TUNING_FILE_H
#define BNCLI_TUNING_FILE_H

#include <stdbool.h>

#include <bncl/tuning.h>

/* Whether the environment names a folder, and lets anything be kept there. Touches no disk. */
bool bncli_tuning_file_possible(void);

/* Gives the text that was kept by this version of the library for the device that `identity` tells
   from all others, driver and platform versions in it; "" where there is none. Errors: MEMORY. */
bncl_status bncli_tuning_file_read(const char *identity, char out[BNCL_TUNING_TEXT_SIZE],
                                   bncl_error *err);

/* Keeps the text, which is well-formed and shorter than BNCL_TUNING_TEXT_SIZE. Blocks for the disk.
   Errors: UNSUPPORTED (there is no folder), IO, MEMORY. */
bncl_status bncli_tuning_file_write(const char *identity, const char *text, bncl_error *err);

/* Removes the file; that there is none is no error. Errors: UNSUPPORTED, IO, MEMORY. */
bncl_status bncli_tuning_file_remove(const char *identity, bncl_error *err);

#endif
