#include "client/submission.h"

#include "common/hash.h"
#include "common/owner.h"
#include "common/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FINGERPRINTS_LIMIT 64
#define NAME_SIZE 40
#define HASHED_LIMIT (64 * 1024 * 1024) /* bytes; larger files are known by size and time */

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "preparing the submission");
}

/* JSON holds nothing else, and with another character in its place it would name another file. */
static bool is_utf8(const char *text, struct error *error, const char *what)
{
    const char *fault = utf8_fault(text);

    return !fault || error_set(error, ERROR_INVALID, "%s is not UTF-8 (byte 0x%02x at %td)", what,
                               (unsigned char)*fault, fault - text);
}

/* ---- where paths begin ------------------------------------------------------------------------
 */

static bool working_directory(char *path, struct error *error)
{
    return getcwd(path, PATH_MAX) || error_set_errno(error, errno, "finding the working directory");
}

static bool folder_of(const char *file, char *path, struct error *error)
{
    char *slash;

    if (strcmp(file, "-") == 0)
        return working_directory(path, error);
    if (!realpath(file, path))
        return error_set_errno(error, errno, "%s", file);
    slash = strrchr(path, '/');
    slash[slash == path ? 1 : 0] = '\0';
    return true;
}

static bool add_folder(cJSON *params, const char *folder, struct error *error)
{
    return is_utf8(folder, error, "the name of the folder") &&
           (json_add_text(params, "cwd", folder) || no_memory(error));
}

/* ---- fingerprints -----------------------------------------------------------------------------
 */

static bool describe_file(const char *path, const struct stat *status, cJSON **ret,
                          struct error *error)
{
    scoped(json_free) cJSON *print = cJSON_CreateObject();
    char hash[HASH_TEXT_SIZE];
    /* beyond 2^53 a number loses its last digits: the worker compares what it sees as a double too
     */
    int64_t mtime_ns = (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;

    if (!print || !json_add_text(print, "path", path) ||
        !json_add_integer(print, "size", status->st_size) ||
        !json_add_number(print, "mtime_ns", (double)mtime_ns))
        return no_memory(error);
    if (status->st_size <= HASHED_LIMIT) {
        if (!hash_file(path, hash, error))
            return false;
        if (!json_add_text(print, "hash", hash))
            return no_memory(error);
    }
    *ret = take(&print);
    return true;
}

bool submission_fingerprint(cJSON *params, const char *path, struct error *error)
{
    cJSON *prints = cJSON_GetObjectItemCaseSensitive(params, "fingerprints");
    scoped(json_free) cJSON *print = NULL;
    struct stat status;

    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) ||
        cJSON_GetArraySize(prints) >= FINGERPRINTS_LIMIT)
        return true;
    if (access(path, R_OK) != 0)
        return true;
    if (!prints)
        prints = json_add_array(params, "fingerprints");
    if (!prints)
        return no_memory(error);
    if (!describe_file(path, &status, &print, error))
        return false;
    return cJSON_AddItemToArray(prints, take(&print)) || no_memory(error);
}

/* The files that a command line names: a program with a slash in it, and whatever argument is a
 * file. */
static bool fingerprint_command(cJSON *params, const cJSON *command, const char *cwd,
                                struct error *error)
{
    const cJSON *word;
    int i = 0;

    cJSON_ArrayForEach(word, command)
    {
        scoped(buffer_release) struct buffer path = {0};
        const char *text = cJSON_GetStringValue(word);

        if (!text || !*text || (i++ == 0 && !strchr(text, '/')) || *text == '-')
            continue;
        if (*text != '/' &&
            (!buffer_append_text(&path, cwd, error) || !buffer_append_text(&path, "/", error)))
            return false;
        if (!buffer_append_text(&path, text, error) ||
            !submission_fingerprint(params, path.data, error))
            return false;
    }
    return true;
}

/* ---- a program --------------------------------------------------------------------------------
 */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* The script where there is one, else the program: the first of what was fingerprinted is it. */
static const cJSON *find_script(const cJSON *params, const cJSON *command)
{
    const cJSON *print = cJSON_GetArrayItem(json_member(params, "fingerprints"), 0), *word;
    const char *script = last_part(json_text(print, "path", ""));

    cJSON_ArrayForEach(word, command)
    {
        if (strcmp(last_part(word->valuestring), script) == 0)
            return word;
    }
    return command->child;
}

