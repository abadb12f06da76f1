/* Internal: the folder of the binary cache. Knows nothing of what its files hold. */
#ifndef BNCLI_CACHE_FOLDER_H
#define BNCLI_CACHE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The folder's path as the environment says: $BNCL_CACHE_DIR, else $XDG_CACHE_HOME/bncl, else
   $HOME/.cache/bncl. NULL where none of them is set to an absolute path, and where memory is
   short. The caller frees it with bncli_free. Looks at no disk. */
char *bncli_cache_folder_path(void);

/* Whether the user wants anything kept there: BNCL_CACHE is not off. */
bool bncli_cache_folder_is_wanted(void);

/* Whether the environment says where it is. */
bool bncli_cache_folder_is_named(void);

/* Whether what was found is this user's alone to change: of any other, nothing is believed. */
bool bncli_cache_folder_is_own(const struct stat *facts);

/* Whether `path` is a folder, itself and no link, and the user's own. */
bool bncli_cache_folder_is_safe(const char *path);

/* Makes the folder, and those it lies in, with permissions 0700, where it is missing. False unless
   it is there now and safe. */
bool bncli_cache_folder_make(const char *path);

/* Removes the files that have not been used for longest, until all together have at most `most`
   bytes, and temporaries that were left behind an hour ago and longer. Files that are not the
   cache's own by their names it leaves alone. */
void bncli_cache_folder_trim(const char *path, uint64_t most);

#endif
