/*
 * The file while something runs:
 *
 *     head | tail                  nothing dropped yet
 *     head | marker | tail         afterwards
 *
 * The tail grows to twice what is kept of it; then its newest part is moved down and the file cut.
 * So each byte is copied once at most, the file can be read at any time, and a killed worker leaves
 * a log that is merely longer than it should be.
 *
 * When the disk is full the tail begins again at its own beginning: there the blocks exist already
 * and can be written over. The newest bytes are in memory as well, and go over the tail at the end
 * if the file has fewer.
 */
#include "worker/log_capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/owner.h"

#define COPY_SIZE 65536

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t head_limit(const struct log_capture *capture)
{
    return capture->limit / 2;
}

static int64_t tail_limit(const struct log_capture *capture)
{
    return capture->limit - head_limit(capture) - LOG_CAPTURE_MARKER_SIZE;
}

static int64_t tail_start(const struct log_capture *capture)
{
    return capture->head + (capture->gap ? LOG_CAPTURE_MARKER_SIZE : 0);
}

int64_t log_capture_dropped(const struct log_capture *capture)
{
    return capture->total - capture->head - capture->tail;
}

void log_capture_start(struct log_capture *capture, int folder, const char *path, int64_t limit)
{
    *capture = (struct log_capture){.fd = -1};
    capture->limit = limit < LOG_CAPTURE_LIMIT_LOW ? LOG_CAPTURE_LIMIT_LOW : limit;
    capture->recent = malloc(LOG_CAPTURE_RECENT);
    capture->fd = openat(folder, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

/* Returns how much the disk took; what lies behind it does not matter, sizes are kept here. */
static int64_t write_at(const struct log_capture *capture, int64_t place, const char *data,
                        int64_t size)
{
    int64_t done = 0;

    while (capture->fd >= 0 && done < size) {
        ssize_t n = pwrite(capture->fd, data + done, (size_t)(size - done), place + done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += n;
    }
    return done;
}

static bool write_marker(struct log_capture *capture)
{
    char line[LOG_CAPTURE_MARKER_SIZE + 1];
    int n = snprintf(line, sizeof(line), "\n--- %" PRId64 " bytes dropped ",
                     log_capture_dropped(capture));

    memset(line + n, '-', sizeof(line) - (size_t)n);
    line[LOG_CAPTURE_MARKER_SIZE - 1] = '\n';
    capture->marked =
        write_at(capture, capture->head, line, LOG_CAPTURE_MARKER_SIZE) == LOG_CAPTURE_MARKER_SIZE;
    return capture->marked;
}

/* Copies downwards piece by piece, so that the ranges may overlap. */
static bool move_down(const struct log_capture *capture, int64_t from, int64_t to, int64_t size)
{
    char piece[COPY_SIZE];

    while (size > 0) {
        ssize_t n = pread(capture->fd, piece, (size_t)smaller(size, COPY_SIZE), from);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || write_at(capture, to, piece, n) != n)
            return false;
        from += n;
        to += n;
        size -= n;
    }
    return true;
}

/* Keeps the newest `size` bytes of the tail. If even that fails the tail is given up. */
static void keep_newest(struct log_capture *capture, int64_t size)
{
    int64_t from = tail_start(capture) + capture->tail - size;
    bool kept = false;

    capture->gap = true;
    /* the first time the marker takes room from the oldest bytes, which are dropped anyhow */
    if (from >= tail_start(capture))
        kept = move_down(capture, from, tail_start(capture), size);
    capture->tail = kept ? size : 0;
    (void)write_marker(capture);
}

/* Whether the marker could be put where it has to be before a tail can follow it. */
static bool ready_for_tail(struct log_capture *capture)
{
    return !capture->gap || capture->marked || write_marker(capture);
}

/* Begins the tail again over the blocks that it has, with the newest bytes that fit. */
static void restart_tail(struct log_capture *capture, const char *data, int64_t size)
{
    int64_t room = 0;

    capture->tail = 0;
    capture->gap = true;
    if (!write_marker(capture))
        return;
    room = write_at(capture, tail_start(capture), data, size);
    if (room < size)
        room = write_at(capture, tail_start(capture), data + size - room, room);
    capture->tail = room;
}

static void add_to_tail(struct log_capture *capture, const char *data, int64_t size)
{
    int64_t limit = tail_limit(capture);

    if (size > limit) {
        data += size - limit;
        size = limit;
        capture->gap = true;
        capture->tail = 0;
    }
    if (capture->tail + size > 2 * limit + LOG_CAPTURE_MARKER_SIZE)
        keep_newest(capture, limit);
    if (ready_for_tail(capture) &&
        write_at(capture, tail_start(capture) + capture->tail, data, size) == size)
        capture->tail += size;
    else
        restart_tail(capture, data, size);
}

static int64_t add_to_head(struct log_capture *capture, const char *data, int64_t size)
{
    int64_t wanted = smaller(size, head_limit(capture) - capture->head);
    int64_t n = write_at(capture, capture->head, data, wanted);

    capture->head += n;
    if (n < wanted)
        capture->gap = true;
    capture->head_ended = n < wanted || capture->head == head_limit(capture);
    return n;
}

static void remember(struct log_capture *capture, const char *data, size_t size)
{
    int64_t place = capture->total;

    if (size > LOG_CAPTURE_RECENT) {
        place += (int64_t)(size - LOG_CAPTURE_RECENT);
        data += size - LOG_CAPTURE_RECENT;
        size = LOG_CAPTURE_RECENT;
    }
    while (capture->recent && size > 0) {
        size_t at = (size_t)(place % LOG_CAPTURE_RECENT);
        size_t n = size < LOG_CAPTURE_RECENT - at ? size : LOG_CAPTURE_RECENT - at;

        memcpy(capture->recent + at, data, n);
        data += n;
        size -= n;
        place += (int64_t)n;
    }
}

void log_capture_add(struct log_capture *capture, const char *data, size_t size)
{
    int64_t n = 0;

    remember(capture, data, size);
    capture->total += (int64_t)size;
    if (!capture->head_ended)
        n = add_to_head(capture, data, (int64_t)size);
    if (n < (int64_t)size)
        add_to_tail(capture, data + n, (int64_t)size - n);
}

bool log_capture_recent(const struct log_capture *capture, char **ret_text, size_t *ret_size,
                        struct error *error)
{
    size_t size = capture->recent ? (size_t)smaller(capture->total, LOG_CAPTURE_RECENT) : 0;
    size_t start = (size_t)((capture->total - (int64_t)size) % LOG_CAPTURE_RECENT);
    size_t first = size < LOG_CAPTURE_RECENT - start ? size : LOG_CAPTURE_RECENT - start;
    char *text = malloc(size + 1);

    if (!text)
        return error_set(error, ERROR_NO_MEMORY, "reading the end of the log");
    if (size > 0) {
        memcpy(text, capture->recent + start, first);
        memcpy(text + first, capture->recent, size - first);
    }
    text[size] = '\0';
    *ret_text = text;
    *ret_size = size;
    return true;
}

/* Memory holds all that is missing, and there is room for it: then nothing was dropped after all.
 */
static bool close_gap(struct log_capture *capture, const char *text, int64_t size)
{
    int64_t missing = capture->total - capture->head;

    if (missing > size || capture->total > capture->limit)
        return false;
    if (write_at(capture, capture->head, text + size - missing, missing) != missing)
        return false;
    capture->gap = false;
    capture->tail = missing;
    return true;
}

/* After a full disk memory may know more of the end than the file does. */
static void recall(struct log_capture *capture)
{
    scoped(memory_free) char *text = NULL;
    size_t size = 0;
    int64_t wanted = 0;
    struct error error;

    if (!log_capture_recent(capture, &text, &size, &error))
        return;
    wanted = smaller(smaller(tail_limit(capture), capture->total - capture->head), (int64_t)size);
    if (capture->tail < wanted && !close_gap(capture, text, (int64_t)size))
        restart_tail(capture, text + (int64_t)size - wanted, wanted);
}

void log_capture_finish(struct log_capture *capture)
{
    if (capture->fd < 0)
        return;
    if (capture->gap)
        recall(capture);
    if (capture->gap ? capture->tail > tail_limit(capture) : capture->total > capture->limit)
        keep_newest(capture, tail_limit(capture));
    if (capture->gap && !write_marker(capture))
        capture->tail = 0;
    capture->kept_size = capture->head;
    if (!capture->gap || capture->marked)
        capture->kept_size = tail_start(capture) + capture->tail;
    if (ftruncate(capture->fd, capture->kept_size) != 0)
        capture->kept_size = lseek(capture->fd, 0, SEEK_END);
    descriptor_close(&capture->fd);
}

int64_t log_capture_lost(const struct log_capture *capture)
{
    return smaller(capture->total, capture->limit) - capture->kept_size;
}

void log_capture_release(struct log_capture *capture)
{
    descriptor_close(&capture->fd);
    memory_free(&capture->recent);
}
