/* Saving a state dict where it cannot be saved: the old file stays, nothing else is left behind,
   and the graph can be saved elsewhere. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/device.h"
#include "lib/files.h"
#include "lib/harness.h"
#include "lib/network_graph.h"

static const char old_content[] = "an older file";

static network_graph used_graph(device *d)
{
    network_graph g = network_graph_make(d, &network_mlp, 1);
    const network_data data = network_data_make(&network_mlp, 4, 1);
    network_graph_forward(&g, &data);
    return g;
}

static bncl_status save(const network_graph *g, const char *path)
{
    return bncl_graph_save(g->graph, g->d->queue, path, &g->d->err);
}

/* Refused, with the file's name and the system's word for why. */
static void refuse(const network_graph *g, const char *path, int error)
{
    const network_state before = network_graph_state(g);
    device_refused(g->d, save(g, path), BNCL_ERROR_IO, strerror(error));
    if (strstr(g->d->err.text, path) == NULL)
        harness_fail("the text does not name the file: %s", g->d->err.text);
    network_graph_expect(g, &before, "a refused save");
}

/* Writes beyond this many bytes fail with EFBIG, as those to a full disk do with ENOSPC. Returns
   the limit that there was. */
static rlim_t limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return before;
}

static void full_disk(void **state)
{
    device *d = device_of(state);
    const network_graph g = used_graph(d);
    const char *folder = files_folder(), *path = files_path(folder, "state");
    const rlim_t limits[] = {0, 1, 100, 1000};
    files_write(path, old_content, sizeof old_content);
    const network_state before = network_graph_state(&g);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; ++i) {
        const rlim_t before_limit = limit_files(limits[i]);
        const bncl_status status = save(&g, path);
        limit_files(before_limit);
        device_refused(d, status, BNCL_ERROR_IO, strerror(EFBIG));
        assert_non_null(strstr(d->err.text, path));
        files_expect(path, old_content, sizeof old_content);
        assert_true(files_count(folder) == 1);
    }
    signal(SIGXFSZ, handler);
    network_graph_expect(&g, &before, "a full disk");
    device_ok(d, save(&g, path), "with room");
    assert_true(files_count(folder) == 1);
}

static void no_such_folder(void **state)
{
    const network_graph g = used_graph(device_of(state));
    const char *folder = files_folder();
    refuse(&g, files_path(folder, "missing/state"), ENOENT);
    files_write(files_path(folder, "file"), old_content, sizeof old_content);
    refuse(&g, files_path(folder, "file/state"), ENOTDIR);
    assert_true(files_count(folder) == 1);
    files_expect(files_path(folder, "file"), old_content, sizeof old_content);
}

/* A folder at the path itself. */
static void path_is_a_folder(void **state)
{
    device *d = device_of(state);
    const network_graph g = used_graph(d);
    const char *folder = files_folder();
    device_refused(d, save(&g, folder), BNCL_ERROR_IO, "not a regular file");
    assert_true(files_count(folder) == 0);
}

/* The superuser may write everywhere, so that user nobody's place is taken for this test. */
static void unwritable_folder(void **state)
{
    device *d = device_of(state);
    const network_graph g = used_graph(d);
    const char *folder = files_folder(), *path = files_path(folder, "state");
    const uid_t user = geteuid();
    files_write(path, old_content, sizeof old_content);
    assert_int_equal(chmod(folder, 0555), 0);
    if (user == 0)
        assert_int_equal(seteuid(65534), 0);
    const bncl_status status = save(&g, path);
    if (user == 0)
        assert_int_equal(seteuid(user), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    device_refused(d, status, BNCL_ERROR_IO, strerror(EACCES));
    assert_non_null(strstr(d->err.text, path));
    files_expect(path, old_content, sizeof old_content);
    assert_true(files_count(folder) == 1);
}

static void arguments(void **state)
{
    device *d = device_of(state);
    const network_graph g = used_graph(d);
    const char *path = files_path(files_folder(), "state");
    device_refused(d, save(&g, NULL), BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(d, bncl_graph_save(NULL, d->queue, path, &d->err), BNCL_ERROR_ARGUMENT, "NULL");
    device_refused(d, bncl_graph_save(g.graph, NULL, path, &d->err), BNCL_ERROR_ARGUMENT, "queue");
    refuse(&g, "", ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(full_disk),        HARNESS_TEST(no_such_folder),
        HARNESS_TEST(path_is_a_folder), HARNESS_TEST(unwritable_folder),
        HARNESS_TEST(arguments),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
