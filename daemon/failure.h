/*
 * When two failures are the same one: the same exit status and signal, and a message that differs
 * only in what varies by itself. Numbers and long hexadecimal words become `#`, words with a slash
 * become `/`.
 *
 *     ValueError: bad rate 0.031 in /tmp/run-12/a.csv  ->  ValueError: bad rate # in /
 */
#ifndef NIGHTJAR_DAEMON_FAILURE_H
#define NIGHTJAR_DAEMON_FAILURE_H

#include "common/hash.h"
#include "daemon/experiment_state.h"

#include <stddef.h>

/* Cut where it does not fit. */
void failure_fold(const char *message, char *ret_text, size_t size);
const char *failure_fingerprint(const struct experiment_exit *exit,
                                char ret_text[HASH_TEXT_SIZE]); /* returned */

#endif
