/* Contexts: opening a device, and the slots in which floor 3 keeps what it knows of it. */
#include "runtime/context.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/clblast.h"
#include "runtime/device_query.h"
#include "runtime/objects.h"
#include "runtime/trace.h"

/* Writes "no device matches …; there are: 0:0 name (platform), …" */
static bncl_status no_device(const char *selection, const bncli_device_entry *entries, size_t count,
                             bncl_error *err)
{
    if (count == 0)
        return bncli_fail(err, BNCL_ERROR_NO_DEVICE,
                          "no OpenCL device found: is a driver installed? On Debian, "
                          "pocl-opencl-icd runs OpenCL on any CPU");
    char list[BNCL_ERROR_TEXT_SIZE / 2] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof list; ++i)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s %s (%s, %s)", i ? "; " : "",
                                 entries[i].info.index, entries[i].info.name,
                                 entries[i].info.platform, entries[i].info.type);
    return bncli_fail(err, BNCL_ERROR_NO_DEVICE,
                      "no OpenCL device matches '%.80s'; expected cpu, gpu, accelerator, an index "
                      "or part of a name of: %s",
                      selection, list);
}

bncl_status bncli_context_wrap(cl_context cl, cl_device_id device, const bncl_device_info *info,
                               bncl_context **out, bncl_error *err)
{
    bncl_context *context;
    bncl_status status = bncli_new(&context, 1, sizeof *context, err);
    if (status != BNCL_OK)
        return status;
    context->info = *info;
    context->device = device;
    status = bncli_device_facts_of(device, &context->facts, err);
    if (status != BNCL_OK)
        goto fail;
    if (pthread_mutex_init(&context->lock, NULL) != 0) {
        status = bncli_fail(err, BNCL_ERROR_MEMORY, "out of memory for a mutex");
        goto fail;
    }
    context->lock_exists = true;
    status = bncli_trace_open(info, &context->trace, err);
    if (status != BNCL_OK)
        goto fail;
    context->cl = cl;
    *out = context;
    return BNCL_OK;
fail:
    bncl_context_destroy(context);
    return status;
}

static bncl_status open_entry(const bncli_device_entry *entry, bncl_context **out, bncl_error *err)
{
    cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                          (cl_context_properties)entry->platform, 0};
    cl_int code = CL_SUCCESS;
    cl_context cl = clCreateContext(properties, 1, &entry->device, NULL, NULL, &code);
    if (code != CL_SUCCESS)
        return bncli_cl_status(code, "clCreateContext", err);
    bncl_status status = bncli_context_wrap(cl, entry->device, &entry->info, out, err);
    if (status != BNCL_OK)
        clReleaseContext(cl);
    return status;
}

bncl_status bncl_context_create(const char *device, bncl_context **out, bncl_error *err)
{
    bncli_error_clear(err);
    if (out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "out is NULL");
    if (device == NULL || device[0] == '\0')
        device = getenv("BNCL_DEVICE");
    bncli_device_entry *entries = NULL;
    size_t count = 0;
    bncl_status status = bncli_device_entries(&entries, &count, err);
    if (status != BNCL_OK)
        return status;
    const bncli_device_entry *entry = bncli_device_select(entries, count, device);
    if (entry != NULL)
        status = open_entry(entry, out, err);
    else
        status = no_device(device != NULL ? device : "", entries, count, err);
    bncli_free(entries);
    return status;
}

void bncl_context_destroy(bncl_context *context)
{
    if (context == NULL)
        return;
    for (int i = 0; i < BNCLI_ATTACHMENTS; ++i)
        if (context->attached[i].object != NULL)
            context->attached[i].destroy(context->attached[i].object);
    bncli_clblast_forget(context);
    bncli_trace_file_close(context->trace);
    if (context->lock_exists)
        pthread_mutex_destroy(&context->lock);
    if (context->cl != NULL)
        clReleaseContext(context->cl);
    bncli_free(context);
}

bncl_status bncl_context_device(const bncl_context *context, bncl_device_info *out, bncl_error *err)
{
    bncli_error_clear(err);
    if (context == NULL || out == NULL)
        return bncli_fail(err, BNCL_ERROR_ARGUMENT, "context or out is NULL");
    *out = context->info;
    return BNCL_OK;
}

const bncli_device_facts *bncli_context_facts(const bncl_context *context)
{
    return &context->facts;
}

void **bncli_context_attachment_lock(bncl_context *context, bncli_attachment which)
{
    pthread_mutex_lock(&context->lock);
    return &context->attached[which].object;
}

void bncli_context_attachment_unlock(bncl_context *context, bncli_attachment which,
                                     void (*destroy)(void *))
{
    context->attached[which].destroy = destroy;
    pthread_mutex_unlock(&context->lock);
}
