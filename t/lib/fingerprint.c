/* Fingerprints of a batch norm's results: see fingerprint.h. */
#include "lib/fingerprint.h"

#include <inttypes.h>
#include <stdio.h>

const char *const fingerprint_names[fingerprint_results] = {
    "y",           "dx",           "dgamma",     "dbeta", "save_mean", "save_mean_lo",
    "save_invstd", "running_mean", "running_var"};

uint64_t fingerprint(const void *data, size_t bytes)
{
    const unsigned char *byte = data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes; ++i)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

batch_norm_fingerprint batch_norm_fingerprint_of(const batch_norm_case *c,
                                                 const batch_norm_data *data)
{
    size_t total = batch_norm_case_total(c);
    const float *const results[fingerprint_results] = {data->y,
                                                       data->dx,
                                                       data->dgamma,
                                                       data->dbeta,
                                                       data->save_mean,
                                                       data->save_mean_lo,
                                                       data->save_invstd,
                                                       data->new_running_mean,
                                                       data->new_running_var};
    batch_norm_fingerprint f = {{0}};
    for (size_t i = 0; i < fingerprint_results; ++i)
        if (results[i] != NULL)
            f.of[i] = fingerprint(results[i], (i < 2 ? total : c->channels) * sizeof(float));
    return f;
}

void batch_norm_fingerprint_write(const batch_norm_fingerprint *f, char text[fingerprint_text_size])
{
    size_t used = 0;
    for (size_t i = 0; i < fingerprint_results; ++i)
        if (f->of[i] != 0)
            used += (size_t)snprintf(text + used, fingerprint_text_size - used, "%s%s=%016" PRIx64,
                                     used > 0 ? " " : "", fingerprint_names[i], f->of[i]);
}

typedef struct case_row {
    bncl_layout layout;
    size_t samples, channels, positions;
    double offset;
    double eps;
    bool coarse;
} case_row;

static const case_row rows[fingerprint_cases] = {
    {BNCL_LAYOUT_NC, 33, 17, 1, 0.0, 1e-5, false},
    {BNCL_LAYOUT_NC, 70, 3, 1, 1e4, 0.0, false},
    {BNCL_LAYOUT_NC, 1025, 2, 1, -3.0, 1e-3, false},
    {BNCL_LAYOUT_NCL, 3, 5, 7, 0.5, 1e-5, false},
    {BNCL_LAYOUT_NCL, 1, 2, 1025, 1e2, 0.0, false},
    {BNCL_LAYOUT_NCL, 9, 3, 64, 1e6, 1e-5, false},
    {BNCL_LAYOUT_NLC, 4, 19, 21, 0.0, 1e-5, false},
    {BNCL_LAYOUT_NLC, 3, 1, 700, -1e4, 1e-5, false},
    {BNCL_LAYOUT_NC, 40, 12, 1, 0.0, 1e-5, true},
    {BNCL_LAYOUT_NCL, 5, 12, 9, 0.0, 0.0, true},
    {BNCL_LAYOUT_NLC, 5, 7, 30, 0.0, 1.0, true},
    {BNCL_LAYOUT_NC, 5000, 65, 1, 1.0, 1e-5, false},
    {BNCL_LAYOUT_NC, 2049, 100, 1, 1e7, 0.0, false},
    {BNCL_LAYOUT_NCL, 64, 16, 100, 0.0, 1e-5, false},
    {BNCL_LAYOUT_NCL, 7, 3, 1023, 1e4, 1e-5, false},
    {BNCL_LAYOUT_NLC, 50, 33, 100, 1e2, 1e-5, false},
    {BNCL_LAYOUT_NLC, 2, 130, 513, 0.0, 1e-5, false},
};

batch_norm_case fingerprint_case(size_t index)
{
    const case_row *row = &rows[index];
    batch_norm_case c =
        batch_norm_case_make(row->layout, row->samples, row->channels, row->positions);
    c.offset = row->offset;
    c.options.eps = row->eps;
    c.coarse = row->coarse;
    return c;
}
