/* Who multiplies matrices: linear layers' products are another library's. */
#ifndef BNCL_GEMM_H
#define BNCL_GEMM_H

#include <bncl/context.h>
#include <bncl/export.h>
#include <bncl/status.h>

BNCL_BEGIN_DECLS

/* What multiplies matrices. Plain text. */
typedef struct bncl_gemm_info {
    char name[16];    /* as BNCL_GEMM takes it: "cblas" or "clblast" */
    char library[64]; /* "OpenBLAS 0.3.21 (native kernel)", "CLBlast" */
} bncl_gemm_info;

/* Tells what multiplies matrices in plans that are made for the context from now on:
     cblas    OpenBLAS, called as a native kernel: on devices that are the host's own processor, run
              native kernels and share the host's memory, if the library was built with OpenBLAS.
              It runs on threads of its own, as many as OPENBLAS_NUM_THREADS says or there are
              processors; with the same number, a product has the same bits in every run.
     clblast  CLBlast, everywhere else. On PoCL the library sets its parameters for the device, once
              a process, by CLBlastOverrideParameters.
   The environment variable BNCL_GEMM, if it is not empty, names the one to take instead; it is read
   here and whenever a plan is made. Does not block.
   Errors: ARGUMENT (also a BNCL_GEMM that is no such name), UNSUPPORTED (BNCL_GEMM names what
   cannot serve this device). */
BNCL_API bncl_status bncl_gemm_provider(const bncl_context *context, bncl_gemm_info *out,
                                        bncl_error *err);

BNCL_END_DECLS

#endif
