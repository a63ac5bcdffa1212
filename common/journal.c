/*
 * Journals, written and read.
 *
 * Writer: the file ends where the last line that was written whole ends; what a failed write left
 * behind is cut off before the next one. Reader: the file from `offset` on is what has not been
 * handed out; the part of a line whose end is not there is read again next time, because its writer
 * may take it back. Once there is no writer any more it is a line like the others.
 */
#include "common/journal.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/owner.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK (64 * 1024)
#define SEQ_LIMIT ((int64_t)1 << 52) /* a larger one is nothing that a writer of ours wrote */

/* ---- writing ---- */

/* Reads what is there: how far whole lines go, and the number of the last one. */
static bool find_end(int folder, const char *path, struct journal_writer *writer,
                     struct error *error)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};

    if (!journal_reader_open(folder, path, 0, &reader, error))
        return false;
    for (;;) {
        scoped(json_free) cJSON *event = NULL;
        if (!journal_next(&reader, &event, NULL, error))
            return false;
        if (!event)
            break;
        int64_t seq = json_integer(event, "seq", 0);
        if (seq > writer->seq && seq < SEQ_LIMIT)
            writer->seq = seq;
    }
    writer->size = reader.offset;
    return true;
}

/* Cuts off what lies beyond the last whole line. */
static bool cut_torn_line(struct journal_writer *writer, struct error *error)
{
    struct stat status;

    if (fstat(writer->fd, &status) < 0)
        return error_set_errno(error, errno, "journal");
    if (status.st_size > writer->size && !file_truncate(writer->fd, writer->size, error))
        return false;
    if (status.st_size < writer->size)
        writer->size = status.st_size;
    return true;
}

bool journal_open(int folder, const char *path, struct journal_writer *ret_writer,
                  struct error *error)
{
    scoped(journal_close) struct journal_writer writer = {.fd = -1};

    if (!file_open(folder, path, O_RDWR | O_APPEND | O_CREAT, &writer.fd, error))
        return false;
    if (!find_end(folder, path, &writer, error))
        return false;
    if (!cut_torn_line(&writer, error))
        return error_wrap(error, "%s", path);
    *ret_writer = writer;
    writer.fd = -1;
    return true;
}

void journal_close(struct journal_writer *writer)
{
    descriptor_close(&writer->fd);
}

/* The line without its newline is `event` with three members in front of its own. */
static bool print_line(const struct journal_writer *writer, const cJSON *event, struct buffer *line,
                       struct error *error)
{
    scoped(buffer_release) struct buffer members = {0};
    int64_t now_ms = clock_system.wall_ms(clock_system.context);

    return json_print(event, &members, error) &&
           buffer_append_format(line, error,
                                "{\"v\":%d,\"seq\":%" PRId64 ",\"t\":%" PRId64 ".%03d%s%s\n",
                                JOURNAL_VERSION, writer->seq + 1, now_ms / 1000,
                                (int)(now_ms % 1000), event->child ? "," : "", members.data + 1);
}

bool journal_append(struct journal_writer *writer, const cJSON *event, struct error *error)
{
    scoped(buffer_release) struct buffer line = {0};

    assert(cJSON_IsObject(event) && !json_member(event, "seq") && !json_member(event, "t"));
    if (!print_line(writer, event, &line, error))
        return false;
    if (line.size > JOURNAL_LINE_LIMIT)
        return error_set(error, ERROR_INVALID, "an event of %zu bytes; a journal takes %d",
                         line.size, JOURNAL_LINE_LIMIT);
    if (!cut_torn_line(writer, error) || !file_write_whole(writer->fd, line.data, line.size, error))
        return error_wrap(error, "journal");
    writer->size += (int64_t)line.size;
    writer->seq++;
    return true;
}

bool journal_sync(struct journal_writer *writer, struct error *error)
{
    return file_sync_data(writer->fd, error) || error_wrap(error, "journal");
}