/* In one line, and short enough for a table. */
static bool shorten(struct buffer *name, struct error *error)
{
    size_t end = 0;

    while (end < name->size) {
        size_t size = utf8_size(name->data + end, name->size - end);

        if (size == 0 || end + size > NAME_SIZE)
            break;
        if ((unsigned char)name->data[end] < ' ')
            name->data[end] = ' ';
        end += size;
    }
    if (end == name->size)
        return true;
    name->size = end;
    return buffer_append_text(name, "...", error);
}

/* python3 train.py --rate 0.1 is "train.py --rate 0.1". */
static bool name_command(cJSON *base, const cJSON *params, const cJSON *command,
                         struct error *error)
{
    scoped(buffer_release) struct buffer name = {0};
    const cJSON *word = find_script(params, command);

    if (!buffer_append_text(&name, last_part(word->valuestring), error))
        return false;
    for (word = word->next; word; word = word->next)
        if (!buffer_append(&name, " ", 1, error) ||
            !buffer_append_text(&name, word->valuestring, error))
            return false;
    return shorten(&name, error) && (json_add_text(base, "name", name.data) || no_memory(error));
}

bool submission_of_program(const struct arguments *arguments, cJSON **ret_params,
                           struct error *error)
{
    scoped(json_free) cJSON *params = cJSON_CreateObject();
    char cwd[PATH_MAX];
    cJSON *base, *command;

    if (!params || !(base = json_add_object(params, "base")) ||
        !(command = json_add_array(base, "command")))
        return no_memory(error);
    for (int i = 0; arguments->program[i]; i++) {
        const char *word = arguments->program[i];
        char what[24];

        if (utf8_fault(word)) {
            (void)snprintf(what, sizeof(what), "command[%d]", i);
            return is_utf8(word, error, what);
        }
        if (!cJSON_AddItemToArray(command, cJSON_CreateString(word)))
            return no_memory(error);
    }
    if (!working_directory(cwd, error))
        return false;
    if (!add_folder(params, cwd, error))
        return false;
    if (!fingerprint_command(params, command, cwd, error))
        return false;
    if (!name_command(base, params, command, error))
        return false;
    *ret_params = take(&params);
    return true;
}

/* ---- a file -----------------------------------------------------------------------------------
 */

bool submission_of_file(const struct arguments *arguments, struct spec_file *file,
                        cJSON **ret_params, struct error *error)
{
    const char *set;
    scoped(json_free) cJSON *params = cJSON_CreateObject();
    scoped(json_free) cJSON *base = NULL;
    char cwd[PATH_MAX];

    for (size_t at = 0; (set = arguments_next(arguments, "set", &at));)
        if (!spec_file_set(file, set, error))
            return false;
    if (!folder_of(file->name[0] == '<' ? "-" : file->name, cwd, error))
        return false;
    base = cJSON_Duplicate(file->root, true);
    if (!params || !base || !json_add_item(params, "base", &base))
        return no_memory(error);
    if (!add_folder(params, cwd, error))
        return false;
    if (!fingerprint_command(params, json_at(params, "base.command"), cwd, error))
        return false;
    *ret_params = take(&params);
    return true;
}

/* ---- options ----------------------------------------------------------------------------------
 */

static const struct place {
    const char *option, *path;
} places[] = {
    {"name", "name"},
    {"question", "question"},
    {"expectation", "expectation"},
    {"seed", "seed"},
    {"on-finish", "on_finish"},
    {"priority", "queue.priority"},
    {"retries", "queue.retries"},
    {"hold", "queue.hold"},
    {"cpus", "resources.cpus"},
    {"memory", "resources.memory"},
    {"time", "resources.time"},
    {"gpus", "resources.gpus"},
};

static cJSON *value_of(const struct option_value *value)
{
    switch (value->option->type) {
    case OPTION_FLAG:
        return cJSON_CreateTrue();
    case OPTION_INTEGER:
    case OPTION_REAL:
        return cJSON_CreateNumber(value->number);
    case OPTION_TEXT:
    case OPTION_DURATION:
    case OPTION_SIZE:
        break;
    }
    return cJSON_CreateString(value->text);
}

static bool set_in(cJSON *spec, const char *path, const cJSON *value, struct error *error)
{
    cJSON *copy = cJSON_Duplicate(value, true);

    if (!copy)
        return no_memory(error);
    return json_set_at(spec, path, &copy, error);
}

