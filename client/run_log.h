/* The log of a run: where it lies, and reading it while it grows. */
#ifndef NIGHTJAR_CLIENT_RUN_LOG_H
#define NIGHTJAR_CLIENT_RUN_LOG_H

#include "client/client.h"
#include "common/buffer.h"

#include <stdio.h>

/* Path of the log of `run` (0: the latest) of what `show` told. NOT_FOUND: it never ran, or not
 * that often. */
bool run_log_path(const cJSON *experiment, int64_t run, struct buffer *ret_path,
                  struct error *error);

struct run_log {
    int fd; /* owned; -1: closed */
};
/* A missing file is NOT_FOUND: cleaned away, or not there yet. */
bool run_log_open(const char *path, struct run_log *ret, struct error *error);
void run_log_close(struct run_log *log); /* fine on a closed one */
/* Copies what is there, from where the last call ended. *ret_ends_line: what was copied last ended
 * in a newline (unchanged where nothing was). */
bool run_log_copy(struct run_log *log, FILE *out, bool *ret_ends_line, struct error *error);
/* Moves to where the last n lines begin. */
bool run_log_seek_tail(struct run_log *log, int64_t n, struct error *error);
/* Copies the first n lines. */
bool run_log_copy_head(struct run_log *log, int64_t n, FILE *out, struct error *error);

#endif
