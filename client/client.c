/* What every verb needs: a question to the daemon, JSON out, a message. */
#include "client/client.h"
#include "client/render.h"

#include "common/buffer.h"
#include "common/owner.h"
#include "common/wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

bool client_ask(struct client *client, const struct buffer *request, int64_t id, cJSON **ret_result,
                struct error *error)
{
    return (client->connection || connection_open(true, &client->connection, NULL, error)) &&
           connection_ask(client->connection, request, id, ret_result, error);
}

void client_wake_daemon(struct client *client)
{
    struct error ignored;

    if (!client->connection)
        (void)connection_open(false, &client->connection, NULL, &ignored);
}

bool client_call(struct client *client, const char *method, cJSON **params, cJSON **ret_result,
                 struct error *error)
{
    scoped(buffer_release) struct buffer request = {0};
    int64_t id = ++client->last_id;

    return wire_request(&request, id, method, params, error) &&
           client_ask(client, &request, id, ret_result, error);
}

bool client_object(cJSON **ret, struct error *error)
{
    *ret = cJSON_CreateObject();
    return *ret || error_set(error, ERROR_NO_MEMORY, "preparing the request");
}

bool client_select(cJSON **select, cJSON **ret_params, struct error *error)
{
    scoped(json_free) cJSON *params = cJSON_CreateObject();

    if (!params) {
        json_free(select);
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    }
    if (!json_add_item(params, "select", select))
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    *ret_params = take(&params);
    return true;
}

bool client_print_json(const cJSON *json, struct error *error)
{
    scoped(buffer_release) struct buffer buffer = {0};

    if (!json_print(json, &buffer, error))
        return false;
    fwrite(buffer.data, 1, buffer.size, stdout);
    putchar('\n');
    return true;
}

bool client_print_line(const char *line, size_t size, struct error *error)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, line, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set_errno(error, errno, "writing to standard output");
        line += written;
        size -= (size_t)written;
    }
    return true;
}

void client_message(const char *format, ...)
{
    static const struct render plain = {0};
    scoped(buffer_release) struct buffer clean = {0};
    struct error error;
    char text[4096];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    fflush(stdout);
    /* parts of it may come from logs and specs: one line, whatever they hold */
    if (render_clean(&plain, text, 0, &clean, &error) && clean.data)
        fprintf(stderr, "nj: %s\n", clean.data);
}
