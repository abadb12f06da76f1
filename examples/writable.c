/* Whether a file can be written; see writable.h. */
#include "writable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"

#define PATH_SIZE 4096
#define TRIAL_NAME "/.bncl-trial-XXXXXX"

/* The folder that `path` is in, without a slash at its end; "" is the root. */
static bncl_status folder_of(const char *path, char folder[PATH_SIZE], bncl_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) : strlen(".");
    if (length + sizeof TRIAL_NAME > PATH_SIZE)
        return example_fail(err, BNCL_ERROR_IO, "cannot write: the name is too long: %s", path);
    memcpy(folder, slash != NULL ? path : ".", length);
    folder[length] = '\0';
    return BNCL_OK;
}

/* Permissions alone do not tell: the file system may be read-only, or root's. */
static bncl_status try_folder(const char *path, bncl_error *err)
{
    char folder[PATH_SIZE], trial[PATH_SIZE + sizeof TRIAL_NAME];
    struct stat facts;
    bncl_status status = folder_of(path, folder, err);
    if (status != BNCL_OK)
        return status;
    const char *shown = folder[0] != '\0' ? folder : "/";
    if (stat(shown, &facts) != 0)
        return example_fail(err, BNCL_ERROR_IO, "cannot write %s: its folder %s: %s", path, shown,
                            strerror(errno));
    if (!S_ISDIR(facts.st_mode))
        return example_fail(err, BNCL_ERROR_IO, "cannot write %s: %s is not a folder", path, shown);
    snprintf(trial, sizeof trial, "%s%s", folder, TRIAL_NAME);
    int descriptor = mkstemp(trial);
    if (descriptor < 0)
        return example_fail(err, BNCL_ERROR_IO,
                            "cannot write %s: no file can be made in its folder %s: %s", path,
                            shown, strerror(errno));
    close(descriptor);
    unlink(trial);
    return BNCL_OK;
}

static bncl_status check_existing(const char *path, bool replace, mode_t mode, bncl_error *err)
{
    if (S_ISDIR(mode))
        return example_fail(err, BNCL_ERROR_IO, "cannot write %s: expected a file, got a folder",
                            path);
    if (replace && !S_ISREG(mode))
        return example_fail(err, BNCL_ERROR_IO, "cannot replace %s: not a regular file", path);
    if (!replace)
        return access(path, W_OK) == 0
                   ? BNCL_OK
                   : example_fail(err, BNCL_ERROR_IO, "cannot write %s: %s", path, strerror(errno));
    char *target = realpath(path, NULL); /* a link's target is replaced, not the link */
    bncl_status status = try_folder(target != NULL ? target : path, err);
    free(target);
    return status;
}

/* A link that leads nowhere yet is left to the writing itself. */
bncl_status writable_check(const char *path, bool replace, bncl_error *err)
{
    struct stat facts;
    size_t length = strlen(path);
    if (stat(path, &facts) == 0)
        return check_existing(path, replace, facts.st_mode, err);
    if (errno != ENOENT && errno != ENOTDIR)
        return example_fail(err, BNCL_ERROR_IO, "cannot write %s: %s", path, strerror(errno));
    if (lstat(path, &facts) == 0)
        return BNCL_OK;
    bncl_status status = try_folder(path, err);
    if (status == BNCL_OK && length > 0 && path[length - 1] == '/')
        return example_fail(err, BNCL_ERROR_IO, "cannot write %s: expected a file, got a folder",
                            path);
    return status;
}
