/* The limit of a device, and the cost of a launch: the kernels of bench_limit.cl, which pass over
   memory and do nothing else. They run on libbncl's queue and tensors, so of the same size and in
   the same places as what is measured, that caches and pages favour nobody. */
#include "bench_contestant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_numbers.h"
#include "bench_texts.h"
#include "bench_world.h"
#include "fail.h"

enum { GROUP = 64, MOST_READS = 3, MOST_WRITES = 2, WORD = 4, TRIES = 3 };

/* How a pass may be made; the fastest for a case is its limit. */
typedef struct variant {
    unsigned vector, depth;
    bool streams; /* writes go past the caches: on the host's own processor */
} variant;

static const variant variants[] = {{16, 16, true}, {16, 1, true},  {16, 16, false}, {16, 1, false},
                                   {4, 16, false}, {1, 16, false}, {1, 1, false}};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

typedef struct limit {
    bench_world *world;
    unsigned widest; /* vector: what the device prefers, at least 4 */
    bool is_host;    /* the device is the host's own processor */
    /* Built when they are first asked for. */
    cl_program programs[VARIANTS][MOST_READS + 1][MOST_WRITES + 1];
    cl_kernel kernels[VARIANTS][MOST_READS + 1][MOST_WRITES + 1];
    /* The present case's. */
    bench_model model;
    size_t words;
    int best; /* index into variants */
} limit;

static bncl_status told(cl_int code, const char *call, bncl_error *err)
{
    if (code == CL_SUCCESS)
        return BNCL_OK;
    return bench_fail(err, BNCL_ERROR_OPENCL, "%s of the limit's kernels: OpenCL error %d", call,
                      (int)code);
}

static void close_limit(void *state)
{
    limit *l = state;
    if (l == NULL)
        return;
    for (int v = 0; v < VARIANTS; ++v)
        for (int r = 0; r <= MOST_READS; ++r)
            for (int w = 0; w <= MOST_WRITES; ++w) {
                if (l->kernels[v][r][w] != NULL)
                    clReleaseKernel(l->kernels[v][r][w]);
                if (l->programs[v][r][w] != NULL)
                    clReleaseProgram(l->programs[v][r][w]);
            }
    free(l);
}

/* As the library tells it: lib/runtime/device.c. */
static bool is_host(cl_device_id device)
{
    cl_device_type type = 0;
    cl_device_exec_capabilities runs = 0;
    clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    clGetDeviceInfo(device, CL_DEVICE_EXECUTION_CAPABILITIES, sizeof runs, &runs, NULL);
    return (type & ~(cl_device_type)CL_DEVICE_TYPE_DEFAULT) == CL_DEVICE_TYPE_CPU &&
           (runs & CL_EXEC_NATIVE_KERNEL) != 0;
}

static bncl_status open_limit(const bench_setup *setup, void **state, char *about, bncl_error *err)
{
    limit *l = calloc(1, sizeof *l);
    if (l == NULL)
        return bench_fail(err, BNCL_ERROR_MEMORY, "out of memory");
    cl_uint preferred = 0;
    l->world = setup->world;
    clGetDeviceInfo(bncl_opencl_get_device(l->world->context), CL_DEVICE_PREFERRED_VECTOR_WIDTH_INT,
                    sizeof preferred, &preferred, NULL);
    l->widest = preferred < 4 ? 4 : preferred;
    l->is_host = is_host(bncl_opencl_get_device(l->world->context));
    snprintf(about, BENCH_ABOUT_SIZE,
             "limit: kernels that only read and write, the passes of the column `least', on "
             "tensors of the same size in the same run; the best of several");
    *state = l;
    return BNCL_OK;
}

static bncl_status build(limit *l, int v, int reads, int writes, bncl_error *err)
{
    const cl_context context = bncl_opencl_get_context(l->world->context);
    const cl_device_id device = bncl_opencl_get_device(l->world->context);
    char options[96];
    cl_int code;
    if (l->kernels[v][reads][writes] != NULL)
        return BNCL_OK;
    snprintf(options, sizeof options, "-DVEC=%u -DDEPTH=%u -DWG=%d -DREADS=%d -DWRITES=%d%s",
             variants[v].vector, variants[v].depth, (int)GROUP, reads, writes,
             variants[v].streams ? " -DSTREAMS" : "");
    const char *text = bench_limit_text;
    cl_program program = clCreateProgramWithSource(context, 1, &text, NULL, &code);
    bncl_status status = told(code, "clCreateProgramWithSource", err);
    if (status != BNCL_OK)
        return status;
    if (l->programs[v][reads][writes] != NULL)
        clReleaseProgram(l->programs[v][reads][writes]);
    l->programs[v][reads][writes] = program;
    status = told(clBuildProgram(program, 1, &device, options, NULL, NULL), "clBuildProgram", err);
    if (status != BNCL_OK)
        return status;
    cl_kernel kernel = clCreateKernel(program, reads > 0 ? "limit_pass" : "limit_nothing", &code);
    if (code == CL_SUCCESS)
        l->kernels[v][reads][writes] = kernel;
    return told(code, "clCreateKernel", err);
}

