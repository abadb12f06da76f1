/* The table of errors; see accuracy_table.h. */
#include "accuracy_table.h"

#include <math.h>
#include <stdlib.h>

#include "accuracy_exact.h"

/* A column of libbncl's: what it holds and the most that is promised of it. NUMERICS: y within
   2e-6·max(1,|y|), var within 2e-6 of itself, sums within 8·u·Σ|terms|, constant channels exact. */
typedef struct column {
    const char *name;
    size_t member; /* offsetof in accuracy_row */
    double promised;
} column;

static const column columns[] = {
    {"y", offsetof(accuracy_row, y), 2e-6},
    {"mean", offsetof(accuracy_row, mean), 8.0},
    {"var", offsetof(accuracy_row, var), 2e-6 / 0x1p-24},
    {"dgamma", offsetof(accuracy_row, dgamma), 8.0},
    {"dbeta", offsetof(accuracy_row, dbeta), 8.0},
    {"constant", offsetof(accuracy_row, constant), 0.0},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static double *member_of(accuracy_row *row, size_t member)
{
    return (double *)(void *)((char *)row + member);
}

static double value_of(const accuracy_row *row, const column *c)
{
    return *(const double *)(const void *)((const char *)row + c->member);
}

bool accuracy_table_add(accuracy_table *table, const accuracy_row *row)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity == 0 ? 64 : 2 * table->capacity;
        accuracy_row *rows = realloc(table->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return false;
        table->rows = rows;
        table->capacity = capacity;
    }
    table->rows[table->count++] = *row;
    return true;
}

void accuracy_table_free(accuracy_table *table)
{
    free(table->rows);
    *table = (accuracy_table){0};
}

/* 0, 1, 10 as they are, then 1e2 … 1e7. */
static const char *offset_text(double offset, char text[16])
{
    if (offset < 100.0)
        snprintf(text, 16, "%g", offset);
    else
        snprintf(text, 16, "1e%.0f", log10(offset));
    return text;
}

void accuracy_print_heading(const accuracy_table *table)
{
    printf("%-6s %8s %8s %6s  %-9s", "", "", "", "", "error of y");
    printf("%*s  libbncl's other errors, in u·Σ|terms|\n", 19, "");
    printf("%-6s %8s %8s %6s  %9s", "layout", "n", "channels", "offset", "libbncl");
    for (int i = 0; i < ACCURACY_PEERS; ++i)
        printf(" %9s", table->peers[i]->name);
    printf("  %6s %6s %6s %6s %8s\n", "mean", "var", "dgamma", "dbeta", "constant");
}

static void print_y(double error)
{
    if (isnan(error))
        printf(" %9s", "-");
    else
        printf(" %9.1e", error);
}

void accuracy_print_row(const accuracy_row *row)
{
    char text[16], count[24] = "any", channels[24] = "";
    if (row->count > 0) {
        snprintf(count, sizeof count, "%zu", row->count);
        snprintf(channels, sizeof channels, "%zu", row->channels);
    }
    printf("%-6s %8s %8s %6s ", bncl_layout_name(row->layout), count, channels,
           offset_text(row->offset, text));
    print_y(row->y);
    for (int i = 0; i < ACCURACY_PEERS; ++i)
        print_y(row->peer_y[i]);
    printf("  %6.2f %6.2f %6.2f %6.2f %8g\n", row->mean, row->var, row->dgamma, row->dbeta,
           row->constant);
    fflush(stdout);
}

static void take_worse(accuracy_row *worst, const accuracy_row *row)
{
    for (int i = 0; i < COLUMNS; ++i)
        *member_of(worst, columns[i].member) =
            accuracy_worse(value_of(worst, &columns[i]), value_of(row, &columns[i]));
    for (int i = 0; i < ACCURACY_PEERS; ++i)
        if (!isnan(row->peer_y[i]) && !(row->peer_y[i] <= worst->peer_y[i]))
            worst->peer_y[i] = row->peer_y[i];
}

bool accuracy_table_worst(const accuracy_table *table, accuracy_table *out)
{
    for (int i = 0; i < ACCURACY_PEERS; ++i)
        out->peers[i] = table->peers[i];
    for (size_t i = 0; i < table->count; ++i) {
        accuracy_row row = table->rows[i];
        row.count = row.channels = 0;
        size_t at = 0;
        while (at < out->count &&
               (out->rows[at].layout != row.layout || out->rows[at].offset != row.offset))
            ++at;
        if (at < out->count)
            take_worse(&out->rows[at], &row);
        else if (!accuracy_table_add(out, &row))
            return false;
    }
    return true;
}

size_t accuracy_judge(const accuracy_table *table)
{
    size_t broken = 0;
    char text[16];
    printf("%-31s  %9.1e %19s", "promised, at most", columns[0].promised, "");
    printf("  %6.2f %6.2f %6.2f %6.2f %8g\n", columns[1].promised, columns[2].promised,
           columns[3].promised, columns[4].promised, columns[5].promised);
    fflush(stdout);
    for (size_t i = 0; i < table->count; ++i)
        for (int k = 0; k < COLUMNS; ++k) {
            const accuracy_row *row = &table->rows[i];
            const double value = value_of(row, &columns[k]);
            if (value <= columns[k].promised)
                continue;
            fprintf(stderr, "accuracy: broken: layout %s, n %zu, offset %s: %s has %g, of %g\n",
                    bncl_layout_name(row->layout), row->count, offset_text(row->offset, text),
                    columns[k].name, value, columns[k].promised);
            ++broken;
        }
    return broken;
}

static void write_csv_row(const accuracy_row *row, FILE *file)
{
    fprintf(file, "%s,%zu,%zu,%g,%.4g", bncl_layout_name(row->layout), row->count, row->channels,
            row->offset, row->y);
    for (int i = 0; i < ACCURACY_PEERS; ++i)
        if (isnan(row->peer_y[i]))
            fputc(',', file);
        else
            fprintf(file, ",%.4g", row->peer_y[i]);
    for (int i = 1; i < COLUMNS; ++i)
        fprintf(file, ",%.4g", value_of(row, &columns[i]));
    fputc('\n', file);
}

bool accuracy_write_csv(const accuracy_table *table, FILE *file)
{
    fputs("layout,n,channels,offset,y_libbncl", file);
    for (int i = 0; i < ACCURACY_PEERS; ++i)
        fprintf(file, ",y_%s", table->peers[i]->name);
    for (int i = 1; i < COLUMNS; ++i)
        fprintf(file, ",%s", columns[i].name);
    fputc('\n', file);
    for (size_t i = 0; i < table->count; ++i)
        write_csv_row(&table->rows[i], file);
    return fflush(file) == 0 && !ferror(file);
}