/* In the base, and in every delta that says something else. */
bool submission_set(cJSON *params, const char *path, const cJSON *value, struct error *error)
{
    cJSON *base = cJSON_GetObjectItemCaseSensitive(params, "base");
    cJSON *deltas = cJSON_GetObjectItemCaseSensitive(base, "experiments");
    cJSON *delta;

    cJSON_ArrayForEach(delta, deltas)
    {
        if (json_at(delta, path) && !set_in(delta, path, value, error))
            return false;
    }
    return set_in(base, path, value, error);
}

/* path=value, the value read as YAML. */
static bool assign(cJSON *tree, const char *assignment, struct error *error)
{
    struct spec_file *scratch = calloc(1, sizeof(*scratch));
    bool set;

    if (!scratch)
        return no_memory(error);
    scratch->root = tree;
    set = spec_file_set(scratch, assignment, error);
    scratch->root = NULL; /* it is the caller's */
    spec_file_free(&scratch);
    return set;
}

/* In the base, and in every delta that says something else. */
static bool assign_everywhere(cJSON *params, const char *assignment, struct error *error)
{
    cJSON *base = cJSON_GetObjectItemCaseSensitive(params, "base"), *delta;
    cJSON *deltas = cJSON_GetObjectItemCaseSensitive(base, "experiments");
    scoped(memory_free) char *path = strndup(assignment, strcspn(assignment, "="));

    if (!path)
        return no_memory(error);
    if (!assign(base, assignment, error))
        return false;
    cJSON_ArrayForEach(delta, deltas)
    {
        if (json_at(delta, path) && !assign(delta, assignment, error))
            return false;
    }
    return true;
}

/* The seed of a sweep goes before the one of its spec, so that it has to say the same. */
static bool set_place(cJSON *params, const char *path, const cJSON *value, struct error *error)
{
    if (!submission_set(params, path, value, error))
        return false;
    return strcmp(path, "seed") != 0 || !json_at(params, "base.sweep.seed") ||
           submission_set(params, "sweep.seed", value, error);
}

bool submission_set_options(const struct arguments *arguments, cJSON *params, struct error *error)
{
    const char *set;

    for (size_t at = 0; (set = arguments_next(arguments, "set", &at));)
        if (!assign_everywhere(params, set, error))
            return false;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        const struct option_value *given = arguments_option(arguments, places[i].option);
        scoped(json_free) cJSON *value = NULL;

        if (!given)
            continue;
        if (given->text && !is_utf8(given->text, error, places[i].path))
            return false;
        value = value_of(given);
        if (!value)
            return no_memory(error);
        if (!set_place(params, places[i].path, value, error))
            return error_wrap(error, "--%s", places[i].option);
    }
    return true;
}

/* ---- environment and token --------------------------------------------------------------------
 */

/* What a run was given is not handed on to what it submits. */
static bool belongs_to_run(const char *variable)
{
    static const char *const names[] = {
        "NIGHTJAR_RUN=",       "NIGHTJAR_EXPERIMENT=", "NIGHTJAR_RUN_DIR=", "NIGHTJAR_EVENTS=",
        "NIGHTJAR_ARTIFACTS=", "NIGHTJAR_CHECKPOINT=", "NIGHTJAR_SEED="};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool add_token(cJSON *params, struct error *error)
{
    unsigned char random[16];
    char token[2 * sizeof(random) + 1];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return error_set_errno(error, errno, "making a token");
    return json_add_text(params, "token", hash_digits(random, sizeof(random), token)) ||
           no_memory(error);
}

bool submission_add_context(cJSON *params, struct error *error)
{
    cJSON *environment = json_add_array(params, "environment");
    cJSON *last = NULL;

    if (!environment)
        return no_memory(error);
    for (char **variable = environ; *variable; variable++) {
        if (belongs_to_run(*variable))
            continue;
        if (utf8_fault(*variable)) {
            client_message("%.*s is not UTF-8: the run will not have this variable",
                           (int)strcspn(*variable, "="), *variable);
            continue;
        }
        last = cJSON_CreateString(*variable);
        if (!last || !cJSON_AddItemToArray(environment, last))
            return no_memory(error);
    }
    return add_token(params, error);
}
