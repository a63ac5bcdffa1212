/*
 * The double keeps a node for each file and folder that it knows a durable state of, and an O_PATH
 * descriptor on it, so that its inode number is not given to another file meanwhile.
 *
 * The functions of struct file_system have no context: the one double in use is static.
 */
#include "tests/double/file_double.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/file.h"

#define NODE_LIMIT 256
#define ENTRY_LIMIT 64

struct entry {
    char *name; /* owned */
    int node;
};

struct node {
    ino_t inode;
    int held; /* owned: O_PATH */
    bool folder;
    char *data; /* of a file: as synced; owned, NULL while nothing was */
    size_t size;
    struct entry entries[ENTRY_LIMIT]; /* of a folder: as synced */
    int n_entries;
};

static struct {
    char folder[PATH_MAX];
    const struct file_system *before;
    struct node *nodes[NODE_LIMIT]; /* [0]: the folder; owned */
    int n_nodes;
    int64_t n_calls, n_syncs, fault_at;
    enum file_double_fault fault;
    int os_errno;
    bool next_write_fails;
} disk;

static void die(const char *what)
{
    fprintf(stderr, "file_double: %s: %s\n", what, strerror(errno));
    abort();
}

/* ---- what is durable ---- */

static int node_at(int folder, const char *name)
{
    struct stat status;
    int held = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (held < 0 || fstat(held, &status) < 0)
        die(name);
    for (int i = 0; i < disk.n_nodes; i++) {
        if (disk.nodes[i]->inode == status.st_ino) {
            close(held);
            return i;
        }
    }
    struct node *node = calloc(1, sizeof(*node));
    if (!node || disk.n_nodes == NODE_LIMIT)
        die("nodes");
    node->inode = status.st_ino;
    node->held = held;
    node->folder = S_ISDIR(status.st_mode);
    disk.nodes[disk.n_nodes] = node;
    return disk.n_nodes++;
}

static void forget_entries(struct node *node)
{
    while (node->n_entries > 0)
        free(node->entries[--node->n_entries].name);
}

static void forget_nodes(void)
{
    while (disk.n_nodes > 0) {
        struct node *node = disk.nodes[--disk.n_nodes];
        forget_entries(node);
        close(node->held);
        free(node->data);
        free(node);
    }
}

static void path_of_held(const struct node *node, char *path, size_t size)
{
    snprintf(path, size, "/proc/self/fd/%d", node->held);
}

/* The names in the folder are durable as they are now. */
static void keep_names(struct node *node)
{
    char path[64];
    struct dirent *entry;

    path_of_held(node, path, sizeof(path));
    DIR *list = opendir(path);
    if (!list)
        die(path);
    forget_entries(node);
    while ((entry = readdir(list))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (node->n_entries == ENTRY_LIMIT)
            die("entries");
        node->entries[node->n_entries++] =
            (struct entry){strdup(entry->d_name), node_at(dirfd(list), entry->d_name)};
    }
    closedir(list);
}

