/*
 * A journal of any bytes that grows in two steps. The reader hands out objects at increasing
 * offsets, the same ones as a reader that comes when all is there; a writer that opens it cuts the
 * torn end off, and what it appends is the last line.
 *
 * Input: the first byte chooses where the second step begins, the rest is the file.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/journal.h"
#include "common/owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct lines {
    int64_t count, last_offset; /* -1: none */
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void read_lines(struct journal_reader *reader, int64_t file_size, struct lines *lines)
{
    for (;;) {
        scoped(json_free) cJSON *event = NULL;
        struct error error;
        int64_t offset = -1;
        must(journal_next(reader, &event, &offset, &error));
        if (!event)
            return;
        must(cJSON_IsObject(event) && offset > lines->last_offset && offset < reader->offset);
        must(reader->offset <= file_size);
        lines->last_offset = offset;
        lines->count++;
    }
}

static void write_bytes(int fd, const uint8_t *data, size_t size)
{
    must(size == 0 || write(fd, data, size) == (ssize_t)size);
}

static void check_readers(int fd, const char *path, const uint8_t *data, size_t size, size_t half)
{
    scoped(journal_reader_close) struct journal_reader early = {.fd = -1};
    scoped(journal_reader_close) struct journal_reader late = {.fd = -1};
    struct lines seen_early = {0, -1}, seen_late = {0, -1};
    struct error error;

    write_bytes(fd, data, half);
    must(journal_reader_open(AT_FDCWD, path, 0, &early, &error));
    read_lines(&early, (int64_t)half, &seen_early);
    write_bytes(fd, data + half, size - half);
    read_lines(&early, (int64_t)size, &seen_early);

    must(journal_reader_open(AT_FDCWD, path, 0, &late, &error));
    read_lines(&late, (int64_t)size, &seen_late);
    must(seen_early.count == seen_late.count && seen_early.last_offset == seen_late.last_offset);
    must(early.bad_lines == late.bad_lines && early.offset == late.offset);
}

static void check_writer(int fd, const char *path)
{
    scoped(journal_close) struct journal_writer writer = {.fd = -1};
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    scoped(json_free) cJSON *event = cJSON_CreateObject();
    scoped(json_free) cJSON *last = NULL;
    struct stat status;
    struct error error;

    must(journal_open(AT_FDCWD, path, &writer, &error));
    must(fstat(fd, &status) == 0 && status.st_size == writer.size);
    int64_t end = writer.size;
    must(journal_append(&writer, event, &error));
    must(journal_reader_open(AT_FDCWD, path, end, &reader, &error));
    must(journal_next(&reader, &last, NULL, &error) && last);
    must(json_integer(last, "seq", -1) == writer.seq && reader.offset == writer.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(descriptor_close) int fd = -1;
    char path[64];

    if (size < 1)
        return 0;
    fd = memfd_create("journal", MFD_CLOEXEC);
    must(fd >= 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    check_readers(fd, path, data + 1, size - 1, (size - 1) * data[0] / 255);
    check_writer(fd, path);
    return 0;
}
