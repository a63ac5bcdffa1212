/*
 * Writing hashes the pieces where they lie as it writes them, one after the other: no copy is made.
 * Reading goes over the file twice, so that a damaged one leaves the state as it was.
 */
#include "worker/engine/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/file.h"
#include "common/owner.h"

#define MAGIC "NJCKPT\r\n"
#define CHUNK_SIZE 65536
#define WRITTEN_PART ((size_t)1 << 20) /* what the near caches hold */

struct header {
    char magic[8];
    uint32_t version;
    uint32_t n_pieces;
    uint64_t configuration;
    char machine[KERNEL_IDENTITY_SIZE];
    uint64_t size;     /* of the whole file */
    uint64_t contents; /* XXH3 of all that follows the header */
    uint64_t own;      /* XXH3 of the header up to here */
};

struct entry { /* of the piece table */
    char name[STATE_NAME_SIZE];
    uint64_t size;
};

static uint64_t own_hash(const struct header *header)
{
    return XXH3_64bits(header, offsetof(struct header, own));
}

static void hash_free(XXH3_state_t **hash)
{
    XXH3_freeState(*hash);
    *hash = NULL;
}

static int fill_table(const struct state *state, struct entry table[STATE_PIECES_MAX])
{
    memset(table, 0, sizeof(*table) * STATE_PIECES_MAX);
    for (int i = 0; i < state->n; i++) {
        memcpy(table[i].name, state->piece[i].name, STATE_NAME_SIZE);
        table[i].size = state->piece[i].size;
    }
    return state->n;
}

/* All but the hashes, which are known when everything is written. */
static struct header begin_header(const struct state *state,
                                  const struct checkpoint_identity *identity)
{
    struct header header = {
        .magic = MAGIC,
        .version = CHECKPOINT_VERSION,
        .n_pieces = (uint32_t)state->n,
        .configuration = identity->configuration,
        .size = sizeof(header) + (size_t)state->n * sizeof(struct entry),
    };

    for (int i = 0; i < state->n; i++)
        header.size += state->piece[i].size;
    (void)snprintf(header.machine, sizeof(header.machine), "%s", identity->machine);
    return header;
}

/* Where all bytes lie now, those of sources too. */
static bool settle(const struct state *state, struct state *ret_settled, struct error *error)
{
    *ret_settled = *state;
    for (int i = 0; i < state->n; i++) {
        struct state_piece *piece = &ret_settled->piece[i];
        const void *data = NULL;

        if (!piece->source.save)
            continue;
        if (!piece->source.save(piece->source.context, &data, &piece->size, error))
            return false;
        memcpy((void *)&piece->data, (const void *)&data, sizeof(data)); /* only read from here */
    }
    return true;
}

/* Hashed while it is near: memory is read once. */
static bool write_hashed(int fd, const void *data, size_t size, XXH3_state_t *hash,
                         struct error *error)
{
    const char *at = data;

    for (size_t part; size > 0; at += part, size -= part) {
        part = size < WRITTEN_PART ? size : WRITTEN_PART;
        XXH3_64bits_update(hash, at, part);
        if (!file_write_whole(fd, at, part, error))
            return false;
    }
    return true;
}

/* The header has its place first and its hashes at last. */
static bool write_contents(int fd, const struct state *state, struct header *header,
                           XXH3_state_t *hash, struct error *error)
{
    struct entry table[STATE_PIECES_MAX];
    size_t table_size = (size_t)fill_table(state, table) * sizeof(*table);

    if (!file_write_whole(fd, header, sizeof(*header), error) ||
        !write_hashed(fd, table, table_size, hash, error))
        return false;
    for (int i = 0; i < state->n; i++)
        if (!write_hashed(fd, state->piece[i].data, state->piece[i].size, hash, error))
            return false;
    header->contents = XXH3_64bits_digest(hash);
    header->own = own_hash(header);
    if (lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(error, errno, "writing a checkpoint");
    return file_write_whole(fd, header, sizeof(*header), error);
}

static bool write_all(const char *path, const struct state *state,
                      const struct checkpoint_identity *identity, struct error *error)
{
    scoped(hash_free) XXH3_state_t *hash = XXH3_createState();
    scoped(descriptor_close) int fd = -1;
    struct header header = begin_header(state, identity);

    if (!hash)
        return error_set(error, ERROR_NO_MEMORY, "hashing a checkpoint");
    XXH3_64bits_reset(hash);
    return file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, &fd, error) &&
           file_take_room(fd, (int64_t)header.size, error) &&
           write_contents(fd, state, &header, hash, error) && file_sync(fd, error);
}

bool checkpoint_write(const char *folder, const char *name, const struct state *state,
                      const struct checkpoint_identity *identity, bool keep_previous,
                      struct error *error)
{
    char path[PATH_MAX], aside[PATH_MAX], previous[PATH_MAX];
    struct error removing;
    struct state settled;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) + 8 > (int)sizeof(path))
        return error_set(error, ERROR_INVALID, "the path of %s is too long", name);
    (void)snprintf(aside, sizeof(aside), "%s.new", path);
    (void)snprintf(previous, sizeof(previous), "%s.1", path);
    if (!settle(state, &settled, error))
        return error_wrap(error, "%s", path);
    if (!write_all(aside, &settled, identity, error) ||
        (keep_previous && file_exists(AT_FDCWD, path) &&
         !file_rename(AT_FDCWD, path, previous, error)) ||
        !file_rename(AT_FDCWD, aside, path, error)) {
        /* On a full disk it would keep from the run's lines what they still could have. */
        (void)file_remove_tree(AT_FDCWD, aside, &removing);
        return error_wrap(error, "%s", path);
    }
    return file_sync_folder(AT_FDCWD, folder, error);
}

