/* The command line of fashion_mlp; see fashion_options.h. */
#include "fashion_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>

#include "fail.h"

#define BATCH_MAX 65536
#define EPOCHS_MAX 10000
#define LR_MAX 1e6

const char fashion_usage[] =
    "Usage: fashion_mlp [OPTION]...\n"
    "Trains an MLP with batch normalization on Fashion-MNIST on an OpenCL device, tests it,\n"
    "saves it and loads it again. The last line of the output is its test accuracy.\n"
    "\n"
    "  --batch N        images a step, 2 to 65536 (default 128)\n"
    "  --epochs N       times through the training set, 1 to 10000 (default 5)\n"
    "  --lr X           learning rate of the first step, 0 to 1e6 (default 0.05)\n"
    "  --final-lr X     of the last step, in between in a straight line (default 0): a falling\n"
    "                   rate makes the last accuracy depend less on chance; give both the same\n"
    "                   value for a constant rate\n"
    "  --momentum X     SGD's momentum, from 0 to below 1 (default 0.9)\n"
    "  --seed N         of weights and shuffling, 0 to 2^64-1 (default 1); the same seed on the\n"
    "                   same device gives the same file, byte for byte\n"
    "  --device TEXT    cpu, gpu, 0:1, or a part of a device's name (default: BNCL_DEVICE,\n"
    "                   else the library's choice)\n"
    "  --data FOLDER    where the four files are (default: FASHION_MNIST_DIR, else\n"
    "                   /usr/share/datasets/fashion-mnist)\n"
    "  --output FILE    where to save the network (default fashion_mlp.safetensors), after each\n"
    "                   epoch\n"
    "  --load FILE      do not train: load the network from FILE and test it\n"
    "  --logits FILE    write what the network gives for the test images: 32-bit floats in the\n"
    "                   machine's byte order, 10 an image\n"
    "  --profile        after the first epoch, tell what its steps cost: launches, time, bytes\n"
    "                   and GB/s of each kernel of each layer\n"
    "  --check          only check the options, and that the files can be written; print nothing\n"
    "                   but what is wrong\n"
    "  --help           show this and exit\n"
    "  --version        show the version and exit\n"
    "\n"
    "A last batch of a single image is left out: batch normalization needs two to train on.\n"
    "Exit status: 0 success, 1 failure, 2 wrong usage.\n";

/* Above any character, so that optopt tells a long option from a short one. */
enum option_code {
    OPTION_BATCH = 256,
    OPTION_EPOCHS,
    OPTION_LR,
    OPTION_FINAL_LR,
    OPTION_MOMENTUM,
    OPTION_SEED,
    OPTION_DEVICE,
    OPTION_DATA,
    OPTION_OUTPUT,
    OPTION_LOAD,
    OPTION_LOGITS,
    OPTION_PROFILE,
    OPTION_CHECK,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"batch", required_argument, NULL, OPTION_BATCH},
    {"epochs", required_argument, NULL, OPTION_EPOCHS},
    {"lr", required_argument, NULL, OPTION_LR},
    {"final-lr", required_argument, NULL, OPTION_FINAL_LR},
    {"momentum", required_argument, NULL, OPTION_MOMENTUM},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"device", required_argument, NULL, OPTION_DEVICE},
    {"data", required_argument, NULL, OPTION_DATA},
    {"output", required_argument, NULL, OPTION_OUTPUT},
    {"load", required_argument, NULL, OPTION_LOAD},
    {"logits", required_argument, NULL, OPTION_LOGITS},
    {"profile", no_argument, NULL, OPTION_PROFILE},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static const char *option_name(int code)
{
    for (const struct option *row = long_options; row->name != NULL; ++row)
        if (row->val == code)
            return row->name;
    return "?";
}

/* strtoull takes "-1" and leading blanks: a digit must come first. */
static bncl_status parse_whole(int code, const char *text, uint64_t low, uint64_t high,
                               uint64_t *out, bncl_error *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno == ERANGE || value < low || value > high)
        return example_fail(
            err, BNCL_ERROR_ARGUMENT, "--%s: expected a whole number from %llu to %llu, got '%s'",
            option_name(code), (unsigned long long)low, (unsigned long long)high, text);
    *out = value;
    return BNCL_OK;
}

static bncl_status parse_size(int code, const char *text, size_t low, size_t high, size_t *out,
                              bncl_error *err)
{
    uint64_t value;
    bncl_status status = parse_whole(code, text, low, high, &value, err);
    if (status == BNCL_OK)
        *out = (size_t)value;
    return status;
}

