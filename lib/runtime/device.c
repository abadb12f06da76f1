/* Devices: what they say of themselves, and which one a selection text means. */
#include "runtime/device_query.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define PLATFORM_NOT_FOUND_KHR (-1001)

/* Bytes, at most. */
#define CACHE_OF_A_UNIT ((uint64_t)16 << 20)

#define MAX_DIMENSIONS 16 /* more than any device has */

/* Copies a device's text, cut to size; empty where the device does not answer. */
static void device_text(cl_device_id device, cl_device_info what, char *out, size_t size)
{
    char text[1024] = "";
    if (clGetDeviceInfo(device, what, sizeof text - 1, text, NULL) != CL_SUCCESS)
        text[0] = '\0';
    snprintf(out, size, "%s", text);
}

static void platform_text(cl_platform_id platform, cl_platform_info what, char *out, size_t size)
{
    char text[1024] = "";
    if (clGetPlatformInfo(platform, what, sizeof text - 1, text, NULL) != CL_SUCCESS)
        text[0] = '\0';
    snprintf(out, size, "%s", text);
}

static const char *type_name(cl_device_type type)
{
    if (type & CL_DEVICE_TYPE_GPU)
        return "gpu";
    if (type & CL_DEVICE_TYPE_ACCELERATOR)
        return "accelerator";
    return type & CL_DEVICE_TYPE_CPU ? "cpu" : "other";
}

typedef struct numeric_query {
    cl_device_info what;
    size_t size;
    void *out;
} numeric_query;

static bncl_status query_numbers(cl_device_id device, const numeric_query *queries, size_t count,
                                 bncl_error *err)
{
    for (size_t i = 0; i < count; ++i) {
        cl_int code =
            clGetDeviceInfo(device, queries[i].what, queries[i].size, queries[i].out, NULL);
        if (code != CL_SUCCESS)
            return bncli_cl_status(code, "clGetDeviceInfo", err);
    }
    return BNCL_OK;
}

bncl_status bncli_device_describe(cl_device_id device, bncl_device_info *out, bncl_error *err)
{
    cl_device_type type = 0;
    cl_ulong memory = 0;
    cl_uint units = 0;
    cl_bool compiler = CL_FALSE;
    cl_device_fp_config fp = 0;
    cl_platform_id platform = NULL;
    const numeric_query queries[] = {
        {CL_DEVICE_TYPE, sizeof type, &type},
        {CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory},
        {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units},
        {CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler},
        {CL_DEVICE_SINGLE_FP_CONFIG, sizeof fp, &fp},
        {CL_DEVICE_PLATFORM, sizeof platform, &platform},
    };
    bncl_status status = query_numbers(device, queries, sizeof queries / sizeof queries[0], err);
    if (status != BNCL_OK)
        return status;
    /* fma() rounds once on every conforming device; CL_FP_FMA only says that it is fast. */
    const cl_device_fp_config needed = CL_FP_DENORM | CL_FP_INF_NAN | CL_FP_ROUND_TO_NEAREST;
    bncl_device_info info = {.memory_bytes = memory,
                             .compute_units = units,
                             .has_compiler = compiler == CL_TRUE,
                             .same_bits = (fp & needed) == needed};
    device_text(device, CL_DEVICE_NAME, info.name, sizeof info.name);
    device_text(device, CL_DRIVER_VERSION, info.driver, sizeof info.driver);
    platform_text(platform, CL_PLATFORM_NAME, info.platform, sizeof info.platform);
    snprintf(info.type, sizeof info.type, "%s", type_name(type));
    *out = info;
    return BNCL_OK;
}

/* A device without doubles may say so by an error as well. */
static bool has_fp64(cl_device_id device)
{
    cl_device_fp_config config = 0;
    return clGetDeviceInfo(device, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof config, &config, NULL) ==
               CL_SUCCESS &&
           config != 0;
}

/* Oclgrind has native kernels too, and calls itself a device of every type: what it simulates, and
   watches, is no processor of the host's. */
static bool runs_native(cl_device_type type, cl_bool unified, cl_device_exec_capabilities runs)
{
    const cl_device_type others = CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_ACCELERATOR;
    return (type & CL_DEVICE_TYPE_CPU) != 0 && (type & others) == 0 && unified == CL_TRUE &&
           (runs & CL_EXEC_NATIVE_KERNEL) != 0;
}

uint64_t bncli_cache_of_units(uint64_t bytes, uint32_t units)
{
    const uint64_t most = CACHE_OF_A_UNIT * units;
    return bytes < most ? bytes : most;
}

bncl_status bncli_device_facts_of(cl_device_id device, bncli_device_facts *out, bncl_error *err)
{
    cl_uint native_vector = 0;
    size_t group = 0, items[MAX_DIMENSIONS] = {0};
    cl_ulong local = 0, allocation = 0, cache = 0;
    cl_uint units = 0;
    cl_device_type type = 0;
    cl_bool unified = CL_FALSE;
    cl_device_exec_capabilities runs = 0;
    const numeric_query queries[] = {
        {CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof native_vector, &native_vector},
        {CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof group, &group},
        {CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof items, items},
        {CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local},
        {CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof allocation, &allocation},
        {CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof cache, &cache},
        {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units},
        {CL_DEVICE_TYPE, sizeof type, &type},
        {CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified},
        {CL_DEVICE_EXECUTION_CAPABILITIES, sizeof runs, &runs},
    };
    bncl_status status = query_numbers(device, queries, sizeof queries / sizeof queries[0], err);
    if (status != BNCL_OK)
        return status;
    if (units == 0) /* a driver that does not know computes all the same */
        units = 1;
    *out = (bncli_device_facts){.native_vector = native_vector,
                                .max_work_group = group,
                                .max_items = {items[0], items[1], items[2]},
                                .local_bytes = local,
                                .max_allocation = allocation,
                                .cache_bytes = bncli_cache_of_units(cache, units),
                                .compute_units = units,
                                .has_fp64 = has_fp64(device),
                                .runs_native = runs_native(type, unified, runs)};
    return BNCL_OK;
}

