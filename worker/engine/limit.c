#include "worker/engine/limit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/file.h"
#include "common/json.h"
#include "common/owner.h"
#include "worker/engine/report.h"

#define DECISION "decision.json"
#define DECISION_LIMIT 4096

static bool parse_hour(const char *text, int *ret_hour, int *ret_minute)
{
    char rest;

    return strlen(text) == 5 && text[2] == ':' &&
           sscanf(text, "%2d:%2d%c", ret_hour, ret_minute, &rest) == 2 && *ret_hour >= 0 &&
           *ret_hour < 24 && *ret_minute >= 0 && *ret_minute < 60;
}

bool limit_check(const struct limit_config *config, struct error *error)
{
    int hour, minute;

    if (!config->until || parse_hour(config->until, &hour, &minute))
        return true;
    return error_set_at(error, ERROR_INVALID, "train.limit.until",
                        "'%s' is no time of day such as 06:30", config->until);
}

/* The next such hour, here: today's or tomorrow's. */
static int64_t next_ms(const char *until, int64_t now_ms)
{
    time_t now = (time_t)(now_ms / 1000), then;
    int hour = 0, minute = 0;
    struct tm local;

    if (!parse_hour(until, &hour, &minute) || !localtime_r(&now, &local))
        return 0;
    local.tm_hour = hour;
    local.tm_min = minute;
    local.tm_sec = 0;
    local.tm_isdst = -1;
    then = mktime(&local);
    if (then <= now) {
        local.tm_mday++;
        local.tm_isdst = -1;
        then = mktime(&local);
    }
    return (int64_t)then * 1000;
}

static cJSON *decision_json(const struct limit *limit)
{
    scoped(json_free) cJSON *json = cJSON_CreateObject();
    char configuration[24];

    (void)snprintf(configuration, sizeof(configuration), "%016" PRIx64, limit->configuration);
    if (!json_add_text(json, "configuration", configuration) ||
        !json_add_number(json, "time", limit->config->time) ||
        !json_add_text(json, "until", limit->config->until ? limit->config->until : "") ||
        !json_add_integer(json, "deadline_ms", limit->deadline_ms) ||
        !json_add_integer(json, "end_step", limit->end_step))
        return NULL;
    return take(&json);
}

/* Of this training, and its hour. */
static bool is_ours(const struct limit *limit, const cJSON *decision)
{
    scoped(json_free) cJSON *own = decision_json(limit);

    return own &&
           strcmp(json_text(own, "configuration", ""), json_text(decision, "configuration", "")) ==
               0 &&
           strcmp(json_text(own, "until", ""), json_text(decision, "until", "?")) == 0;
}

static bool read_decision(struct limit *limit, struct error *error)
{
    scoped(json_free) cJSON *json = NULL;
    scoped(memory_free) char *text = NULL;
    char path[PATH_MAX];
    size_t size;

    (void)snprintf(path, sizeof(path), "%s/%s", limit->folder, DECISION);
    if (!file_exists(AT_FDCWD, path))
        return true;
    if (!file_read(AT_FDCWD, path, DECISION_LIMIT, &text, &size, error) ||
        !json_parse(text, size, &json, error))
        return error_wrap(error, "%s", path);
    if (!is_ours(limit, json))
        return true;
    limit->deadline_ms = json_integer(json, "deadline_ms", 0);
    if (json_number(json, "time", -1) == limit->config->time)
        limit->end_step = json_integer(json, "end_step", -1);
    return true;
}

static bool write_decision(const struct limit *limit, struct error *error)
{
    scoped(json_free) cJSON *json = NULL;
    scoped(buffer_release) struct buffer text = {0};
    char path[PATH_MAX];

    if (!limit->folder)
        return true;
    json = decision_json(limit);
    if (!json)
        return error_set(error, ERROR_NO_MEMORY, "writing down a decision");
    (void)snprintf(path, sizeof(path), "%s/%s", limit->folder, DECISION);
    return json_print(json, &text, error) &&
           file_replace(AT_FDCWD, path, text.data, text.size, error);
}

/* The hour that came next when the first run began: one that is taken up after it has no other day.
 * What is later than the next such hour was written by a clock that was ahead. */
static bool choose_deadline(struct limit *limit, struct error *error)
{
    int64_t next = next_ms(limit->config->until, limit->clock->wall_ms(limit->clock->context));

    if (limit->deadline_ms > 0 && limit->deadline_ms <= next)
        return true;
    limit->deadline_ms = next;
    return write_decision(limit, error);
}

bool limit_init(struct limit *ret_limit, const struct limit_config *config, const char *folder,
                const struct clock *clock, uint64_t configuration, struct error *error)
{
    struct limit limit = {
        .config = config,
        .folder = folder,
        .clock = clock,
        .configuration = configuration,
        .start_ms = clock->monotonic_ms(clock->context),
        .end_step = -1,
    };

    if ((folder && !read_decision(&limit, error)) ||
        (config->until && !choose_deadline(&limit, error)))
        return false;
    *ret_limit = limit;
    return true;
}

int64_t limit_spent_ms(const struct limit *limit)
{
    return limit->spent_ms + limit->clock->monotonic_ms(limit->clock->context) - limit->start_ms;
}

static bool write_down(const struct limit *limit, const char *why, struct error *error)
{
    scoped(json_free) cJSON *fields = cJSON_CreateObject();

    if (!json_add_text(fields, "what", "end") || !json_add_text(fields, "why", why) ||
        !json_add_integer(fields, "step", limit->end_step))
        return error_set(error, ERROR_NO_MEMORY, "writing down a decision");
    return write_decision(limit, error) && report_event("decision", &fields, error) &&
           report_sync(error);
}

bool limit_reached(struct limit *limit, int64_t step, bool *ret_reached, const char **ret_why,
                   struct error *error)
{
    const struct limit_config *config = limit->config;
    bool by_time = config->time > 0 && (double)limit_spent_ms(limit) >= config->time * 1000;

    *ret_why = by_time ? "train.limit.time" : "train.limit.until";
    *ret_reached = limit->end_step >= 0 && step >= limit->end_step;
    if (*ret_reached)
        return true;
    if (config->batches > 0 && step >= config->batches) {
        *ret_why = "train.limit.batches";
        *ret_reached = true;
        return true;
    }
    /* a decision that holds leaves the clock nothing to decide */
    if (limit->end_step >= 0)
        return true;
    if (!by_time && !(limit->deadline_ms > 0 &&
                      limit->clock->wall_ms(limit->clock->context) >= limit->deadline_ms))
        return true;
    limit->end_step = step;
    *ret_reached = true;
    return write_down(limit, *ret_why, error);
}
