/* How long a fresh process takes to its first batch norm, beside a bare OpenCL program that builds
   and runs one empty kernel: turn by turn, warm and cold. `make bench-startup'. The clock runs from
   before the process is made until it writes that it has its result; the caches of drivers and
   library lie in a folder of this run, which goes at its end. */
#define _GNU_SOURCE /* nftw */
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench_statistics.h"
#include "child.h"

enum { MOST_ROUNDS = 1000, PATH_SIZE = 4096, LINE_SIZE = 64 };

#define NOISY 0.2 /* spread of the ratio, of its median */

static const char usage[] =
    "Usage: startup [--rounds N] [--cold N] [--json FILE]\n"
    "Times a fresh process to its first batch norm, and a bare OpenCL program that builds one\n"
    "empty kernel from source, turn by turn; prints quartiles, and of the ratio.\n"
    "  --rounds N   with warm caches, N times (31)\n"
    "  --cold N     each time with empty caches, N times (5); 0: not at all\n"
    "  --json FILE  writes a list with startup_warm and startup_cold to FILE\n"
    "BNCL_DEVICE chooses the device.\n";

typedef struct figure {
    const char *name;
    size_t rounds;
    bench_summary bare, library, ratio; /* seconds; library / bare */
} figure;

typedef struct world {
    char bare[PATH_SIZE], library[PATH_SIZE]; /* the programs, which lie beside this one */
    char folder[PATH_SIZE];                   /* of this run's caches */
    char index[LINE_SIZE];                    /* "0:0": the library's device */
} world;

static void fail(const char *what)
{
    fprintf(stderr, "startup: %s\n", what);
    exit(EXIT_FAILURE);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- caches ---- */

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    (void)facts, (void)type, (void)place;
    return remove(path);
}

static void remove_folder(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char own_folder[PATH_SIZE]; /* the world's, for what is left to do at the end */

static void remove_own_folder(void)
{
    remove_folder(own_folder);
}

/* Makes the run's folder, empty, and has drivers and library keep their caches there. */
static void use_empty_caches(const world *w)
{
    static const char *const variables[] = {"POCL_CACHE_DIR", "MESA_SHADER_CACHE_DIR",
                                            "BNCL_CACHE_DIR", "XDG_CACHE_HOME"};
    remove_folder(w->folder);
    bool made = mkdir(w->folder, 0700) == 0;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; ++i) {
        char path[PATH_SIZE + LINE_SIZE];
        snprintf(path, sizeof path, "%s/%s", w->folder, variables[i]);
        made = made && mkdir(path, 0700) == 0 && setenv(variables[i], path, 1) == 0;
    }
    if (!made)
        fail("cannot make folders for caches");
}

/* ---- processes ---- */

/* Seconds until the program has written its first line, which is copied; waits for its end. */
static double time_of(const char *program, const char *argument, char line[LINE_SIZE])
{
    const char *const argv[] = {program, argument, NULL};
    bench_child child = {0};
    bncl_error err = {{0}};
    const double begin = now();
    if (bench_child_start(argv, -1, &child, &err) != BNCL_OK)
        fail(err.text);
    const bool told = fgets(line, LINE_SIZE, child.from) != NULL;
    const double seconds = now() - begin;
    if (bench_child_end(&child, &err) != BNCL_OK || !told)
        fail(told ? err.text : "a program ended without a result");
    line[strcspn(line, "\n")] = '\0';
    return seconds;
}

/* The one that goes first changes from round to round. */
static void measure(world *w, figure *f, bool cold)
{
    static double bare[MOST_ROUNDS], library[MOST_ROUNDS], ratio[MOST_ROUNDS];
    char line[LINE_SIZE];
    for (size_t round = 0; round < f->rounds; ++round) {
        for (size_t turn = 0; turn < 2; ++turn) {
            if (cold)
                use_empty_caches(w);
            if ((round + turn) % 2 == 0)
                bare[round] = time_of(w->bare, w->index, line);
            else
                library[round] = time_of(w->library, NULL, line);
        }
        ratio[round] = library[round] / bare[round];
    }
    f->bare = bench_summary_of(bare, f->rounds);
    f->library = bench_summary_of(library, f->rounds);
    f->ratio = bench_summary_of(ratio, f->rounds);
}

/* ---- what is told ---- */

