/* Files replaced in one step: what becomes of permissions, links and odd kinds of files. That
   failing calls change nothing is tried in safetensors_write_test.c. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "lib/file_fault.h"
#include "lib/files.h"
#include "lib/harness.h"

static bncl_status replace(const char *path, const char *content, bncl_error *err)
{
    bncli_atomic_file *file = NULL;
    bncl_status status = bncli_atomic_file_create(path, &file, err);
    if (status == BNCL_OK)
        status = bncli_atomic_file_write(file, content, strlen(content), err);
    if (status == BNCL_OK)
        status = bncli_atomic_file_commit(file, err);
    bncli_atomic_file_destroy(file);
    return status;
}

static void expect_replaced(const char *path, const char *content)
{
    bncl_error err = {""};
    if (replace(path, content, &err) != BNCL_OK)
        harness_fail("%s", err.text);
    files_expect(path, content, strlen(content));
}

static void expect_refused(const char *path, const char *text)
{
    bncl_error err = {""};
    bncl_status status = replace(path, "new", &err);
    if (status != BNCL_ERROR_IO || strstr(err.text, text) == NULL)
        harness_fail("%s: expected %s, got %s: %s", path, text, bncl_status_string(status),
                     err.text);
}

static unsigned mode_of(const char *path)
{
    struct stat facts;
    assert_int_equal(lstat(path, &facts), 0);
    return facts.st_mode & 07777;
}

static void a_new_file_has_the_umasks_permissions(void **state)
{
    (void)state;
    static const mode_t masks[] = {0, 022, 077, 0177};
    const char *folder = files_folder();
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; ++i) {
        const char *path = files_path(folder, harness_text("%zu", i));
        mode_t before = umask(masks[i]);
        expect_replaced(path, "new");
        umask(before);
        assert_int_equal(mode_of(path), 0666 & ~masks[i]);
    }
}

static void an_old_file_keeps_its_permissions(void **state)
{
    (void)state;
    static const mode_t modes[] = {0600, 0644, 0664, 0666, 0640, 0755, 0444, 0400};
    const char *path = files_path(files_folder(), "x");
    files_write(path, "old", 3);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; ++i) {
        assert_int_equal(chmod(path, modes[i]), 0);
        mode_t before = umask(077);
        bncl_status status = replace(path, "new", NULL);
        umask(before);
        assert_int_equal(status, BNCL_OK);
        assert_int_equal(mode_of(path), modes[i]);
    }
    assert_int_equal(chmod(path, 04755), 0);
    expect_replaced(path, "new");
    assert_int_equal(mode_of(path), 0755);
}

static void root_keeps_the_owner(void **state)
{
    (void)state;
    struct stat facts;
    if (geteuid() != 0)
        skip();
    const char *path = files_path(files_folder(), "x");
    files_write(path, "old", 3);
    assert_int_equal(chown(path, 1234, 4321), 0);
    assert_int_equal(chmod(path, 0640), 0);
    expect_replaced(path, "new");
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_uid, 1234);
    assert_int_equal(facts.st_gid, 4321);
    assert_int_equal(mode_of(path), 0640);
}

/* Where the group cannot be kept, its bits would be another group's. */
static void another_group_gets_no_more_than_all_others(void **state)
{
    (void)state;
    static const struct {
        unsigned long failing; /* of the two calls of fchown */
        mode_t old, new;
    } rows[] = {
        {0, 0660, 0660}, {1, 0660, 0660}, {2, 0660, 0600}, {2, 0664, 0644}, {2, 0604, 0644}};
    if (geteuid() != 0)
        skip();
    const char *path = files_path(files_folder(), "x");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        files_write(path, "old", 3);
        assert_int_equal(chown(path, 1234, 4321), 0);
        assert_int_equal(chmod(path, rows[i].old), 0);
        file_fault_set("fchown", 1, rows[i].failing, EPERM);
        bncl_status status = replace(path, "new", NULL);
        assert_int_equal(file_fault_clear(), rows[i].failing);
        assert_int_equal(status, BNCL_OK);
        assert_int_equal(mode_of(path), rows[i].new);
    }
}

