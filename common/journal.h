/*
 * Journals: JSON objects, one a line, appended by one writer and read while they grow.
 *
 *   events.jsonl    by the worker alone: started, signalled, exit. Every verdict comes from here.
 *   reported.jsonl  by what runs: metric, progress, note, warning, artifact, ... Nothing in it
 * decides a verdict.
 *
 * A writer takes a short write back, so that a full disk leaves no half line. A reader hands out
 * whole lines only and remembers where the next one begins; a torn last line is one that is not
 * there yet, unless nobody is left who could write its end.
 */
#ifndef NIGHTJAR_COMMON_JOURNAL_H
#define NIGHTJAR_COMMON_JOURNAL_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

#define JOURNAL_VERSION 1
#define JOURNAL_LINE_LIMIT (64 * 1024)
#define JOURNAL_FILE_LIMIT (64 * 1024 * 1024)
#define JOURNAL_TAIL_SIZE 32

struct journal_writer {
    int fd;       /* owned; -1: closed */
    int64_t size; /* bytes in the file: where the next line begins */
    int64_t seq;  /* of the last line written; 0: none */
};

/* Opens for appending and makes the file, whose name is durable once its folder was synced; a torn
 * last line of an earlier writer is cut off. */
bool journal_open(int folder, const char *path, struct journal_writer *ret_writer,
                  struct error *error);
void journal_close(struct journal_writer *writer); /* fine on an empty one */
/* Adds "v", "seq" and "t" (wall time in seconds) in front and writes the line. *event is not
 * changed. */
bool journal_append(struct journal_writer *writer, const cJSON *event, struct error *error);
bool journal_sync(struct journal_writer *writer, struct error *error); /* fdatasync */

/* One append of one line to a journal that several programs may write (`$NIGHTJAR_EVENTS`):
 * O_APPEND, one write(2). Refuses lines over JOURNAL_LINE_LIMIT and files over JOURNAL_FILE_LIMIT.
 */
bool journal_report(const char *path, const cJSON *event, struct error *error);

struct journal_reader {
    int fd;               /* owned; -1: not there yet */
    int64_t offset;       /* of the next line */
    int64_t bad_lines;    /* too long, not JSON, not an object: passed over */
    int64_t passed;       /* bytes of a line over the limit whose end is not there yet */
    struct buffer buffer; /* what was read, from `consumed` on not handed out yet */
    size_t consumed;
    bool rewritten;               /* the file was not only appended to */
    char tail[JOURNAL_TAIL_SIZE]; /* the end of the line before `offset`; empty: not known */
    size_t tail_size;
};

/* A missing file is no error: there is nothing to read yet. What is no regular file is INVALID: it
 * could keep the reader waiting. An offset past the end begins again at 0. */
bool journal_reader_open(int folder, const char *path, int64_t offset,
                         struct journal_reader *ret_reader, struct error *error);
void journal_reader_close(struct journal_reader *reader);
/* The next whole line; *ret_event NULL: none (yet). Blank lines are passed over; what lies beyond
 * JOURNAL_FILE_LIMIT is not read; a file that has shrunk or holds something else before the offset
 * is `rewritten` and read again from 0. *ret_offset (may be
 * NULL): where the line begins, which is its unique sequence number in the store. */
bool journal_next(struct journal_reader *reader, cJSON **ret_event, int64_t *ret_offset,
                  struct error *error);
/* As journal_next, of a file that nobody writes any more: its last line needs no newline. */
bool journal_next_of_ended(struct journal_reader *reader, cJSON **ret_event, int64_t *ret_offset,
                           struct error *error);

#endif
