#include "client/watch.h"

#include "client/row.h"
#include "client/select.h"
#include "common/clock.h"
#include "common/owner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECONNECT_MS 500
#define START_AFTER_MS 3000 /* a daemon that is replaced is there again long before */
#define PAGE 500

void watch_release(struct watch *watch)
{
    for (size_t i = 0; i < watch->n; i++)
        json_free(&watch->item[i].row);
    free(watch->item);
    json_free(&watch->select);
    *watch = (struct watch){0};
}

/* The place of `id`, or of the one after which it would stand plus one. */
static size_t place_of(const struct watch *watch, int64_t id)
{
    size_t low = 0, high = watch->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (watch->item[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_watched(const struct watch *watch, int64_t id, size_t *ret_place)
{
    *ret_place = place_of(watch, id);
    return *ret_place < watch->n && watch->item[*ret_place].id == id;
}

/* Keeps a row; *row is taken in any case. */
static bool put(struct watch *watch, cJSON **row, const cJSON **ret, struct error *error)
{
    int64_t id = json_integer(*row, "id", 0);
    struct watched *item;
    size_t at;

    if (is_watched(watch, id, &at)) {
        json_free(&watch->item[at].row);
        watch->item[at].row = take(row);
        *ret = watch->item[at].row;
        return true;
    }
    item = realloc(watch->item, (watch->n + 1) * sizeof(*item));
    if (!item) {
        json_free(row);
        return error_set(error, ERROR_NO_MEMORY, "watching experiments");
    }
    watch->item = item;
    memmove(item + at + 1, item + at, (watch->n - at) * sizeof(*item));
    item[at] = (struct watched){.id = id, .row = take(row)};
    *ret = item[at].row;
    watch->n++;
    return true;
}

static bool put_all(struct watch *watch, cJSON *rows, struct error *error)
{
    cJSON *row;
    const cJSON *kept;

    while ((row = cJSON_DetachItemFromArray(rows, 0)))
        if (!put(watch, &row, &kept, error))
            return false;
    return true;
}

/* The daemon answers with as many rows as one message holds; the others are asked for in pages.
 * What changes meanwhile is notified after them. */
static bool put_the_rest(struct watch *watch, int64_t n, int64_t total, struct error *error)
{
    while (n < total) {
        scoped(json_free) cJSON *page = NULL;
        cJSON *rows;

        if (!select_page(watch->client, watch->select, NULL, n, PAGE, &page, error))
            return false;
        rows = cJSON_GetObjectItemCaseSensitive(page, "experiments");
        if (cJSON_GetArraySize(rows) == 0)
            break;
        n += cJSON_GetArraySize(rows);
        if (!put_all(watch, rows, error))
            return false;
    }
    return true;
}

static int64_t now_ms(void)
{
    return clock_system.monotonic_ms(clock_system.context);
}

static bool subscribe(struct watch *watch, struct error *error)
{
    scoped(json_free) cJSON *select = cJSON_Duplicate(watch->select, true);
    scoped(json_free) cJSON *params = NULL, *result = NULL;
    cJSON *rows;
    int64_t n;

    if (!select)
        return error_set(error, ERROR_NO_MEMORY, "watching experiments");
    if (!client_select(&select, &params, error) ||
        !client_call(watch->client, "watch", &params, &result, error))
        return false;
    rows = cJSON_GetObjectItemCaseSensitive(result, "experiments");
    n = cJSON_GetArraySize(rows);
    if (!put_all(watch, rows, error) ||
        !put_the_rest(watch, n, json_integer(result, "total", n), error))
        return false;
    watch->connected = true;
    watch->dismissed = false;
    return true;
}

bool watch_open(struct client *client, cJSON **select, struct watch *ret, struct error *error)
{
    scoped(watch_release) struct watch watch = {.client = client, .select = take(select)};

    if (!subscribe(&watch, error))
        return false;
    if (watch.n == 0)
        return error_set(error, ERROR_NOT_FOUND, "no such experiment");
    *ret = watch;
    watch = (struct watch){0};
    return true;
}

/* The daemon has ended. Whoever ended it starts the next one; where nobody did, since it was killed
 * and nothing looks after it, what is waited for would never come: then it is started from here. */
static bool reconnect(struct watch *watch, struct error *error)
{
    bool start, started = false;

    connection_free(&watch->client->connection);
    if (watch->connected) {
        client_message("the daemon has ended; waiting for the next one");
        watch->lost_ms = now_ms();
    }
    watch->connected = false;
    start = !watch->dismissed && now_ms() - watch->lost_ms >= START_AFTER_MS;
    if (!connection_open(start, &watch->client->connection, &started, error))
        return false;
    if (started)
        client_message("nobody started it: a new one runs");
    return subscribe(watch, error);
}

static bool pause_ms(int64_t time_ms, struct error *error)
{
    struct timespec time = {.tv_sec = time_ms / 1000, .tv_nsec = time_ms % 1000 * 1000000};

    if (nanosleep(&time, NULL) != 0)
        return error_set(error, ERROR_CANCELLED, "interrupted");
    return true;
}

static bool next_connected(struct watch *watch, int64_t timeout_ms, const cJSON **ret_row,
                           struct error *error)
{
    scoped(json_free) cJSON *message = NULL, *row = NULL;
    cJSON *params;
    size_t place;

    *ret_row = NULL;
    if (!connection_next(watch->client->connection, timeout_ms, &message, error))
        return false;
    if (message && strcmp(json_text(message, "method", ""), "ending") == 0)
        watch->dismissed = true;
    if (!message || strcmp(json_text(message, "method", ""), "changed") != 0)
        return true;
    params = cJSON_GetObjectItemCaseSensitive(message, "params");
    row = cJSON_DetachItemFromObjectCaseSensitive(params, "row");
    if (!row)
        row = cJSON_DetachItemFromObjectCaseSensitive(message, "params");
    /* what was submitted later was not meant */
    if (!row || !is_watched(watch, json_integer(row, "id", 0), &place))
        return true;
    return put(watch, &row, ret_row, error);
}

bool watch_next(struct watch *watch, int64_t timeout_ms, const cJSON **ret_row, struct error *error)
{
    int64_t wait_ms = timeout_ms >= 0 && timeout_ms < RECONNECT_MS ? timeout_ms : RECONNECT_MS;

    *ret_row = NULL;
    if (watch->connected) {
        if (next_connected(watch, timeout_ms, ret_row, error))
            return true;
        if (error->kind != ERROR_UNREACHABLE)
            return false;
    }
    if (reconnect(watch, error))
        return true;
    return error->kind == ERROR_UNREACHABLE && pause_ms(wait_ms, error);
}

bool watch_all_settled(const struct watch *watch)
{
    for (size_t i = 0; i < watch->n; i++)
        if (!row_is_settled(watch->item[i].row))
            return false;
    return true;
}

int watch_verdict(const struct watch *watch)
{
    for (size_t i = 0; i < watch->n; i++)
        if (strcmp(json_text(watch->item[i].row, "state", ""), "done") != 0)
            return 1;
    return 0;
}

/* ---- the live lines ---------------------------------------------------------------------------
 */

void live_clear(struct live *live)
{
    if (live->lines > 0)
        fputs("\r\033[2K", live->render->out);
    for (int i = 1; i < live->lines; i++)
        fputs("\033[1A\033[2K", live->render->out);
    live->lines = 0;
    fflush(live->render->out);
}

/* One line cut to the terminal, so that it never wraps. */
static void live_line(struct live *live, const char *text)
{
    scoped(buffer_release) struct buffer clean = {0};
    struct error error;

    if (!render_clean(live->render, text, live->render->width - 1, &clean, &error))
        return;
    fprintf(live->render->out, "%s%s", live->lines ? "\n" : "", clean.data ? clean.data : "");
    live->lines++;
}

static void draw_row(struct live *live, const cJSON *row)
{
    char line[6 * ROW_TEXT_SIZE], state[ROW_TEXT_SIZE], progress[ROW_TEXT_SIZE], eta[ROW_TEXT_SIZE],
        outcome[ROW_TEXT_SIZE], parameters[ROW_TEXT_SIZE];

    row_eta(row, eta);
    row_parameters(json_member(row, "parameters"), parameters);
    snprintf(line, sizeof(line), "%lld %s  %s%s%s  %s%s%s%s%s",
             (long long)json_integer(row, "id", 0), json_text(row, "name", ""), parameters,
             *parameters ? "  " : "", row_state(row, state),
             row_progress(live->render, row, progress), *eta ? "  left " : "", eta,
             *progress ? "  " : "", row_outcome(row, outcome));
    live_line(live, line);
}

static double positive(double value)
{
    return value > 0 ? value : 0;
}

/* Seconds until all have ended, by the mean of those that have; NAN: nothing to go by. */
static double estimate_left(const struct watch *watch)
{
    double sum = 0, left = 0;
    size_t ended = 0, active = 0, running = 0;

    for (size_t i = 0; i < watch->n; i++) {
        const cJSON *row = watch->item[i].row;

        if (row_has_ended(row) && cJSON_IsNumber(json_member(row, "started"))) {
            sum += json_number(row, "elapsed_s", 0);
            ended++;
        }
    }
    if (ended == 0)
        return NAN;
    for (size_t i = 0; i < watch->n; i++) {
        const cJSON *row = watch->item[i].row;
        double mean = sum / (double)ended;

        if (row_has_ended(row))
            continue;
        active++;
        if (cJSON_IsNumber(json_member(row, "started"))) {
            running++;
            left += json_number(row, "eta_s", positive(mean - json_number(row, "elapsed_s", 0)));
        } else {
            left += mean;
        }
    }
    return active ? left / (double)(running ? running : 1) : 0;
}

static void draw_total(struct live *live, const struct watch *watch)
{
    char line[ROW_TEXT_SIZE], bar[128], time[RENDER_NUMBER_SIZE];
    size_t ended = 0, failed = 0;
    double left = estimate_left(watch);

    for (size_t i = 0; i < watch->n; i++) {
        const char *state = json_text(watch->item[i].row, "state", "");

        ended += row_has_ended(watch->item[i].row);
        failed += strcmp(state, "failed") == 0;
    }
    render_bar(live->render, (double)ended / (double)watch->n, 30, bar, sizeof(bar));
    snprintf(line, sizeof(line), "%s %zu/%zu ended", bar, ended, watch->n);
    if (failed)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), ", %zu failed", failed);
    if (isfinite(left))
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "  left %s",
                 render_duration(left, time));
    live_line(live, line);
}

void live_draw(struct live *live, const struct watch *watch)
{
    int room = live->render->height > 12 ? 8 : 2;

    if (!live->render->terminal)
        return;
    live_clear(live);
    for (size_t i = 0; i < watch->n && room > 0; i++) {
        const char *state = json_text(watch->item[i].row, "state", "");

        if (watch->n > 1 && strcmp(state, "running") != 0 && strcmp(state, "paused") != 0 &&
            strcmp(state, "stopping") != 0)
            continue;
        draw_row(live, watch->item[i].row);
        room--;
    }
    if (watch->n > 1)
        draw_total(live, watch);
    fflush(live->render->out);
}
