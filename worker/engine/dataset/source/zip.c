/*
 * A zip archive ends in a directory of its members (APPNOTE.TXT of PKWARE, 4.3): the end record is
 * searched from behind; where its fields are all ones the zip64 record before it holds the true
 * ones.
 */
#include "worker/engine/dataset/source/zip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/owner.h"

#define END_SIZE 22
#define COMMENT_MAX 65535
#define LOCATOR_SIZE 20
#define END64_SIZE 56
#define ENTRY_SIZE 46
#define LOCAL_SIZE 30
#define DIRECTORY_MAX (64 * 1024 * 1024)
#define METHOD_STORED 0
#define METHOD_DEFLATED 8
#define PACKED_CHUNK 65536

struct zip_inflation {
    z_stream stream;
    int64_t at;    /* of the next byte that comes out */
    int64_t taken; /* of the packed ones */
    unsigned char packed[PACKED_CHUNK];
};

static void inflation_free(struct zip_inflation **inflation)
{
    if (*inflation)
        (void)inflateEnd(&(*inflation)->stream);
    free(take(inflation));
}

void zip_member_release(struct zip_member *member)
{
    free(member->name);
    inflation_free(&member->inflation);
    *member = (struct zip_member){0};
}

void zip_list_release(struct zip_list *list)
{
    for (int64_t i = 0; i < list->n; i++)
        zip_member_release(&list->item[i]);
    free(list->item);
    *list = (struct zip_list){0};
}

struct zip_member zip_member_of_file(const char *path, int fd, int64_t size)
{
    return (struct zip_member){.path = path, .fd = fd, .packed_size = size, .size = size};
}

