/* The command line of bncl-bench; see bench_options.h. */
#include "bench_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char bench_usage[] =
    "Usage: bncl-bench [OPTION]...\n"
    "       bncl-bench --tune [--dry-run] [OPTION]...\n"
    "       bncl-bench --forget-tuning [--device TEXT]\n"
    "Times libbncl's operators on one device, beside the limit that the device's memory sets, and\n"
    "beside PyTorch and oneDNN on the CPU where they are installed, turn by turn.\n"
    "\n"
    "What is timed (--list shows it):\n"
    "  --quick            few shapes, f32 only, few rounds\n"
    "  --only PATTERN     cases whose name, OPERATOR/DIRECTION/DTYPE/LAYOUT/SHAPE, contains\n"
    "                     PATTERN, or matches it if it has one of * ? [\n"
    "  --operator NAME    batch_norm, batch_norm_relu, batch_norm_add_relu, activation, add,\n"
    "                     linear, cross_entropy or sgd\n"
    "  --direction NAME   train, eval, backward, frozen, forward or step\n"
    "  --dtype NAME       f32, f16, bf16 or f64 (default: the first three)\n"
    "  --layout NAME      NC, NCL or NLC\n"
    "  --shape SHAPE      32x256, 64x128x1024: instead of the usual shapes; [N,C] or [N,C,L],\n"
    "                     [rows,in,out] of linear, [rows,classes] of cross_entropy, [n] of sgd;\n"
    "                     may be given up to 32 times\n"
    "How:\n"
    "  --device TEXT      cpu, gpu, 0:1, or a part of a device's name (default: BNCL_DEVICE,\n"
    "                     else the library's choice)\n"
    "  --rounds N         samples of each, 1 to 1001 (default 21, with --quick 9)\n"
    "  --spread SHARE     the spread, from quartile to quartile, above which a result is\n"
    "                     called noisy, as a share of the median (default 0.15)\n"
    "  --no-peers         libbncl alone, without PyTorch and oneDNN\n"
    "  --python FILE      the Python that has PyTorch (default /usr/bin/python3)\n"
    "Tuning, for what is timed: batch norm of f32 in a few shapes, if nothing else is asked for:\n"
    "  --tune             try vector widths, work-groups and thresholds on the device, two to\n"
    "                     three minutes, and keep the best of them: all programs of this user's\n"
    "                     on this device take it from then on; results stay the same to the bit\n"
    "  --dry-run          with --tune: keep nothing\n"
    "  --forget-tuning    forget what is kept for the device, and exit\n"
    "Where to:\n"
    "  --csv FILE         write comma-separated values to FILE; - is standard output,\n"
    "                     instead of the table\n"
    "  --json FILE        write JSON to FILE; - likewise\n"
    "  --plot FILE        draw bars and a roofline into FILE, an SVG; needs gnuplot\n"
    "  --list             show the names of the cases and exit\n"
    "  --help, --version  show this, or the version, and exit\n"
    "\n"
    "Exit status: 0 success, 1 failure, 2 wrong usage, 3 noisy: some figures are no results.\n";

enum option_code {
    OPTION_QUICK = 256, /* above any character */
    OPTION_ONLY,
    OPTION_OPERATOR,
    OPTION_DIRECTION,
    OPTION_DTYPE,
    OPTION_LAYOUT,
    OPTION_SHAPE,
    OPTION_DEVICE,
    OPTION_ROUNDS,
    OPTION_SPREAD,
    OPTION_NO_PEERS,
    OPTION_PYTHON,
    OPTION_CSV,
    OPTION_JSON,
    OPTION_PLOT,
    OPTION_TUNE,
    OPTION_DRY_RUN,
    OPTION_FORGET_TUNING,
    OPTION_LIST,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"quick", no_argument, NULL, OPTION_QUICK},
    {"only", required_argument, NULL, OPTION_ONLY},
    {"operator", required_argument, NULL, OPTION_OPERATOR},
    {"direction", required_argument, NULL, OPTION_DIRECTION},
    {"dtype", required_argument, NULL, OPTION_DTYPE},
    {"layout", required_argument, NULL, OPTION_LAYOUT},
    {"shape", required_argument, NULL, OPTION_SHAPE},
    {"device", required_argument, NULL, OPTION_DEVICE},
    {"rounds", required_argument, NULL, OPTION_ROUNDS},
    {"spread", required_argument, NULL, OPTION_SPREAD},
    {"no-peers", no_argument, NULL, OPTION_NO_PEERS},
    {"python", required_argument, NULL, OPTION_PYTHON},
    {"csv", required_argument, NULL, OPTION_CSV},
    {"json", required_argument, NULL, OPTION_JSON},
    {"plot", required_argument, NULL, OPTION_PLOT},
    {"tune", no_argument, NULL, OPTION_TUNE},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"forget-tuning", no_argument, NULL, OPTION_FORGET_TUNING},
    {"list", no_argument, NULL, OPTION_LIST},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

