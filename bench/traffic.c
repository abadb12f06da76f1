/* What bench/traffic.py has Oclgrind watch: `traffic count|trace DTYPE LAYOUT SHAPE' makes one
   call of batch norm in each direction, and tells before each launch which one it is.

   count: as any other program. Oclgrind counts instructions (OCLGRIND_INST_COUNTS=1).
   trace: every buffer is made one byte long, unbeknown to libbncl, and nothing is written to it. So
          each access of a kernel's lies outside, and Oclgrind, which reports such an access with
          its address and size and goes on, writes a trace of them all. What is read is not what was
          meant, so that kernels are told that all of it is finite. No address depends on anything
          else that is read, which traffic.py proves by the counts of both ways.

   Standard error, which Oclgrind writes to, has besides:
     == case NAME, ELEMENTS of x, bytes of an element, values of a channel
     == launch KERNEL GLOBAL x 3 LOCAL x 3
   and standard output the second line as well. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bncl/opencl.h>

#include "bench_contestant.h"
#include "bench_library.h"
#include "bench_world.h"

#define EXPORTED __attribute__((visibility("default")))

static bool tracing, watching; /* trace; in the call that is watched */

/* The loader's function of that name. (ISO C has no cast from a pointer to data to one to code.) */
static void *behind(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) {
        fprintf(stderr, "traffic: the OpenCL loader has no %s\n", name);
        exit(EXIT_FAILURE);
    }
    return function;
}

/* A command that is done, for there is nothing to do. */
static cl_int pretend(cl_command_queue queue, cl_uint count, const cl_event *list, cl_event *event)
{
    return event == NULL ? CL_SUCCESS : clEnqueueMarkerWithWaitList(queue, count, list, event);
}

/* ---- what stands before the loader's functions; see launches.c for how ---- */

EXPORTED cl_mem clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host,
                               cl_int *code)
{
    cl_mem (*call)(cl_context, cl_mem_flags, size_t, void *, cl_int *);
    *(void **)&call = behind("clCreateBuffer");
    return call(context, flags, tracing && host == NULL ? 1 : bytes, host, code);
}

EXPORTED cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                     size_t at, size_t bytes, const void *host, cl_uint count,
                                     const cl_event *list, cl_event *event)
{
    cl_int (*call)(cl_command_queue, cl_mem, cl_bool, size_t, size_t, const void *, cl_uint,
                   const cl_event *, cl_event *);
    *(void **)&call = behind("clEnqueueWriteBuffer");
    if (tracing)
        return pretend(queue, count, list, event);
    return call(queue, buffer, blocking, at, bytes, host, count, list, event);
}

EXPORTED cl_int clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer, const void *pattern,
                                    size_t pattern_bytes, size_t at, size_t bytes, cl_uint count,
                                    const cl_event *list, cl_event *event)
{
    cl_int (*call)(cl_command_queue, cl_mem, const void *, size_t, size_t, size_t, cl_uint,
                   const cl_event *, cl_event *);
    *(void **)&call = behind("clEnqueueFillBuffer");
    if (tracing)
        return pretend(queue, count, list, event);
    return call(queue, buffer, pattern, pattern_bytes, at, bytes, count, list, event);
}

EXPORTED cl_program clCreateProgramWithSource(cl_context context, cl_uint count, const char **texts,
                                              const size_t *lengths, cl_int *code)
{
    static const char finite[] = "#define isfinite(v) (isnan(v) | !isnan(v))\n#line 1\n";
    enum { MOST = 64 };
    const char *all[MOST] = {finite};
    size_t sizes[MOST] = {0}; /* to the text's end */
    cl_program (*call)(cl_context, cl_uint, const char **, const size_t *, cl_int *);
    *(void **)&call = behind("clCreateProgramWithSource");
    if (!tracing || count >= MOST)
        return call(context, count, texts, lengths, code);
    for (cl_uint i = 0; i < count; ++i) {
        all[i + 1] = texts[i];
        sizes[i + 1] = lengths == NULL ? 0 : lengths[i];
    }
    return call(context, count + 1, all, sizes, code);
}

