/*
 * A socket that the service manager passed usually lies elsewhere than where clients look (a unit
 * file cannot hash the home's name): then a symbolic link leads from there to it.
 */
#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/owner.h"
#include "common/wire.h"
#include "daemon/machine.h"

#define PASSED_FD 3 /* where the service manager's descriptors begin */
#define BACKLOG 1024
#define LOCK_PATIENCE_MS 500
#define LOCK_RETRY_MS 5

/* What a killed daemon was just starting holds its descriptors until it has executed its program,
 * so a lock that is held counts only when it stays so for a while. */
static bool lock_patiently(int folder, int *ret_fd, struct error *error)
{
    int64_t end_ms = clock_system.monotonic_ms(clock_system.context) + LOCK_PATIENCE_MS;

    while (!file_lock(folder, "daemon.lock", ret_fd, error)) {
        if (error->kind != ERROR_BUSY || clock_system.monotonic_ms(clock_system.context) >= end_ms)
            return false;
        (void)poll(NULL, 0, LOCK_RETRY_MS);
    }
    return true;
}

bool listener_lock_home(const char *home, int *ret_fd, struct error *error)
{
    scoped(descriptor_close) int folder = -1;

    if (!file_make_folders(home, error))
        return false;
    if (machine_path_is_network(home))
        return error_set_at(error, ERROR_INVALID, home,
                            "lies on NFS, where locks cannot be trusted; choose a local folder "
                            "(NIGHTJAR_HOME)");
    folder = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_set_errno(error, errno, "%s", home);
    if (!lock_patiently(folder, ret_fd, error))
        return error->kind == ERROR_BUSY
                   ? error_set_at(error, ERROR_BUSY, home, "another daemon serves this folder")
                   : error_wrap(error, "%s", home);
    return true;
}

/* ---- a socket that was passed ---- */

/* The variables are for us alone, not for what we start. */
static int take_passed(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *n = getenv("LISTEN_FDS");
    bool ours = pid && n && strtol(pid, NULL, 10) == (long)getpid() && strtol(n, NULL, 10) >= 1;

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return ours ? PASSED_FD : -1;
}

static bool check_passed(int fd, struct sockaddr_un *ret_address, struct error *error)
{
    int listening = 0, type = 0;
    socklen_t size = sizeof(listening), address_size = sizeof(*ret_address);

    memset(ret_address, 0, sizeof(*ret_address));
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        getsockname(fd, (struct sockaddr *)ret_address, &address_size) != 0)
        return error_set_errno(error, errno, "the socket that was passed to us");
    if (!listening || type != SOCK_STREAM || ret_address->sun_family != AF_UNIX)
        return error_set(error, ERROR_INVALID,
                         "the socket that was passed to us is no listening Unix stream socket");
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return error_set_errno(error, errno, "the socket that was passed to us");
    return true;
}

/* Whatever lies there belongs to nobody: the daemon's lock is ours. */
static void link_to(const char *target, struct listener *listener, const char *path)
{
    if (target[0] != '/' || strcmp(target, path) == 0)
        return;
    unlink(path);
    if (symlink(target, path) != 0) {
        log_warning("%s: %s; clients need to be told where the socket is", path, strerror(errno));
        return;
    }
    snprintf(listener->path, sizeof(listener->path), "%s", path);
}

static bool use_passed(struct listener *listener, int fd, const char *path, struct error *error)
{
    struct sockaddr_un address;

    if (!check_passed(fd, &address, error))
        return false;
    int code = uv_pipe_open(&listener->pipe, fd);
    if (code != 0)
        return error_set(error, ERROR_IO, "the socket that was passed to us: %s",
                         uv_strerror(code));
    link_to(address.sun_path, listener, path);
    return true;
}

/* ---- a socket of our own ---- */

static bool bind_own(struct listener *listener, const char *path, struct error *error)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return error_set_errno(error, errno, "%s", path);
    int code = uv_pipe_bind(&listener->pipe, path);
    if (code != 0)
        return error_set(error, ERROR_IO, "%s: %s", path, uv_strerror(code));
    snprintf(listener->path, sizeof(listener->path), "%s", path);
    if (chmod(path, 0600) != 0)
        return error_set_errno(error, errno, "%s", path);
    return true;
}

bool listener_open(struct listener *listener, uv_loop_t *loop, const char *home,
                   uv_connection_cb on_connection, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    int passed = take_passed();

    if (!wire_socket_path(home, &path, error))
        return false;
    if (path.size >= sizeof(listener->path))
        return error_set_at(error, ERROR_INVALID, path.data, "is too long for a socket");
    int code = uv_pipe_init(loop, &listener->pipe, 0);
    if (code != 0)
        return error_set(error, ERROR_INTERNAL, "a socket: %s", uv_strerror(code));
    listener->open = true;
    if (passed >= 0 ? !use_passed(listener, passed, path.data, error)
                    : !bind_own(listener, path.data, error))
        return false;
    code = uv_listen((uv_stream_t *)&listener->pipe, BACKLOG, on_connection);
    if (code != 0)
        return error_set(error, ERROR_IO, "%s: %s", path.data, uv_strerror(code));
    return true;
}

void listener_close(struct listener *listener)
{
    if (listener->path[0])
        unlink(listener->path);
    listener->path[0] = 0;
    if (listener->open)
        uv_close((uv_handle_t *)&listener->pipe, NULL);
    listener->open = false;
}
