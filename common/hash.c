/* Content hashes by XXH3, written as XXH's canonical (big-endian) form in hex. */
#include "common/hash.h"

#include "common/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define READ_CHUNK (256 * 1024)

static void state_free(XXH3_state_t **state)
{
    XXH3_freeState(*state);
    *state = NULL;
}

const char *hash_digits(const unsigned char *byte, size_t n, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        ret_text[2 * i] = digits[byte[i] >> 4];
        ret_text[2 * i + 1] = digits[byte[i] & 15];
    }
    ret_text[2 * n] = '\0';
    return ret_text;
}

static const char *write_hex(XXH128_hash_t hash, char ret_text[HASH_TEXT_SIZE])
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, hash);
    return hash_digits(canonical.digest, sizeof(canonical.digest), ret_text);
}

uint64_t hash_bytes(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

const char *hash_text(const void *data, size_t size, char ret_text[HASH_TEXT_SIZE])
{
    return write_hex(XXH3_128bits(data, size), ret_text);
}

bool hash_file(const char *path, char ret_text[HASH_TEXT_SIZE], struct error *error)
{
    /* a pipe without a writer would block for ever */
    scoped(descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    scoped(state_free) XXH3_state_t *state = NULL;
    scoped(memory_free) void *chunk = NULL;

    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    if (fstat(fd, &status) < 0)
        return error_set_errno(error, errno, "%s", path);
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID, "%s: only a regular file has a hash", path);
    state = XXH3_createState();
    chunk = malloc(READ_CHUNK);
    if (!state || !chunk || XXH3_128bits_reset(state) != XXH_OK)
        return error_set(error, ERROR_NO_MEMORY, "%s: out of memory", path);
    for (;;) {
        ssize_t got = read(fd, chunk, READ_CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, errno, "%s", path);
        if (got == 0)
            break;
        XXH3_128bits_update(state, chunk, (size_t)got);
    }
    write_hex(XXH3_128bits_digest(state), ret_text);
    return true;
}
