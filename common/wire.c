/*
 * Lines of JSON-RPC, in and out, and where the two ends meet.
 *
 * The decoder looks at every byte once: `scanned` remembers how far it looked, and handed-out lines
 * are moved away only when they are more than what is left.
 */
#include "common/wire.h"

#include "common/hash.h"
#include "common/owner.h"
#include "common/utf8.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define KEPT_CAPACITY (64 * 1024) /* an empty decoder gives larger memory back */
#define SOCKET_NAME_DIGITS 16

/* ---- in ---- */

void wire_decoder_release(struct wire_decoder *decoder)
{
    buffer_release(&decoder->buffer);
    *decoder = (struct wire_decoder){0};
}

static bool overlong(struct wire_decoder *decoder, struct error *error)
{
    buffer_release(&decoder->buffer);
    decoder->consumed = decoder->scanned = 0;
    decoder->broken = true;
    return error_set(error, ERROR_INVALID, "a message of more than %d bytes", WIRE_FRAME_LIMIT);
}

static void forget_consumed(struct wire_decoder *decoder)
{
    if (decoder->consumed == decoder->buffer.size) {
        if (decoder->buffer.capacity > KEPT_CAPACITY)
            buffer_release(&decoder->buffer);
        buffer_clear(&decoder->buffer);
    } else if (decoder->consumed > decoder->buffer.size / 2) {
        buffer_drop_front(&decoder->buffer, decoder->consumed);
    } else {
        return;
    }
    decoder->consumed = 0;
}

bool wire_decoder_feed(struct wire_decoder *decoder, const void *data, size_t size,
                       struct error *error)
{
    if (decoder->broken)
        return overlong(decoder, error);
    forget_consumed(decoder);
    return buffer_append(&decoder->buffer, data, size, error);
}

/* The next line, with its newline; *ret_line NULL: it has not come yet. Valid until the next call.
 */
static bool next_line(struct wire_decoder *decoder, const char **ret_line, size_t *ret_size,
                      struct error *error)
{
    const char *start = decoder->buffer.data + decoder->consumed;
    size_t size = decoder->buffer.size - decoder->consumed;
    const char *newline = NULL;

    if (size > decoder->scanned)
        newline = memchr(start + decoder->scanned, '\n', size - decoder->scanned);
    decoder->scanned = newline ? 0 : size;
    if (newline)
        size = (size_t)(newline - start) + 1;
    if (size > WIRE_FRAME_LIMIT || (!newline && size == WIRE_FRAME_LIMIT))
        return overlong(decoder, error);
    if (newline)
        decoder->consumed += size;
    *ret_line = newline ? start : NULL;
    *ret_size = size;
    return true;
}

static bool is_blank(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(" \t\r\n", line[i]) || line[i] == '\0')
            return false;
    return true;
}

bool wire_decoder_next(struct wire_decoder *decoder, cJSON **ret_message, struct error *error)
{
    scoped(json_free) cJSON *message = NULL;
    const char *line = NULL;
    size_t size;

    if (decoder->broken)
        return overlong(decoder, error);
    do {
        line = NULL;
        if (decoder->buffer.size > decoder->consumed && !next_line(decoder, &line, &size, error))
            return false;
    } while (line && is_blank(line, size));
    if (!line) {
        forget_consumed(decoder);
        *ret_message = NULL;
        return true;
    }
    if (!json_parse(line, size, &message, error))
        return false;
    if (!cJSON_IsObject(message))
        return error_set(error, ERROR_INVALID, "a message has to be a JSON object");
    *ret_message = take(&message);
    return true;
}

/* ---- out ---- */

static bool put_message(struct buffer *out, const cJSON *message, struct error *error)
{
    size_t start = out->size;

    if (json_print(message, out, error) && buffer_append(out, "\n", 1, error)) {
        if (out->size - start <= WIRE_FRAME_LIMIT)
            return true;
        error_set(error, ERROR_INVALID, "a message of more than %d bytes", WIRE_FRAME_LIMIT);
    }
    if (out->data) {
        out->size = start;
        out->data[start] = '\0';
    }
    return false;
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "out of memory");
}

static cJSON *message_create(void)
{
    scoped(json_free) cJSON *message = cJSON_CreateObject();

    if (!json_add_text(message, "jsonrpc", "2.0"))
        return NULL;
    return take(&message);
}

