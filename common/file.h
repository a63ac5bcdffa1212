/*
 * Every write that must survive goes through here, so that a test can count, fail, and forget what
 * was not synced.
 *
 * The order that makes a file durable is always: write aside, fsync, rename, fsync the folder.
 * Paths are absolute or relative to a folder descriptor (AT_FDCWD for the working directory). All
 * descriptors are O_CLOEXEC, all files 0600 and folders 0700 less the umask, unless said otherwise.
 * EINTR is retried.
 */
#ifndef NIGHTJAR_COMMON_FILE_H
#define NIGHTJAR_COMMON_FILE_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The system calls that change something. Tests put their own in front; everything else leaves it
 * alone. */
struct file_system {
    int (*open)(int folder, const char *path, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *data, size_t size);
    int (*fsync)(int fd);
    int (*fdatasync)(int fd);
    int (*truncate)(int fd, off_t size);
    int (*take_room)(int fd, off_t size); /* blocks, beyond the file's end too, which stays */
    int (*rename)(int folder, const char *from, const char *to);
    int (*unlink)(int folder, const char *path, int flags);
    int (*mkdir)(int folder, const char *path, mode_t mode);
};
extern const struct file_system file_system_real;
/* The one in use; returns the one before. Process-wide, not thread-safe: set before threads start.
 */
const struct file_system *file_system_use(const struct file_system *system);

/* O_CLOEXEC is added. */
bool file_open(int folder, const char *path, int flags, int *ret_fd, struct error *error);
bool file_truncate(int fd, int64_t size, struct error *error);
/* Room for a file of so many bytes, all of it or none: a write that finds the disk full has taken
 * what others could still use. Where a file system has no such thing, writing will tell. */
bool file_take_room(int fd, int64_t size, struct error *error);
bool file_read(int folder, const char *path, size_t limit, char **ret_data, size_t *ret_size,
               struct error *error);
/* Writes all of it at the current place; on a short write or error truncates back to where it
 * began. */
bool file_write_whole(int fd, const void *data, size_t size, struct error *error);
/* One write(2), for a file that others append to as well: what a short write left is not taken back
 * (it may not be the end any more), but gets a newline, so that it harms no line but its own. */
bool file_write_line(int fd, const char *line, size_t size, struct error *error);
/* Replaces `path` atomically and durably (aside, fsync, rename, fsync of the folder). */
bool file_replace(int folder, const char *path, const void *data, size_t size, struct error *error);
/* The same of what `write` writes to a descriptor, for more than memory should hold at once. */
bool file_replace_by(int folder, const char *path,
                     bool (*write)(int fd, const void *context, struct error *error),
                     const void *context, struct error *error);
/* The same as file_replace() without any fsync: atomic, not durable. */
bool file_replace_fast(int folder, const char *path, const void *data, size_t size,
                       struct error *error);
bool file_sync(int fd, struct error *error);      /* fsync */
bool file_sync_data(int fd, struct error *error); /* fdatasync */
bool file_sync_folder(int folder, const char *path,
                      struct error *error); /* opens, fsyncs and closes the folder */
bool file_rename(int folder, const char *from, const char *to, struct error *error);
bool file_make_folders(const char *path, struct error *error); /* mkdir -p */
bool file_remove_tree(int folder, const char *path,
                      struct error *error); /* missing is fine; follows no link */
bool file_exists(int folder, const char *path);

/* An exclusive flock, not waiting. *ret_fd: the descriptor that holds it. BUSY where somebody else
 * holds it. */
bool file_lock(int folder, const char *path, int *ret_fd, struct error *error);

#endif
