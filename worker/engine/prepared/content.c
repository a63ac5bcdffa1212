#include "worker/engine/prepared/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/owner.h"
#include "worker/engine/prepared/parallel.h"

#define PIECE_BYTES ((int64_t)256 * 1024)
#define PIECES_AT_A_TIME 64
#define HASH_DIGITS (HASH_TEXT_SIZE - 1)

struct content {
    const char *path;
    int fd;
    int64_t bytes;
    char *pieces; /* hash after hash */
};

static int64_t pieces_of(int64_t bytes)
{
    return (bytes + PIECE_BYTES - 1) / PIECE_BYTES;
}

static bool read_piece(const struct content *content, char *piece, int64_t size, int64_t at,
                       struct error *error)
{
    while (size > 0) {
        ssize_t n = pread(content->fd, piece, (size_t)size, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(error, errno, "%s", content->path);
        if (n == 0)
            return error_set(error, ERROR_INVALID, "%s: changed while it was read", content->path);
        piece += n;
        size -= n;
        at += n;
    }
    return true;
}

static bool hash_pieces(void *context, int64_t number, struct error *error)
{
    const struct content *content = context;
    scoped(memory_free) char *piece = malloc((size_t)PIECE_BYTES);
    int64_t first = number * PIECES_AT_A_TIME, n = pieces_of(content->bytes) - first;

    if (!piece)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", content->path);
    for (int64_t i = first; i < first + n && i < first + PIECES_AT_A_TIME; i++) {
        int64_t at = i * PIECE_BYTES, left = content->bytes - at;
        int64_t size = left < PIECE_BYTES ? left : PIECE_BYTES;
        char text[HASH_TEXT_SIZE];

        if (!read_piece(content, piece, size, at, error))
            return false;
        memcpy(content->pieces + i * HASH_DIGITS, hash_text(piece, (size_t)size, text),
               HASH_DIGITS);
    }
    return true;
}

bool content_hash(const char *path, char ret_text[HASH_TEXT_SIZE], struct error *error)
{
    /* a pipe without a writer would block for ever */
    scoped(descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    scoped(memory_free) char *pieces = NULL;
    struct content content = {.path = path, .fd = fd};
    struct stat status;
    int64_t n;

    if (fd < 0 || fstat(fd, &status) != 0)
        return error_set_errno(error, errno, "%s", path);
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID, "%s: only a regular file has a hash", path);
    content.bytes = status.st_size;
    n = pieces_of(content.bytes);
    content.pieces = pieces = malloc((size_t)(n * HASH_DIGITS) + 1);
    if (!pieces)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    if (!parallel_run(parallel_threads(), (n + PIECES_AT_A_TIME - 1) / PIECES_AT_A_TIME,
                      hash_pieces, &content, error))
        return false;
    (void)hash_text(pieces, (size_t)(n * HASH_DIGITS), ret_text);
    return true;
}
