/* What building kernels may meet: a device without a compiler, and a folder of sources,
   BNCL_KERNEL_DIR, that is missing, incomplete or broken. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "fault/faults.h"
#include "lib/compare.h"
#include "lib/files.h"
#include "lib/harness.h"

static void release_context(void *context)
{
    bncl_context_destroy(context);
}

/* A context that has built nothing, held. */
static bncl_context *new_context(device *d)
{
    bncl_context *context = NULL;
    device_ok(d, bncl_context_create(d->info.index, &context, &d->err), "bncl_context_create");
    return harness_hold(context, release_context);
}

/* ---- no compiler ---- */

static void show_compiler(void *layer)
{
    ((fault_layer *)layer)->hide_compiler = false;
}

/* Every call that needs kernels is refused, for a reason; all others work. */
static void no_compiler(void **state)
{
    device *d = device_of(state);
    const size_t dims[] = {4, 3};
    void *out = FAULT_SENTINEL;
    bncl_batch_norm *norm = out;
    bncl_linear *linear = out;
    bncl_elementwise *elementwise = out;
    bncl_cross_entropy *loss = out;
    bncl_sgd *sgd = out;
    harness_hold(faults_layer(), show_compiler);
    faults_layer()->hide_compiler = true;
    bncl_context *context = new_context(d);
    bncl_device_info info;
    device_ok(d, bncl_context_device(context, &info, &d->err), "bncl_context_device");
    assert_false(info.has_compiler);

    const bncl_status expected = BNCL_ERROR_NO_COMPILER;
    const char *name = d->info.name;
    device_refused(
        d, bncl_batch_norm_create(context, BNCL_LAYOUT_NC, BNCL_F32, 2, dims, NULL, &norm, &d->err),
        expected, name);
    device_refused(d, bncl_linear_create(context, 4, 3, 2, &linear, &d->err), expected, name);
    device_refused(d, bncl_elementwise_create(context, BNCL_F32, &elementwise, &d->err), expected,
                   name);
    device_refused(d, bncl_cross_entropy_create(context, 4, 3, &loss, &d->err), expected, name);
    device_refused(d, bncl_sgd_create(context, 4, NULL, &sgd, &d->err), expected, name);
    assert_true((void *)norm == out && (void *)linear == out && (void *)elementwise == out &&
                (void *)loss == out && (void *)sgd == out);
    bncl_buffer *buffer;
    device_ok(d, bncl_buffer_create(context, 64, &buffer, &d->err), "bncl_buffer_create");
    bncl_buffer_destroy(buffer);
}

/* ---- BNCL_KERNEL_DIR ---- */

static void unset_folder(void *name)
{
    unsetenv(name);
}

static void use_folder(const char *folder)
{
    static char name[] = "BNCL_KERNEL_DIR";
    setenv(name, folder, 1);
    harness_hold(name, unset_folder);
}

/* A copy of kernels/, held. */
static const char *copy_kernels(void)
{
    const char *from = BNCL_T_DIR "/../kernels", *to = files_folder();
    const struct dirent *entry;
    DIR *dir = opendir(from);
    if (dir == NULL)
        harness_fail("cannot open %s", from);
    while ((entry = readdir(dir)) != NULL) {
        size_t count;
        if (strstr(entry->d_name, ".cl") == NULL)
            continue;
        const unsigned char *text = files_read(files_path(from, entry->d_name), &count);
        files_write(files_path(to, entry->d_name), text, count);
    }
    closedir(dir);
    return to;
}

static bncl_status build(device *d, bncl_context *context)
{
    bncl_elementwise *made = FAULT_SENTINEL;
    bncl_status status = bncl_elementwise_create(context, BNCL_F32, &made, &d->err);
    if (status == BNCL_OK)
        bncl_elementwise_destroy(made);
    else
        assert_ptr_equal(made, FAULT_SENTINEL);
    return status;
}

static void release_queue(void *queue)
{
    bncl_queue_destroy(queue);
}

static void release_elementwise(void *op)
{
    bncl_elementwise_destroy(op);
}

/* 5 + 3, as kernels built now see it. The context is d's own, whose programs are of another text:
   so the operator is of a new one, and its tensors are, too. */
static float five_and_three(device *d)
{
    device other = {.context = new_context(d), .before = 0, .after = 0};
    const float five = 5.0f, three = 3.0f;
    float sum = 0.0f;
    bncl_elementwise *op;
    device_ok(d, bncl_queue_create(other.context, &other.queue, &d->err), "bncl_queue_create");
    device_ok(d, bncl_elementwise_create(other.context, BNCL_F32, &op, &d->err),
              "bncl_elementwise_create");
    harness_hold(op, release_elementwise);
    const bncl_tensor a = device_vector(&other, 1, &five), b = device_vector(&other, 1, &three);
    bncl_status status = bncl_add(op, other.queue, &a, &b, &a, NULL, &d->err);
    if (status == BNCL_OK)
        status = bncl_tensor_read(other.queue, &a, &sum, NULL, &d->err);
    bncl_queue_destroy(other.queue);
    device_ok(d, status, "bncl_add");
    return sum;
}

