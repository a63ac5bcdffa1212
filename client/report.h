/* The morning's report in text. */
#ifndef NIGHTJAR_CLIENT_REPORT_H
#define NIGHTJAR_CLIENT_REPORT_H

#include "client/render.h"
#include "common/json.h"

/* The daemon's `report`, for a person. */
bool report_print(const struct render *render, const cJSON *report, struct error *error);

#endif
