/* Between the layer's own files. */
#ifndef FAULT_LAYER_PARTS_H
#define FAULT_LAYER_PARTS_H

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl_layer.h>

#include "fault/fault_layer.h"

extern fault_layer fault_layer_shared;

/* What lies behind the layer: the next one, or the driver. */
extern const cl_icd_dispatch *fault_layer_next;

/* Counts a call; whether it is to fail. A call that fails does not reach the driver. */
bool fault_layer_hit(const char *call);

/* A new object, NULL where the driver refused; the same for an event that was asked for. */
void fault_layer_count(fault_kind kind, const void *object);
cl_int fault_layer_count_event(cl_int code, const cl_event *event);

/* A reference more or less, when the call succeeded. Returns code. */
cl_int fault_layer_retained(fault_kind kind, cl_int code);
cl_int fault_layer_released(fault_kind kind, cl_int code);

/* Put the layer's functions in place of the driver's. */
void fault_layer_take_objects(cl_icd_dispatch *dispatch);
void fault_layer_take_queries(cl_icd_dispatch *dispatch);
void fault_layer_take_commands(cl_icd_dispatch *dispatch);

#endif
