/* Files of a test: see files.h. */
#include "lib/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/harness.h"

static void remove_tree(void *folder)
{
    const struct dirent *entry;
    DIR *dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[4096];
        struct stat facts;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", (const char *)folder, entry->d_name);
        if (lstat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
            remove_tree(path);
        else
            unlink(path);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(folder);
}

const char *files_folder(void)
{
    const char *parent = getenv("TMPDIR");
    const char *name = harness_text("%s/bncl_test.XXXXXX", parent != NULL ? parent : "/tmp");
    char *folder = harness_memory(strlen(name) + 1, 1);
    strcpy(folder, name);
    if (mkdtemp(folder) == NULL)
        harness_fail("cannot make the folder %s: %s", name, strerror(errno));
    return harness_hold(folder, remove_tree);
}

const char *files_path(const char *folder, const char *name)
{
    return harness_text("%s/%s", folder, name);
}

void files_write(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        harness_fail("cannot write %s: %s", path, strerror(errno));
    size_t written = fwrite(bytes, 1, count, file);
    if (fclose(file) != 0 || written != count)
        harness_fail("cannot write %s: %s", path, strerror(errno));
}

unsigned char *files_read(const char *path, size_t *count)
{
    struct stat facts;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &facts) != 0)
        harness_fail("cannot read %s: %s", path, strerror(errno));
    *count = (size_t)facts.st_size;
    unsigned char *bytes = harness_memory(*count, 1);
    size_t got = fread(bytes, 1, *count, file);
    fclose(file);
    if (got != *count)
        harness_fail("%s: expected %zu bytes, got %zu", path, *count, got);
    return bytes;
}

void files_expect(const char *path, const void *bytes, size_t count)
{
    size_t got;
    const unsigned char *content = files_read(path, &got);
    if (got != count)
        harness_fail("%s: expected %zu bytes, got %zu", path, count, got);
    if (count > 0 && memcmp(content, bytes, count) != 0)
        harness_fail("%s: other bytes than expected", path);
}

size_t files_count(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        ++count;
    closedir(dir);
    return count - 2; /* "." and ".." */
}

size_t files_open(void)
{
    return files_count("/proc/self/fd");
}
