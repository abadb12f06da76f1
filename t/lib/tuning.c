/* Tunings as tests set them: see tuning.h. */
#include "lib/tuning.h"

#include <stdlib.h>

#include "lib/harness.h"

const char *const tunings[tuning_count] = {
    "vector=1,vectors=1,lane_items=1,lines=1,group=1024,block_group=1,whole=0,direct=0",
    "vector=4,vectors=1,lane_items=8,lines=4,group=8,block_group=8,whole=1048576,direct=1048576,"
    "stream=1",
    "vector=2,vectors=2,lane_items=16,lines=4,group=32,block_group=2,whole=0,direct=1048576,"
    "stream=1",
    "vector=1,vectors=1,lane_items=64,lines=8,group=64,block_group=64,whole=1048576,"
    "direct=1048576",
    "vector=2,vectors=1,lane_items=32,lines=2,group=256,block_group=16,whole=1048576,direct=0",
};

static void forget_tuning(void *unused)
{
    (void)unused;
    unsetenv("BNCL_TUNING");
}

void tune(const char *tuning)
{
    harness_hold(NULL, forget_tuning);
    if (tuning != NULL)
        setenv("BNCL_TUNING", tuning, 1);
    else
        unsetenv("BNCL_TUNING");
}
