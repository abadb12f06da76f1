/* The kernels and their programs. A new kernel is a row here, and its file in Makefile.am. */
#include "program/kernel_table.h"

#include <stddef.h>
#include <string.h>

/* Steps of a plan that have the same macros share a program: each program costs a compiler's start,
   and a search in its cache afterwards. */
static const bncli_program_row
    inner = {{"storage", "vectors", "arithmetic", "mask", "activation", "merge_order", "tile_inner",
              "tile_read", "tile_lanes", "no_errand", "tile_moments", "tile_collect", "tile_sums",
              "batch_norm_statistics_inner", "batch_norm_backward_inner"}},
    rows = {{"storage", "vectors", "arithmetic", "mask", "activation", "merge_order", "moments",
             "rows_moments", "rows_sums", "batch_norm_statistics_rows",
             "batch_norm_backward_rows"}},
    channels = {{"storage", "vectors", "arithmetic", "merge_order", "moments", "channel",
                 "batch_norm_forward_channel", "batch_norm_backward_channel",
                 "batch_norm_statistics_merge", "batch_norm_backward_merge", "batch_norm_running"}},
    apply = {{"storage", "vectors", "arithmetic", "mask", "activation", "channel", "lines",
              "batch_norm_normalize", "batch_norm_gradient", "batch_norm_apply",
              "batch_norm_backward_apply"}},
    whole_inner = {{"storage",
                    "vectors",
                    "arithmetic",
                    "mask",
                    "activation",
                    "merge_order",
                    "moments",
                    "channel",
                    "lines",
                    "batch_norm_normalize",
                    "batch_norm_gradient",
                    "batch_norm_forward_channel",
                    "batch_norm_backward_channel",
                    "tile_inner",
                    "tile_read",
                    "tile_lanes",
                    "errand",
                    "batch_norm_normalize_errand",
                    "batch_norm_gradient_errand",
                    "tile_moments",
                    "tile_collect",
                    "tile_sums",
                    "batch_norm_forward_whole_inner",
                    "batch_norm_backward_whole_inner"}},
    whole_rows = {{"storage", "vectors", "arithmetic", "mask", "activation", "merge_order",
                   "moments", "channel", "lines", "batch_norm_normalize", "batch_norm_gradient",
                   "batch_norm_forward_channel", "batch_norm_backward_channel", "rows_moments",
                   "rows_sums", "batch_norm_forward_whole_rows", "batch_norm_backward_whole_rows"}},
    double_backward_inner = {{"storage", "vectors", "arithmetic", "merge_order", "tile_inner",
                              "tile_read", "tile_lanes", "tile_collect",
                              "batch_norm_double_backward_inner"}},
    double_backward_rows = {{"storage", "vectors", "arithmetic", "merge_order",
                             "batch_norm_double_backward_rows"}},
    double_backward_merge = {{"storage", "vectors", "arithmetic", "merge_order",
                              "batch_norm_double_backward_merge"}},
    double_backward_apply = {{"storage", "vectors", "arithmetic", "channel", "lines",
                              "batch_norm_double_backward_apply"}},
    copy = {{"storage", "vectors", "copy"}}, elementwise = {{"storage", "vectors", "elementwise"}},
    elementwise_activation = {{"storage", "vectors", "mask", "activation",
                               "elementwise_activation"}},
    linear_bias = {{"storage", "vectors", "arithmetic", "linear_bias"}},
    cross_entropy = {{"storage", "vectors", "arithmetic", "cross_entropy"}},
    sgd = {{"storage", "vectors", "sgd"}};

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
    {"batch_norm_forward_whole_inner", &whole_inner},
    {"batch_norm_backward_whole_inner", &whole_inner},
    {"batch_norm_forward_whole_rows", &whole_rows},
    {"batch_norm_backward_whole_rows", &whole_rows},
    {"batch_norm_apply", &apply},
    {"batch_norm_running_apply", &apply},
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
