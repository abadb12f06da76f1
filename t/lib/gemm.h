/* Who multiplies matrices, as tests choose it. */
#ifndef GEMM_H
#define GEMM_H

#include <stdbool.h>

#include "lib/device.h"

/* The names of all that there are. */
enum { gemm_name_count = 2 };
extern const char *const gemm_names[gemm_name_count];

/* What is created from now on multiplies by this one, until the test ends; false, and nothing has
   changed, if it cannot serve the device. */
bool multiply_by(device *d, const char *name);

#endif