/* A number from 0 to `high`, in decimal: no blanks, hexadecimal, "inf" or "nan". */
static bncl_status parse_real(int code, const char *text, double high, bool below, double *out,
                              bncl_error *err)
{
    char *end = NULL;
    bool decimal = text[0] == '.' || isdigit((unsigned char)text[0]);
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        decimal = false;
    double value = decimal ? strtod(text, &end) : NAN;
    bool fits = value >= 0.0 && (below ? value < high : value <= high);
    if (end == NULL || end == text || *end != '\0' || !fits)
        return example_fail(err, BNCL_ERROR_ARGUMENT,
                            "--%s: expected a number from 0 to %s%g, got '%s'", option_name(code),
                            below ? "below " : "", high, text);
    *out = value;
    return BNCL_OK;
}

static bncl_status parse_text(int code, const char *text, const char **out, bncl_error *err)
{
    if (text[0] == '\0')
        return example_fail(err, BNCL_ERROR_ARGUMENT, "--%s: expected a name, got an empty text",
                            option_name(code));
    *out = text;
    return BNCL_OK;
}

/* What getopt_long returned '?' or ':' for. `word` is the one it looked at last. */
static bncl_status refuse(int code, const char *word, bncl_error *err)
{
    if (code == ':')
        return example_fail(err, BNCL_ERROR_ARGUMENT, "--%s: expected a value, got none",
                            option_name(optopt));
    if (optopt >= OPTION_BATCH)
        return example_fail(err, BNCL_ERROR_ARGUMENT, "--%s takes no value", option_name(optopt));
    if (optopt != 0)
        return example_fail(err, BNCL_ERROR_ARGUMENT, "there is no option '-%c'", optopt);
    return example_fail(err, BNCL_ERROR_ARGUMENT, "there is no option '%s', or more than one",
                        word);
}

static bncl_status parse_option(int code, const char *value, const char *word,
                                fashion_options *options, bncl_error *err)
{
    switch (code) {
    case OPTION_BATCH:
        return parse_size(code, value, 2, BATCH_MAX, &options->batch, err);
    case OPTION_EPOCHS:
        return parse_size(code, value, 1, EPOCHS_MAX, &options->epochs, err);
    case OPTION_LR:
        return parse_real(code, value, LR_MAX, false, &options->lr, err);
    case OPTION_FINAL_LR:
        return parse_real(code, value, LR_MAX, false, &options->final_lr, err);
    case OPTION_MOMENTUM:
        return parse_real(code, value, 1.0, true, &options->momentum, err);
    case OPTION_SEED:
        return parse_whole(code, value, 0, UINT64_MAX, &options->seed, err);
    case OPTION_DEVICE:
        return parse_text(code, value, &options->device, err);
    case OPTION_DATA:
        return parse_text(code, value, &options->data, err);
    case OPTION_OUTPUT:
        return parse_text(code, value, &options->output, err);
    case OPTION_LOAD:
        return parse_text(code, value, &options->load, err);
    case OPTION_LOGITS:
        return parse_text(code, value, &options->logits, err);
    case OPTION_PROFILE:
        options->profile = true;
        return BNCL_OK;
    case OPTION_CHECK:
        options->check = true;
        return BNCL_OK;
    case OPTION_HELP:
        options->help = true;
        return BNCL_OK;
    case OPTION_VERSION:
        options->version = true;
        return BNCL_OK;
    default:
        return refuse(code, word, err);
    }
}

static fashion_options defaults(void)
{
    const char *folder = getenv("FASHION_MNIST_DIR");
    return (fashion_options){
        .batch = 128,
        .epochs = 5,
        .lr = 0.05,
        .final_lr = 0.0,
        .momentum = 0.9,
        .seed = 1,
        .data = folder != NULL && folder[0] != '\0' ? folder : "/usr/share/datasets/fashion-mnist",
        .output = "fashion_mlp.safetensors",
    };
}

bncl_status fashion_options_parse(int argc, char **argv, fashion_options *out, bncl_error *err)
{
    fashion_options options = defaults();
    int code;
    opterr = 0; /* the texts are ours */
    optind = 0; /* GNU: start anew */
    while ((code = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        bncl_status status = parse_option(code, optarg, argv[optind - 1], &options, err);
        if (status != BNCL_OK)
            return status;
        if (options.help || options.version)
            break;
    }
    if (!options.help && !options.version && optind < argc)
        return example_fail(err, BNCL_ERROR_ARGUMENT, "expected options only, got '%s'",
                            argv[optind]);
    *out = options;
    return BNCL_OK;
}
