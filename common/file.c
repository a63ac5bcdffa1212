/*
 * Files that survive.
 *
 * A replacement is written aside as <path>.new, which stays locked meanwhile: what a killed process
 * left there is used again, and whoever finds it locked writes to a name of his own.
 */
#include "common/file.h"

#include "common/buffer.h"
#include "common/owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0600
#define FOLDER_MODE 0700
#define READ_CHUNK (64 * 1024)
#define TREE_DEPTH_LIMIT 256 /* folders within folders: each level holds a descriptor */
#define LOCK_ATTEMPTS 16

/* ---- the system ---- */

static int real_open(int folder, const char *path, int flags, mode_t mode)
{
    return openat(folder, path, flags | O_CLOEXEC, mode);
}

static ssize_t real_write(int fd, const void *data, size_t size)
{
    return write(fd, data, size);
}

static int real_take_room(int fd, off_t size)
{
    return fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size);
}

static int real_rename(int folder, const char *from, const char *to)
{
    return renameat(folder, from, folder, to);
}

const struct file_system file_system_real = {
    .open = real_open,
    .write = real_write,
    .fsync = fsync,
    .fdatasync = fdatasync,
    .truncate = ftruncate,
    .take_room = real_take_room,
    .rename = real_rename,
    .unlink = unlinkat,
    .mkdir = mkdirat,
};

static const struct file_system *file_system = &file_system_real;

const struct file_system *file_system_use(const struct file_system *system)
{
    const struct file_system *before = file_system;

    file_system = system;
    return before;
}

static int open_file(int folder, const char *path, int flags)
{
    int fd;

    do
        fd = file_system->open(folder, path, flags | O_CLOEXEC, FILE_MODE);
    while (fd < 0 && errno == EINTR);
    return fd;
}

bool file_open(int folder, const char *path, int flags, int *ret_fd, struct error *error)
{
    int fd = open_file(folder, path, flags);

    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    *ret_fd = fd;
    return true;
}

/* ---- reading ---- */

static bool read_all(int fd, struct buffer *buffer, struct error *error)
{
    for (;;) {
        size_t room = buffer->limit - buffer->size < READ_CHUNK ? buffer->limit - buffer->size
                                                                : (size_t)READ_CHUNK;
        if (room == 0)
            return error_set(error, ERROR_INVALID, "larger than %zu bytes", buffer->limit - 1);
        if (!buffer_reserve(buffer, room, error))
            return false;
        ssize_t got = read(fd, buffer->data + buffer->size, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, errno, "reading");
        buffer->size += (size_t)got;
        buffer->data[buffer->size] = '\0';
        if (got == 0)
            return true;
    }
}

bool file_read(int folder, const char *path, size_t limit, char **ret_data, size_t *ret_size,
               struct error *error)
{
    scoped(descriptor_close) int fd = open_file(folder, path, O_RDONLY);
    scoped(buffer_release) struct buffer buffer = {.limit = limit + 1};
    size_t size;

    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    if (!read_all(fd, &buffer, error))
        return error_wrap(error, "%s", path);
    size = buffer.size;
    char *data = buffer_take(&buffer);
    if (!data)
        return error_set(error, ERROR_NO_MEMORY, "%s: out of memory", path);
    *ret_data = data;
    if (ret_size)
        *ret_size = size;
    return true;
}

bool file_exists(int folder, const char *path)
{
    return faccessat(folder, path, F_OK, 0) == 0;
}

/* ---- writing ---- */

/* Where the next write goes; -1: nowhere that one could go back to (a pipe). */
static off_t write_position(int fd)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0 && flags & O_APPEND && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return status.st_size;
    return lseek(fd, 0, SEEK_CUR);
}

static int truncate_file(int fd, off_t size)
{
    int result;

    do
        result = file_system->truncate(fd, size);
    while (result < 0 && errno == EINTR);
    return result;
}

bool file_truncate(int fd, int64_t size, struct error *error)
{
    return truncate_file(fd, size) == 0 || error_set_errno(error, errno, "truncating");
}

bool file_take_room(int fd, int64_t size, struct error *error)
{
    int status;

    do
        status = file_system->take_room(fd, size);
    while (status < 0 && errno == EINTR);
    if (status == 0 || (errno != ENOSPC && errno != EDQUOT))
        return true;
    return error_set_errno(error, errno, "room for %" PRId64 " bytes", size);
}