static uint64_t little(const unsigned char *at, int size)
{
    uint64_t value = 0;

    for (int i = size - 1; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

static bool read_exactly(const char *path, int fd, int64_t at, size_t size, void *out,
                         struct error *error)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = pread(fd, (char *)out + got, size - got, at + (int64_t)got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(error, errno, "%s", path);
        if (n == 0)
            return error_set(error, ERROR_CORRUPT, "%s: is truncated", path);
        got += (size_t)n;
    }
    return true;
}

/* ---- the directory ----------------------------------------------------------------------------*/

struct directory {
    const char *path;
    int fd;
    int64_t file_size;
    uint64_t at, size, n; /* of the central directory */
    struct error *error;
};

static bool damaged(const struct directory *directory, const char *why)
{
    return error_set(directory->error, ERROR_CORRUPT, "%s: is no zip archive: %s", directory->path,
                     why);
}

static bool read_end64(struct directory *directory, int64_t end_at)
{
    unsigned char locator[LOCATOR_SIZE], end[END64_SIZE];
    uint64_t at;

    if (end_at < LOCATOR_SIZE ||
        !read_exactly(directory->path, directory->fd, end_at - LOCATOR_SIZE, LOCATOR_SIZE, locator,
                      directory->error))
        return damaged(directory, "its end is damaged");
    at = little(locator + 8, 8);
    if (memcmp(locator, "PK\x06\x07", 4) != 0 || at > (uint64_t)end_at)
        return damaged(directory, "its end is damaged");
    if (!read_exactly(directory->path, directory->fd, (int64_t)at, END64_SIZE, end,
                      directory->error))
        return false;
    directory->n = little(end + 32, 8);
    directory->size = little(end + 40, 8);
    directory->at = little(end + 48, 8);
    return true;
}

static bool find_end(struct directory *directory)
{
    int64_t size = directory->file_size < END_SIZE + COMMENT_MAX ? directory->file_size
                                                                 : END_SIZE + COMMENT_MAX;
    int64_t from = directory->file_size - size;
    scoped(memory_free) unsigned char *tail = malloc((size_t)size + 1);

    if (!tail)
        return error_set(directory->error, ERROR_NO_MEMORY, "reading %s", directory->path);
    if (!read_exactly(directory->path, directory->fd, from, (size_t)size, tail, directory->error))
        return false;
    for (int64_t i = size - END_SIZE; i >= 0; i--) {
        if (memcmp(tail + i, "PK\x05\x06", 4) != 0)
            continue;
        directory->n = little(tail + i + 10, 2);
        directory->size = little(tail + i + 12, 4);
        directory->at = little(tail + i + 16, 4);
        return directory->at != UINT32_MAX || read_end64(directory, from + i);
    }
    return damaged(directory, "it has no end");
}

/* Sizes of 4 GiB and more stand in an extra field. */
static void read_extra(const unsigned char *extra, size_t size, uint64_t *unpacked,
                       uint64_t *packed, uint64_t *local)
{
    uint64_t *const field[] = {unpacked, packed, local};

    for (size_t i = 0; i + 4 <= size; i += 4 + little(extra + i + 2, 2)) {
        size_t at = i + 4, end = at + little(extra + i + 2, 2);

        if (little(extra + i, 2) != 1 || end > size)
            continue;
        for (int j = 0; j < 3; j++)
            if (*field[j] == UINT32_MAX && at + 8 <= end) {
                *field[j] = little(extra + at, 8);
                at += 8;
            }
    }
}

/* Where the member's bytes begin: behind a local header whose size only it knows. */
static bool find_bytes(const struct directory *directory, uint64_t local, struct zip_member *member)
{
    unsigned char header[LOCAL_SIZE];

    if (local > (uint64_t)directory->file_size - LOCAL_SIZE)
        return damaged(directory, "a member lies beyond its end");
    if (!read_exactly(directory->path, directory->fd, (int64_t)local, LOCAL_SIZE, header,
                      directory->error))
        return false;
    if (memcmp(header, "PK\x03\x04", 4) != 0)
        return damaged(directory, "a member's header is damaged");
    member->at = (int64_t)(local + LOCAL_SIZE + little(header + 26, 2) + little(header + 28, 2));
    if (member->packed_size > directory->file_size - member->at)
        return damaged(directory, "a member lies beyond its end");
    return true;
}

static bool read_member(const struct directory *directory, const unsigned char *entry, size_t size,
                        struct zip_member *member, size_t *ret_size)
{
    size_t name, extra;
    uint64_t unpacked, packed, local, method;

    if (size < ENTRY_SIZE || memcmp(entry, "PK\x01\x02", 4) != 0)
        return damaged(directory, "its directory is damaged");
    method = little(entry + 10, 2);
    packed = little(entry + 20, 4);
    unpacked = little(entry + 24, 4);
    name = little(entry + 28, 2);
    extra = little(entry + 30, 2);
    local = little(entry + 42, 4);
    *ret_size = ENTRY_SIZE + name + extra + little(entry + 32, 2);
    if (*ret_size > size)
        return damaged(directory, "its directory is damaged");
    read_extra(entry + ENTRY_SIZE + name, extra, &unpacked, &packed, &local);
    if (little(entry + 8, 2) & 1 || (method != METHOD_STORED && method != METHOD_DEFLATED))
        return damaged(directory, "a member is encrypted or packed in an unknown way");
    if (unpacked > INT64_MAX || packed > (uint64_t)directory->file_size ||
        (method == METHOD_STORED && packed != unpacked))
        return damaged(directory, "a member has a size that cannot be");
    *member = (struct zip_member){
        .name = strndup((const char *)entry + ENTRY_SIZE, name),
        .path = directory->path,
        .fd = directory->fd,
        .packed_size = (int64_t)packed,
        .size = (int64_t)unpacked,
        .deflated = method == METHOD_DEFLATED,
    };
    if (!member->name)
        return error_set(directory->error, ERROR_NO_MEMORY, "reading %s", directory->path);
    return find_bytes(directory, local, member);
}

static bool read_directory(const struct directory *directory, struct zip_list *list)
{
    scoped(memory_free) unsigned char *data = NULL;
    size_t at = 0, size = 0;

    if (directory->size > DIRECTORY_MAX || directory->n > directory->size / ENTRY_SIZE ||
        directory->at > (uint64_t)directory->file_size)
        return damaged(directory, "its directory is damaged");
    data = malloc(directory->size + 1);
    list->item = calloc(directory->n + 1, sizeof(*list->item));
    if (!data || !list->item)
        return error_set(directory->error, ERROR_NO_MEMORY, "reading %s", directory->path);
    if (!read_exactly(directory->path, directory->fd, (int64_t)directory->at, directory->size, data,
                      directory->error))
        return false;
    for (; list->n < (int64_t)directory->n; at += size) {
        list->n++;
        if (!read_member(directory, data + at, directory->size - at, &list->item[list->n - 1],
                         &size))
            return false;
    }
    return true;
}

bool zip_list_read(const char *path, int fd, struct zip_list *ret_list, struct error *error)
{
    struct directory directory = {.path = path, .fd = fd, .error = error};
    struct zip_list list = {0};
    struct stat status;

    if (fstat(fd, &status) != 0)
        return error_set_errno(error, errno, "%s", path);
    directory.file_size = status.st_size;
    if (directory.file_size < END_SIZE)
        return damaged(&directory, "it is too short");
    if (!find_end(&directory) || !read_directory(&directory, &list)) {
        zip_list_release(&list);
        return false;
    }
    *ret_list = list;
    return true;
}

/* ---- bytes ------------------------------------------------------------------------------------*/

static bool begin_inflation(struct zip_member *member, struct error *error)
{
    inflation_free(&member->inflation);
    member->inflation = calloc(1, sizeof(*member->inflation));
    if (!member->inflation || inflateInit2(&member->inflation->stream, -MAX_WBITS) != Z_OK)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", member->path);
    return true;
}

static bool feed(struct zip_member *member, struct error *error)
{
    struct zip_inflation *inflation = member->inflation;
    int64_t left = member->packed_size - inflation->taken;
    size_t n = left < PACKED_CHUNK ? (size_t)left : PACKED_CHUNK;

    if (inflation->stream.avail_in > 0)
        return true;
    if (!read_exactly(member->path, member->fd, member->at + inflation->taken, n, inflation->packed,
                      error))
        return false;
    inflation->taken += (int64_t)n;
    inflation->stream.next_in = inflation->packed;
    inflation->stream.avail_in = (unsigned)n;
    return true;
}

static bool inflate_bytes(struct zip_member *member, void *out, size_t size, struct error *error)
{
    struct zip_inflation *inflation = member->inflation;
    z_stream *stream = &inflation->stream;

    stream->next_out = out;
    stream->avail_out = (unsigned)size;
    while (stream->avail_out > 0) {
        int code;

        if (!feed(member, error))
            return false;
        code = inflate(stream, Z_NO_FLUSH);
        if (code != Z_OK && !(code == Z_STREAM_END && stream->avail_out == 0))
            return error_set(error, ERROR_CORRUPT, "%s: '%s' is damaged", member->path,
                             member->name);
    }
    inflation->at += (int64_t)size;
    return true;
}

static bool skip_to(struct zip_member *member, int64_t at, struct error *error)
{
    char skipped[4096];

    if ((!member->inflation || at < member->inflation->at) && !begin_inflation(member, error))
        return false;
    while (member->inflation->at < at) {
        int64_t left = at - member->inflation->at;

        if (!inflate_bytes(member, skipped,
                           left < (int64_t)sizeof(skipped) ? (size_t)left : sizeof(skipped), error))
            return false;
    }
    return true;
}

bool zip_read(struct zip_member *member, int64_t at, size_t size, void *out, struct error *error)
{
    if (at < 0 || at > member->size || (int64_t)size > member->size - at)
        return error_set(error, ERROR_CORRUPT, "%s: is truncated", member->path);
    if (!member->deflated)
        return read_exactly(member->path, member->fd, member->at + at, size, out, error);
    return skip_to(member, at, error) && inflate_bytes(member, out, size, error);
}
