/* What is timed: operators, their shapes, directions, dtypes and layouts, and the list of cases
   that a command line asks for. Knows no device. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include <bncl/dtype.h>
#include <bncl/tensor.h>

#define BENCH_MAX_RANK 3
#define BENCH_NAME_SIZE 96

typedef enum bench_direction {
    BENCH_TRAIN = 0, /* forward with the batch's statistics, which update the running ones */
    BENCH_EVAL,      /* forward with running statistics */
    BENCH_BACKWARD,  /* of BENCH_TRAIN, or of BENCH_FORWARD: all gradients */
    BENCH_FROZEN,    /* backward through running statistics, dx only */
    BENCH_FORWARD,
    BENCH_STEP, /* all that there is: loss and gradient, or an optimizer's step */
    BENCH_DIRECTIONS
} bench_direction;

/* "train", "eval", "backward", "frozen", "forward", "step". Static. */
const char *bench_direction_name(bench_direction direction);

/* [N,C] or [N,C,L] of what has channels; [rows, in, out] of linear; [rows, classes] of
   cross_entropy; [count] of sgd. */
typedef struct bench_shape {
    int rank;
    size_t dims[BENCH_MAX_RANK];
    bool quick; /* of --quick as well */
} bench_shape;

typedef enum bench_kind {
    BENCH_BATCH_NORM = 0,
    BENCH_BATCH_NORM_RELU,     /* ReLU in the same pass */
    BENCH_BATCH_NORM_ADD_RELU, /* a residual and ReLU in the same pass */
    BENCH_ACTIVATION,          /* ReLU */
    BENCH_ADD,
    BENCH_LINEAR,
    BENCH_CROSS_ENTROPY,
    BENCH_SGD, /* with momentum */
    BENCH_KINDS
} bench_kind;

/* "batch_norm", …: what --operator takes. Static. */
const char *bench_kind_name(bench_kind kind);

/* Batch norm, or batch norm with what is fused into it. */
bool bench_kind_is_batch_norm(bench_kind kind);

typedef struct bench_case {
    bench_kind kind;
    bench_direction direction;
    bncl_dtype dtype;
    bool has_layout; /* else layout is BNCL_LAYOUT_NC and means nothing */
    bncl_layout layout;
    bench_shape shape; /* [N,C,L] with NLC, too */
} bench_case;

/* Elements of x, of all dims but linear's last. */
size_t bench_case_elements(const bench_case *c);

/* The rank of x, and its dims in the order of its layout. */
int bench_case_dims(const bench_case *c, size_t dims[BNCL_MAX_RANK]);

/* C of [N,C] and [N,C,L], and N·L. */
size_t bench_case_channels(const bench_case *c);
size_t bench_case_values(const bench_case *c);

/* "batch_norm/train/f32/NCL/64x128x1024"; without a layout "add/forward/f32/32x256". */
void bench_case_name(const bench_case *c, char out[BENCH_NAME_SIZE]);

/* "64x128x1024", as --shape takes it. */
void bench_shape_name(const bench_shape *shape, char out[BENCH_NAME_SIZE]);

/* Reads "64x128x1024": 1 to 3 numbers of 1 and more, their product below 2³¹. */
bool bench_shape_parse(const char *text, bench_shape *out);

/* Which cases. NULL texts: all. */
typedef struct bench_choice {
    bool quick;
    const char *only; /* a part of the name, or a pattern of the shell's if it has one of *?[ */
    const char *operators; /* exact names */
    const char *dtype;     /* f32, f16, bf16, f64; NULL: all but f64, with quick f32 */
    const char *layout;
    const char *direction;
    const bench_shape *shapes; /* instead of the usual ones, where an operator takes the rank */
    size_t shape_count;
} bench_choice;

/* Writes the cases that are chosen to *out, which the caller frees, and their number to *count.
   False when memory is out. */
bool bench_cases_choose(const bench_choice *choice, bench_case **out, size_t *count);

/* Whether the text names one that there is. */
bool bench_operator_known(const char *name);
bool bench_dtype_known(const char *name);
bool bench_layout_known(const char *name);
bool bench_direction_known(const char *name);

#endif
