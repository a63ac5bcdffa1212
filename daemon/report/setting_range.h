/*
 * What a number of a spec may be, by the schema of specs, which is made from all settings' tables
 * (the engine's too, to which the daemon is not linked).
 */
#ifndef NIGHTJAR_DAEMON_REPORT_SETTING_RANGE_H
#define NIGHTJAR_DAEMON_REPORT_SETTING_RANGE_H

#include "common/json.h"

#include <stdbool.h>

extern const char *const spec_schema[]; /* one text: schema/spec.schema.json, built in */

struct setting_range {
    double low, high; /* infinite: no limit */
    bool open_low, open_high;
    bool whole; /* whole numbers only */
};

/* Of the setting at `path` (model[0].rate) of a spec. False: it is none that takes numbers. */
bool setting_range_find(const cJSON *schema, const cJSON *spec, const char *path,
                        struct setting_range *ret_range);
bool setting_range_allows(const struct setting_range *range, double value);

#endif
