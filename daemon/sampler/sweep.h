/* What a sweep asks of the spec around it. */
#ifndef NIGHTJAR_DAEMON_SAMPLER_SWEEP_H
#define NIGHTJAR_DAEMON_SAMPLER_SWEEP_H

#include "common/json.h"
#include "common/spec/setting.h"
#include "daemon/sampler/sampler.h"

#include <stdbool.h>

/* Whether `base`, which the trials have in common, needs no parameter before it is decided: of a
 * method that learns none may stand where the daemon looks before a trial begins. False:
 * `diagnostics` got at least one complaint, or there is no memory (overflow). */
bool sampler_sweep_check_base(const struct sampler_sweep *sweep, const cJSON *base,
                              struct diagnostics *diagnostics);

#endif
