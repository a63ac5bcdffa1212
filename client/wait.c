#include "client/wait.h"

#include "client/row.h"
#include "client/watch.h"
#include "common/clock.h"
#include "common/owner.h"

#include <stdio.h>
#include <string.h>

#define FAILURES_TOLD 10
#define REDRAW_MS 1000

static int64_t now_ms(void)
{
    return clock_system.monotonic_ms(clock_system.context);
}

/* deadline_ms < 0: none. *ret_expired: it passed before all had ended. */
static bool wait_for_all(struct watch *watch, struct live *live, int64_t deadline_ms,
                         bool *ret_expired, struct error *error)
{
    const cJSON *row;

    *ret_expired = false;
    while (!watch_all_settled(watch)) {
        int64_t timeout_ms = live->render->terminal ? REDRAW_MS : -1;
        int64_t left_ms = deadline_ms - now_ms();

        if (deadline_ms >= 0 && left_ms <= 0) {
            *ret_expired = true;
            return true;
        }
        if (deadline_ms >= 0 && (timeout_ms < 0 || left_ms < timeout_ms))
            timeout_ms = left_ms;
        live_draw(live, watch);
        if (!watch_next(watch, timeout_ms, &row, error))
            return false;
    }
    return true;
}

static void tell_failures(const struct watch *watch)
{
    char state[ROW_TEXT_SIZE];
    size_t told = 0, failed = 0;

    for (size_t i = 0; i < watch->n; i++) {
        const cJSON *row = watch->item[i].row;
        const char *message = json_text(row, "message", "");

        if (strcmp(json_text(row, "state", ""), "done") == 0 || !row_is_settled(row))
            continue;
        failed++;
        if (told == FAILURES_TOLD)
            continue;
        told++;
        client_message("%lld %s: %s%s%s", (long long)watch->item[i].id, json_text(row, "name", ""),
                       row_state(row, state), *message ? ": " : "", message);
    }
    if (failed > told)
        client_message("... and %zu more", failed - told);
}

static bool print_rows(const struct watch *watch, struct error *error)
{
    scoped(json_free) cJSON *result = cJSON_CreateObject();
    cJSON *rows = result ? json_add_array(result, "experiments") : NULL;

    if (!rows)
        return error_set(error, ERROR_NO_MEMORY, "printing the verdicts");
    for (size_t i = 0; i < watch->n; i++)
        if (!cJSON_AddItemToArray(rows, cJSON_Duplicate(watch->item[i].row, true)))
            return error_set(error, ERROR_NO_MEMORY, "printing the verdicts");
    return client_print_json(result, error);
}

bool wait_run(struct client *client, cJSON **select, double timeout_s, struct error *error)
{
    scoped(watch_release) struct watch watch = {0};
    struct render render;
    struct live live = {.render = &render};
    int64_t deadline_ms = timeout_s < 0 ? -1 : now_ms() + (int64_t)(timeout_s * 1000) + 1;
    bool expired, waited;

    if (!watch_open(client, select, &watch, error))
        return false;
    render_open(&render, stderr);
    if (arguments_flag(&client->arguments, "quiet"))
        render.terminal = false;
    waited = wait_for_all(&watch, &live, deadline_ms, &expired, error);
    live_clear(&live);
    if (!waited)
        return false;
    client->exit_status = expired ? WAIT_TIMEOUT_STATUS : watch_verdict(&watch);
    if (arguments_flag(&client->arguments, "json"))
        return print_rows(&watch, error);
    tell_failures(&watch);
    return true;
}
