/* The command line of fashion_mlp: defaults, every option, and refusals with a text. */
#include <string.h>

#include "lib/harness.h"

#include "../examples/fashion_options.h"

#define WORDS_MAX 16

/* Parses the words, which end with NULL, behind a program's name. */
static bncl_status parse(const char *const *words, fashion_options *out, bncl_error *err)
{
    char *argv[WORDS_MAX] = {(char *)"fashion_mlp"};
    int argc = 1;
    for (; *words != NULL && argc < WORDS_MAX - 1; ++words)
        argv[argc++] = (char *)*words;
    return fashion_options_parse(argc, argv, out, err);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static fashion_options parsed(const char *const *words)
{
    fashion_options options;
    bncl_error err = {{0}};
    memset(&options, 0xff, sizeof options);
    if (parse(words, &options, &err) != BNCL_OK)
        harness_fail("%s: %s", words[0] != NULL ? words[0] : "no option", err.text);
    return options;
}

static void defaults_are_as_documented(void **state)
{
    (void)state;
    unsetenv("FASHION_MNIST_DIR");
    fashion_options options = parsed(WORDS(NULL));
    assert_int_equal(options.batch, 128);
    assert_int_equal(options.epochs, 5);
    assert_true(options.lr == 0.05 && options.final_lr == 0.0 && options.momentum == 0.9);
    assert_true(options.seed == 1);
    assert_null(options.device);
    assert_string_equal(options.data, "/usr/share/datasets/fashion-mnist");
    assert_string_equal(options.output, "fashion_mlp.safetensors");
    assert_null(options.load);
    assert_null(options.logits);
    assert_false(options.profile || options.check || options.help || options.version);
}

static void the_environment_names_the_folder(void **state)
{
    (void)state;
    setenv("FASHION_MNIST_DIR", "/somewhere", 1);
    assert_string_equal(parsed(WORDS(NULL)).data, "/somewhere");
    assert_string_equal(parsed(WORDS("--data", "/else")).data, "/else");
    setenv("FASHION_MNIST_DIR", "", 1);
    assert_string_equal(parsed(WORDS(NULL)).data, "/usr/share/datasets/fashion-mnist");
    unsetenv("FASHION_MNIST_DIR");
}

static void options_are_taken(void **state)
{
    (void)state;
    fashion_options options =
        parsed(WORDS("--batch", "2", "--epochs=10000", "--lr=.25", "--momentum", "0", "--seed",
                     "18446744073709551615", "--device=0:1", "--output=a", "--load=b"));
    assert_int_equal(options.batch, 2);
    assert_int_equal(options.epochs, 10000);
    assert_true(options.lr == 0.25 && options.momentum == 0.0);
    assert_true(options.seed == UINT64_MAX);
    assert_string_equal(options.device, "0:1");
    assert_string_equal(options.output, "a");
    assert_string_equal(options.load, "b");
    assert_string_equal(parsed(WORDS("--logits=c")).logits, "c");
    assert_true(parsed(WORDS("--profile")).profile);
    assert_true(parsed(WORDS("--lr", "1e-3")).lr == 1e-3);
    assert_true(parsed(WORDS("--final-lr", "1000")).final_lr == 1000.0);
    assert_true(parsed(WORDS("--check", "--seed=3")).check);
    assert_true(parsed(WORDS("--help", "--nonsense")).help);
    assert_true(parsed(WORDS("--version")).version);
}

typedef struct refusal {
    const char *first, *second; /* second: NULL where there is none */
    const char *words;          /* in the text */
} refusal;

static const refusal refusals[] = {
    {"--batch=1", NULL, "--batch: expected a whole number from 2 to 65536, got '1'"},
    {"--batch=65537", NULL, "got '65537'"},
    {"--batch=", NULL, "got ''"},
    {"--batch=12x", NULL, "got '12x'"},
    {"--batch= 12", NULL, "got ' 12'"},
    {"--batch=+12", NULL, "got '+12'"},
    {"--batch=0x10", NULL, "got '0x10'"},
    {"--batch=99999999999999999999", NULL, "got '99999999999999999999'"},
    {"--epochs=0", NULL, "--epochs: expected a whole number from 1 to 10000"},
    {"--epochs=1.5", NULL, "got '1.5'"},
    {"--seed=-1", NULL, "--seed: expected a whole number from 0 to 18446744073709551615"},
    {"--seed=18446744073709551616", NULL, "got '18446744073709551616'"},
    {"--lr=-0.1", NULL, "--lr: expected a number from 0 to 1e+06, got '-0.1'"},
    {"--lr=1000001", NULL, "got '1000001'"},
    {"--final-lr=1000001", NULL, "--final-lr: expected a number from 0 to 1e+06, got '1000001'"},
    {"--lr=nan", NULL, "got 'nan'"},
    {"--lr=inf", NULL, "got 'inf'"},
    {"--lr=0x1p-3", NULL, "got '0x1p-3'"},
    {"--lr=.", NULL, "got '.'"},
    {"--lr=0.1,", NULL, "got '0.1,'"},
    {"--lr=1e999", NULL, "got '1e999'"},
    {"--momentum=1", NULL, "--momentum: expected a number from 0 to below 1, got '1'"},
    {"--data=", NULL, "--data: expected a name"},
    {"--output=", NULL, "--output: expected a name"},
    {"--device=", NULL, "--device: expected a name"},
    {"--load", NULL, "--load: expected a value, got none"},
    {"--help=3", NULL, "--help takes no value"},
    {"--check=1", NULL, "--check takes no value"},
    {"--check", "--bogus", "there is no option '--bogus'"},
    {"--nonsense", "3", "there is no option '--nonsense'"},
    {"-x", NULL, "there is no option '-x'"},
    {"-xy", NULL, "there is no option '-x'"},
    {"word", NULL, "expected options only, got 'word'"},
    {"--", "word", "expected options only, got 'word'"},
};

static void anything_else_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; ++i) {
        const refusal *row = &refusals[i];
        fashion_options options = {.batch = 77};
        bncl_error err = {{0}};
        if (parse(WORDS(row->first, row->second), &options, &err) != BNCL_ERROR_ARGUMENT)
            harness_fail("%s was taken", row->first);
        if (strstr(err.text, row->words) == NULL)
            harness_fail("%s: expected a text with \"%s\", got \"%s\"", row->first, row->words,
                         err.text);
        assert_int_equal(options.batch, 77);
    }
}

static void the_usage_names_every_option(void **state)
{
    (void)state;
    const char *const names[] = {"--batch N",     "--epochs N",  "--lr X",        "--final-lr X",
                                 "--momentum X",  "--seed N",    "--device TEXT", "--data FOLDER",
                                 "--output FILE", "--load FILE", "--logits FILE", "--check",
                                 "--help",        "--version"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
        if (strstr(fashion_usage, names[i]) == NULL)
            harness_fail("the usage does not name %s", names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(defaults_are_as_documented),
        HARNESS_TEST(the_environment_names_the_folder),
        HARNESS_TEST(options_are_taken),
        HARNESS_TEST(anything_else_is_refused),
        HARNESS_TEST(the_usage_names_every_option),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
