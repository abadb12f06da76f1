/* Counting launches; see launches.h. The dynamic linker resolves a library's reference to a
   function in the program first: so calls inside libbncl and CLBlast come here as well. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "launches.h"

#include <dlfcn.h>
#include <stdatomic.h>

#include <bncl/opencl.h>

#define EXPORTED __attribute__((visibility("default")))

static atomic_size_t launches;

size_t bench_launches(void)
{
    return atomic_load(&launches);
}

typedef cl_int (*nd_range)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *,
                           const size_t *, cl_uint, const cl_event *, cl_event *);
typedef void (*native_function)(void *);
typedef cl_int (*native)(cl_command_queue, native_function, void *, size_t, cl_uint, const cl_mem *,
                         const void **, cl_uint, const cl_event *, cl_event *);

/* The loader's function of that name. (ISO C has no cast from a pointer to data to one to code.) */
static void *behind(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

EXPORTED cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                       const size_t *offset, const size_t *global,
                                       const size_t *local, cl_uint count, const cl_event *list,
                                       cl_event *event)
{
    static _Atomic(nd_range) loaders;
    nd_range call = atomic_load(&loaders);
    if (call == NULL) {
        *(void **)&call = behind("clEnqueueNDRangeKernel");
        atomic_store(&loaders, call);
    }
    atomic_fetch_add(&launches, 1);
    return call(queue, kernel, dims, offset, global, local, count, list, event);
}

EXPORTED cl_int clEnqueueNativeKernel(cl_command_queue queue, native_function function, void *args,
                                      size_t bytes, cl_uint buffers, const cl_mem *memory,
                                      const void **places, cl_uint count, const cl_event *list,
                                      cl_event *event)
{
    static _Atomic(native) loaders;
    native call = atomic_load(&loaders);
    if (call == NULL) {
        *(void **)&call = behind("clEnqueueNativeKernel");
        atomic_store(&loaders, call);
    }
    atomic_fetch_add(&launches, 1);
    return call(queue, function, args, bytes, buffers, memory, places, count, list, event);
}
