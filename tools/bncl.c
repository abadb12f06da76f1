/* The command bncl: what the library sees of this machine. */
#include <bncl/bncl.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static void print_usage(FILE *out)
{
    fputs(
        "Usage: bncl devices | --help | --version\n"
        "\n"
        "  devices    list the OpenCL devices, as BNCL_DEVICE and bncl_context_create name them,\n"
        "             and mark with a star the one that a program gets which names none: what\n"
        "             BNCL_DEVICE says, else the library's choice; and tell what multiplies\n"
        "             matrices there, and the tuning: by default, kept by bncl-bench --tune, or\n"
        "             changed by BNCL_TUNING\n",
        out);
}

static int fail(const char *what, const bncl_error *err)
{
    fprintf(stderr, "bncl: %s: %s\n", what, err->text);
    return EXIT_FAILURE;
}

static void print_device(const bncl_device_info *info, bool chosen)
{
    printf("%c %-5s %-11s %s\n", chosen ? '*' : ' ', info->index, info->type, info->name);
    printf("        platform  %s, driver %s\n", info->platform, info->driver);
    printf("        memory    %.1f GiB, compute units %u\n",
           (double)info->memory_bytes / (1024.0 * 1024.0 * 1024.0), (unsigned)info->compute_units);
    printf("        results   %s\n", info->same_bits ? "bit-identical to every such device"
                                                     : "accurate, not bit-identical: no denormals");
    if (!info->has_compiler)
        printf("        no OpenCL C compiler: cannot be used\n");
}

/* The device that an unnamed choice takes. */
typedef struct chosen_device {
    char index[sizeof((bncl_device_info *)0)->index]; /* empty: none */
    bncl_gemm_info gemm;                              /* who multiplies matrices there */
    bncl_tuning_info tuning;
} chosen_device;

static bncl_status choose_device(chosen_device *out, bncl_error *err)
{
    bncl_context *context = NULL;
    bncl_device_info info;
    chosen_device chosen = {.index = ""};
    bncl_status status = bncl_context_create(NULL, &context, err);
    if (status == BNCL_OK)
        status = bncl_context_device(context, &info, err);
    if (status == BNCL_OK) {
        memcpy(chosen.index, info.index, sizeof chosen.index);
        status = bncl_gemm_provider(context, &chosen.gemm, err);
    }
    if (status == BNCL_OK)
        status = bncl_tuning_get(context, &chosen.tuning, err);
    bncl_context_destroy(context);
    *out = chosen;
    return status;
}

/* Prints the devices. That none can be taken is said after them: the list is what helps. */
static int show_devices(const bncl_device_info *devices, size_t count)
{
    bncl_error err;
    chosen_device chosen;
    bncl_status status = choose_device(&chosen, &err);
    for (size_t i = 0; i < count; ++i) {
        const bool is_chosen = strcmp(devices[i].index, chosen.index) == 0;
        print_device(&devices[i], is_chosen);
        if (is_chosen && status == BNCL_OK)
            printf("        matrix products: %s\n"
                   "        tuning    %s (%s)\n",
                   chosen.gemm.library, chosen.tuning.text, chosen.tuning.origin);
    }
    fflush(stdout);
    return status == BNCL_OK ? EXIT_SUCCESS : fail("choosing a device", &err);
}

static int list_devices(void)
{
    enum { capacity = 256 };
    bncl_error err;
    size_t count = 0;
    bncl_device_info *devices = calloc(capacity, sizeof *devices);
    if (devices == NULL) {
        fputs("bncl: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    int code = EXIT_SUCCESS;
    if (bncl_device_list(devices, capacity, &count, &err) != BNCL_OK)
        code = fail("listing devices", &err);
    else if (count == 0)
        puts("no OpenCL device: is a driver installed? On Debian, pocl-opencl-icd runs OpenCL on "
             "any CPU");
    else
        code = show_devices(devices, count < capacity ? count : capacity);
    free(devices);
    return code;
}

int main(int argc, char **argv)
{
    const char *command = argc == 2 ? argv[1] : "";
    int code = EXIT_SUCCESS;
    if (strcmp(command, "devices") == 0) {
        code = list_devices();
    } else if (strcmp(command, "--help") == 0) {
        print_usage(stdout);
    } else if (strcmp(command, "--version") == 0) {
        printf("bncl %s\n", bncl_version());
    } else {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (fflush(stdout) != 0) {
        perror("bncl: standard output");
        return EXIT_FAILURE;
    }
    return code;
}