/* Adds *value, or an empty object; taken in any case. */
static bool add_or_empty(cJSON *message, const char *name, cJSON **value)
{
    scoped(json_free) cJSON *item = value && *value ? take(value) : cJSON_CreateObject();

    return json_add_item(message, name, &item);
}

static bool put_call(struct buffer *out, const int64_t *id, const char *method, cJSON **params,
                     struct error *error)
{
    scoped(json_free) cJSON *message = message_create();
    bool good =
        (!id || json_add_integer(message, "id", *id)) && json_add_text(message, "method", method);

    if (!add_or_empty(message, "params", params) || !good)
        return no_memory(error);
    return put_message(out, message, error);
}

bool wire_request(struct buffer *out, int64_t id, const char *method, cJSON **params,
                  struct error *error)
{
    return put_call(out, &id, method, params, error);
}

bool wire_notify(struct buffer *out, const char *method, cJSON **params, struct error *error)
{
    return put_call(out, NULL, method, params, error);
}

static bool add_id(cJSON *message, const cJSON *id)
{
    cJSON *copy = id ? cJSON_Duplicate(id, true) : cJSON_CreateNull();

    return json_add_item(message, "id", &copy);
}

bool wire_result(struct buffer *out, const cJSON *id, cJSON **result, struct error *error)
{
    scoped(json_free) cJSON *message = message_create();
    bool good = add_id(message, id);

    if (!add_or_empty(message, "result", result) || !good)
        return no_memory(error);
    return put_message(out, message, error);
}

bool wire_failure(struct buffer *out, const cJSON *id, int code, const struct error *failure,
                  struct error *error)
{
    scoped(json_free) cJSON *message = message_create();
    bool good = add_id(message, id);
    cJSON *object = json_add_object(message, "error"); /* borrowed */

    good = good && json_add_integer(object, "code", code) &&
           json_add_text(object, "message", failure->message);
    cJSON *data = json_add_object(object, "data"); /* borrowed */
    good = good && json_add_text(data, "kind", error_kind_name(failure->kind)) &&
           json_add_text(data, "path", failure->path[0] ? failure->path : NULL) &&
           (failure->line == 0 || json_add_integer(data, "line", failure->line)) &&
           (failure->os_errno == 0 || json_add_integer(data, "errno", failure->os_errno));
    if (!good)
        return no_memory(error);
    return put_message(out, message, error);
}

void wire_error_of(const cJSON *failure, struct error *ret_error)
{
    const cJSON *object = json_member(failure, "error");
    const cJSON *data = json_member(object, "data");
    enum error_kind kind = error_kind_from_name(json_text(data, "kind", ""));
    int64_t line = json_integer(data, "line", 0), os_errno = json_integer(data, "errno", 0);

    error_set_at(ret_error, kind == ERROR_NONE ? ERROR_INTERNAL : kind, json_text(data, "path", ""),
                 "%s", json_text(object, "message", "the daemon gave no reason"));
    ret_error->line = line > 0 && line <= INT_MAX ? (int)line : 0;
    ret_error->os_errno = os_errno > 0 && os_errno <= INT_MAX ? (int)os_errno : 0;
}

/* ---- where things lie ---- */

/* As `path` will read once all of it is there: links in what exists are followed, so that every
 * way to a folder gives it the same name before and after it is made. */
