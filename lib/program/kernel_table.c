/* The kernels and their programs. A new kernel is a row here, and its file in Makefile.am. */
#include "program/kernel_table.h"

#include <stddef.h>
#include <string.h>

/* Steps of a plan that have the same macros share a program: each program costs a compiler's start,
   and a search in its cache afterwards. */
static const bncli_program_row
    inner = {{"storage", "arithmetic", "mask", "activation", "merge_order", "tile_inner",
              "tile_moments", "tile_collect", "batch_norm_statistics_inner",
              "batch_norm_backward_inner"}},
    rows = {{"storage", "arithmetic", "mask", "activation", "merge_order", "moments",
             "batch_norm_statistics_rows", "batch_norm_backward_rows"}},
    channels = {{"storage", "arithmetic", "merge_order", "moments", "batch_norm_statistics_merge",
                 "batch_norm_backward_merge", "batch_norm_running"}},
    apply = {{"storage", "arithmetic", "mask", "activation", "lines", "batch_norm_apply",
              "batch_norm_backward_apply"}},
    double_backward_inner = {{"storage", "arithmetic", "merge_order", "tile_inner", "tile_collect",
                              "batch_norm_double_backward_inner"}},
    double_backward_rows = {{"storage", "arithmetic", "merge_order",
                             "batch_norm_double_backward_rows"}},
    double_backward_merge = {{"storage", "arithmetic", "merge_order",
                              "batch_norm_double_backward_merge"}},
    double_backward_apply = {{"storage", "arithmetic", "lines",
                              "batch_norm_double_backward_apply"}},
    copy = {{"storage", "copy"}}, elementwise = {{"storage", "elementwise"}},
    elementwise_activation = {{"storage", "mask", "activation", "elementwise_activation"}},
    linear_bias = {{"storage", "arithmetic", "linear_bias"}},
    cross_entropy = {{"storage", "arithmetic", "cross_entropy"}}, sgd = {{"storage", "sgd"}};

const bncli_kernel_row bncli_kernel_rows[] = {
    {"batch_norm_statistics_inner", &inner},
    {"batch_norm_backward_inner", &inner},
    {"batch_norm_statistics_rows", &rows},
    {"batch_norm_backward_rows", &rows},
    {"batch_norm_statistics_merge", &channels},
    {"batch_norm_statistics_tiles", &channels},
    {"batch_norm_statistics_pair", &channels},
    {"batch_norm_backward_merge", &channels},
    {"batch_norm_backward_tiles", &channels},
    {"batch_norm_backward_pair", &channels},
    {"batch_norm_running_update", &channels},
    {"batch_norm_running_coefficients", &channels},
    {"batch_norm_apply", &apply},
    {"batch_norm_backward_apply", &apply},
    {"batch_norm_backward_frozen", &apply},
    {"batch_norm_double_backward_inner", &double_backward_inner},
    {"batch_norm_double_backward_rows", &double_backward_rows},
    {"batch_norm_double_backward_merge", &double_backward_merge},
    {"batch_norm_double_backward_apply", &double_backward_apply},
    {"copy_strided", &copy},
    {"relu_forward", &elementwise},
    {"relu_backward", &elementwise},
    {"add_forward", &elementwise},
    {"activation_forward", &elementwise_activation},
    {"activation_backward", &elementwise_activation},
    {"linear_bias_forward", &linear_bias},
    {"linear_bias_backward", &linear_bias},
    {"cross_entropy_rows", &cross_entropy},
    {"cross_entropy_mean", &cross_entropy},
    {"sgd_step", &sgd},
    {NULL, NULL},
};

const bncli_kernel_row *bncli_kernel_row_of(const char *name)
{
    for (const bncli_kernel_row *row = bncli_kernel_rows; row->name != NULL; ++row)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

const char *bncli_program_row_name(const bncli_program_row *row)
{
    size_t last = 0;
    while (row->parts[last + 1] != NULL)
        ++last;
    return row->parts[last];
}
