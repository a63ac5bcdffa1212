/*
 * The daemon: one libuv loop, one thread.
 *
 * A turn is what happens between two waits: requests are handled as they are read, then the turn
 * ends in this order: journals of runs are taken in, verdicts decided, what fits is picked; one
 * commit makes all of that durable; replies leave, workers start and stop, watchers are told. What
 * of the daemon's own part fails is undone alone and tried again a second later. If the commit
 * fails every request of the turn gets the error, nothing is half-done, and all that the daemon
 * wanted itself is tried again.
 *
 * Without runs and clients nothing wakes the loop.
 */
#ifndef NIGHTJAR_DAEMON_LOOP_H
#define NIGHTJAR_DAEMON_LOOP_H

#include "common/buffer.h"
#include "common/clock.h"
#include "common/error.h"
#include "daemon/alarm.h"
#include "daemon/backup.h"
#include "daemon/client_session.h"
#include "daemon/executor.h"
#include "daemon/listener.h"
#include "daemon/machine.h"
#include "daemon/notify.h"
#include "daemon/report/report.h"
#include "daemon/reserve.h"
#include "daemon/scheduler.h"
#include "daemon/starter.h"
#include "daemon/store/store.h"
#include "daemon/supervisor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define SESSIONS_LIMIT ((size_t)4096)

struct daemon_options {
    const char *home;           /* absolute */
    const char *programs;       /* the folder with nightjar-worker */
    int64_t slots;              /* 0: what was set before, else one a processor */
    int64_t gpus;               /* -1: as many as there are */
    int64_t disk_reserve_bytes; /* with less free space nothing starts */
};

struct daemon {
    struct daemon_options options; /* borrowed texts */
    uv_loop_t loop;
    struct clock clock;
    struct machine machine;
    struct notify notify;
    struct listener listener;
    int lock_fd; /* owned: <home>/daemon.lock */
    struct store *store;
    struct executor executor;
    struct supervisor *supervisor;
    struct starter starter;
    struct reserve reserve;
    struct backup backup;
    uint64_t backup_asker; /* the session that waits for it; 0: none */
    int64_t started_ms;    /* monotonic */

    struct session_host host;
    struct client_session *sessions; /* owned by the loop; a list */
    size_t files;                    /* descriptors that it may have */
    size_t n_sessions, n_watching, sessions_limit;
    uint64_t last_serial;
    struct buffer greeting;

    uv_check_t check;
    uv_idle_t idle;     /* active: the next wait does not wait */
    struct alarm retry; /* a turn again later: a retry that is due, failed commit, low disk */
    uv_timer_t leave;   /* how long clients get to read their last replies */
    uv_signal_t terminate, interrupt;
    struct request_changes *changes; /* owned: what is done over several turns; nothing starts */
    struct error turn_failure;       /* kind NONE: the turn's transaction is good */
    bool durable;                    /* this turn's transaction is */
    bool decided;                    /* some state may have changed in it */
    bool large;                      /* this turn took much memory: give it back at its end */
    bool late;                       /* the turn before left this one what it wanted done */
    bool stopping;                   /* a turn that ends is the last */
    bool closed;                     /* its handles are closed or closing */
};

bool daemon_open(struct daemon *daemon, const struct daemon_options *options, struct error *error);
/* Until daemon_stop or SIGTERM. Runs go on without it. */
void daemon_run(struct daemon *daemon);
void daemon_close(struct daemon *daemon);

/* ---- for requests ---- */

/* Opens the turn's transaction where none is open. */
bool daemon_begin(struct daemon *daemon, struct error *error);
/* A turn is to end soon. */
void daemon_wake(struct daemon *daemon);
/* Ends after the replies of this turn. */
void daemon_stop(struct daemon *daemon);
void daemon_set_slots(struct daemon *daemon, int64_t slots);
/* While it drains nothing new starts; kept in the store. */
bool daemon_set_draining(struct daemon *daemon, bool draining, struct error *error);
/* What the scheduler sees; *ret_run is what view->run points at: free it with memory_free. */
bool daemon_view(struct daemon *daemon, struct report_view *ret_view,
                 struct scheduler_run **ret_run, struct error *error);
void daemon_count_watchers(struct daemon *daemon); /* after a session began to watch */
/* NULL: it has gone. */
struct client_session *daemon_find_session(struct daemon *daemon, uint64_t serial);
int64_t daemon_wall_ms(const struct daemon *daemon);

#endif
