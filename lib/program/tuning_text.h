/* Internal: tunings as text, "vector=16,group=8", as BNCL_TUNING and files have them. */
#ifndef BNCLI_TUNING_TEXT_H
#define BNCLI_TUNING_TEXT_H

#include <bncl/tuning.h>

#include "program/tuning.h"

/* Changes the fields that the text names; NULL and "" name none. `name` is whose text it is, for
   the error. Errors: ARGUMENT (malformed; *tuning is as it was). */
bncl_status bncli_tuning_read(const char *name, const char *text, bncli_tuning *tuning,
                              bncl_error *err);

/* Writes every field. */
void bncli_tuning_write(const bncli_tuning *tuning, char out[BNCL_TUNING_TEXT_SIZE]);

#endif
