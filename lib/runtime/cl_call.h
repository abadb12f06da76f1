/* Internal to floor 2: what an OpenCL error code means. */
#ifndef BNCLI_CL_CALL_H
#define BNCLI_CL_CALL_H

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

#include <bncl/status.h>

/* BNCL_OK for CL_SUCCESS; otherwise the status for the code, with the text "CALL failed: NAME". */
bncl_status bncli_cl_status(cl_int code, const char *call, bncl_error *err);

/* "CL_OUT_OF_RESOURCES"; "unknown OpenCL error" for a code that is none. Static. */
const char *bncli_cl_error_name(cl_int code);

#endif
