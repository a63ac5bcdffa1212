/*
 * Where results go: to a file of their own, not over what they are made from.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_OUTPUT_PLACE_H
#define NIGHTJAR_WORKER_ENGINE_OUTPUT_PLACE_H

#include "common/error.h"
#include "worker/engine/dataset/data.h"

#include <stdbool.h>

/* INVALID where `output` is the file at `path`, under whatever name; `what`: what reads it. */
bool output_place_spares(const char *output, const char *path, const char *what,
                         struct error *error);
/* The same of all files that the settings name. Whether they are there shows when they are read. */
bool output_place_spares_data(const char *output, const struct data_config *config, const char *cwd,
                              struct error *error);

#endif
