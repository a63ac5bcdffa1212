/*
 * Commands that run when a batch has ended (on_finish): planned within the transaction that ends
 * it, started once that is committed. What they print is kept in <home>/on_finish/<batch>.log.
 */
#ifndef NIGHTJAR_DAEMON_FINISHER_H
#define NIGHTJAR_DAEMON_FINISHER_H

#include <uv.h>

#include "common/error.h"
#include "daemon/executor.h"
#include "daemon/store/store.h"

struct finish;

struct finisher {                     /* zero but for the borrowed: nothing planned */
    uv_loop_t *loop;                  /* borrowed */
    const struct executor *executor;  /* borrowed */
    const char *home;                 /* borrowed */
    struct finish *planned, *running; /* owned */
};

/* Takes what *batch owns. */
bool finisher_plan(struct finisher *finisher, struct store_ended_batch *batch, struct error *error);
/* The transaction was rolled back. */
void finisher_forget(struct finisher *finisher);
/* It was committed. One that cannot be started is logged: nothing else depends on it. */
void finisher_start(struct finisher *finisher);
/* Those that run go on; their handles are closed by the loop's next turn. */
void finisher_close(struct finisher *finisher);

#endif
