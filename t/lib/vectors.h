/* PyTorch's recorded results, read from the text files of t/vectors, which tools/record_vectors.py
   writes:

     # a comment
     case NAME
     number NAME VALUE           an option, or a count
     TYPE NAME DIM DIM …         a tensor of TYPE f32, f64 or i32; its values follow, row-major,
       VALUE VALUE …             in lines of any number of them that begin with a blank
     end

   VALUE is a number as C's %a writes it, nan, inf or -inf. A tensor is known by type and name: f32
   y is what PyTorch's float32 module gave, f64 y the float64 module's. The reader takes nothing
   else, and names file and line of what it does not take. It must not know the library. */
#ifndef VECTORS_H
#define VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { vectors_name_size = 64, vectors_max_rank = 4, vectors_error_size = 256 };

typedef enum vectors_type {
    VECTORS_F32,
    VECTORS_F64,
    VECTORS_I32,
    VECTORS_TYPE_COUNT
} vectors_type;

typedef struct vectors_tensor {
    char name[vectors_name_size];
    vectors_type type;
    int rank;
    size_t dims[vectors_max_rank];
    size_t count;
    double *values; /* exact for every type */
} vectors_tensor;

typedef struct vectors_number {
    char name[vectors_name_size];
    double value;
} vectors_number;

typedef struct vectors_case {
    char name[vectors_name_size];
    vectors_number *numbers;
    size_t number_count;
    vectors_tensor *tensors;
    size_t tensor_count;
} vectors_case;

typedef struct vectors {
    vectors_case *cases;
    size_t count;
} vectors;

/* Reads a file. NULL, with "FILE:LINE: what was expected" in error, where it is not as it should
   be. The caller owns the result. */
vectors *vectors_read(const char *path, char error[vectors_error_size]);

/* NULL is fine. */
void vectors_destroy(vectors *v);

/* ---- for tests: held by the harness, failing the running test ---- */

/* The file of t/vectors with this name. */
const vectors *vectors_open(const char *name);

/* NULL where the case has none. */
const vectors_tensor *vectors_find(const vectors_case *c, vectors_type type, const char *name);

/* The same, which the case must have. */
const vectors_tensor *vectors_get(const vectors_case *c, vectors_type type, const char *name);
double vectors_number_of(const vectors_case *c, const char *name);

/* The values of an f32 tensor as floats; NULL where the case has none. */
float *vectors_floats(const vectors_case *c, const char *name);

#endif
