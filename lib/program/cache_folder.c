/* Where the binary cache lies, whose it must be, and how it stays small. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "program/cache_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "program/digest.h"

#define LEFT_BEHIND 3600 /* seconds after which nobody writes to a temporary any more */

static const char *absolute(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && value[0] == '/' ? value : NULL;
}

static char *joined(const char *folder, const char *name)
{
    const size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path = bncli_alloc(bytes, 1);
    if (path != NULL)
        snprintf(path, bytes, "%s/%s", folder, name);
    return path;
}

char *bncli_cache_folder_path(void)
{
    const char *own = absolute("BNCL_CACHE_DIR");
    if (own != NULL)
        return bncli_strdup(own);
    const char *caches = absolute("XDG_CACHE_HOME");
    if (caches != NULL)
        return joined(caches, "bncl");
    const char *home = absolute("HOME");
    return home != NULL ? joined(home, ".cache/bncl") : NULL;
}

bool bncli_cache_folder_is_wanted(void)
{
    const char *wanted = getenv("BNCL_CACHE");
    return wanted == NULL || strcmp(wanted, "off") != 0;
}

bool bncli_cache_folder_is_named(void)
{
    return absolute("BNCL_CACHE_DIR") != NULL || absolute("XDG_CACHE_HOME") != NULL ||
           absolute("HOME") != NULL;
}

bool bncli_cache_folder_is_own(const struct stat *facts)
{
    return facts->st_uid == geteuid() && (facts->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool bncli_cache_folder_is_safe(const char *path)
{
    struct stat facts;
    return lstat(path, &facts) == 0 && S_ISDIR(facts.st_mode) && bncli_cache_folder_is_own(&facts);
}

bool bncli_cache_folder_make(const char *path)
{
    if (bncli_cache_folder_is_safe(path))
        return true;
    char *part = bncli_strdup(path);
    if (part == NULL)
        return false;
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(part, 0700); /* that it is there already, or cannot be, the last one shows */
        *slash = '/';
    }
    mkdir(part, 0700);
    bncli_free(part);
    return bncli_cache_folder_is_safe(path);
}

/* ---- staying small ---- */

typedef struct kept_file {
    struct kept_file *next;
    struct timespec used;
    uint64_t bytes;
    char name[];
} kept_file;

static bool is_entry(const char *name)
{
    const size_t length = (size_t)2 * BNCLI_DIGEST_SIZE;
    return strspn(name, "0123456789abcdef") == length && name[length] == '\0';
}

static bool is_temporary(const char *name)
{
    const size_t length = strlen(name);
    return strncmp(name, ".bncl-", 6) == 0 && length > 10 && strcmp(name + length - 4, ".tmp") == 0;
}

static bool earlier(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* Puts the file into the list, which begins with what was used longest ago. False: no memory. */
static bool insert(kept_file **list, const char *name, const struct stat *facts)
{
    const size_t length = strlen(name) + 1;
    kept_file *file = bncli_alloc(1, sizeof *file + length);
    if (file == NULL)
        return false;
    file->used = facts->st_mtim;
    file->bytes = (uint64_t)facts->st_size;
    memcpy(file->name, name, length);
    while (*list != NULL && earlier((*list)->used, file->used))
        list = &(*list)->next;
    file->next = *list;
    *list = file;
    return true;
}

/* The folder's files and their bytes in all; removes old temporaries on the way. */
static uint64_t look_through(DIR *folder, kept_file **list)
{
    uint64_t bytes = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        struct stat facts;
        const char *name = entry->d_name;
        const bool temporary = is_temporary(name);
        if ((!temporary && !is_entry(name)) ||
            fstatat(dirfd(folder), name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (temporary && time(NULL) - facts.st_mtime > LEFT_BEHIND)
            unlinkat(dirfd(folder), name, 0);
        if (!temporary && insert(list, name, &facts))
            bytes += (uint64_t)facts.st_size;
    }
    return bytes;
}

void bncli_cache_folder_trim(const char *path, uint64_t most)
{
    DIR *folder = bncli_cache_folder_is_safe(path) ? opendir(path) : NULL;
    if (folder == NULL)
        return;
    kept_file *list = NULL;
    uint64_t bytes = look_through(folder, &list);
    while (list != NULL) {
        kept_file *file = list;
        if (bytes > most && unlinkat(dirfd(folder), file->name, 0) == 0)
            bytes -= file->bytes;
        list = file->next;
        bncli_free(file);
    }
    closedir(folder);
}
