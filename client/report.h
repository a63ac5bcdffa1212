/* The morning's report in text. */
#ifndef NIGHTJAR_CLIENT_REPORT_H
#define NIGHTJAR_CLIENT_REPORT_H

#include "client/render.h"
#include "common/json.h"

/* The daemon's `report`, for a person. */
bool report_print(const struct render *render, const cJSON *report, struct error *error);
/* The daemon's `search`. */
bool report_print_found(const struct render *render, const cJSON *found, struct error *error);

/* Appends what a note points at: " -> 7, batch:4"; nothing where `links` is NULL. */
bool report_append_links(const cJSON *links, struct buffer *text, struct error *error);

#endif
