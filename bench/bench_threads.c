/* Where threads run; see bench_threads.h. */
#include "bench_threads.h"

#include <stdlib.h>
#include <time.h>

void bench_bind_threads(void)
{
    setenv("POCL_AFFINITY", "1", 0); /* without memory for it, PoCL does what it does */
}

void bench_let_openmp_sleep(void)
{
    setenv("OMP_WAIT_POLICY", "passive", 0);
}

void bench_rest(double seconds)
{
    const struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&t, NULL);
}
