/*
 * What many experiments say: texts that are alike (common/alike.h) are one kind, told once with how
 * often it came, and with the range of each number that differs: "epoch 3 .. 26".
 */
#ifndef NIGHTJAR_DAEMON_REPORT_TEXTS_H
#define NIGHTJAR_DAEMON_REPORT_TEXTS_H

#include "common/error.h"
#include "common/json.h"

struct texts_kind;

struct texts {               /* all-zero is valid and empty */
    struct texts_kind *kind; /* owned */
    size_t n, capacity;
    size_t *slot; /* owned: index + 1 of the kind, by hash; 0: free */
    size_t n_slots;
    int64_t count; /* of all kinds */
};

void texts_release(struct texts *texts);
bool texts_add(struct texts *texts, const char *text, int64_t experiment, struct error *error);
/* Adds `name`, a list of {member: text, count, experiments}, the most frequent first, else as they
 * came; at most `limit` kinds with at most 20 ids each; and `name`_total: {kinds, count} of all. */
bool texts_report(struct texts *texts, const char *name, const char *member, size_t limit,
                  cJSON *object, struct error *error);

#endif
