#include "worker/engine/dataset/source/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "common/owner.h"
#include "common/utf8.h"

#define CHUNK_SIZE ((size_t)256 * 1024)
#define LINE_LIMIT ((size_t)256 * 1024 * 1024)

struct stream {
    char *name;                /* owned */
    gzFile file;               /* NULL: from memory */
    const unsigned char *left; /* borrowed: of the memory */
    size_t n_left;

    char *window; /* owned: bytes of lines that were not handed out yet, from start to end */
    size_t start, end, capacity;
    bool at_end;
    int64_t n_lines; /* handed out */
};

const char *stream_name(const struct stream *stream)
{
    return stream->name;
}

static struct stream *stream_new(const char *name)
{
    struct stream *stream = calloc(1, sizeof(*stream));

    if (stream && !(stream->name = strdup(name)))
        stream_free(&stream);
    return stream;
}

void stream_free(struct stream **stream)
{
    struct stream *gone = *stream;

    if (!gone)
        return;
    if (gone->file)
        (void)gzclose_r(gone->file);
    free(gone->window);
    free(gone->name);
    free(gone);
    *stream = NULL;
}

static bool no_memory(const char *name, struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading %s", name);
}

static bool check_file(const char *path, struct error *error)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return error_set_errno(error, errno, "%s", path);
    if (S_ISDIR(status.st_mode))
        return error_set(error, ERROR_INVALID, "%s: is a folder", path);
    return true;
}

bool stream_open(const char *path, struct stream **ret, struct error *error)
{
    scoped(stream_free) struct stream *stream = NULL;
    size_t size = strlen(path);

    if (!check_file(path, error))
        return false;
    stream = stream_new(path);
    if (!stream)
        return no_memory(path, error);
    stream->file = gzopen(path, "rbe");
    if (!stream->file)
        return error_set_errno(error, errno ? errno : ENOMEM, "%s", path);
    (void)gzbuffer(stream->file, CHUNK_SIZE);
    if (size > 3 && strcmp(path + size - 3, ".gz") == 0 && gzdirect(stream->file))
        return error_set(error, ERROR_CORRUPT, "%s: is not a gzip file", path);
    *ret = take(&stream);
    return true;
}

bool stream_open_memory(const void *data, size_t size, const char *name, struct stream **ret,
                        struct error *error)
{
    struct stream *stream = stream_new(name);

    if (!stream)
        return no_memory(name, error);
    stream->left = data;
    stream->n_left = size;
    *ret = stream;
    return true;
}

/* ---- bytes ------------------------------------------------------------------------------------*/

static bool gzip_failed(const struct stream *stream, struct error *error)
{
    int os_errno = errno;
    int code;
    const char *text = gzerror(stream->file, &code);

    if (code == Z_ERRNO)
        return error_set_errno(error, os_errno, "%s", stream->name);
    if (code == Z_BUF_ERROR)
        return error_set(error, ERROR_CORRUPT, "%s: the gzip file is truncated", stream->name);
    if (code == Z_MEM_ERROR)
        return no_memory(stream->name, error);
    return error_set(error, ERROR_CORRUPT, "%s: the gzip file is damaged: %s", stream->name, text);
}

bool stream_read(struct stream *stream, void *data, size_t room, size_t *ret_size,
                 struct error *error)
{
    int n, code;

    assert(data);
    if (!stream->file) {
        *ret_size = room < stream->n_left ? room : stream->n_left;
        memcpy(data, stream->left, *ret_size);
        stream->left += *ret_size;
        stream->n_left -= *ret_size;
        return true;
    }
    n = gzread(stream->file, data, (unsigned)room);
    if (n < 0)
        return gzip_failed(stream, error);
    /* what follows a torn member reads as an end, and only the state tells */
    if (n == 0 && (gzerror(stream->file, &code), code != Z_OK && code != Z_STREAM_END))
        return gzip_failed(stream, error);
    *ret_size = (size_t)n;
    return true;
}

/* ---- lines ------------------------------------------------------------------------------------*/

/* Brings more bytes behind those of the window, and leaves room for a NUL. */
static bool refill(struct stream *stream, struct error *error)
{
    size_t kept = stream->end - stream->start, got = 0;

    if (stream->window && stream->start > 0 && kept > 0)
        memmove(stream->window, stream->window + stream->start, kept);
    stream->start = 0;
    stream->end = kept;
    if (kept > LINE_LIMIT)
        return error_set(error, ERROR_INVALID, "%s: line %lld: is longer than %zu MiB",
                         stream->name, (long long)stream->n_lines + 1, LINE_LIMIT >> 20);
    if (stream->capacity - kept < CHUNK_SIZE + 1) {
        size_t capacity = stream->capacity * 2 + CHUNK_SIZE * 2;
        char *window = realloc(stream->window, capacity);

        if (!window)
            return no_memory(stream->name, error);
        stream->window = window;
        stream->capacity = capacity;
    }
    if (!stream_read(stream, stream->window + kept, CHUNK_SIZE, &got, error))
        return false;
    stream->end += got;
    stream->at_end = got == 0;
    return true;
}

static bool is_plain_ascii(const char *text, size_t size)
{
    unsigned char any = 0, zero = 0;

    for (size_t i = 0; i < size; i++) {
        any |= (unsigned char)text[i];
        zero |= text[i] == '\0';
    }
    return any < 0x80 && !zero;
}

static bool check_text(const struct stream *stream, const struct line *line, struct error *error)
{
    const char *nul;

    if (is_plain_ascii(line->text, line->size))
        return true;
    nul = memchr(line->text, '\0', line->size);
    if (nul)
        return error_set(error, ERROR_INVALID, "%s: line %lld, byte %lld: a NUL byte", stream->name,
                         (long long)line->number, (long long)(nul - line->text) + 1);
    for (size_t i = 0, n; i < line->size; i += n) {
        n = utf8_size(line->text + i, line->size - i);
        if (n == 0)
            return error_set(error, ERROR_INVALID,
                             "%s: line %lld, byte %zu: invalid UTF-8 (byte 0x%02x)", stream->name,
                             (long long)line->number, i + 1,
                             (unsigned)(unsigned char)line->text[i]);
    }
    return true;
}

/* Hands out the window's first `size` bytes; `end_size` more are the line's end. */
static bool hand_out(struct stream *stream, size_t size, size_t end_size, struct line *line,
                     struct error *error)
{
    char *text = stream->window + stream->start;

    assert(stream->window);
    stream->start += size + end_size;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    if (stream->n_lines == 0 && size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    text[size] = '\0';
    *line = (struct line){.text = text, .size = size, .number = ++stream->n_lines};
    return check_text(stream, line, error);
}

bool stream_next_line(struct stream *stream, struct line *line, bool *ret, struct error *error)
{
    size_t searched = 0;

    for (;;) {
        size_t size = stream->end - stream->start;
        const char *from = size > 0 ? stream->window + stream->start : NULL;
        const char *newline =
            from && size > searched ? memchr(from + searched, '\n', size - searched) : NULL;

        if (newline || (stream->at_end && size > 0)) {
            *ret = true;
            return hand_out(stream, newline ? (size_t)(newline - from) : size, newline ? 1 : 0,
                            line, error);
        }
        if (stream->at_end) {
            *ret = false;
            return true;
        }
        searched = size;
        if (!refill(stream, error))
            return false;
    }
}
