/* The reader of recorded vectors: see vectors.h for the format. */
#include "lib/vectors.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reading goes line by line; `c` and `tensor` are what the line's place makes of it. */
typedef struct reader {
    vectors *v;
    vectors_case *c;        /* the open case; NULL between cases */
    vectors_tensor *tensor; /* the tensor whose values are being read; NULL: it has them all */
    size_t filled;          /* values of it */
    char *why;              /* what was wrong with the line */
} reader;

static const char *const type_names[VECTORS_TYPE_COUNT] = {"f32", "f64", "i32"};

static bool wrong(reader *r, const char *text, const char *word)
{
    snprintf(r->why, vectors_error_size, "%s%s%s%s", text, word != NULL ? ", got \"" : "",
             word != NULL ? word : "", word != NULL ? "\"" : "");
    return false;
}

/* Room for one more zeroed element behind count; NULL when memory runs out. */
static void *grow(void *array, size_t count, size_t size)
{
    char *grown = realloc(array, (count + 1) * size);
    if (grown != NULL)
        memset(grown + count * size, 0, size);
    return grown;
}

static bool take_name(reader *r, char name[vectors_name_size], const char *word)
{
    if (word == NULL || strlen(word) >= vectors_name_size)
        return wrong(r, "expected a name of less than 64 bytes", word);
    strcpy(name, word);
    return true;
}

static bool take_value(reader *r, const char *word, double *out)
{
    char *end = NULL;
    if (word == NULL)
        return wrong(r, "expected a value", NULL);
    *out = strtod(word, &end);
    bool special =
        strcmp(word, "nan") == 0 || strcmp(word, "inf") == 0 || strcmp(word, "-inf") == 0;
    if (*end != '\0' || (!special && strpbrk(word, "xX") == NULL) || (!special && !isfinite(*out)))
        return wrong(r, "expected a hexadecimal number, nan, inf or -inf", word);
    return true;
}

static bool fits_type(vectors_type type, double value)
{
    if (type == VECTORS_F32)
        return isnan(value) || (double)(float)value == value;
    if (type == VECTORS_I32)
        return value >= INT32_MIN && value <= INT32_MAX && nearbyint(value) == value;
    return true;
}

static bool take_dims(reader *r, vectors_tensor *t, char **rest)
{
    t->count = 1;
    for (char *word = strtok_r(NULL, " ", rest); word != NULL; word = strtok_r(NULL, " ", rest)) {
        char *end = NULL;
        errno = 0;
        unsigned long dim = strtoul(word, &end, 10);
        if (errno != 0 || *end != '\0' || word[0] < '0' || word[0] > '9' || dim > 1000000)
            return wrong(r, "expected a dimension up to 1000000", word);
        if (t->rank == vectors_max_rank)
            return wrong(r, "expected at most 4 dimensions", word);
        t->dims[t->rank++] = dim;
        t->count *= dim;
    }
    if (t->rank == 0 || t->count > 1000000)
        return wrong(r, "expected 1 to 4 dimensions and up to 1000000 values", NULL);
    return true;
}

static bool begin_case(reader *r, char **rest)
{
    if (r->c != NULL)
        return wrong(r, "expected \"end\" of the case before", r->c->name);
    void *cases = grow(r->v->cases, r->v->count, sizeof(vectors_case));
    if (cases == NULL)
        return wrong(r, "out of memory", NULL);
    r->v->cases = cases;
    r->c = &r->v->cases[r->v->count++];
    return take_name(r, r->c->name, strtok_r(NULL, " ", rest));
}

static bool take_number(reader *r, char **rest)
{
    void *numbers = grow(r->c->numbers, r->c->number_count, sizeof(vectors_number));
    if (numbers == NULL)
        return wrong(r, "out of memory", NULL);
    r->c->numbers = numbers;
    vectors_number *number = &r->c->numbers[r->c->number_count++];
    return take_name(r, number->name, strtok_r(NULL, " ", rest)) &&
           take_value(r, strtok_r(NULL, " ", rest), &number->value);
}

