#include "client/run_log.h"

#include "common/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool run_log_path(const cJSON *experiment, int64_t run, struct buffer *ret_path,
                  struct error *error)
{
    const cJSON *runs = json_member(experiment, "runs"), *entry, *found = NULL;
    long long id = (long long)json_integer(experiment, "id", 0);
    const char *log;

    cJSON_ArrayForEach(entry, runs)
    {
        int64_t number = json_integer(entry, "run", 0);

        if (run ? number == run : !found || number > json_integer(found, "run", 0))
            found = entry;
    }
    if (!found && run)
        return error_set(error, ERROR_NOT_FOUND, "experiment %lld has no run %lld", id,
                         (long long)run);
    if (!found)
        return error_set(error, ERROR_NOT_FOUND, "experiment %lld has not run yet", id);
    log = json_text(found, "log", "");
    if (*log == '/')
        return buffer_append_text(ret_path, log, error);
    return buffer_append_format(ret_path, error, "%s/%s", json_text(experiment, "directory", "."),
                                *log ? log : "log");
}

bool run_log_open(const char *path, struct run_log *ret, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    ret->fd = fd;
    return true;
}

void run_log_close(struct run_log *log)
{
    descriptor_close(&log->fd);
}

bool run_log_copy(struct run_log *log, FILE *out, bool *ret_ends_line, struct error *error)
{
    char data[65536];
    ssize_t size;
    struct stat status;

    /* the worker takes the middle out of a log that grows too long: then the rest is read anew */
    if (fstat(log->fd, &status) == 0 && lseek(log->fd, 0, SEEK_CUR) > status.st_size)
        (void)lseek(log->fd, 0, SEEK_SET);
    while ((size = read(log->fd, data, sizeof(data))) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return error_set_errno(error, errno, "reading the log");
        fwrite(data, 1, (size_t)size, out);
        *ret_ends_line = data[size - 1] == '\n';
    }
    fflush(out);
    return true;
}

bool run_log_seek_tail(struct run_log *log, int64_t n, struct error *error)
{
    off_t end = lseek(log->fd, 0, SEEK_END), at = end;
    char data[16384];

    if (end < 0)
        return error_set_errno(error, errno, "reading the log");
    while (at > 0) {
        size_t wanted = at < (off_t)sizeof(data) ? (size_t)at : sizeof(data);
        ssize_t size = pread(log->fd, data, wanted, at - (off_t)wanted);

        if (size != (ssize_t)wanted)
            return error_set_errno(error, size < 0 ? errno : EIO, "reading the log");
        at -= size;
        for (ssize_t i = size; i-- > 0;) {
            /* the newline that ends the last line begins no other */
            if (data[i] != '\n' || at + i + 1 == end || n-- > 1)
                continue;
            at += i + 1;
            return lseek(log->fd, at, SEEK_SET) == at ||
                   error_set_errno(error, errno, "reading the log");
        }
    }
    return lseek(log->fd, 0, SEEK_SET) == 0 || error_set_errno(error, errno, "reading the log");
}

bool run_log_copy_head(struct run_log *log, int64_t n, FILE *out, struct error *error)
{
    char data[16384];
    ssize_t size;

    while (n > 0 && (size = read(log->fd, data, sizeof(data))) != 0) {
        ssize_t used = 0;

        if (size < 0)
            return error_set_errno(error, errno, "reading the log");
        while (used < size && n > 0)
            n -= data[used++] == '\n';
        fwrite(data, 1, (size_t)used, out);
    }
    return true;
}
