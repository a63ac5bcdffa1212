/*
 * Spec files: text in, a tree and the lines of its paths out.
 *
 * JSON is YAML but for a few corners (a pair of surrogates, a key longer than 1024 bytes); a text
 * that begins like JSON and that YAML does not take is read as JSON, and then has no lines.
 */
#include "common/spec/spec.h"

#include "common/file.h"
#include "common/owner.h"
#include "common/spec/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void spec_file_free(struct spec_file **file)
{
    if (!*file)
        return;
    json_free(&(*file)->root);
    free((*file)->name);
    spec_lines_free((*file)->line, (*file)->n_lines);
    memory_free(file);
}

static bool looks_like_json(const char *text, size_t size)
{
    size_t i = 0;

    while (i < size && strchr(" \t\r\n", text[i]) && text[i])
        i++;
    return i < size && (text[i] == '{' || text[i] == '[');
}

static int depth_of(const cJSON *value)
{
    const cJSON *member;
    int deepest = 0;

    cJSON_ArrayForEach(member, value)
    {
        int depth = depth_of(member);

        deepest = depth > deepest ? depth : deepest;
    }
    return cJSON_IsObject(value) || cJSON_IsArray(value) ? deepest + 1 : 0;
}

/* What is JSON means what JSON says, though YAML takes most of it too: it refuses some of the
 * notation, and folds line separators of Unicode within a text. */
static bool read_as_json(const char *text, size_t size, struct spec_file *file)
{
    scoped(json_free) cJSON *root = NULL;
    struct error ignored;

    if (!looks_like_json(text, size) || !json_parse(text, size, &root, &ignored) ||
        depth_of(root) > SPEC_DEPTH_LIMIT)
        return false;
    json_free(&file->root);
    file->root = take(&root);
    return true;
}

static bool check_root(const struct spec_file *file, struct error *error)
{
    const char *problem = NULL;

    if (cJSON_IsNull(file->root))
        problem = "the spec is empty";
    else if (!cJSON_IsObject(file->root))
        problem = "a spec is a mapping of settings, such as 'command: [python3, train.py]'";
    return !problem || error_set_at(error, ERROR_INVALID, file->name, "%s", problem);
}

/* A list of specs is the list `experiments` of a spec that says nothing else. */
static bool wrap_list(struct spec_file *file, struct error *error)
{
    cJSON *root;

    if (!cJSON_IsArray(file->root))
        return true;
    root = cJSON_CreateObject();
    if (!root || !json_add_item(root, "experiments", &file->root)) {
        cJSON_Delete(root);
        return error_set(error, ERROR_NO_MEMORY, "reading %s", file->name);
    }
    file->root = root;
    for (size_t i = 0; i < file->n_lines; i++) { /* a common prefix keeps the order */
        char *path = NULL;

        if (asprintf(&path, "experiments%s", file->line[i].path) < 0)
            return error_set(error, ERROR_NO_MEMORY, "reading %s", file->name);
        free(file->line[i].path);
        file->line[i].path = path;
    }
    return true;
}

/* A command's words are what was written: `--version, 1.10` is not `--version, 1.1`. */
static void keep_words(cJSON *spec)
{
    cJSON *item;

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(spec, "command"))
    {
        if (cJSON_IsNumber(item) && item->valuestring)
            item->type = cJSON_String;
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(spec, "experiments"))
    {
        keep_words(item);
    }
}

bool spec_file_parse(const char *text, size_t size, const char *name, struct spec_file **ret_file,
                     struct error *error)
{
    scoped(spec_file_free) struct spec_file *file = calloc(1, sizeof(*file));
    bool by_yaml;

    if (!file || !(file->name = strdup(name)))
        return error_set(error, ERROR_NO_MEMORY, "reading %s", name);
    if (size > SPEC_SIZE_LIMIT)
        return error_set_at(error, ERROR_INVALID, name, "larger than %d MiB",
                            SPEC_SIZE_LIMIT / 1024 / 1024);
    by_yaml = yaml_read(text, size, name, &file->root, &file->line, &file->n_lines, error);
    if (!by_yaml && error->kind != ERROR_INVALID)
        return false;
    if (!read_as_json(text, size, file) && !by_yaml)
        return false;
    if (!wrap_list(file, error) || !check_root(file, error))
        return false;
    keep_words(file->root);
    *ret_file = take(&file);
    return true;
}