static bool begin_tensor(reader *r, vectors_type type, char **rest)
{
    void *tensors = grow(r->c->tensors, r->c->tensor_count, sizeof(vectors_tensor));
    if (tensors == NULL)
        return wrong(r, "out of memory", NULL);
    r->c->tensors = tensors;
    vectors_tensor *t = &r->c->tensors[r->c->tensor_count++];
    t->type = type;
    if (!take_name(r, t->name, strtok_r(NULL, " ", rest)) || !take_dims(r, t, rest))
        return false;
    t->values = calloc(t->count != 0 ? t->count : 1, sizeof(double));
    if (t->values == NULL)
        return wrong(r, "out of memory", NULL);
    r->tensor = t->count != 0 ? t : NULL;
    r->filled = 0;
    return true;
}

static bool take_values(reader *r, char *line)
{
    if (r->tensor == NULL)
        return wrong(r, "expected no values here", line);
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (r->filled == r->tensor->count)
            return wrong(r, "expected no more values of the tensor", word);
        double *value = &r->tensor->values[r->filled++];
        if (!take_value(r, word, value))
            return false;
        if (!fits_type(r->tensor->type, *value))
            return wrong(r, "expected a value that its type can hold", word);
    }
    if (r->filled == r->tensor->count)
        r->tensor = NULL;
    return true;
}

/* A line whose first word says what it is. */
static bool take_keyword(reader *r, char *line)
{
    char *rest = NULL;
    char *word = strtok_r(line, " ", &rest);
    bool taken = false;
    if (r->tensor != NULL)
        return wrong(r, "expected more values of the tensor", word);
    if (strcmp(word, "case") == 0)
        taken = begin_case(r, &rest);
    else if (r->c == NULL)
        return wrong(r, "expected \"case\"", word);
    else if (strcmp(word, "end") == 0) {
        r->c = NULL;
        taken = true;
    } else if (strcmp(word, "number") == 0) {
        taken = take_number(r, &rest);
    } else {
        int type = 0;
        while (type < VECTORS_TYPE_COUNT && strcmp(word, type_names[type]) != 0)
            ++type;
        if (type == VECTORS_TYPE_COUNT)
            return wrong(r, "expected case, number, f32, f64, i32 or end", word);
        taken = begin_tensor(r, (vectors_type)type, &rest);
    }
    char *more = taken ? strtok_r(NULL, " ", &rest) : NULL;
    return more != NULL ? wrong(r, "expected the end of the line", more) : taken;
}

static bool take_line(reader *r, char *line)
{
    if (line[0] == '#' || line[strspn(line, " ")] == '\0')
        return true;
    return line[0] == ' ' ? take_values(r, line) : take_keyword(r, line);
}

/* All lines; *at counts them, for the error. */
static bool take_file(reader *r, FILE *file, size_t *at)
{
    char *line = NULL;
    size_t room = 0;
    bool ok = true;
    for (ssize_t length; ok && (length = getline(&line, &room, file)) >= 0;) {
        ++*at;
        if (length == 0 || line[length - 1] != '\n')
            ok = wrong(r, "expected a line end: the file is cut", NULL);
        else if (memchr(line, '\0', (size_t)length) != NULL)
            ok = wrong(r, "expected text, got a zero byte", NULL);
        else {
            line[length - 1] = '\0';
            ok = take_line(r, line);
        }
    }
    free(line);
    if (ok && ferror(file))
        return wrong(r, strerror(errno), NULL);
    if (ok && r->c != NULL)
        return wrong(r, "expected \"end\" before the end of the file", NULL);
    if (ok && r->v->count == 0)
        return wrong(r, "expected a case, found none", NULL);
    return ok;
}

vectors *vectors_read(const char *path, char error[vectors_error_size])
{
    char why[vectors_error_size] = "out of memory";
    size_t line = 0;
    FILE *file = fopen(path, "r");
    reader r = {.v = calloc(1, sizeof(vectors)), .why = why};
    bool ok = false;
    if (file == NULL)
        snprintf(why, sizeof why, "%s", strerror(errno));
    else if (r.v != NULL)
        ok = take_file(&r, file, &line);
    if (!ok) {
        snprintf(error, vectors_error_size, "%.120s:%zu: %.120s", path, line, why);
        vectors_destroy(r.v);
        r.v = NULL;
    }
    if (file != NULL)
        fclose(file);
    return r.v;
}

void vectors_destroy(vectors *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < v->count; ++i) {
        for (size_t k = 0; k < v->cases[i].tensor_count; ++k)
            free(v->cases[i].tensors[k].values);
        free(v->cases[i].tensors);
        free(v->cases[i].numbers);
    }
    free(v->cases);
    free(v);
}