/* Appends the platform's devices to entries (when it is not NULL); counts them in any case. */
static bncl_status platform_entries(cl_platform_id platform, unsigned platform_index,
                                    bncli_device_entry *entries, size_t capacity, size_t *count,
                                    bncl_error *err)
{
    cl_device_id devices[64];
    cl_uint found = 0;
    cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 64, devices, &found);
    if (code == CL_DEVICE_NOT_FOUND)
        return BNCL_OK;
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clGetDeviceIDs", err);
    for (cl_uint i = 0; i < found && i < 64; ++i, ++*count) {
        if (*count >= capacity)
            continue;
        bncli_device_entry *entry = &entries[*count];
        bncl_status status = bncli_device_describe(devices[i], &entry->info, err);
        if (status != BNCL_OK)
            return status;
        entry->device = devices[i];
        entry->platform = platform;
        snprintf(entry->info.index, sizeof entry->info.index, "%u:%u", platform_index, i);
        char vendor[128], version[128], maker[64] = "";
        device_text(devices[i], CL_DEVICE_VENDOR, vendor, sizeof vendor);
        /* "OpenCL 3.0 PoCL 3.1 …": the maker's own word comes third. */
        platform_text(platform, CL_PLATFORM_VERSION, version, sizeof version);
        sscanf(version, "%*s %*s %63s", maker);
        snprintf(entry->match, sizeof entry->match, "%s\n%s\n%s\n%s", entry->info.name, vendor,
                 entry->info.platform, maker);
    }
    return BNCL_OK;
}

bncl_status bncli_device_entries(bncli_device_entry **out, size_t *count, bncl_error *err)
{
    enum { capacity = 256 };
    cl_platform_id platforms[64];
    cl_uint found = 0;
    cl_int code = clGetPlatformIDs(64, platforms, &found);
    if (code == PLATFORM_NOT_FOUND_KHR)
        found = 0;
    else if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clGetPlatformIDs", err);
    bncli_device_entry *entries;
    bncl_status status = bncli_new(&entries, capacity, sizeof *entries, err);
    size_t devices = 0;
    for (cl_uint i = 0; i < found && i < 64 && status == BNCL_OK; ++i)
        status = platform_entries(platforms[i], i, entries, capacity, &devices, err);
    if (status != BNCL_OK) {
        bncli_free(entries);
        return status;
    }
    *count = devices < capacity ? devices : capacity;
    *out = entries;
    return BNCL_OK;
}

/* Whether text contains part, without regard to case. */
static bool contains(const char *text, const char *part)
{
    for (; *text != '\0'; ++text) {
        size_t i = 0;
        while (part[i] != '\0' &&
               tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            ++i;
        if (part[i] == '\0')
            return true;
    }
    return part[0] == '\0';
}

static bool same_text(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && contains(a, b);
}

static const bncli_device_entry *first_of_type(const bncli_device_entry *entries, size_t count,
                                               const char *type)
{
    for (size_t i = 0; i < count; ++i)
        if (same_text(entries[i].info.type, type))
            return &entries[i];
    return NULL;
}

static const bncli_device_entry *preferred(const bncli_device_entry *entries, size_t count)
{
    const bncli_device_entry *entry = first_of_type(entries, count, "gpu");
    if (entry == NULL)
        entry = first_of_type(entries, count, "accelerator");
    return entry != NULL || count == 0 ? entry : &entries[0];
}

const bncli_device_entry *bncli_device_select(const bncli_device_entry *entries, size_t count,
                                              const char *selection)
{
    if (selection == NULL || selection[0] == '\0')
        return preferred(entries, count);
    static const char *const types[] = {"cpu", "gpu", "accelerator"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; ++i)
        if (same_text(selection, types[i]))
            return first_of_type(entries, count, types[i]);
    for (size_t i = 0; i < count; ++i)
        if (same_text(entries[i].info.index, selection))
            return &entries[i];
    bool is_index = strspn(selection, "0123456789:") == strlen(selection);
    for (size_t i = 0; i < count && !is_index; ++i)
        if (contains(entries[i].match, selection))
            return &entries[i];
    return NULL;
}

bncl_status bncl_device_list(bncl_device_info *out, size_t capacity, size_t *count, bncl_error *err)
{
    bncli_error_clear(err);
    if (count == NULL || (out == NULL && capacity > 0))
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "out or count is NULL");
    bncli_device_entry *entries = NULL;
    size_t found = 0;
    bncl_status status = bncli_device_entries(&entries, &found, err);
    if (status != BNCL_OK)
        return status;
    for (size_t i = 0; i < found && i < capacity; ++i)
        out[i] = entries[i].info;
    *count = found;
    bncli_free(entries);
    return BNCL_OK;
}