static void print_times(const char *name, const bench_summary *s)
{
    printf("  %-22s %8.1f ms   (%.1f to %.1f)\n", name, 1e3 * s->median, 1e3 * s->low,
           1e3 * s->high);
}

static void print_figure(const figure *f)
{
    printf("%s, %zu rounds\n", f->name, f->rounds);
    print_times("bare OpenCL program", &f->bare);
    print_times("first batch norm", &f->library);
    printf("  %-22s %8.2f      (%.2f to %.2f)%s\n", "ratio", f->ratio.median, f->ratio.low,
           f->ratio.high, bench_summary_noisy(&f->ratio, NOISY) ? "   noisy: no result" : "");
}

static void write_summary(FILE *file, const char *name, const bench_summary *s)
{
    fprintf(file, "\"%s\": {\"median\": %.6g, \"low\": %.6g, \"high\": %.6g}, ", name, s->median,
            s->low, s->high);
}

static bool write_json(const char *path, const figure *figures, size_t count)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    for (size_t i = 0; i < count; ++i) {
        const figure *f = &figures[i];
        fprintf(file, "%s{\"name\": \"%s\", ", i == 0 ? "[" : ",\n ", f->name);
        write_summary(file, "ratio", &f->ratio);
        write_summary(file, "bare_seconds", &f->bare);
        write_summary(file, "library_seconds", &f->library);
        fprintf(file, "\"rounds\": %zu, \"noisy\": %s}", f->rounds,
                bench_summary_noisy(&f->ratio, NOISY) ? "true" : "false");
    }
    fputs("]\n", file);
    const bool good = ferror(file) == 0;
    return fclose(file) == 0 && good;
}

/* ---- the command line ---- */

static size_t count_of(const char *text, long least)
{
    char *end = NULL;
    const long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < least || value > MOST_ROUNDS) {
        fprintf(stderr, "startup: expected a number from %ld to %d, got '%s'\n%s", least,
                MOST_ROUNDS, text, usage);
        exit(2);
    }
    return (size_t)value;
}

static const char *read_options(int argc, char **argv, figure *warm, figure *cold)
{
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
                                            {"cold", required_argument, NULL, 'c'},
                                            {"json", required_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *json = NULL;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        if (option == 'r') {
            warm->rounds = count_of(optarg, 1);
        } else if (option == 'c') {
            cold->rounds = count_of(optarg, 0);
        } else if (option == 'j') {
            json = optarg;
        } else {
            fputs(usage, option == 'h' ? stdout : stderr);
            exit(option == 'h' ? EXIT_SUCCESS : 2);
        }
    if (optind == argc)
        return json;
    fputs(usage, stderr);
    exit(2);
}

static void find_programs(world *w, const char *own)
{
    const char *slash = strrchr(own, '/'), *parent = getenv("TMPDIR");
    const int length = slash != NULL ? (int)(slash - own) : 1;
    const char *folder = slash != NULL ? own : ".";
    snprintf(w->bare, sizeof w->bare, "%.*s/startup_bare", length, folder);
    snprintf(w->library, sizeof w->library, "%.*s/startup_library", length, folder);
    snprintf(w->folder, sizeof w->folder, "%s/bncl_startup.XXXXXX",
             parent != NULL ? parent : "/tmp");
    if (mkdtemp(w->folder) == NULL)
        fail("cannot make a folder for caches");
    snprintf(own_folder, sizeof own_folder, "%s", w->folder);
    atexit(remove_own_folder);
}

int main(int argc, char **argv)
{
    static world w;
    figure figures[] = {{.name = "startup_warm", .rounds = 31},
                        {.name = "startup_cold", .rounds = 5}};
    const char *json = read_options(argc, argv, &figures[0], &figures[1]);
    const size_t count = figures[1].rounds > 0 ? 2 : 1;
    char line[LINE_SIZE];
    signal(SIGPIPE, SIG_IGN);
    unsetenv("BNCL_CACHE");
    find_programs(&w, argv[0]);
    use_empty_caches(&w);
    time_of(w.library, NULL, w.index); /* fills the caches, and tells the device */
    time_of(w.bare, w.index, line);
    for (size_t i = 0; i < count; ++i) {
        measure(&w, &figures[i], i == 1);
        print_figure(&figures[i]);
    }
    if (json != NULL && !write_json(json, figures, count))
        fail("the JSON cannot be written");
    return EXIT_SUCCESS;
}
