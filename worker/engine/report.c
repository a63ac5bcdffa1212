/*
 * Lines of reported.jsonl: one write(2) each, on a descriptor opened for appending, so that lines
 * of several writers never mix.
 */
#include "worker/engine/report.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/journal.h"
#include "common/owner.h"

/* The process has one place to report to, as it has one standard output. */
static struct {
    int fd;
    int64_t size;
    bool is_file;
    bool full; /* told once that the file has reached its limit */
} report = {.fd = -1};

bool report_start(struct error *error)
{
    const char *path = getenv("NIGHTJAR_EVENTS");
    struct stat status;

    report_stop();
    if (!path || !*path) {
        report.fd = STDOUT_FILENO;
        return true;
    }
    report.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (report.fd < 0)
        return error_set_errno(error, errno, "%s", path);
    report.is_file = true;
    report.size = fstat(report.fd, &status) == 0 ? status.st_size : 0;
    return true;
}

bool report_sync(struct error *error)
{
    return !report.is_file || file_sync_data(report.fd, error);
}

void report_stop(void)
{
    if (report.is_file)
        (void)close(report.fd);
    report.fd = -1;
    report.size = 0;
    report.is_file = false;
    report.full = false;
}

static bool leave_out(struct buffer *line, struct error *error)
{
    size_t size = line->size;

    buffer_clear(line);
    return buffer_append_format(line, error,
                                "{\"event\":\"warning\",\"text\":\"a report of %zu bytes was left "
                                "out; at most %d fit\",\"figure\":%zu}\n",
                                size, JOURNAL_LINE_LIMIT, size);
}

/* A full journal and a table of a thousand classes lose lines, never the run. */
static bool write_line(struct buffer *line, struct error *error)
{
    if (report.fd < 0)
        return true;
    if (!buffer_append_text(line, "\n", error))
        return false;
    if (line->size > JOURNAL_LINE_LIMIT && !leave_out(line, error))
        return false;
    if (report.is_file && report.size + (int64_t)line->size > JOURNAL_FILE_LIMIT) {
        if (!report.full)
            (void)fprintf(stderr, "reported.jsonl is full; later reports are lost\n");
        report.full = true;
        return true;
    }
    report.size += (int64_t)line->size;
    return file_write_whole(report.fd, line->data, line->size, error);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reporting");
}

static bool print_line(const cJSON *event, struct buffer *line, struct error *error)
{
    return json_print(event, line, error) && write_line(line, error);
}

/* Takes *event (NULL: a builder ran out of memory). */
static bool send_event(cJSON **event, bool complete, struct error *error)
{
    scoped(json_free) cJSON *owned = take(event);
    scoped(buffer_release) struct buffer line = {0};

    if (!owned || !complete)
        return no_memory(error);
    return print_line(owned, &line, error);
}

/* JSON has no NaN; the journal has. */
static bool append_number(struct buffer *line, const char *name, double value, struct error *error)
{
    const char *text = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";

    return buffer_append_format(line, error, ",\"%s\":%s", name, text);
}

bool report_metric(const char *name, enum goal goal, double value, int64_t step, double naive,
                   struct error *error)
{
    static const char *const goals[] = {
        [GOAL_NONE] = NULL, [GOAL_MINIMIZE] = "minimize", [GOAL_MAXIMIZE] = "maximize"};
    scoped(json_free) cJSON *event = cJSON_CreateObject();
    scoped(buffer_release) struct buffer line = {0};

    if (!json_add_text(event, "event", "metric") || !json_add_text(event, "name", name) ||
        (goals[goal] && !json_add_text(event, "goal", goals[goal])) ||
        (step != REPORT_FINAL && !json_add_integer(event, "step", step)) ||
        (!isnan(naive) && !json_add_number(event, "naive", naive)) ||
        (isfinite(value) && !json_add_number(event, "value", value)))
        return no_memory(error);
    if (isfinite(value))
        return print_line(event, &line, error);
    if (!json_print(event, &line, error))
        return false;
    line.size--; /* the closing brace comes after the value */
    return append_number(&line, "value", value, error) && buffer_append_text(&line, "}", error) &&
           write_line(&line, error);
}

bool report_progress(double done, double total, const char *unit, double left_s,
                     struct error *error)
{
    cJSON *event = cJSON_CreateObject();
    bool complete = json_add_text(event, "event", "progress") &&
                    json_add_number(event, "done", done) &&
                    json_add_number(event, "total", total) && json_add_text(event, "unit", unit) &&
                    (!isfinite(left_s) || json_add_number(event, "left", left_s));

    return send_event(&event, complete, error);
}

bool report_warning(const char *where, double figure, struct error *error, const char *format, ...)
{
    cJSON *event = cJSON_CreateObject();
    char text[1024];
    va_list arguments;
    bool complete;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    complete = json_add_text(event, "event", "warning") && json_add_text(event, "text", text) &&
               json_add_text(event, "where", where) &&
               (!isfinite(figure) || json_add_number(event, "figure", figure));
    return send_event(&event, complete, error);
}

bool report_note(struct error *error, const char *format, ...)
{
    cJSON *event = cJSON_CreateObject();
    char text[1024];
    va_list arguments;
    bool complete;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    complete = json_add_text(event, "event", "note") && json_add_text(event, "text", text);
    return send_event(&event, complete, error);
}

bool report_mark(const char *mark, const char *reason, int64_t count, struct error *error)
{
    cJSON *event = cJSON_CreateObject();
    bool complete = json_add_text(event, "event", "mark") && json_add_text(event, "mark", mark) &&
                    json_add_text(event, "reason", reason) &&
                    json_add_integer(event, "count", count);

    return send_event(&event, complete, error);
}

bool report_artifact(const char *name, const char *path, struct error *error)
{
    const char *folder = getenv("NIGHTJAR_RUN_DIR");
    scoped(buffer_release) struct buffer full = {0};
    cJSON *event = cJSON_CreateObject();
    struct stat status;
    bool complete;

    complete =
        json_add_text(event, "event", "artifact") && json_add_text(event, "name", name) &&
        json_add_text(event, "path", path) &&
        buffer_append_format(&full, error, "%s%s%s", folder ? folder : "", folder ? "/" : "", path);
    if (complete && stat(full.data, &status) == 0)
        complete = json_add_integer(event, "bytes", status.st_size);
    return send_event(&event, complete, error);
}

bool report_event(const char *event, cJSON **fields, struct error *error)
{
    cJSON *whole = cJSON_CreateObject();
    bool complete = json_add_text(whole, "event", event);

    while (complete && *fields && (*fields)->child) {
        cJSON *field = cJSON_DetachItemViaPointer(*fields, (*fields)->child);
        char name[128];

        (void)snprintf(name, sizeof(name), "%s", field->string);
        complete = json_add_item(whole, name, &field);
    }
    json_free(fields);
    return send_event(&whole, complete, error);
}
