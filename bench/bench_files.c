/* CSV and JSON; see bench_files.h. */
#include "bench_files.h"

#include <jansson.h>

#include <bncl/version.h>

#include "bench_table.h"
#include "bench_world.h"

/* ---- CSV ---- */

static void write_csv_row(const bench_row *row, FILE *file)
{
    char shape[BENCH_NAME_SIZE];
    bench_shape_name(&row->c.shape, shape);
    fprintf(file, "%s,%s,%s,%s,%s,%.0f,%.0f,%zu,%d", bench_kind_name(row->c.kind),
            bench_direction_name(row->c.direction), bncl_dtype_name(row->c.dtype),
            row->c.has_layout ? bncl_layout_name(row->c.layout) : "", shape, row->model.bytes,
            row->model.flops, row->launches, row->noisy ? 1 : 0);
    for (int k = 0; k < BENCH_CONTESTANTS; ++k) {
        const bench_timing *t = &row->timings[k];
        if (t->present)
            fprintf(file, ",%.4g,%.4g,%.4g,%.4g,%.4g,%s", t->seconds.median, t->seconds.low,
                    t->seconds.high, t->ratio.median, t->alone.median, t->way);
        else
            fputs(",,,,,,", file);
    }
    fputc('\n', file);
}

bool bench_write_csv(const bench_results *results, FILE *file)
{
    fputs("operator,direction,dtype,layout,shape,bytes,flops,launches,noisy", file);
    for (int k = 0; k < BENCH_CONTESTANTS; ++k) {
        const char *name = bench_contestants[k]->field;
        fprintf(file, ",%s_seconds,%s_low,%s_high,%s_ratio,%s_alone,%s_way", name, name, name, name,
                name, name);
    }
    fputc('\n', file);
    for (size_t i = 0; i < results->count; ++i)
        write_csv_row(&results->rows[i], file);
    return fflush(file) == 0 && !ferror(file);
}

/* ---- JSON ---- */

static json_t *json_of_summary(const bench_summary *s)
{
    return json_pack("{s:f, s:f, s:f}", "median", s->median, "low", s->low, "high", s->high);
}

static json_t *json_of_timing(const bench_timing *t)
{
    return json_pack("{s:s, s:I, s:o, s:o, s:o}", "way", t->way, "calls", (json_int_t)t->calls,
                     "seconds", json_of_summary(&t->seconds), "ratio", json_of_summary(&t->ratio),
                     "alone", json_of_summary(&t->alone));
}

static json_t *json_of_shape(const bench_shape *shape)
{
    json_t *dims = json_array();
    for (int i = 0; i < shape->rank; ++i)
        json_array_append_new(dims, json_integer((json_int_t)shape->dims[i]));
    return dims;
}

static json_t *json_of_row(const bench_row *row)
{
    char name[BENCH_NAME_SIZE], least[BENCH_NAME_SIZE];
    json_t *timings = json_object();
    bench_case_name(&row->c, name);
    bench_model_name(&row->model, least);
    for (int k = 0; k < BENCH_CONTESTANTS; ++k)
        if (row->timings[k].present)
            json_object_set_new(timings, bench_contestants[k]->field,
                                json_of_timing(&row->timings[k]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:f, s:f, s:I, s:b, s:o}", "name", name,
                     "operator", bench_kind_name(row->c.kind), "direction",
                     bench_direction_name(row->c.direction), "dtype", bncl_dtype_name(row->c.dtype),
                     "layout", row->c.has_layout ? bncl_layout_name(row->c.layout) : "", "shape",
                     json_of_shape(&row->c.shape), "least", least, "bytes", row->model.bytes,
                     "flops", row->model.flops, "launches", (json_int_t)row->launches, "noisy",
                     (int)row->noisy, "timings", timings);
}

static json_t *json_of_results(const bench_results *results)
{
    const bench_setup *setup = &results->field->setup;
    const bench_world *world = setup->world;
    json_t *cases = json_array(), *about = json_object();
    for (size_t i = 0; i < results->count; ++i)
        json_array_append_new(cases, json_of_row(&results->rows[i]));
    for (int k = 0; k < BENCH_CONTESTANTS; ++k)
        if (results->field->states[k] != NULL)
            json_object_set_new(about, bench_contestants[k]->field, json_string(results->about[k]));
    json_t *device =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "name", world->info.name, "platform",
                  world->info.platform, "driver", world->info.driver, "type", world->info.type,
                  "compute_units", (json_int_t)world->info.compute_units, "cache_bytes",
                  (json_int_t)world->facts.cache_bytes);
    return json_pack("{s:s, s:o, s:o, s:I, s:f, s:o}", "version", bncl_version(), "device", device,
                     "contestants", about, "rounds", (json_int_t)setup->options->rounds, "spread",
                     setup->options->spread, "cases", cases);
}

bool bench_write_json(const bench_results *results, FILE *file)
{
    json_t *root = json_of_results(results);
    const bool written =
        root != NULL && json_dumpf(root, file, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0;
    json_decref(root);
    return written && fputc('\n', file) != EOF && fflush(file) == 0 && !ferror(file);
}