/* ---- reading ---- */

/* False without an error where the file ends early. */
static bool read_exactly(int fd, void *data, size_t size)
{
    char *at = data;

    while (size > 0) {
        ssize_t got = read(fd, at, size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static bool check_contents(int fd, const struct header *header, struct error *error)
{
    scoped(hash_free) XXH3_state_t *hash = XXH3_createState();
    uint64_t left = header->size - sizeof(*header);
    char chunk[CHUNK_SIZE];

    if (!hash)
        return error_set(error, ERROR_NO_MEMORY, "hashing a checkpoint");
    XXH3_64bits_reset(hash);
    while (left > 0) {
        size_t n = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);

        if (!read_exactly(fd, chunk, n))
            return error_set(error, ERROR_CORRUPT, "cannot be read to its end");
        XXH3_64bits_update(hash, chunk, n);
        left -= n;
    }
    if (XXH3_64bits_digest(hash) != header->contents)
        return error_set(error, ERROR_CORRUPT, "its checksum does not match");
    return true;
}

static bool check_header(int fd, struct header *ret_header, struct error *error)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return error_set_errno(error, errno, "reading");
    if (!read_exactly(fd, ret_header, sizeof(*ret_header)) ||
        memcmp(ret_header->magic, MAGIC, sizeof(ret_header->magic)) != 0 ||
        ret_header->own != own_hash(ret_header))
        return error_set(error, ERROR_CORRUPT, "is not a whole checkpoint");
    if (ret_header->version != CHECKPOINT_VERSION)
        return error_set(error, ERROR_INVALID, "is of version %" PRIu32 ", not %d",
                         ret_header->version, CHECKPOINT_VERSION);
    if ((uint64_t)status.st_size != ret_header->size || ret_header->size < sizeof(*ret_header))
        return error_set(error, ERROR_CORRUPT, "has %lld bytes instead of %" PRIu64,
                         (long long)status.st_size, ret_header->size);
    return true;
}

/* The pieces have to be the registered ones, in their order; a source's may have any size. */
static bool check_table(int fd, const struct header *header, const struct state *state,
                        struct entry table[STATE_PIECES_MAX], struct error *error)
{
    struct entry expected[STATE_PIECES_MAX];
    size_t size = (size_t)fill_table(state, expected) * sizeof(*expected);
    bool same = header->n_pieces == (uint32_t)state->n &&
                lseek(fd, sizeof(*header), SEEK_SET) >= 0 && read_exactly(fd, table, size);

    for (int i = 0; same && i < state->n; i++) {
        if (state->piece[i].source.load)
            expected[i].size = table[i].size;
        same = memcmp(&table[i], &expected[i], sizeof(table[i])) == 0;
    }
    return same || error_set(error, ERROR_INVALID, "holds the state of another model");
}

static bool changed(struct error *error)
{
    return error_set(error, ERROR_IO, "changed while it was read");
}

static bool load_source(int fd, const struct state_source *source, uint64_t size,
                        struct error *error)
{
    scoped(memory_free) void *data = malloc(size + 1);

    if (!data)
        return error_set(error, ERROR_NO_MEMORY, "reading %" PRIu64 " bytes", size);
    return read_exactly(fd, data, size) ? source->load(source->context, data, size, error)
                                        : changed(error);
}

/* Either the sources' pieces or the others. */
static bool read_pieces(int fd, struct state *state, const struct entry *table, bool sources,
                        struct error *error)
{
    off_t at = (off_t)sizeof(struct header) + (off_t)sizeof(*table) * state->n;

    for (int i = 0; i < state->n; at += (off_t)table[i++].size) {
        const struct state_piece *piece = &state->piece[i];

        if ((piece->source.load != NULL) != sources)
            continue;
        if (lseek(fd, at, SEEK_SET) < 0)
            return changed(error);
        if (sources) {
            if (!load_source(fd, &piece->source, table[i].size, error))
                return false;
        } else if (!read_exactly(fd, piece->data, piece->size)) {
            return changed(error);
        }
    }
    return true;
}

static bool read_checked(int fd, struct state *state, const struct checkpoint_identity *identity,
                         bool *ret_same_machine, struct error *error)
{
    struct entry table[STATE_PIECES_MAX];
    struct header header;

    if (!check_header(fd, &header, error) || !check_contents(fd, &header, error))
        return false;
    if (header.configuration != identity->configuration)
        return error_set(error, ERROR_INVALID, "is of another configuration");
    /* sources first: they may refuse what they are given */
    if (!check_table(fd, &header, state, table, error) ||
        !read_pieces(fd, state, table, true, error) || !read_pieces(fd, state, table, false, error))
        return false;
    *ret_same_machine = strncmp(header.machine, identity->machine, sizeof(header.machine)) == 0;
    return true;
}

bool checkpoint_read(const char *folder, const char *name, struct state *state,
                     const struct checkpoint_identity *identity, bool *ret_same_machine,
                     struct error *error)
{
    scoped(descriptor_close) int fd = -1;
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return error_set(error, ERROR_INVALID, "the path of %s is too long", name);
    if (!file_open(AT_FDCWD, path, O_RDONLY, &fd, error))
        return false;
    return read_checked(fd, state, identity, ret_same_machine, error) ||
           error_wrap(error, "%s", path);
}
