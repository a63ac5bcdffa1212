#include "worker/engine/prepared/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/owner.h"

bool spill_get(int fd, char *data, int64_t size, int64_t offset, struct error *error)
{
    while (size > 0) {
        ssize_t n = pread(fd, data, (size_t)size, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set_errno(error, n < 0 ? errno : EIO, "reading prepared rows");
        data += n;
        size -= n;
        offset += n;
    }
    return true;
}

bool spill_put(int fd, const char *data, int64_t size, int64_t offset, struct error *error)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, (size_t)size, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(error, errno, "writing prepared rows");
        data += n;
        size -= n;
        offset += n;
    }
    return true;
}

void spill_begin_writing(int fd)
{
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* a failure is told by the sync */
}

bool spill_open(struct spill *spill, const char *folder, int64_t n_partitions, int64_t record_size,
                struct error *error)
{
    *spill = (struct spill){.fd = -1, .record_size = record_size, .n_partitions = n_partitions};
    (void)pthread_mutex_init(&spill->lock, NULL);
    spill->partition = calloc((size_t)n_partitions, sizeof(*spill->partition));
    if (!spill->partition)
        return error_set(error, ERROR_NO_MEMORY, "importing data");
    spill->fd = folder ? open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
                       : memfd_create("nightjar-rows", MFD_CLOEXEC);
    return spill->fd >= 0 || error_set_errno(error, errno, "%s", folder ? folder : "rows");
}

void spill_release(struct spill *spill)
{
    for (int64_t i = 0; spill->partition && i < spill->n_partitions; i++)
        free(spill->partition[i].extent);
    free(spill->partition);
    if (spill->fd >= 0)
        (void)close(spill->fd);
    *spill = (struct spill){.fd = -1};
}

static bool add_extent(struct spill_partition *partition, const struct spill_extent *extent)
{
    if (partition->n_extents == partition->capacity) {
        int64_t capacity = partition->capacity * 2 + 16;
        struct spill_extent *larger =
            realloc(partition->extent, (size_t)capacity * sizeof(*larger));

        if (!larger)
            return false;
        partition->extent = larger;
        partition->capacity = capacity;
    }
    partition->extent[partition->n_extents++] = *extent;
    partition->n_records += extent->n;
    return true;
}

bool spill_add(struct spill *spill, int64_t partition, int64_t first_row, const char *records,
               int64_t n, struct error *error)
{
    struct spill_extent extent = {.first_row = first_row, .n = n};
    bool good;

    (void)pthread_mutex_lock(&spill->lock);
    extent.offset = spill->end;
    spill->end += n * spill->record_size;
    good = add_extent(&spill->partition[partition], &extent);
    (void)pthread_mutex_unlock(&spill->lock);
    if (!good)
        return error_set(error, ERROR_NO_MEMORY, "importing data");
    return spill_put(spill->fd, records, n * spill->record_size, extent.offset, error);
}

bool spill_read_extent(const struct spill *spill, const struct spill_extent *extent, char *records,
                       struct error *error)
{
    return spill_get(spill->fd, records, extent->n * spill->record_size, extent->offset, error);
}

static int by_row(const void *left, const void *right)
{
    const struct spill_extent *a = left, *b = right;

    return a->first_row < b->first_row ? -1 : a->first_row > b->first_row;
}

bool spill_read(struct spill *spill, int64_t partition, char *records, struct error *error)
{
    struct spill_partition *part = &spill->partition[partition];

    if (part->n_extents > 0)
        qsort(part->extent, (size_t)part->n_extents, sizeof(*part->extent), by_row);
    for (int64_t i = 0; i < part->n_extents; i++) {
        if (!spill_read_extent(spill, &part->extent[i], records, error))
            return false;
        records += part->extent[i].n * spill->record_size;
    }
    return true;
}