static void take_back(int fd, off_t start)
{
    /* a failure here is the caller's to notice: the file is longer than he knows it to be */
    if (start >= 0 && truncate_file(fd, start) == 0)
        lseek(fd, start, SEEK_SET);
}

bool file_write_whole(int fd, const void *data, size_t size, struct error *error)
{
    const char *at = data;
    off_t start = write_position(fd);

    while (size > 0) {
        ssize_t written = file_system->write(fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            int os_errno = written < 0 ? errno : EIO;
            take_back(fd, start);
            return error_set_errno(error, os_errno, "writing");
        }
        at += written;
        size -= (size_t)written;
    }
    return true;
}

bool file_write_line(int fd, const char *line, size_t size, struct error *error)
{
    ssize_t written;

    do
        written = file_system->write(fd, line, size);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)size)
        return true;
    int os_errno = written < 0 ? errno : ENOSPC;
    if (written > 0 && file_system->write(fd, "\n", 1) < 0)
        os_errno = errno;
    return error_set_errno(error, os_errno, "writing");
}

bool file_sync(int fd, struct error *error)
{
    int result;

    do
        result = file_system->fsync(fd);
    while (result < 0 && errno == EINTR);
    return result == 0 || error_set_errno(error, errno, "syncing");
}

bool file_sync_data(int fd, struct error *error)
{
    int result;

    do
        result = file_system->fdatasync(fd);
    while (result < 0 && errno == EINTR);
    return result == 0 || error_set_errno(error, errno, "syncing");
}

bool file_sync_folder(int folder, const char *path, struct error *error)
{
    scoped(descriptor_close) int fd = open_file(folder, path, O_RDONLY | O_DIRECTORY);

    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    return file_sync(fd, error) || error_wrap(error, "%s", path);
}

static bool rename_quietly(int folder, const char *from, const char *to)
{
    int result;

    do
        result = file_system->rename(folder, from, to);
    while (result < 0 && errno == EINTR);
    return result == 0;
}

bool file_rename(int folder, const char *from, const char *to, struct error *error)
{
    return rename_quietly(folder, from, to) ||
           error_set_errno(error, errno, "renaming %s to %s", from, to);
}

/* ---- replacing ---- */

