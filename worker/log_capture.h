/*
 * What a run prints, cut to a size: the head and the tail are kept, and between them one line says
 * how many bytes are missing. Constant memory, whatever is printed. Never fails: what the disk
 * does not take is dropped and counted.
 */
#ifndef NIGHTJAR_WORKER_LOG_CAPTURE_H
#define NIGHTJAR_WORKER_LOG_CAPTURE_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_CAPTURE_MARKER_SIZE 64
#define LOG_CAPTURE_LIMIT_LOW 4096 /* a smaller limit is taken as this */
#define LOG_CAPTURE_RECENT 65536

struct log_capture {
    int fd;            /* owned; -1: everything is dropped */
    int64_t limit;     /* bytes the finished file may have */
    int64_t head;      /* bytes of the head in the file */
    bool head_ended;   /* what comes now belongs to the tail */
    int64_t tail;      /* bytes of the tail in the file */
    bool gap;          /* something was dropped: a marker stands between head and tail */
    bool marked;       /* the marker's room is in the file */
    int64_t total;     /* bytes that were printed */
    char *recent;      /* owned: a ring of the last LOG_CAPTURE_RECENT bytes; NULL: no memory */
    int64_t kept_size; /* of the finished file */
};

/* Makes (or empties) the file. Where that is not possible everything is dropped and counted. */
void log_capture_start(struct log_capture *capture, int folder, const char *path, int64_t limit);
void log_capture_add(struct log_capture *capture, const char *data, size_t size);
/* Cuts the file to its final size and writes the final marker; closes it. */
void log_capture_finish(struct log_capture *capture);
int64_t log_capture_dropped(const struct log_capture *capture);
/* Of a finished one: what the disk did not take of what the limit would have let in. */
int64_t log_capture_lost(const struct log_capture *capture);
/* The last bytes that were printed, whether they are in the file or not, with a NUL behind.
 * *ret_text is the caller's. */
bool log_capture_recent(const struct log_capture *capture, char **ret_text, size_t *ret_size,
                        struct error *error);
void log_capture_release(struct log_capture *capture);

#endif