static void permissions_that_cannot_be_kept_are_an_error(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *path = files_path(folder, "x");
    files_write(path, "old", 3);
    assert_int_equal(chmod(path, 0644), 0);
    file_fault_set("fchmod", 1, 1, EPERM);
    expect_refused(path, strerror(EPERM));
    assert_int_equal(file_fault_clear(), 1);
    files_expect(path, "old", 3);
    assert_int_equal(files_count(folder), 1);
}

static void a_link_stays_and_its_target_is_replaced(void **state)
{
    (void)state;
    const char *folder = files_folder(), *other = files_folder();
    const char *target = files_path(other, "target");
    const char *absolute = files_path(folder, "absolute");
    const char *chain = files_path(folder, "chain");
    files_write(target, "old", 3);
    assert_int_equal(symlink(target, absolute), 0);
    assert_int_equal(symlink("absolute", chain), 0);
    expect_replaced(chain, "new");
    files_expect(target, "new", 3);
    char link[64];
    assert_int_equal(readlink(chain, link, sizeof link), 8);
    assert_int_equal(files_count(folder), 2);
    assert_int_equal(files_count(other), 1);
    assert_int_equal(unlink(target), 0);
    expect_replaced(absolute, "again"); /* a link to what is not there yet */
    files_expect(target, "again", 5);
}

static void links_that_lead_nowhere_are_refused(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *loop = files_path(folder, "loop");
    const char *lost = files_path(folder, "lost");
    assert_int_equal(symlink("loop", loop), 0);
    assert_int_equal(symlink("none/x", lost), 0);
    expect_refused(loop, strerror(ELOOP));
    expect_refused(lost, strerror(ENOENT));
    assert_int_equal(files_count(folder), 2);
}

static void only_regular_files_are_replaced(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *fifo = files_path(folder, "fifo");
    const char *device = files_path(folder, "device");
    const char *inner = files_path(folder, "folder");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(symlink("/dev/null", device), 0);
    assert_int_equal(mkdir(inner, 0700), 0);
    expect_refused(fifo, "not a regular file");
    expect_refused(device, "not a regular file");
    expect_refused(inner, "not a regular file");
    assert_int_equal(files_count(folder), 3);
}

static void a_path_that_cannot_be_is_refused(void **state)
{
    (void)state;
    char name[300];
    const char *folder = files_folder();
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    expect_refused(files_path(folder, "none/x"), strerror(ENOENT));
    expect_refused(files_path(folder, name), strerror(ENAMETOOLONG));
    files_write(files_path(folder, "file"), "", 0);
    expect_refused(files_path(folder, "file/x"), strerror(ENOTDIR));
    expect_refused("", strerror(ENOENT));
    assert_int_equal(files_count(folder), 1);
    name[255] = '\0'; /* the longest name there is: the temporary's is not made from it */
    expect_replaced(files_path(folder, name), "new");
}

static void a_bare_name_is_in_the_working_folder(void **state)
{
    (void)state;
    const char *folder = files_folder();
    int before = open(".", O_RDONLY | O_DIRECTORY);
    assert_true(before >= 0);
    assert_int_equal(chdir(folder), 0);
    bncl_status status = replace("x", "new", NULL);
    size_t entries = files_count(".");
    assert_int_equal(fchdir(before), 0);
    close(before);
    assert_int_equal(status, BNCL_OK);
    assert_int_equal(entries, 1);
    files_expect(files_path(folder, "x"), "new", 3);
}

static void a_taken_name_is_tried_around(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *path = files_path(folder, "x");
    file_fault_set("open", 1, 50, EEXIST);
    bncl_status status = replace(path, "new", NULL);
    assert_int_equal(file_fault_clear(), 50);
    assert_int_equal(status, BNCL_OK);
    file_fault_set("open", 1, 1000, EEXIST); /* but not for ever */
    expect_refused(path, strerror(EEXIST));
    assert_int_equal(file_fault_clear(), 100);
    files_expect(path, "new", 3);
    assert_int_equal(files_count(folder), 1);
}

