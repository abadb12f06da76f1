/* The fixed cases of fingerprint.h against the fingerprints that a file has of them. */
#ifndef RECORDED_FINGERPRINTS_H
#define RECORDED_FINGERPRINTS_H

#include "lib/fingerprint.h"

/* Runs a case in training or evaluation and gives "y=… dx=… …", held. */
typedef const char *fingerprint_run(device *d, const batch_norm_case *c, bool train);

/* Fails where the device has other results than the file in t/vectors. With BNCL_TEST_RECORD=FILE
   it records them there instead, below the line `comment`, and skips the running test. */
void recorded_fingerprints_check(device *d, fingerprint_run *run, const char *file,
                                 const char *comment);

#endif
