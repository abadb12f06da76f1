/* Times forward training of batch norm, [N,C,L], with the library's kernels and with those of
   another folder, turn by turn in one process. With kernels that make plain sums it tells what
   accuracy costs: `make bench-plain-sums'. Public headers only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bncl/bncl.h>

enum { warm_up = 5, most_rounds = 1000 };

static const char usage[] =
    "Usage: versus FOLDER [N C L [ROUNDS]]\n"
    "Times forward training on f32 [N,C,L] (64 128 1024), ROUNDS times (101), with the library's\n"
    "kernels and with the .cl files in FOLDER, turn by turn, and prints the medians and the "
    "median\n"
    "of the ratios of neighbours. BNCL_DEVICE chooses the device.\n";

/* Batch norm on a context of its own. */
typedef struct side {
    bncl_context *context;
    bncl_queue *queue;
    bncl_batch_norm *plan;
    bncl_buffer *buffers[2];
    bncl_batch_norm_forward args;
    double seconds[most_rounds];
} side;

static void fail(const char *what, const bncl_error *err)
{
    fprintf(stderr, "versus: %s: %s\n", what, err->text);
    exit(EXIT_FAILURE);
}

static void expect(bncl_status status, const char *what, const bncl_error *err)
{
    if (status != BNCL_OK)
        fail(what, err);
}

/* Numbers around 1, the same in every run. */
static float *numbers(size_t count)
{
    float *values = malloc(count * sizeof *values);
    unsigned state = 1;
    for (size_t i = 0; values != NULL && i < count; ++i) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) * 0x1p-23f;
    }
    return values;
}

/* folder NULL: the library's kernels. */
static void open_side(side *s, const char *folder, const size_t dims[3], const float *x)
{
    bncl_error err;
    bncl_tensor *tensors[] = {&s->args.x, &s->args.y};
    const size_t bytes = dims[0] * dims[1] * dims[2] * sizeof(float);
    if (folder != NULL)
        setenv("BNCL_KERNEL_DIR", folder, 1);
    else
        unsetenv("BNCL_KERNEL_DIR");
    expect(bncl_context_create(NULL, &s->context, &err), "device", &err);
    expect(bncl_queue_create(s->context, &s->queue, &err), "queue", &err);
    expect(bncl_batch_norm_create(s->context, BNCL_LAYOUT_NCL, BNCL_F32, 3, dims, NULL, &s->plan,
                                  &err),
           folder != NULL ? folder : "the library's kernels", &err);
    for (int i = 0; i < 2; ++i) {
        expect(bncl_buffer_create(s->context, bytes, &s->buffers[i], &err), "buffer", &err);
        expect(bncl_tensor_init(tensors[i], s->buffers[i], 0, BNCL_F32, 3, dims, &err), "tensor",
               &err);
    }
    expect(bncl_tensor_write(s->queue, &s->args.x, x, NULL, &err), "write", &err);
    expect(bncl_queue_finish(s->queue, &err), "write", &err);
}

static void close_side(side *s)
{
    bncl_batch_norm_destroy(s->plan);
    bncl_buffer_destroy(s->buffers[0]);
    bncl_buffer_destroy(s->buffers[1]);
    bncl_queue_destroy(s->queue);
    bncl_context_destroy(s->context);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double time_once(side *s)
{
    bncl_error err;
    const double begin = now();
    expect(bncl_batch_norm_forward_train(s->plan, s->queue, &s->args, NULL, &err), "forward", &err);
    expect(bncl_queue_finish(s->queue, &err), "forward", &err);
    return now() - begin;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_size);
    return values[count / 2];
}

static void report(side sides[2], size_t rounds, const size_t dims[3])
{
    static double ratios[most_rounds];
    const double bytes = 4.0 * (double)dims[0] * (double)dims[1] * (double)dims[2];
    for (size_t i = 0; i < rounds; ++i)
        ratios[i] = sides[0].seconds[i] / sides[1].seconds[i];
    const double ratio = median(ratios, rounds), low = ratios[rounds / 4],
                 high = ratios[rounds - 1 - rounds / 4];
    const char *const names[] = {"library", "folder"};
    for (int i = 0; i < 2; ++i) {
        const double seconds = median(sides[i].seconds, rounds);
        printf("%-8s %9.3f ms %7.1f GB/s (x read twice, y written)\n", names[i], 1e3 * seconds,
               3e-9 * bytes / seconds);
    }
    printf("library/folder: %.3f (quartiles %.3f ... %.3f)\n", ratio, low, high);
}

/* The index-th number of the command line, or what is usual. */
static size_t number(int argc, char **argv, int index, size_t usual, size_t most)
{
    if (index >= argc)
        return usual;
    char *end;
    const unsigned long value = strtoul(argv[index], &end, 10);
    if (*argv[index] != '\0' && *end == '\0' && value > 0 && value <= most)
        return value;
    fprintf(stderr, "versus: expected a number of 1 to %zu, got '%s'\n%s", most, argv[index],
            usage);
    exit(2);
}

int main(int argc, char **argv)
{
    static side sides[2];
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) < 0;
    if (argc < 2 || argc > 6 || argv[1][0] == '-') {
        fputs(usage, stderr);
        return 2;
    }
    const size_t dims[] = {number(argc, argv, 2, 64, 1 << 20), number(argc, argv, 3, 128, 1 << 20),
                           number(argc, argv, 4, 1024, 1 << 20)};
    const size_t rounds = number(argc, argv, 5, 101, most_rounds);
    float *x = numbers(dims[0] * dims[1] * dims[2]);
    if (x == NULL) {
        fputs("versus: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < 2; ++i)
        open_side(&sides[i], i == 0 ? NULL : argv[1], dims, x);
    for (size_t round = 0; round < rounds + warm_up; ++round)
        for (int i = 0; i < 2; ++i)
            sides[i].seconds[round < warm_up ? 0 : round - warm_up] = time_once(&sides[i]);
    report(sides, rounds, dims);
    for (int i = 0; i < 2; ++i)
        close_side(&sides[i]);
    free(x);
    return EXIT_SUCCESS;
}
