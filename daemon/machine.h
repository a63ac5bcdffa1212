/* What this machine has to give to runs. */
#ifndef NIGHTJAR_DAEMON_MACHINE_H
#define NIGHTJAR_DAEMON_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct machine {
    int64_t cpus;         /* in our affinity mask */
    int64_t memory_bytes; /* the machine's, or our control group's limit where that is less */
    int64_t gpus;         /* NVIDIA devices, /dev/nvidia0 and so on */
};

struct machine machine_look(void);
/* Bytes that an unprivileged writer may still use there; -1: unknown. */
int64_t machine_disk_free(const char *path);
/* NFS, where neither locks nor SQLite's memory-mapped log can be trusted. */
bool machine_path_is_network(const char *path);

#endif
