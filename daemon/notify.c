/*
 * sd_notify without the library: a datagram of KEY=VALUE lines. An address that begins with @ is
 * abstract, one that begins with / a path; anything else is not ours to use.
 */
#include "daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/owner.h"

static void send_state(const struct notify *notify, const char *state)
{
    if (notify->fd < 0)
        return;
    if (sendto(notify->fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *)&notify->address, notify->size) < 0)
        log_debug("the service manager was not told: %s", strerror(errno));
}

void notify_start(struct notify *ret_notify)
{
    const char *name = getenv("NOTIFY_SOCKET");

    *ret_notify = (struct notify){.fd = -1};
    if (!name)
        return;
    size_t size = strlen(name);
    if ((name[0] == '@' || name[0] == '/') && size < sizeof(ret_notify->address.sun_path)) {
        ret_notify->address.sun_family = AF_UNIX;
        memcpy(ret_notify->address.sun_path, name, size);
        if (name[0] == '@')
            ret_notify->address.sun_path[0] = 0;
        ret_notify->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
        ret_notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    }
    unsetenv("NOTIFY_SOCKET");
}

void notify_ready(const struct notify *notify)
{
    send_state(notify, "READY=1");
}

void notify_stopping(const struct notify *notify)
{
    send_state(notify, "STOPPING=1");
}

void notify_status(struct notify *notify, const char *format, ...)
{
    char text[sizeof(notify->status)];
    char state[sizeof(notify->status) + sizeof("STATUS=")];
    va_list arguments;

    if (notify->fd < 0)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (strcmp(text, notify->status) == 0)
        return;
    snprintf(notify->status, sizeof(notify->status), "%s", text);
    snprintf(state, sizeof(state), "STATUS=%s", text);
    send_state(notify, state);
}

void notify_end(struct notify *notify)
{
    descriptor_close(&notify->fd);
}