static bool still_named(int fd, int folder, const char *path)
{
    struct stat ours, named;

    return fstat(fd, &ours) == 0 && fstatat(folder, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* Opens an empty file beside `path` that nobody else writes. *ret_fd counts only on success. */
static bool open_aside(int folder, const char *path, char *ret_aside, size_t size, int *ret_fd,
                       struct error *error)
{
    scoped(descriptor_close) int fd = -1;

    if ((size_t)snprintf(ret_aside, size, "%s.new", path) >= size)
        return error_set_errno(error, ENAMETOOLONG, "%s", path);
    fd = open_file(folder, ret_aside, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !still_named(fd, folder, ret_aside)) {
        descriptor_close(&fd);
        if ((size_t)snprintf(ret_aside, size, "%s.%d.new", path, (int)gettid()) >= size)
            return error_set_errno(error, ENAMETOOLONG, "%s", path);
        fd = open_file(folder, ret_aside, O_RDWR | O_CREAT | O_NOFOLLOW);
        if (fd < 0)
            return error_set_errno(error, errno, "%s", path);
    }
    if (truncate_file(fd, 0) < 0) {
        int os_errno = errno;
        file_system->unlink(folder, ret_aside, 0);
        return error_set_errno(error, os_errno, "%s", path);
    }
    *ret_fd = fd;
    fd = -1;
    return true;
}

static bool sync_parent(int folder, const char *path, struct error *error)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (!slash)
        return file_sync_folder(folder, ".", error);
    snprintf(parent, sizeof(parent), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return file_sync_folder(folder, parent, error);
}

typedef bool writer(int fd, const void *context, struct error *error);

static bool replace(int folder, const char *path, writer *write, const void *context, bool durable,
                    struct error *error)
{
    scoped(descriptor_close) int fd = -1;
    char aside[PATH_MAX];

    if (!open_aside(folder, path, aside, sizeof(aside), &fd, error))
        return false;
    if (!write(fd, context, error) || (durable && !file_sync(fd, error)) ||
        !file_rename(folder, aside, path, error)) {
        file_system->unlink(folder, aside, 0);
        return error_wrap(error, "%s", path);
    }
    return !durable || sync_parent(folder, path, error) || error_wrap(error, "%s", path);
}

struct content {
    const void *data;
    size_t size;
};

static bool write_content(int fd, const void *context, struct error *error)
{
    const struct content *content = context;

    return file_write_whole(fd, content->data, content->size, error);
}

bool file_replace(int folder, const char *path, const void *data, size_t size, struct error *error)
{
    return replace(folder, path, write_content, &(struct content){data, size}, true, error);
}

bool file_replace_by(int folder, const char *path, writer *write, const void *context,
                     struct error *error)
{
    return replace(folder, path, write, context, true, error);
}

bool file_replace_fast(int folder, const char *path, const void *data, size_t size,
                       struct error *error)
{
    return replace(folder, path, write_content, &(struct content){data, size}, false, error);
}

/* ---- folders ---- */

static bool make_folder(const char *path, struct error *error)
{
    struct stat status;

    if (file_system->mkdir(AT_FDCWD, path, FOLDER_MODE) == 0)
        return true;
    int os_errno = errno;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return true;
    return error_set_errno(error, os_errno == EEXIST ? ENOTDIR : os_errno, "%s", path);
}

bool file_make_folders(const char *path, struct error *error)
{
    scoped(memory_free) char *copy = strdup(path);

    if (!copy)
        return error_set(error, ERROR_NO_MEMORY, "%s: out of memory", path);
    if (make_folder(copy, error)) /* mostly the ones above are there */
        return true;
    if (error->os_errno != ENOENT)
        return false;
    for (char *slash = copy; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        bool good = make_folder(copy, error);
        *slash = '/';
        if (!good)
            return false;
    }
    return make_folder(copy, error);
}

static void folder_close(DIR **folder)
{
    if (*folder)
        closedir(*folder);
    *folder = NULL;
}

/* Opens a folder to be emptied; one that its owner may not read or write is made so first. */
static int open_doomed_folder(int folder, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    struct stat status;
    int fd = open_file(folder, name, flags);

    if (fd < 0 && errno == EACCES && fchmodat(folder, name, FOLDER_MODE, 0) == 0)
        fd = open_file(folder, name, flags);
    if (fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & S_IRWXU) != S_IRWXU)
        fchmod(fd, FOLDER_MODE);
    return fd;
}

static bool remove_entry(int folder, const char *name, int depth, struct error *error);

static bool empty_folder(int fd, int depth, struct error *error)
{
    scoped(folder_close) DIR *list = fdopendir(fd);
    struct dirent *entry;

    if (!list) {
        int os_errno = errno;
        close(fd);
        return error_set_errno(error, os_errno, "reading a folder");
    }
    while ((errno = 0, entry = readdir(list))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!remove_entry(dirfd(list), entry->d_name, depth + 1, error))
            return false;
    }
    return errno == 0 || error_set_errno(error, errno, "reading a folder");
}

static bool remove_entry(int folder, const char *name, int depth, struct error *error)
{
    if (file_system->unlink(folder, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return error_set_errno(error, errno, "%s", name);
    if (depth >= TREE_DEPTH_LIMIT)
        return error_set(error, ERROR_IO, "%s: deeper than %d folders", name, TREE_DEPTH_LIMIT);

    int fd = open_doomed_folder(folder, name);
    if (fd < 0)
        return error_set_errno(error, errno, "%s", name);
    if (!empty_folder(fd, depth, error))
        return error_wrap(error, "%s", name);
    if (file_system->unlink(folder, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return error_set_errno(error, errno, "%s", name);
    return true;
}

bool file_remove_tree(int folder, const char *path, struct error *error)
{
    return remove_entry(folder, path, 0, error);
}

/* ---- locks ---- */

bool file_lock(int folder, const char *path, int *ret_fd, struct error *error)
{
    for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
        scoped(descriptor_close) int fd = open_file(folder, path, O_RDWR | O_CREAT);

        if (fd < 0)
            return error_set_errno(error, errno, "%s", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EWOULDBLOCK)
                return error_set(error, ERROR_BUSY, "%s: somebody else holds this lock", path);
            return error_set_errno(error, errno, "%s", path);
        }
        /* a lock on a file that was removed meanwhile keeps nobody out */
        if (!still_named(fd, folder, path))
            continue;
        *ret_fd = fd;
        fd = -1;
        return true;
    }
    return error_set(error, ERROR_BUSY, "%s: the lock is removed again and again", path);
}
