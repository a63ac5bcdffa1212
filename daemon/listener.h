/*
 * The socket that clients find: one passed by the service manager (LISTEN_FDS), else our own, made
 * 0600 at the place that wire_socket_path names. The daemon's lock is held before either.
 */
#ifndef NIGHTJAR_DAEMON_LISTENER_H
#define NIGHTJAR_DAEMON_LISTENER_H

#include "common/error.h"

#include <stdbool.h>
#include <uv.h>

struct listener {
    uv_pipe_t pipe;
    char path[108]; /* what is to be unlinked at the end; "": nothing */
    bool open;
};

bool listener_open(struct listener *listener, uv_loop_t *loop, const char *home,
                   uv_connection_cb on_connection, struct error *error);
/* Takes no more connections; the handle closes in the loop. */
void listener_close(struct listener *listener);

/* Makes the home folder (0700), refuses one on NFS, and takes <home>/daemon.lock. BUSY: another
 * daemon has it. */
bool listener_lock_home(const char *home, int *ret_fd, struct error *error);

#endif
