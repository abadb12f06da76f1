/* SHA-256 by Nettle, which has no global state and nothing to set up: libcrypto would read its
   configuration first, which takes longer than loading a program does. */
#include "program/digest.h"

#include <stdint.h>

#include <nettle/sha2.h>

bool bncli_digest(const bncli_bytes *pieces, size_t count, unsigned char out[BNCLI_DIGEST_SIZE])
{
    struct sha256_ctx state;
    sha256_init(&state);
    for (size_t i = 0; i < count; ++i)
        sha256_update(&state, pieces[i].count, (const uint8_t *)pieces[i].at);
    sha256_digest(&state, BNCLI_DIGEST_SIZE, out);
    return true;
}
