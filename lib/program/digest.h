/* Internal: SHA-256, by Nettle where the library is built with it. */
#ifndef BNCLI_DIGEST_H
#define BNCLI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define BNCLI_DIGEST_SIZE 32 /* bytes */

typedef struct bncli_bytes {
    const void *at;
    size_t count;
} bncli_bytes;

/* The digest of the pieces, one after another. False, and nothing written, where there is no
   Nettle. */
bool bncli_digest(const bncli_bytes *pieces, size_t count, unsigned char out[BNCLI_DIGEST_SIZE]);

#endif
