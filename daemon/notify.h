/*
 * What the service manager is told (sd_notify's protocol: lines in one datagram to $NOTIFY_SOCKET).
 * Without the variable every call does nothing. Never fails: a daemon that cannot tell goes on.
 */
#ifndef NIGHTJAR_DAEMON_NOTIFY_H
#define NIGHTJAR_DAEMON_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* owned; -1: nobody is to be told */
    struct sockaddr_un address;
    socklen_t size;
    char status[200]; /* what was told last */
};

/* Opens the socket and takes NOTIFY_SOCKET out of the environment, so that no run inherits it. */
void notify_start(struct notify *ret_notify);
void notify_ready(const struct notify *notify);
void notify_stopping(const struct notify *notify);
/* One line for `systemctl status`; the same text again is not sent again. */
__attribute__((format(printf, 2, 3))) void notify_status(struct notify *notify, const char *format,
                                                         ...);
void notify_end(struct notify *notify);

#endif
