/* Internal: which kernels there are, and of which sources their programs are made. */
#ifndef BNCLI_KERNEL_TABLE_H
#define BNCLI_KERNEL_TABLE_H

#define BNCLI_PROGRAM_PARTS 24

/* A program: its parts' names, in order, ended by NULL. The last part names the program. */
typedef struct bncli_program_row {
    const char *parts[BNCLI_PROGRAM_PARTS + 1];
} bncli_program_row;

typedef struct bncli_kernel_row {
    const char *name;
    const bncli_program_row *program;
} bncli_kernel_row;

/* All kernels, ended by a NULL name. */
extern const bncli_kernel_row bncli_kernel_rows[];

/* The row of a kernel, or NULL. */
const bncli_kernel_row *bncli_kernel_row_of(const char *name);

/* The last part's name. */
const char *bncli_program_row_name(const bncli_program_row *row);

#endif