/* Whoever can write to the folder could else guess the temporary's name and lead it elsewhere. */
static void a_planted_temporary_is_not_written_to(void **state)
{
    (void)state;
    struct stat facts;
    const char *folder = files_folder();
    const char *path = files_path(folder, "x");
    const char *victim = files_path(folder, "victim");
    files_write(victim, "theirs", 6);
    file_fault_plant(victim);
    bncl_status status = replace(path, "new", NULL);
    file_fault_clear();
    assert_int_equal(status, BNCL_OK);
    files_expect(victim, "theirs", 6);
    files_expect(path, "new", 3);
    assert_true(lstat(path, &facts) == 0 && S_ISREG(facts.st_mode));
    assert_int_equal(files_count(folder), 3); /* the planted link is not ours to remove */
}

/* The rename itself outlives a crash only when its folder is synced after it. */
static void the_folder_is_synced_last(void **state)
{
    (void)state;
    struct stat synced, facts;
    const char *folder = files_folder();
    const char *path = files_path(folder, "x");
    file_fault_clear();
    expect_replaced(path, "new");
    assert_true(file_fault_synced(&synced));
    assert_int_equal(stat(folder, &facts), 0);
    assert_true(synced.st_dev == facts.st_dev && synced.st_ino == facts.st_ino);
    file_fault_set("fsync", 2, 1, EIO); /* the path has its new content, whatever comes of this */
    expect_replaced(path, "newer");
    assert_int_equal(file_fault_clear(), 1);
}

static void two_at_once_do_not_meet(void **state)
{
    (void)state;
    const char *folder = files_folder();
    const char *path = files_path(folder, "x");
    bncli_atomic_file *a = NULL, *b = NULL;
    assert_int_equal(bncli_atomic_file_create(path, &a, NULL), BNCL_OK);
    assert_int_equal(bncli_atomic_file_create(path, &b, NULL), BNCL_OK);
    assert_int_equal(files_count(folder), 2);
    assert_int_equal(bncli_atomic_file_write(a, "aaa", 3, NULL), BNCL_OK);
    assert_int_equal(bncli_atomic_file_write(b, "bbb", 3, NULL), BNCL_OK);
    assert_int_equal(bncli_atomic_file_commit(b, NULL), BNCL_OK);
    files_expect(path, "bbb", 3);
    assert_int_equal(bncli_atomic_file_commit(a, NULL), BNCL_OK);
    files_expect(path, "aaa", 3);
    bncli_atomic_file_destroy(a);
    bncli_atomic_file_destroy(b);
    assert_int_equal(files_count(folder), 1);
}

static void without_commit_nothing_stays(void **state)
{
    (void)state;
    const char *folder = files_folder();
    bncli_atomic_file *file = NULL;
    assert_int_equal(bncli_atomic_file_create(files_path(folder, "x"), &file, NULL), BNCL_OK);
    assert_int_equal(bncli_atomic_file_write(file, "new", 3, NULL), BNCL_OK);
    assert_int_equal(files_count(folder), 1);
    bncli_atomic_file_destroy(file);
    bncli_atomic_file_destroy(NULL);
    assert_int_equal(files_count(folder), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        HARNESS_TEST(a_new_file_has_the_umasks_permissions),
        HARNESS_TEST(an_old_file_keeps_its_permissions),
        HARNESS_TEST(root_keeps_the_owner),
        HARNESS_TEST(another_group_gets_no_more_than_all_others),
        HARNESS_TEST(permissions_that_cannot_be_kept_are_an_error),
        HARNESS_TEST(a_link_stays_and_its_target_is_replaced),
        HARNESS_TEST(links_that_lead_nowhere_are_refused),
        HARNESS_TEST(only_regular_files_are_replaced),
        HARNESS_TEST(a_path_that_cannot_be_is_refused),
        HARNESS_TEST(a_bare_name_is_in_the_working_folder),
        HARNESS_TEST(a_taken_name_is_tried_around),
        HARNESS_TEST(a_planted_temporary_is_not_written_to),
        HARNESS_TEST(the_folder_is_synced_last),
        HARNESS_TEST(two_at_once_do_not_meet),
        HARNESS_TEST(without_commit_nothing_stays),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
