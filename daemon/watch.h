/* Who is told about which experiments: a `watch` request's selection, kept with its session. */
#ifndef NIGHTJAR_DAEMON_WATCH_H
#define NIGHTJAR_DAEMON_WATCH_H

#include "common/error.h"
#include "common/json.h"

#include <stdint.h>

struct daemon;
struct watch;

/* `last`: the experiment that `last` means now; 0: the selection does not say it. INVALID: too
 * much.
 */
bool watch_read(const cJSON *select, int64_t last, struct watch **ret_watch, struct error *error);
void watch_free(struct watch **watch);
/* Sends `changed` with the experiment's row to every session whose watch takes it in. */
void watch_tell(struct daemon *daemon, int64_t experiment);

#endif
