/*
 * Rows of a source side by side, for nj data plot. A line of JSON in,
 *   {"data":{...}, "cwd", "columns":["r"], "color":"event", "recording":"1/0", "first", "last",
 *   "output": where the picture will go}
 * or, with "windows" (how many of each class) and "length", some windows of each class of `color`,
 * the same for the same "seed". One out:
 *   {"source", "x":"time"|"row"|"step", "columns":["r"], "color":{"name", "classes":[...]},
 *    "lines":[{"class", "x":[...], "y":[[...]], "color":[...]}]}
 * `color` of a line: the class of each of its rows; null: none. A colour that is no category, but
 * takes many values, falls into intervals of equal width, which are its classes. Lines end at gaps
 * and recordings; `class` is a window's.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_TRACE_H
#define NIGHTJAR_WORKER_ENGINE_TRACE_H

#include "common/error.h"

#include <stdio.h>

bool trace_answer(FILE *in, FILE *out, struct error *error);

#endif
