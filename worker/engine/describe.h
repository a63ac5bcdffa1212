/*
 * What a source holds, for nj data: {"source", "data": {...}, "cwd", "window": {"length",
 * "stride"}} in, one line of JSON out. With "head" its first rows instead.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DESCRIBE_H
#define NIGHTJAR_WORKER_ENGINE_DESCRIBE_H

#include "common/error.h"

#include <stdio.h>

bool describe_source(FILE *in, FILE *out, struct error *error);

#endif
