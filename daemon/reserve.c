#include "daemon/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/file.h"
#include "common/log.h"
#include "common/owner.h"
#include "daemon/machine.h"

#define PATH_SIZE 4096
#define SHARE_OF_FREE 8 /* of a disk with little room */

static bool path_of(const struct reserve *reserve, char *path, size_t size)
{
    return (size_t)snprintf(path, size, "%s/reserve", reserve->home) < size;
}

/* Blocks, and no hole: posix_fallocate writes where a file system cannot allocate. */
static bool allocate(const char *path, int64_t bytes)
{
    struct error error;
    scoped(descriptor_close) int fd = -1;

    if (!file_open(AT_FDCWD, path, O_WRONLY | O_CREAT, &fd, &error))
        return false;
    if (posix_fallocate(fd, 0, (off_t)bytes) == 0)
        return true;
    (void)unlink(path);
    return false;
}

static int64_t share_of(int64_t free_bytes)
{
    return free_bytes / SHARE_OF_FREE < RESERVE_BYTES ? free_bytes / SHARE_OF_FREE : RESERVE_BYTES;
}

/* One that was made, or left, where there was little room becomes what it should be. */
static void grow(struct reserve *reserve)
{
    scoped(descriptor_close) int fd = -1;
    char path[PATH_SIZE];
    struct error error;
    int64_t wanted;

    if (reserve->bytes >= RESERVE_BYTES)
        return;
    wanted = share_of(machine_disk_free(reserve->home) + reserve->bytes);
    if (wanted < 2 * reserve->bytes || !path_of(reserve, path, sizeof(path)) ||
        !file_open(AT_FDCWD, path, O_WRONLY, &fd, &error))
        return;
    if (posix_fallocate(fd, 0, (off_t)wanted) == 0)
        reserve->bytes = wanted;
    else if (ftruncate(fd, (off_t)reserve->bytes) != 0)
        log_error("%s: %s", path, strerror(errno));
}

bool reserve_hold(struct reserve *reserve)
{
    char path[PATH_SIZE];
    struct stat status;

    if (reserve->held)
        grow(reserve);
    if (reserve->held || !path_of(reserve, path, sizeof(path)))
        return reserve->held;
    int64_t free_bytes = machine_disk_free(reserve->home);
    if (stat(path, &status) == 0 && status.st_size > 0 &&
        (int64_t)status.st_blocks * 512 >= (int64_t)status.st_size) {
        reserve->bytes = (int64_t)status.st_size;
        reserve->held = true;
    } else {
        if (reserve->bytes == 0 && free_bytes > 0)
            reserve->bytes = share_of(free_bytes);
        reserve->held = reserve->bytes > 0 && free_bytes >= 2 * reserve->bytes &&
                        allocate(path, reserve->bytes);
    }
    if (reserve->held && reserve->spent)
        log_info("the disk has room again; the queue takes submissions");
    if (reserve->held)
        reserve->spent = false;
    return reserve->held;
}

bool reserve_spend(struct reserve *reserve)
{
    char path[PATH_SIZE];

    if (!reserve->held || !path_of(reserve, path, sizeof(path)))
        return false;
    reserve->held = false;
    reserve->spent = true;
    if (unlink(path) != 0 && errno != ENOENT)
        log_error("%s: %s", path, strerror(errno));
    log_warning("the disk is full: the reserve of %lld KiB is given up",
                (long long)(reserve->bytes / 1024));
    return true;
}
