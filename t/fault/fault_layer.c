/* The layer's state and its entry points: see fault_layer.h. The loader asks for clGetLayerInfo and
   clInitLayer by name. */
#include <stddef.h>
#include <string.h>

#include "fault/fault_layer_parts.h"

#define SEEN __attribute__((visibility("default")))

SEEN extern fault_layer fault_layer_shared;
SEEN cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t size, void *out, size_t *needed);
SEEN cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target,
                                    cl_uint *entries_out, const cl_icd_dispatch **out);

fault_layer fault_layer_shared;
const cl_icd_dispatch *fault_layer_next;
static cl_icd_dispatch dispatch;

bool fault_layer_hit(const char *call)
{
    fault_layer *f = &fault_layer_shared;
    if (f->only != NULL && strcmp(f->only, call) != 0)
        return false;
    ++f->calls;
    if (f->nth == 0 || f->calls < f->nth || (f->calls > f->nth && !f->sticky))
        return false;
    if (f->failed++ == 0)
        f->first_failed = call;
    return true;
}

void fault_layer_count(fault_kind kind, const void *object)
{
    if (object != NULL)
        ++fault_layer_shared.alive[kind];
}

cl_int fault_layer_count_event(cl_int code, const cl_event *event)
{
    if (code == CL_SUCCESS && event != NULL)
        fault_layer_count(FAULT_EVENT, *event);
    return code;
}

cl_int fault_layer_retained(fault_kind kind, cl_int code)
{
    if (code == CL_SUCCESS)
        ++fault_layer_shared.alive[kind];
    return code;
}

cl_int fault_layer_released(fault_kind kind, cl_int code)
{
    if (code == CL_SUCCESS && !fault_layer_shared.release_is_forgotten)
        --fault_layer_shared.alive[kind];
    return code;
}

cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t size, void *out, size_t *needed)
{
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    static const char name[] = "libbncl's fault layer";
    const void *value = what == CL_LAYER_NAME ? (const void *)name : (const void *)&version;
    const size_t bytes = what == CL_LAYER_NAME ? sizeof name : sizeof version;
    if (what != CL_LAYER_NAME && what != CL_LAYER_API_VERSION)
        return CL_INVALID_VALUE;
    if (out != NULL && size < bytes)
        return CL_INVALID_VALUE;
    if (out != NULL)
        memcpy(out, value, bytes);
    if (needed != NULL)
        *needed = bytes;
    return CL_SUCCESS;
}

cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target, cl_uint *entries_out,
                               const cl_icd_dispatch **out)
{
    const size_t own = sizeof dispatch / sizeof(void *);
    if (target == NULL || entries_out == NULL || out == NULL)
        return CL_INVALID_VALUE;
    fault_layer_next = target;
    memcpy(&dispatch, target, (entries < own ? entries : own) * sizeof(void *));
    fault_layer_take_objects(&dispatch);
    fault_layer_take_queries(&dispatch);
    fault_layer_take_commands(&dispatch);
    *entries_out = (cl_uint)own;
    *out = &dispatch;
    return CL_SUCCESS;
}