static bool canonical(const char *path, struct buffer *ret_path, struct error *error)
{
    scoped(memory_free) char *head = strdup(path);
    scoped(memory_free) char *real = NULL;
    size_t size = strlen(path);

    if (!head)
        return no_memory(error);
    while (!(real = realpath(head, NULL))) {
        if (errno != ENOENT && errno != ENOTDIR)
            return error_set_errno(error, errno, "%s", head);
        while (size > 0 && head[size - 1] == '/')
            head[--size] = '\0';
        while (size > 0 && head[size - 1] != '/')
            head[--size] = '\0';
        if (size == 0)
            return error_set_errno(error, ENOENT, "%s", path);
    }
    buffer_clear(ret_path);
    if (!buffer_append_text(ret_path, strcmp(real, "/") == 0 ? "" : real, error))
        return false;
    for (const char *rest = path + size; *rest;) {
        size_t part = strcspn(rest, "/");
        if (part > 0 && !(part == 1 && rest[0] == '.') &&
            (!buffer_append(ret_path, "/", 1, error) ||
             !buffer_append(ret_path, rest, part, error)))
            return false;
        rest += part + (rest[part] == '/');
    }
    return ret_path->size > 0 || buffer_append_text(ret_path, "/", error);
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

/* The user's own folder: $HOME, else what the user database says; NULL: none. */
static const char *user_folder(void)
{
    const char *home = environment("HOME");
    const struct passwd *user;

    if (home && home[0] == '/')
        return home;
    user = getpwuid(geteuid());
    return user ? user->pw_dir : NULL;
}

static bool append_working_directory(struct buffer *path, struct error *error)
{
    scoped(memory_free) char *here = getcwd(NULL, 0);

    if (!here)
        return error_set_errno(error, errno, "the working directory");
    return buffer_append_text(path, here, error);
}

bool wire_home(struct buffer *ret_path, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    const char *named = environment("NIGHTJAR_HOME"), *data = environment("XDG_DATA_HOME");
    bool good;

    if (named && named[0] == '/') {
        good = buffer_append_text(&path, named, error);
    } else if (named) {
        good = append_working_directory(&path, error) && buffer_append_text(&path, "/", error) &&
               buffer_append_text(&path, named, error);
    } else if (data && data[0] == '/') {
        good =
            buffer_append_text(&path, data, error) && buffer_append_text(&path, "/nightjar", error);
    } else {
        const char *home = user_folder();
        if (!home)
            return error_set(error, ERROR_NOT_FOUND, "neither NIGHTJAR_HOME nor HOME is set");
        good = buffer_append_text(&path, home, error) &&
               buffer_append_text(&path, "/.local/share/nightjar", error);
    }
    if (good && utf8_fault(path.data))
        return error_set(error, ERROR_INVALID,
                         "the home's path is not UTF-8, which all that is told about it has to be");
    return good && canonical(path.data, ret_path, error);
}

static bool is_own_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid();
}

/* The folder of sockets: below the runtime folder of the user's session, which cron and su do not
 * name though it is there, else one in /tmp. */
static bool socket_folder(struct buffer *folder, size_t name_size, struct error *error)
{
    const char *runtime = environment("XDG_RUNTIME_DIR");
    const size_t longest = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

    if (runtime) {
        if (!buffer_append_text(folder, runtime, error))
            return false;
    } else if (!buffer_append_text(folder, "/run/user/", error) ||
               !buffer_append_integer(folder, geteuid(), error)) {
        return false;
    }
    if (folder->data[0] == '/' && is_own_folder(folder->data) &&
        folder->size + strlen("/nightjar/") + name_size <= longest)
        return buffer_append_text(folder, "/nightjar", error);
    buffer_clear(folder);
    return buffer_append_text(folder, "/tmp/nightjar-", error) &&
           buffer_append_integer(folder, geteuid(), error);
}

/* In /tmp somebody else may have been first: what is not ours alone is not used. */
static bool make_private_folder(const char *path, struct error *error)
{
    struct stat status;

    if (lstat(path, &status) < 0 &&
        ((mkdir(path, 0700) < 0 && errno != EEXIST) || lstat(path, &status) < 0))
        return error_set_errno(error, errno, "%s", path);
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 077)
        return error_set(error, ERROR_IO,
                         "%s: sockets need a folder that only its owner may enter (mode 0700)",
                         path);
    return true;
}

bool wire_socket_path(const char *home, struct buffer *ret_path, struct error *error)
{
    scoped(buffer_release) struct buffer folder = {0};
    char hash[HASH_TEXT_SIZE];

    if (!socket_folder(&folder, SOCKET_NAME_DIGITS + strlen(".sock"), error) ||
        !make_private_folder(folder.data, error))
        return false;
    buffer_clear(ret_path);
    hash_text(home, strlen(home), hash);
    return buffer_append_text(ret_path, folder.data, error) &&
           buffer_append(ret_path, "/", 1, error) &&
           buffer_append(ret_path, hash, SOCKET_NAME_DIGITS, error) &&
           buffer_append_text(ret_path, ".sock", error);
}
