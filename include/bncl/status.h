/* What every call returns, and the text that says why it failed. */
#ifndef BNCL_STATUS_H
#define BNCL_STATUS_H

#include <bncl/export.h>

BNCL_BEGIN_DECLS

/* Each function's documentation lists the errors that its own work can give. Beside them, whatever
   reaches the device can fail as its driver does, which may run out of memory in any call: MEMORY,
   DEVICE_MEMORY or OPENCL; and whatever builds kernels can give IO where the environment variable
   BNCL_KERNEL_DIR names a folder to read them from. A call refused for its arguments or the
   object's state changes nothing; one that fails later may have written its output tensors, never
   parameters or running statistics. */
typedef enum bncl_status {
    BNCL_OK = 0,
    BNCL_ERROR_ARGUMENT,      /* a NULL where none may be, or a value out of range */
    BNCL_ERROR_SHAPE,         /* a tensor's rank or dimensions do not fit */
    BNCL_ERROR_DTYPE,         /* a tensor's element type does not fit */
    BNCL_ERROR_STATE,         /* the call is not legal in the object's present state */
    BNCL_ERROR_MEMORY,        /* out of host memory */
    BNCL_ERROR_DEVICE_MEMORY, /* out of device memory, or a buffer larger than the device allows */
    BNCL_ERROR_NO_DEVICE,     /* no OpenCL device, or none that fits the selection */
    BNCL_ERROR_NO_COMPILER,   /* the device has no OpenCL C compiler */
    BNCL_ERROR_BUILD,         /* a kernel did not compile; the text has the build log */
    BNCL_ERROR_OPENCL,        /* any other failed OpenCL call */
    BNCL_ERROR_BLAS,          /* a failed matrix multiplication in CLBlast */
    BNCL_ERROR_IO,            /* the operating system refused a file operation */
    BNCL_ERROR_FORMAT,        /* a file's content is not what it should be */
    BNCL_ERROR_KEY,           /* a state dict has a missing or an unexpected key */
    BNCL_ERROR_UNSUPPORTED,   /* not offered, or not on this device */
    BNCL_STATUS_COUNT         /* the number of statuses, none itself */
} bncl_status;

#define BNCL_ERROR_TEXT_SIZE 1024

/* What was wrong with which argument, expected and got: one line (a build log has more), always
   terminated, empty after a success. Owned by the caller; every call that takes one also takes
   NULL. */
typedef struct bncl_error {
    char text[BNCL_ERROR_TEXT_SIZE];
} bncl_error;

/* A short name of the status, "wrong shape". Static; never NULL, whatever the number. */
BNCL_API const char *bncl_status_string(bncl_status status);

BNCL_END_DECLS

#endif
