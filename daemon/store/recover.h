/*
 * What a run folder tells the queue about an experiment that it does not know, or knows an older
 * state of. Earlier runs are taken in whole; the latest becomes one that may be under way, and the
 * next daemon decides about it as after any restart: it tries the lock and reads the journals.
 */
#ifndef NIGHTJAR_DAEMON_STORE_RECOVER_H
#define NIGHTJAR_DAEMON_STORE_RECOVER_H

#include "common/error.h"
#include "common/json.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* The largest id of an experiment that was ever given out. */
bool store_recover_largest(struct store *store, int64_t *ret_id, struct error *error);
/* Ids up to this one are not given out again. */
bool store_recover_reserve(struct store *store, int64_t id, struct error *error);

struct store_known {
    bool exists;
    int64_t run; /* the latest; 0: none */
};
bool store_recover_known(struct store *store, int64_t experiment, struct store_known *ret_known,
                         struct error *error);
/* A row of its own, and one of its batch where that is not known; `document` is its spec.json.
 * INVALID: the document tells too little. */
bool store_recover_add(struct store *store, const cJSON *document, int64_t created_ms,
                       struct error *error);
/* A row of a run, where there is none. *ret_ended: it was there, with a verdict. */
bool store_recover_run(struct store *store, int64_t experiment, int64_t run, int64_t created_ms,
                       bool *ret_ended, struct error *error);
/* The verdict of a run that was not the latest. `exit` NULL: it was lost. */
bool store_recover_end(struct store *store, int64_t experiment, int64_t run,
                       const struct experiment_exit *exit, struct error *error);
/* `run` is the latest, and may be under way. */
bool store_recover_adopt(struct store *store, int64_t experiment, int64_t run, struct error *error);

#endif
