/* YAML text to a cJSON tree: for spec.h, which says what is understood. */
#ifndef NIGHTJAR_COMMON_SPEC_YAML_H
#define NIGHTJAR_COMMON_SPEC_YAML_H

#include "common/spec/spec.h"

/* One document of any kind. *ret_line (may be NULL, then no lines are kept): sorted by path; the
 * caller owns it. Errors carry `name` as their path, and the line. */
bool yaml_read(const char *text, size_t size, const char *name, cJSON **ret_root,
               struct spec_line **ret_line, size_t *ret_n_lines, struct error *error);

void spec_lines_free(struct spec_line *line, size_t n);

#endif