static void folder_is_used(void **state)
{
    static const char plus[] = ") + load_some(b";
    device *d = device_of(state);
    const char *folder = copy_kernels();
    const char *path = files_path(folder, "elementwise.cl");
    size_t count;
    assert_true(five_and_three(d) == 8.0f);
    use_folder(folder);
    assert_true(five_and_three(d) == 8.0f);
    char *text = (char *)files_read(path, &count);
    for (size_t i = 0; i + sizeof plus < count; ++i)
        if (memcmp(text + i, plus, sizeof plus - 1) == 0)
            text[i + 2] = '-';
    files_write(path, text, count);
    assert_true(five_and_three(d) == 2.0f);
}

static void folder_is_missing(void **state)
{
    device *d = device_of(state);
    bncl_context *context = new_context(d);
    const char *folder = files_folder();
    const char *none = files_path(folder, "none");
    use_folder(none);
    device_refused(d, build(d, context), BNCL_ERROR_IO, none);
    use_folder(folder); /* empty */
    device_refused(d, build(d, context), BNCL_ERROR_IO, files_path(folder, "storage.cl"));
    device_refused(d, build(d, context), BNCL_ERROR_IO, "BNCL_KERNEL_DIR");
}

static void a_file_is_missing(void **state)
{
    device *d = device_of(state);
    bncl_context *context = new_context(d);
    const char *folder = copy_kernels();
    const char *path = files_path(folder, "elementwise.cl");
    use_folder(folder);
    assert_int_equal(remove(path), 0);
    device_refused(d, build(d, context), BNCL_ERROR_IO, path);
    unsetenv("BNCL_KERNEL_DIR");
    device_ok(d, build(d, context), "with the embedded kernels");
}

static void a_file_is_broken(void **state)
{
    static const char broken[] = "__kernel void f(void) { undeclared_name = 1; }\n";
    device *d = device_of(state);
    bncl_context *context = new_context(d);
    const char *folder = copy_kernels();
    const char *path = files_path(folder, "elementwise.cl");
    use_folder(folder);
    files_write(path, broken, sizeof broken - 1);
    device_refused(d, build(d, context), BNCL_ERROR_BUILD, "elementwise");
    device_refused(d, build(d, context), BNCL_ERROR_BUILD, "undeclared_name");
    unsetenv("BNCL_KERNEL_DIR");
    device_ok(d, build(d, context), "with the embedded kernels");
}

/* bncl_copy builds its kernel when it is first called; refused, it may be called again. */
static void the_first_copy_builds(void **state)
{
    static const char broken[] = "__kernel void f(void) { undeclared_name = 1; }\n";
    device *d = device_of(state);
    const float values[] = {1.0f, 2.0f, 3.0f};
    float got[3] = {0};
    device other = {.context = new_context(d), .before = 0, .after = 0};
    bncl_elementwise *op;
    device_ok(d, bncl_queue_create(other.context, &other.queue, &d->err), "bncl_queue_create");
    harness_hold(other.queue, release_queue);
    device_ok(d, bncl_elementwise_create(other.context, BNCL_F32, &op, &d->err),
              "bncl_elementwise_create");
    harness_hold(op, release_elementwise);
    const bncl_tensor x = device_vector(&other, 3, values), y = device_vector(&other, 3, NULL);
    const char *folder = copy_kernels();
    use_folder(folder);
    files_write(files_path(folder, "copy.cl"), broken, sizeof broken - 1);
    device_refused(d, bncl_copy(op, other.queue, &x, &y, NULL, &d->err), BNCL_ERROR_BUILD,
                   "undeclared_name");
    unsetenv("BNCL_KERNEL_DIR");
    device_ok(d, bncl_copy(op, other.queue, &x, &y, NULL, &d->err), "bncl_copy");
    device_ok(d, bncl_tensor_read(other.queue, &y, got, NULL, &d->err), "bncl_tensor_read");
    assert_memory_equal(got, values, sizeof got);
}

/* It compiles, but has not the kernels that it should. */
static void a_kernel_is_missing(void **state)
{
    static const char other[] = "__kernel void other(void) {}\n";
    device *d = device_of(state);
    bncl_context *context = new_context(d);
    const char *folder = copy_kernels();
    use_folder(folder);
    files_write(files_path(folder, "elementwise.cl"), other, sizeof other - 1);
    device_refused(d, build(d, context), BNCL_ERROR_OPENCL, "relu_forward");
}

static void a_file_is_huge(void **state)
{
    device *d = device_of(state);
    bncl_context *context = new_context(d);
    const size_t most = (size_t)1 << 20;
    const char *folder = copy_kernels();
    const char *path = files_path(folder, "storage.cl");
    char *spaces = harness_memory(most, 1);
    memset(spaces, ' ', most);
    use_folder(folder);
    files_write(path, spaces, most);
    device_refused(d, build(d, context), BNCL_ERROR_IO, path);
    char *long_name = harness_memory(5000, 1);
    memset(long_name, 'x', 4999);
    use_folder(long_name);
    device_refused(d, build(d, context), BNCL_ERROR_IO, "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(no_compiler),       HARNESS_TEST(folder_is_used),
        HARNESS_TEST(folder_is_missing), HARNESS_TEST(a_file_is_missing),
        HARNESS_TEST(a_file_is_broken),  HARNESS_TEST(a_kernel_is_missing),
        HARNESS_TEST(a_file_is_huge),    HARNESS_TEST(the_first_copy_builds),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