/* A pass in the v-th variant. Without reads: nothing at all. */
static bncl_status enqueue(limit *l, int v, const bench_pass *pass, bncl_error *err)
{
    const int reads = bench_count_wholes(pass->reads), writes = bench_count_wholes(pass->writes);
    const cl_uint count = (cl_uint)(l->words / variants[v].vector);
    const size_t block = (size_t)GROUP * variants[v].depth, group = reads > 0 ? GROUP : 1;
    const size_t items = reads > 0 ? (count + block - 1) / block * GROUP : 1;
    cl_mem operands[MOST_READS + MOST_WRITES];
    cl_uint at = 0, arguments = reads > 0 ? MOST_READS + MOST_WRITES : 1;
    bncl_status status = build(l, v, reads, writes, err);
    if (status != BNCL_OK)
        return status;
    const cl_kernel kernel = l->kernels[v][reads][writes];
    cl_mem any = bncl_opencl_get_mem(l->world->buffers[0]);
    for (cl_uint i = 0; i < MOST_READS + MOST_WRITES; ++i)
        operands[i] = any;
    for (int i = 0; i < BENCH_WHOLES; ++i)
        if ((pass->reads >> i & 1u) != 0)
            operands[at++] = bncl_opencl_get_mem(l->world->buffers[i]);
    at = MOST_READS;
    for (int i = 0; i < BENCH_WHOLES; ++i)
        if ((pass->writes >> i & 1u) != 0)
            operands[at++] = bncl_opencl_get_mem(l->world->buffers[i]);
    cl_int code = CL_SUCCESS;
    for (cl_uint i = 0; i < arguments && code == CL_SUCCESS; ++i)
        code = clSetKernelArg(kernel, i, sizeof(cl_mem), &operands[i]);
    if (code == CL_SUCCESS && reads > 0)
        code = clSetKernelArg(kernel, arguments, sizeof count, &count);
    if (code == CL_SUCCESS)
        code = clEnqueueNDRangeKernel(bncl_opencl_get_queue(l->world->queue), kernel, 1, NULL,
                                      &items, &group, 0, NULL, NULL);
    return told(code, "clEnqueueNDRangeKernel", err);
}

static bncl_status run_passes(limit *l, int v, size_t calls, double *seconds, bncl_error *err)
{
    bncl_status status = BNCL_OK;
    const double begin = bench_now();
    for (size_t i = 0; i < calls; ++i)
        for (int p = 0; p < l->model.pass_count && status == BNCL_OK; ++p)
            status = enqueue(l, v, &l->model.passes[p], err);
    bncl_error ignored;
    const bncl_status finished =
        bncl_queue_finish(l->world->queue, status == BNCL_OK ? err : &ignored);
    *seconds = bench_now() - begin;
    return status == BNCL_OK ? finished : status;
}

static bncl_status run_limit(void *state, size_t calls, double *seconds, bncl_error *err)
{
    limit *l = state;
    return run_passes(l, l->best, calls, seconds, err);
}

/* The shortest of a few runs, which the first one, that builds, is not. */
static bncl_status try_variant(limit *l, int v, double *shortest, bncl_error *err)
{
    double seconds;
    bncl_status status = run_passes(l, v, 1, &seconds, err);
    *shortest = 0.0;
    for (int i = 0; i < TRIES && status == BNCL_OK; ++i) {
        status = run_passes(l, v, 2, &seconds, err);
        if (i == 0 || seconds < *shortest)
            *shortest = seconds;
    }
    return status;
}

static bncl_status prepare_limit(void *state, const bench_case *c, const bench_model *model,
                                 char *way, bncl_error *err)
{
    limit *l = state;
    double best = 0.0;
    if (model->pass_count == 0)
        return bench_fail(err, BNCL_ERROR_UNSUPPORTED, "memory is not its limit");
    l->model = *model;
    l->words = bench_case_elements(c) * bncl_dtype_size(c->dtype) / WORD;
    l->best = -1;
    for (int v = 0; v < VARIANTS; ++v) {
        double seconds;
        if (variants[v].vector > l->widest || variants[v].vector > l->words ||
            (variants[v].streams && !l->is_host))
            continue;
        bncl_status status = try_variant(l, v, &seconds, err);
        if (status != BNCL_OK)
            return status;
        if (l->best < 0 || seconds < best) {
            l->best = v;
            best = seconds;
        }
    }
    if (l->best < 0)
        return bench_fail(err, BNCL_ERROR_UNSUPPORTED, "less than a word");
    snprintf(way, BENCH_WAY_SIZE, "vector %u depth %u%s", variants[l->best].vector,
             variants[l->best].depth, variants[l->best].streams ? " past caches" : "");
    return BNCL_OK;
}

const bench_contestant bench_limit = {"limit",       "limit",   0.0,        open_limit,
                                      prepare_limit, run_limit, close_limit};

/* ---- nothing ---- */

static bncl_status open_empty(const bench_setup *setup, void **state, char *about, bncl_error *err)
{
    const bncl_status status = open_limit(setup, state, about, err);
    about[0] = '\0';
    return status;
}

static bncl_status prepare_empty(void *state, const bench_case *c, const bench_model *model,
                                 char *way, bncl_error *err)
{
    limit *l = state;
    (void)c;
    (void)model;
    (void)way;
    l->model = (bench_model){.pass_count = 1};
    l->best = VARIANTS - 1;
    l->words = 1;
    double seconds;
    return run_passes(l, l->best, 1, &seconds, err);
}

const bench_contestant bench_empty = {"empty kernel", "empty",   0.0,        open_empty,
                                      prepare_empty,  run_limit, close_limit};