static void tell_launch(FILE *to, cl_kernel kernel, cl_uint dims, const size_t *global,
                        const size_t *local)
{
    char name[128] = "?";
    clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL);
    fprintf(to, "== launch %s", name);
    for (cl_uint i = 0; i < 3; ++i)
        fprintf(to, " %zu", i < dims ? global[i] : 1);
    for (cl_uint i = 0; i < 3; ++i)
        fprintf(to, " %zu", i < dims && local != NULL ? local[i] : 1);
    fputc('\n', to);
    fflush(to);
}

/* Waits for the end of a watched launch, so that what Oclgrind says of it comes before the next. */
EXPORTED cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                       const size_t *offset, const size_t *global,
                                       const size_t *local, cl_uint count, const cl_event *list,
                                       cl_event *event)
{
    cl_int (*call)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *,
                   const size_t *, cl_uint, const cl_event *, cl_event *);
    *(void **)&call = behind("clEnqueueNDRangeKernel");
    if (!watching && tracing)
        return pretend(queue, count, list, event);
    if (!watching)
        return call(queue, kernel, dims, offset, global, local, count, list, event);
    tell_launch(stderr, kernel, dims, global, local);
    tell_launch(stdout, kernel, dims, global, local);
    const cl_int code = call(queue, kernel, dims, offset, global, local, count, list, event);
    return code == CL_SUCCESS ? clFinish(queue) : code;
}

/* ---- the calls ---- */

static bncl_status watch(void *state, bench_world *world, const bench_case *c, bncl_error *err)
{
    char name[BENCH_NAME_SIZE], way[BENCH_WAY_SIZE];
    const bench_model model = {.pass_count = 0};
    bench_case_name(c, name);
    bncl_status status = bench_world_prepare(world, c, bench_library_wholes(c), err);
    if (status == BNCL_OK)
        status = bench_library.prepare(state, c, &model, way, err);
    if (status == BNCL_OK)
        status = bncl_queue_finish(world->queue, err);
    if (status != BNCL_OK)
        return status;
    fprintf(stderr, "== case %s %zu %zu %zu\n", name, bench_case_elements(c),
            bncl_dtype_size(c->dtype), bench_case_values(c));
    fflush(stderr);
    double seconds;
    watching = true;
    status = bench_library.run(state, 1, &seconds, err);
    watching = false;
    return status;
}

static bncl_status watch_all(const bench_case *cases, size_t count, bncl_error *err)
{
    static const bench_options options = {.rounds = 1};
    bench_world world = {0};
    const bench_setup setup = {&options, &world};
    char about[BENCH_ABOUT_SIZE];
    void *state = NULL;
    bncl_status status = bench_world_open(NULL, &world, err);
    if (status == BNCL_OK)
        status = bench_library.open(&setup, &state, about, err);
    for (size_t i = 0; i < count && status == BNCL_OK; ++i)
        status = watch(state, &world, &cases[i], err);
    bench_library.close(state);
    bench_world_close(&world);
    return status;
}

int main(int argc, char **argv)
{
    bench_shape shape;
    bncl_error err = {{0}};
    const bool known = argc == 5 && bench_dtype_known(argv[2]) && bench_layout_known(argv[3]) &&
                       bench_shape_parse(argv[4], &shape);
    tracing = known && strcmp(argv[1], "trace") == 0;
    if (!known || (!tracing && strcmp(argv[1], "count") != 0)) {
        fputs("Usage: traffic count|trace DTYPE LAYOUT SHAPE\n", stderr);
        return 2;
    }
    /* A trace's kernels are not the library's own: no run may find another's, nor keep them. */
    setenv("BNCL_CACHE", "off", 1);
    const bench_choice choice = {.operators = "batch_norm",
                                 .dtype = argv[2],
                                 .layout = argv[3],
                                 .shapes = &shape,
                                 .shape_count = 1};
    bench_case *cases = NULL;
    size_t count = 0;
    if (!bench_cases_choose(&choice, &cases, &count) || count == 0) {
        fputs("traffic: expected a shape that has the layout\n", stderr);
        free(cases);
        return 2;
    }
    const bncl_status status = watch_all(cases, count, &err);
    free(cases);
    if (status != BNCL_OK)
        fprintf(stderr, "traffic: %s: %s\n", bncl_status_string(status), err.text);
    return status == BNCL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