/* Says what was expected, and gives false. */
static bool expected(const char *what, const char *got)
{
    fprintf(stderr, "bncl-bench: expected %s, got '%s'\n", what, got);
    return false;
}

/* A name that the cases know. */
static bool take_name(bool (*known)(const char *name), const char *what, const char **out)
{
    if (!known(optarg))
        return expected(what, optarg);
    *out = optarg;
    return true;
}

static bool take_rounds(bench_options *options)
{
    char *end;
    errno = 0;
    const unsigned long value = strtoul(optarg, &end, 10);
    if (errno != 0 || *optarg < '0' || *optarg > '9' || *end != '\0' || value == 0 ||
        value > BENCH_MOST_ROUNDS)
        return expected("--rounds of 1 to 1001", optarg);
    options->rounds = (size_t)value;
    return true;
}

static bool take_spread(bench_options *options)
{
    char *end;
    const double value = strtod(optarg, &end);
    if (end == optarg || *end != '\0' || !(value > 0.0 && value <= 1e12))
        return expected("--spread above 0, such as 0.15", optarg);
    options->spread = value;
    return true;
}

static bool take_shape(bench_options *options)
{
    bench_choice *choice = &options->choice;
    if (choice->shape_count == BENCH_MOST_SHAPES)
        return expected("at most 32 shapes", optarg);
    if (!bench_shape_parse(optarg, &options->shapes[choice->shape_count]))
        return expected("--shape of one to three numbers, such as 64x128x1024", optarg);
    ++choice->shape_count;
    return true;
}

/* What is timed. *taken: the option was one of these. */
static bool take_choice(int code, bench_options *options, bool *taken)
{
    bench_choice *choice = &options->choice;
    *taken = true;
    switch (code) {
    case OPTION_QUICK:
        choice->quick = true;
        return true;
    case OPTION_ONLY:
        choice->only = optarg;
        return true;
    case OPTION_OPERATOR:
        return take_name(bench_operator_known, "--operator of those that --help lists",
                         &choice->operators);
    case OPTION_DIRECTION:
        return take_name(bench_direction_known,
                         "--direction train, eval, backward, frozen, forward or step",
                         &choice->direction);
    case OPTION_DTYPE:
        return take_name(bench_dtype_known, "--dtype f32, f16, bf16 or f64", &choice->dtype);
    case OPTION_LAYOUT:
        return take_name(bench_layout_known, "--layout NC, NCL or NLC", &choice->layout);
    case OPTION_SHAPE:
        return take_shape(options);
    default:
        *taken = false;
        return true;
    }
}

/* The rest. False for what getopt_long has refused, with its own message. */
static bool take(int code, bench_options *options)
{
    const struct {
        int code;
        const char **text;
    } texts[] = {{OPTION_DEVICE, &options->device},
                 {OPTION_PYTHON, &options->python},
                 {OPTION_CSV, &options->csv},
                 {OPTION_JSON, &options->json},
                 {OPTION_PLOT, &options->plot}};
    const struct {
        int code;
        bool *flag;
    } flags[] = {{OPTION_TUNE, &options->tune},
                 {OPTION_DRY_RUN, &options->dry_run},
                 {OPTION_FORGET_TUNING, &options->forget_tuning},
                 {OPTION_LIST, &options->list},
                 {OPTION_HELP, &options->help},
                 {OPTION_VERSION, &options->version}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i)
        if (code == texts[i].code) {
            *texts[i].text = optarg;
            return true;
        }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; ++i)
        if (code == flags[i].code)
            return *flags[i].flag = true;
    switch (code) {
    case OPTION_ROUNDS:
        return take_rounds(options);
    case OPTION_SPREAD:
        return take_spread(options);
    case OPTION_NO_PEERS:
        options->peers = false;
        return true;
    default:
        return false;
    }
}

/* What goes together. */
static bool fits(const bench_options *options)
{
    const bool files = options->csv != NULL || options->json != NULL || options->plot != NULL;
    if (options->csv != NULL && options->json != NULL && strcmp(options->csv, "-") == 0 &&
        strcmp(options->json, "-") == 0)
        return expected("one of --csv and --json on standard output", "both");
    if (options->dry_run && !options->tune)
        return expected("--dry-run with --tune", "it alone");
    if (options->tune && options->forget_tuning)
        return expected("one of --tune and --forget-tuning", "both");
    if ((options->tune || options->forget_tuning) && files)
        return expected("no --csv, --json or --plot with a tuning", "one");
    return true;
}

bool bench_options_parse(int argc, char **argv, bench_options *out)
{
    *out = (bench_options){.spread = 0.15, .peers = true, .python = "/usr/bin/python3"};
    int code;
    optind = 1;
    while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        bool taken;
        if (!take_choice(code, out, &taken) || (!taken && !take(code, out)))
            return false;
    }
    if (optind < argc)
        return expected("options only", argv[optind]);
    if (!fits(out))
        return false;
    if (out->rounds == 0)
        out->rounds = out->choice.quick || out->tune ? 9 : 21;
    out->choice.shapes = out->shapes;
    return true;
}
