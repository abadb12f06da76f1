/* The threads of those who are measured: where they run, and when they are at rest. */
#ifndef BENCH_THREADS_H
#define BENCH_THREADS_H

/* What GCC's OpenMP, whose threads wait for the next work on their cores, takes to let them sleep:
   measured, 10 ms. Whoever comes next must not pay for it. */
#define BENCH_OPENMP_REST 15e-3

/* What threads that have slept take, at work again, until the system has given each a core of its
   own: measured, 3 to 10 ms. A sample begins when it is over. */
#define BENCH_WARM_UP 15e-3

/* Binds PoCL's threads to cores, by POCL_AFFINITY, unless the environment says something about it:
   after each pause it else puts two of them on one core for milliseconds, and what computes takes
   twice its time. Before the first call of OpenCL, and before there are threads. OpenMP's threads
   go where they like: binding them makes no difference that can be measured. Not where OpenBLAS
   multiplies: its threads look for work without pause, and stay on the core of a bound one. */
void bench_bind_threads(void);

/* Lets OpenMP's threads sleep at once when they wait, by OMP_WAIT_POLICY, unless the environment
   says something about it: for child processes that multiply by OpenBLAS as well, whose own threads
   they else keep from their cores for milliseconds a call. Before there are threads. */
void bench_let_openmp_sleep(void);

/* Sleeps. */
void bench_rest(double seconds);

#endif
