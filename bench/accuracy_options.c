/* The command line of accuracy; see accuracy_options.h. */
#include "accuracy_options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

const char accuracy_usage[] =
    "Usage: accuracy [OPTION]...\n"
    "Measures how far batch norm's results are from exact ones, which it computes in long double\n"
    "from the same 32-bit inputs: for x of mean 0, 1, 10 ... 1e7 and deviation 1, for 2^6 ... "
    "2^22\n"
    "values per channel, for [N,C], [N,C,L] and [N,L,C]; and beside libbncl's those of PyTorch\n"
    "and oneDNN, where they are installed. The full table takes minutes and 1 GB of memory.\n"
    "\n"
    "  --quick          a short table: 2^6 and 2^12 values, five means\n"
    "  --device TEXT    cpu, gpu, 0:1, or a part of a device's name (default: BNCL_DEVICE,\n"
    "                   else the library's choice)\n"
    "  --alone          libbncl alone, without PyTorch and oneDNN\n"
    "  --python FILE    the Python that has PyTorch (default /usr/bin/python3)\n"
    "  --csv FILE       write the table to FILE as well, as comma-separated values\n"
    "  --plot FILE      draw the errors of y into FILE, an SVG; needs gnuplot\n"
    "  --help           show this and exit\n"
    "\n"
    "Exit status: 0 success, 1 failure, or a promise of doc/numerics.md is broken, 2 wrong "
    "usage.\n";

enum option_code {
    OPTION_QUICK = 256, /* above any character */
    OPTION_DEVICE,
    OPTION_ALONE,
    OPTION_PYTHON,
    OPTION_CSV,
    OPTION_PLOT,
    OPTION_HELP
};

static const struct option long_options[] = {
    {"quick", no_argument, NULL, OPTION_QUICK},
    {"device", required_argument, NULL, OPTION_DEVICE},
    {"alone", no_argument, NULL, OPTION_ALONE},
    {"python", required_argument, NULL, OPTION_PYTHON},
    {"csv", required_argument, NULL, OPTION_CSV},
    {"plot", required_argument, NULL, OPTION_PLOT},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

/* False for what getopt_long has refused, with its own message. */
static bool take(int code, accuracy_options *options)
{
    switch (code) {
    case OPTION_QUICK:
        options->quick = true;
        return true;
    case OPTION_DEVICE:
        options->device = optarg;
        return true;
    case OPTION_ALONE:
        options->alone = true;
        return true;
    case OPTION_PYTHON:
        options->python = optarg;
        return true;
    case OPTION_CSV:
        options->csv = optarg;
        return true;
    case OPTION_PLOT:
        options->plot = optarg;
        return true;
    case OPTION_HELP:
        options->help = true;
        return true;
    default:
        return false;
    }
}

bool accuracy_options_parse(int argc, char **argv, accuracy_options *out)
{
    *out = (accuracy_options){.python = "/usr/bin/python3"};
    int code;
    while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        if (!take(code, out))
            return false;
    if (optind < argc && !out->help) {
        fprintf(stderr, "%s: expected options only, got '%s'\n", argv[0], argv[optind]);
        return false;
    }
    return true;
}
