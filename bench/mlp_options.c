/* The command line of bench/mlp; see mlp_options.h. */
#include "mlp_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char mlp_usage[] =
    "Usage: mlp [OPTION]...\n"
    "Times the network of examples/fashion_mlp beside the same one in PyTorch, turn by turn: a\n"
    "training step and eval at batches of 32, 128, 512 and 2048, and an epoch.\n"
    "\n"
    "  --only TEXT        cases whose names contain TEXT: train, eval, epoch, _32\n"
    "  --device TEXT      cpu, gpu, 0:1, or a part of a device's name (default: BNCL_DEVICE,\n"
    "                     else the library's choice)\n"
    "  --rounds N         samples of each, 1 to 1001 (default 21; a third of that of an epoch)\n"
    "  --images N         images of an epoch (default 60000, as in Fashion-MNIST)\n"
    "  --spread SHARE     the spread, from quartile to quartile, above which a result is\n"
    "                     called noisy, as a share of the median (default 0.15)\n"
    "  --no-peers         libbncl alone\n"
    "  --python FILE      the Python that has PyTorch (default /usr/bin/python3)\n"
    "  --json FILE        write JSON to FILE\n"
    "  --help             show this and exit\n"
    "\n"
    "Exit status: 0 success, 1 failure, 2 wrong usage, 3 noisy: some figures are no results.\n";

static bool expected(const char *what, const char *got)
{
    fprintf(stderr, "mlp: expected %s, got '%s'\nTry 'mlp --help'.\n", what, got);
    return false;
}

/* A whole number of least to most, in digits only. */
static bool take_count(const char *what, size_t least, size_t most, size_t *out)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long value = strtoull(optarg, &end, 10);
    if (errno != 0 || optarg[0] < '0' || optarg[0] > '9' || *end != '\0' || value < least ||
        value > most)
        return expected(what, optarg);
    *out = (size_t)value;
    return true;
}

static bool take_spread(double *out)
{
    char *end = NULL;
    *out = strtod(optarg, &end);
    if (end == optarg || *end != '\0' || !(*out > 0.0))
        return expected("--spread above 0, such as 0.15", optarg);
    return true;
}

static bool take(int code, mlp_options *out)
{
    switch (code) {
    case 'o':
        out->only = optarg;
        return true;
    case 'd':
        out->device = optarg;
        return true;
    case 'r':
        return take_count("--rounds of 1 to 1001", 1, MLP_MOST_ROUNDS, &out->rounds);
    case 'i':
        return take_count("--images of 2 to 1000000", 2, 1000000, &out->images);
    case 's':
        return take_spread(&out->spread);
    case 'n':
        out->peers = false;
        return true;
    case 'p':
        out->python = optarg;
        return true;
    case 'j':
        out->json = optarg;
        return true;
    case 'h':
        return out->help = true;
    default: /* getopt_long has said what is wrong */
        return false;
    }
}

bool mlp_options_parse(int argc, char **argv, mlp_options *out)
{
    static const struct option known[] = {
        {"only", required_argument, NULL, 'o'},   {"device", required_argument, NULL, 'd'},
        {"rounds", required_argument, NULL, 'r'}, {"images", required_argument, NULL, 'i'},
        {"spread", required_argument, NULL, 's'}, {"no-peers", no_argument, NULL, 'n'},
        {"python", required_argument, NULL, 'p'}, {"json", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    *out = (mlp_options){
        .python = "/usr/bin/python3", .rounds = 21, .images = 60000, .spread = 0.15, .peers = true};
    int code;
    while ((code = getopt_long(argc, argv, "", known, NULL)) != -1)
        if (!take(code, out))
            return false;
    return optind == argc || expected("options only", argv[optind]);
}

bool mlp_options_want(const mlp_options *options, const char *name)
{
    return options->only == NULL || strstr(name, options->only) != NULL;
}