/* Whether the last writer left half a line: ours then begins with a newline. */
static bool ends_within_line(int fd, int64_t size)
{
    char last;

    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

bool journal_report(const char *path, const cJSON *event, struct error *error)
{
    scoped(descriptor_close) int fd = -1;
    scoped(buffer_release) struct buffer line = {0};
    struct stat status;

    if (!file_open(AT_FDCWD, path, O_RDWR | O_APPEND | O_CREAT, &fd, error))
        return false;
    if (fstat(fd, &status) < 0)
        return error_set_errno(error, errno, "%s", path);
    if (ends_within_line(fd, status.st_size) && !buffer_append(&line, "\n", 1, error))
        return false;
    size_t start = line.size;
    if (!json_print(event, &line, error) || !buffer_append(&line, "\n", 1, error))
        return false;
    if (line.size - start > JOURNAL_LINE_LIMIT)
        return error_set(error, ERROR_INVALID, "an event of %zu bytes; a journal takes %d",
                         line.size - start, JOURNAL_LINE_LIMIT);
    if (status.st_size + (int64_t)line.size > JOURNAL_FILE_LIMIT)
        return error_set(error, ERROR_NO_SPACE, "%s: a journal holds at most %d bytes", path,
                         JOURNAL_FILE_LIMIT);
    return file_write_line(fd, line.data, line.size, error) || error_wrap(error, "%s", path);
}

/* ---- reading ---- */

static void begin_again(struct journal_reader *reader)
{
    reader->offset = 0;
    reader->passed = 0;
    reader->tail_size = 0;
    reader->rewritten = true;
}

static void remember_tail(struct journal_reader *reader, const char *line, size_t size)
{
    reader->tail_size = size < sizeof(reader->tail) ? size : sizeof(reader->tail);
    memcpy(reader->tail, line + size - reader->tail_size, reader->tail_size);
}

/* Does something else stand there now than what was read? */
static bool has_other_tail(const struct journal_reader *reader)
{
    char tail[sizeof(reader->tail)];
    ssize_t got;

    if (reader->tail_size == 0)
        return false;
    got = pread(reader->fd, tail, reader->tail_size, reader->offset - (int64_t)reader->tail_size);
    return got >= 0 &&
           ((size_t)got < reader->tail_size || memcmp(tail, reader->tail, (size_t)got) != 0);
}

bool journal_reader_open(int folder, const char *path, int64_t offset,
                         struct journal_reader *ret_reader, struct error *error)
{
    struct journal_reader reader = {.fd = -1, .offset = offset < 0 ? 0 : offset};
    struct stat status;

    if (!file_open(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &reader.fd, error)) {
        if (error->kind != ERROR_NOT_FOUND)
            return false;
    } else if (fstat(reader.fd, &status) < 0) {
        error_set_errno(error, errno, "%s", path);
        journal_reader_close(&reader);
        return false;
    } else if (!S_ISREG(status.st_mode)) {
        journal_reader_close(&reader);
        return error_set(error, ERROR_INVALID, "%s is no regular file", path);
    } else if (reader.offset > status.st_size) {
        begin_again(&reader);
    }
    *ret_reader = reader;
    return true;
}

void journal_reader_close(struct journal_reader *reader)
{
    descriptor_close(&reader->fd);
    buffer_release(&reader->buffer);
    reader->consumed = 0;
    reader->passed = 0;
}

static void forget_buffer(struct journal_reader *reader)
{
    buffer_clear(&reader->buffer);
    reader->consumed = 0;
}

/* Reads on behind what the buffer holds. *ret_more false: there is nothing more. */
static bool read_more(struct journal_reader *reader, bool *ret_more, struct error *error)
{
    size_t held;
    ssize_t got;

    buffer_drop_front(&reader->buffer, reader->consumed);
    reader->consumed = 0;
    held = reader->buffer.size;
    if (held == 0 && reader->passed == 0 && has_other_tail(reader))
        begin_again(reader);
    int64_t position = reader->offset + reader->passed + (int64_t)held;
    int64_t room = JOURNAL_FILE_LIMIT - position;
    if (room > READ_CHUNK)
        room = READ_CHUNK;
    *ret_more = false;
    if (room <= 0)
        return true;
    if (!buffer_reserve(&reader->buffer, (size_t)room, error))
        return false;
    do
        got = pread(reader->fd, reader->buffer.data + held, (size_t)room, position);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set_errno(error, errno, "journal");
    reader->buffer.size += (size_t)got;
    reader->buffer.data[reader->buffer.size] = '\0';
    *ret_more = got > 0;
    return true;
}

/* At the end of the file: drops what may be taken back, and begins again where the file was cut. */
static bool settle_at_end(struct journal_reader *reader, struct error *error)
{
    struct stat status;

    forget_buffer(reader);
    if (fstat(reader->fd, &status) < 0)
        return error_set_errno(error, errno, "journal");
    if (status.st_size < reader->offset + reader->passed)
        reader->passed = 0;
    if (status.st_size < reader->offset)
        begin_again(reader);
    return true;
}

/* What the buffer holds behind the last newline, as a line; *ret_line NULL: nothing, or a line over
 * the limit, or the file goes on where nothing is read. */
static bool take_rest(struct journal_reader *reader, const char **ret_line, size_t *ret_size,
                      struct error *error)
{
    size_t size = reader->buffer.size - reader->consumed;
    struct stat status;

    *ret_line = NULL;
    if (fstat(reader->fd, &status) < 0)
        return error_set_errno(error, errno, "journal");
    if (status.st_size != reader->offset + reader->passed + (int64_t)size)
        return settle_at_end(reader, error);
    reader->bad_lines += reader->passed > 0;
    reader->offset = status.st_size;
    reader->passed = 0;
    reader->tail_size = 0;
    if (size > 0)
        *ret_line = reader->buffer.data + reader->consumed;
    *ret_size = size;
    reader->consumed += size;
    return true;
}

/* The next whole line of the file in the buffer, of at most JOURNAL_LINE_LIMIT bytes; *ret_line
 * NULL: there is none. `ended`: nobody writes any more, what has no newline is whole too. */
static bool next_line(struct journal_reader *reader, bool ended, const char **ret_line,
                      size_t *ret_size, struct error *error)
{
    size_t scanned = 0;
    bool more = true;

    while (more) {
        const char *start = reader->buffer.data ? reader->buffer.data + reader->consumed : "";
        size_t size = reader->buffer.size - reader->consumed;
        const char *newline = size > scanned ? memchr(start + scanned, '\n', size - scanned) : NULL;
        if (newline)
            size = (size_t)(newline - start) + 1;
        if (size > JOURNAL_LINE_LIMIT || (reader->passed > 0 && size > 0)) {
            reader->passed += (int64_t)size;
            reader->consumed += size;
            size = 0;
            if (newline) {
                reader->offset += reader->passed;
                reader->passed = 0;
                reader->tail_size = 0;
                reader->bad_lines++;
                scanned = 0;
                continue;
            }
        }
        if (newline) {
            reader->consumed += size;
            reader->offset += (int64_t)size;
            remember_tail(reader, start, size);
            *ret_line = start;
            *ret_size = size;
            return true;
        }
        scanned = size;
        if (!read_more(reader, &more, error))
            return false;
    }
    if (ended)
        return take_rest(reader, ret_line, ret_size, error);
    *ret_line = NULL;
    return settle_at_end(reader, error);
}

static bool is_blank(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r' && line[i] != '\n')
            return false;
    return true;
}

static bool next_event(struct journal_reader *reader, bool ended, cJSON **ret_event,
                       int64_t *ret_offset, struct error *error)
{
    const char *line = NULL;
    size_t size;

    for (;;) {
        scoped(json_free) cJSON *event = NULL;
        if (reader->fd >= 0 && !next_line(reader, ended, &line, &size, error))
            return false;
        if (!line) {
            *ret_event = NULL;
            return true;
        }
        if (is_blank(line, size))
            continue;
        if (!json_parse(line, size, &event, error) && error->kind == ERROR_NO_MEMORY) {
            /* the line was not handed out */
            forget_buffer(reader);
            reader->offset -= (int64_t)size;
            return false;
        }
        if (!cJSON_IsObject(event)) {
            reader->bad_lines++;
            continue;
        }
        if (ret_offset)
            *ret_offset = reader->offset - (int64_t)size;
        *ret_event = take(&event);
        return true;
    }
}

bool journal_next(struct journal_reader *reader, cJSON **ret_event, int64_t *ret_offset,
                  struct error *error)
{
    return next_event(reader, false, ret_event, ret_offset, error);
}

bool journal_next_of_ended(struct journal_reader *reader, cJSON **ret_event, int64_t *ret_offset,
                           struct error *error)
{
    return next_event(reader, true, ret_event, ret_offset, error);
}
