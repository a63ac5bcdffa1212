/* Sizes as formulas: numbers, names, + - * / ( ), integer arithmetic; "classes", "131*9". */
#ifndef NIGHTJAR_COMMON_SPEC_EXPRESSION_H
#define NIGHTJAR_COMMON_SPEC_EXPRESSION_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

struct expression_variable {
    const char *name;
    int64_t value;
};

/* INVALID: syntax, unknown name (the known ones are told), division by zero or with a remainder,
 * overflow. */
bool expression_evaluate(const char *text, const struct expression_variable *variable, size_t n,
                         int64_t *ret_value, struct error *error);

#endif
