/*
 * Input and output are moved at the same time, as a program that answers line by line would
 * otherwise stand still once both pipes are full. Input goes through a socket: writing to a program
 * that has ended is then an error of ours and no SIGPIPE.
 */
#include "client/program.h"

#include "client/launch.h"
#include "common/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct filter {
    const char *program;
    const char *input; /* what is still to be written; borrowed */
    size_t size;
    int in, out; /* owned; in is -1 once everything was written */
    struct buffer text;
    size_t scanned; /* bytes of text without a newline */
    const struct program_reader *reader;
    struct error *error;
};

static void filter_release(struct filter *filter)
{
    descriptor_close(&filter->in);
    descriptor_close(&filter->out);
    buffer_release(&filter->text);
}

static bool start(struct filter *filter, const char *path, const char *argument, pid_t *ret_child)
{
    int in[2], out[2];
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0)
        return error_set_errno(filter->error, errno, "running %s", filter->program);
    if (pipe2(out, O_CLOEXEC) != 0) {
        error_set_errno(filter->error, errno, "running %s", filter->program);
        close(in[0]);
        close(in[1]);
        return false;
    }
    child = fork();
    if (child == 0) {
        if (dup2(in[1], 0) >= 0 && dup2(out[1], 1) >= 0)
            execl(path, filter->program, argument, (char *)NULL);
        _exit(127);
    }
    close(in[1]);
    close(out[1]);
    filter->in = in[0];
    filter->out = out[0];
    if (child < 0)
        return error_set_errno(filter->error, errno, "running %s", filter->program);
    *ret_child = child;
    return true;
}

/* A program that does not read to the end has its reasons; its exit status tells them. */
static void write_some(struct filter *filter)
{
    ssize_t n = send(filter->in, filter->input, filter->size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n >= 0) {
        filter->input += n;
        filter->size -= (size_t)n;
    } else if (errno != EAGAIN && errno != EINTR) {
        filter->size = 0;
    }
    if (filter->size == 0)
        descriptor_close(&filter->in);
}

static bool hand_out_lines(struct filter *filter)
{
    char *begin = filter->text.data, *end = begin + filter->text.size;
    char *newline;

    while ((newline =
                memchr(begin + filter->scanned, '\n', (size_t)(end - begin) - filter->scanned))) {
        *newline = '\0';
        if (!filter->reader->line(filter->reader->context, begin, (size_t)(newline - begin),
                                  filter->error))
            return false;
        begin = newline + 1;
        filter->scanned = 0;
    }
    buffer_drop_front(&filter->text, (size_t)(begin - filter->text.data));
    filter->scanned = filter->text.size;
    return true;
}

static bool read_some(struct filter *filter, bool *ret_end)
{
    char chunk[65536];
    ssize_t n = read(filter->out, chunk, sizeof(chunk));

    if (n < 0)
        return errno == EINTR ||
               error_set_errno(filter->error, errno, "reading from %s", filter->program);
    *ret_end = n == 0;
    if (n == 0)
        return true;
    return buffer_append(&filter->text, chunk, (size_t)n, filter->error) && hand_out_lines(filter);
}

static bool move(struct filter *filter)
{
    bool end = false;

    if (filter->size == 0)
        descriptor_close(&filter->in);
    while (!end) {
        struct pollfd wait[2] = {{.fd = filter->out, .events = POLLIN},
                                 {.fd = filter->in, .events = POLLOUT}};

        if (poll(wait, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return error_set_errno(filter->error, errno, "waiting for %s", filter->program);
        }
        if (wait[1].revents)
            write_some(filter);
        if (wait[0].revents && !read_some(filter, &end))
            return false;
    }
    return true;
}

static bool reap(const char *program, pid_t child, int *ret_status, struct error *error)
{
    int status;

    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return error_set_errno(error, errno, "waiting for %s", program);
    }
    if (WIFSIGNALED(status))
        return error_set(error, ERROR_INTERNAL, "%s was ended by signal %d (%s)", program,
                         WTERMSIG(status), strsignal(WTERMSIG(status)));
    *ret_status = WEXITSTATUS(status);
    return true;
}

bool program_filter(const char *program, const char *argument, const char *input, size_t size,
                    const struct program_reader *reader, int *ret_status, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    scoped(filter_release) struct filter filter = {.program = program,
                                                   .input = input,
                                                   .size = size,
                                                   .in = -1,
                                                   .out = -1,
                                                   .reader = reader,
                                                   .error = error};
    struct error ignored;
    pid_t child;

    filter.text.limit = PROGRAM_LINE_LIMIT;
    if (!launch_program_path(program, &path, error))
        return false;
    if (access(path.data, X_OK) != 0)
        return error_set_errno(error, errno, "%s", path.data);
    if (!start(&filter, path.data, argument, &child))
        return false;
    if (!move(&filter)) {
        kill(child, SIGTERM); /* not reaped yet: the id is still its own */
        descriptor_close(&filter.in);
        descriptor_close(&filter.out);
        reap(program, child, ret_status, &ignored);
        return false;
    }
    return reap(program, child, ret_status, error);
}
