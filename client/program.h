/* Our other programs as filters: text in, lines out, an exit status. */
#ifndef NIGHTJAR_CLIENT_PROGRAM_H
#define NIGHTJAR_CLIENT_PROGRAM_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

#define PROGRAM_LINE_LIMIT (64 * 1024 * 1024)

struct program_reader {
    /* One line of its output, without the newline; false ends it all. */
    bool (*line)(void *context, char *line, size_t size, struct error *error);
    void *context;
};

/* Runs `program` (beside this one, see launch.h) with one argument to its end. `input` goes to its
 * standard input, its standard error is ours. Fails where it cannot be run, is killed by a signal,
 * or the reader fails; its exit status is the caller's to judge. */
bool program_filter(const char *program, const char *argument, const char *input, size_t size,
                    const struct program_reader *reader, int *ret_status, struct error *error);

#endif