static bool read_stream(int fd, const char *name, struct buffer *text, struct error *error)
{
    char chunk[65536];
    ssize_t size;

    do {
        size = read(fd, chunk, sizeof(chunk));
        if (size < 0 && errno != EINTR)
            return error_set_at(error, errno == EISDIR ? ERROR_INVALID : ERROR_IO, name, "%s",
                                strerror(errno));
        if (size > 0 && !buffer_append(text, chunk, (size_t)size, error))
            return false;
        if (text->size > SPEC_SIZE_LIMIT)
            return error_set_at(error, ERROR_INVALID, name, "larger than %d MiB",
                                SPEC_SIZE_LIMIT / 1024 / 1024);
    } while (size != 0);
    return true;
}

bool spec_file_read(const char *path, struct spec_file **ret_file, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "<stdin>" : path;
    scoped(descriptor_close) int opened = -1;
    scoped(buffer_release) struct buffer text = {0};

    if (!standard) {
        opened = open(path, O_RDONLY | O_CLOEXEC);
        if (opened < 0) /* what cannot be opened is bad input, as a bad file is */
            return error_set_at(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_INVALID, path,
                                "%s", strerror(errno));
    }
    return read_stream(standard ? STDIN_FILENO : opened, name, &text, error) &&
           spec_file_parse(text.data ? text.data : "", text.size, name, ret_file, error);
}

/* ---- lines -----------------------------------------------------------------------------------*/

static const struct spec_line *find_line(const struct spec_file *file, const char *path,
                                         size_t size)
{
    size_t low = 0, high = file->n_lines;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = file->line[middle].path;
        int order = strncmp(other, path, size);

        if (order == 0 && other[size])
            order = 1;
        if (order == 0)
            return &file->line[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

int spec_file_line(const struct spec_file *file, const char *path)
{
    size_t size = strlen(path);

    while (size > 0) {
        const struct spec_line *line = find_line(file, path, size);

        if (line)
            return line->line;
        do
            size--;
        while (size > 0 && path[size] != '.' && path[size] != '[');
    }
    return 0;
}

static bool is_below(const char *path, const char *parent)
{
    size_t size = strlen(parent);

    return strncmp(path, parent, size) == 0 &&
           (path[size] == '\0' || path[size] == '.' || path[size] == '[');
}

/* What was set on the command line stands on no line of the file. */
static bool forget_lines(struct spec_file *file, const char *path, struct error *error)
{
    struct spec_line *lines = realloc(file->line, (file->n_lines + 1) * sizeof(*lines));
    char *copy = strdup(path);
    size_t kept = 0, place = 0;

    if (lines)
        file->line = lines;
    if (!lines || !copy) {
        free(copy);
        return error_set(error, ERROR_NO_MEMORY, "setting %s", path);
    }
    for (size_t i = 0; i < file->n_lines; i++) {
        if (is_below(lines[i].path, path))
            free(lines[i].path);
        else
            lines[kept++] = lines[i];
    }
    while (place < kept && strcmp(lines[place].path, path) < 0)
        place++;
    memmove(lines + place + 1, lines + place, (kept - place) * sizeof(*lines));
    lines[place] = (struct spec_line){.path = copy, .line = 0};
    file->n_lines = kept + 1;
    return true;
}

static int path_depth(const char *path)
{
    int depth = 1;

    for (; *path; path++)
        depth += *path == '.' || *path == '[';
    return depth;
}

bool spec_file_set(struct spec_file *file, const char *assignment, struct error *error)
{
    const char *equals = strchr(assignment, '=');
    scoped(memory_free) char *path = NULL;
    cJSON *value;

    if (!equals || equals == assignment)
        return error_set(error, ERROR_INVALID, "--set %s: expected path=value", assignment);
    path = strndup(assignment, (size_t)(equals - assignment));
    if (!path)
        return error_set(error, ERROR_NO_MEMORY, "setting %s", assignment);
    if (!yaml_read(equals + 1, strlen(equals + 1), "--set", &value, NULL, NULL, error))
        return error_wrap(error, "%s", path);
    if (path_depth(path) + depth_of(value) > SPEC_DEPTH_LIMIT) {
        json_free(&value);
        return error_set(error, ERROR_INVALID, "--set %s: nested more than %d deep", path,
                         SPEC_DEPTH_LIMIT);
    }
    if (!spec_set_at(file->root, path, &value, error))
        return error_wrap(error, "--set");
    keep_words(file->root);
    return forget_lines(file, path, error);
}