/* The content of the file is durable as it is now. */
static void keep_content(struct node *node)
{
    char path[64];
    struct stat status;

    path_of_held(node, path, sizeof(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        die(path);
    free(node->data);
    node->size = (size_t)status.st_size;
    node->data = malloc(node->size + 1);
    if (!node->data || pread(fd, node->data, node->size, 0) != (ssize_t)node->size)
        die(path);
    close(fd);
}

static void keep_tree(int index, bool contents)
{
    struct node *node = disk.nodes[index];

    if (!node->folder) {
        if (contents)
            keep_content(node);
        return;
    }
    keep_names(node);
    for (int i = 0; i < node->n_entries; i++)
        keep_tree(node->entries[i].node, contents);
}

static void keep_synced(int fd)
{
    char path[64], target[PATH_MAX];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(path, target, sizeof(target) - 1);
    if (size < 0)
        die(path);
    target[size] = '\0';
    if (strncmp(target, disk.folder, strlen(disk.folder)) != 0 || access(target, F_OK) != 0)
        return; /* not watched, or unlinked: nothing of it can come back */
    struct node *node = disk.nodes[node_at(AT_FDCWD, target)];
    if (node->folder)
        keep_names(node);
    else
        keep_content(node);
}

static void write_tree(int index, const char *path)
{
    const struct node *node = disk.nodes[index];

    for (int i = 0; i < node->n_entries; i++) {
        const struct node *child = disk.nodes[node->entries[i].node];
        char inner[PATH_MAX];
        snprintf(inner, sizeof(inner), "%s/%s", path, node->entries[i].name);
        if (child->folder) {
            if (mkdir(inner, 0700) < 0)
                die(inner);
            write_tree(node->entries[i].node, inner);
            continue;
        }
        int fd = open(inner, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 || (child->size > 0 && write(fd, child->data, child->size) < 0))
            die(inner);
        close(fd);
    }
}

/* ---- the calls ---- */

static bool is_dead(void)
{
    return disk.fault_at >= 0 && disk.n_calls > disk.fault_at &&
           (disk.fault == FILE_DOUBLE_DEAD || disk.fault == FILE_DOUBLE_DEAD_SHORT);
}

/* Counts a call; true: it is to fail, errno is set. */
static bool fails(void)
{
    bool now = is_dead() || disk.n_calls == disk.fault_at;

    disk.n_calls++;
    errno = disk.os_errno;
    return now && disk.fault != FILE_DOUBLE_HALF;
}

static int double_open(int folder, const char *path, int flags, mode_t mode)
{
    return fails() ? -1 : disk.before->open(folder, path, flags, mode);
}

static ssize_t double_write(int fd, const void *data, size_t size)
{
    bool hit = disk.n_calls == disk.fault_at, now = fails();
    bool halves = disk.fault == FILE_DOUBLE_SHORT || disk.fault == FILE_DOUBLE_DEAD_SHORT;

    if (hit && disk.fault == FILE_DOUBLE_HALF)
        return disk.before->write(fd, data, size > 1 ? size / 2 : size);
    if (hit && halves && size > 1) {
        disk.next_write_fails = true;
        return disk.before->write(fd, data, size / 2);
    }
    if (now || disk.next_write_fails) {
        disk.next_write_fails = false;
        errno = disk.os_errno;
        return -1;
    }
    return disk.before->write(fd, data, size);
}

static int synced(int fd, int (*sync_file)(int fd))
{
    int result;

    if (fails())
        return -1;
    disk.n_syncs++;
    result = sync_file(fd);
    if (result == 0)
        keep_synced(fd);
    return result;
}

static int double_fsync(int fd)
{
    return synced(fd, disk.before->fsync);
}

static int double_fdatasync(int fd)
{
    return synced(fd, disk.before->fdatasync);
}

static int double_truncate(int fd, off_t size)
{
    return fails() ? -1 : disk.before->truncate(fd, size);
}

static int double_take_room(int fd, off_t size)
{
    return fails() ? -1 : disk.before->take_room(fd, size);
}

static int double_rename(int folder, const char *from, const char *to)
{
    return fails() ? -1 : disk.before->rename(folder, from, to);
}

static int double_unlink(int folder, const char *path, int flags)
{
    return fails() ? -1 : disk.before->unlink(folder, path, flags);
}

static int double_mkdir(int folder, const char *path, mode_t mode)
{
    return fails() ? -1 : disk.before->mkdir(folder, path, mode);
}

static const struct file_system double_system = {
    .open = double_open,
    .write = double_write,
    .fsync = double_fsync,
    .fdatasync = double_fdatasync,
    .truncate = double_truncate,
    .take_room = double_take_room,
    .rename = double_rename,
    .unlink = double_unlink,
    .mkdir = double_mkdir,
};

/* ---- the controls ---- */

void file_double_heal(void)
{
    disk.n_calls = disk.n_syncs = 0;
    disk.fault_at = -1;
    disk.next_write_fails = false;
}

void file_double_start(const char *folder)
{
    assert(!disk.before && folder[0] == '/');
    snprintf(disk.folder, sizeof(disk.folder), "%s", folder);
    keep_tree(node_at(AT_FDCWD, disk.folder), true);
    file_double_heal();
    disk.before = file_system_use(&double_system);
}

void file_double_stop(void)
{
    file_system_use(disk.before);
    disk.before = NULL;
    forget_nodes();
}

void file_double_fail(int64_t call, enum file_double_fault fault, int os_errno)
{
    disk.fault_at = call;
    disk.fault = fault;
    disk.os_errno = os_errno;
}

int64_t file_double_calls(void)
{
    return disk.n_calls;
}

int64_t file_double_syncs(void)
{
    return disk.n_syncs;
}

static void remove_contents(const char *path)
{
    char inner[PATH_MAX];
    struct dirent *entry;
    DIR *list = opendir(path);
    struct error error;

    if (!list)
        die(path);
    while ((entry = readdir(list))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        if (!file_remove_tree(AT_FDCWD, inner, &error))
            die(error.message);
    }
    closedir(list);
}

void file_double_cut_power(enum file_double_cut cut)
{
    const struct file_system *ours = file_system_use(disk.before);

    if (cut == FILE_DOUBLE_KEEP_NAMES)
        keep_tree(0, false);
    remove_contents(disk.folder);
    write_tree(0, disk.folder);
    forget_nodes();
    keep_tree(node_at(AT_FDCWD, disk.folder), true);
    file_double_heal();
    file_system_use(ours);
}
