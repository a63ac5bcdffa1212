/*
 * Checkpoints: the registered state in one file, whole and checked, or not at all.
 *
 *   header (fixed size: magic, version, configuration, identity, number of pieces, checksum of all
 *   that follows), piece table (name, size), pieces one after the other
 *
 * last.ckpt is written aside, synced and renamed; the one before stays as last.ckpt.1 until the
 * next.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_CHECKPOINT_H
#define NIGHTJAR_WORKER_ENGINE_CHECKPOINT_H

#include "common/error.h"
#include "worker/engine/kernel/kernel.h"
#include "worker/engine/state.h"

#include <stdbool.h>
#include <stdint.h>

#define CHECKPOINT_VERSION 2

struct checkpoint_identity {
    uint64_t configuration;             /* hash of all settings and data that decide the results */
    char machine[KERNEL_IDENTITY_SIZE]; /* kernel_identity() */
};

/* Durable before it returns. `keep_previous`: what was there stays as `name`.1. */
bool checkpoint_write(const char *folder, const char *name, const struct state *state,
                      const struct checkpoint_identity *identity, bool keep_previous,
                      struct error *error);
/* Fills the state's pieces; they are untouched unless true is returned. NOT_FOUND: no such file;
 * CORRUPT: damaged; INVALID: of another configuration or version. *ret_same_machine: whether it was
 * written with the same kernel, BLAS core and threads. */
bool checkpoint_read(const char *folder, const char *name, struct state *state,
                     const struct checkpoint_identity *identity, bool *ret_same_machine,
                     struct error *error);

#endif
