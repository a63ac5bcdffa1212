#include "worker/engine/dataset/files.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/owner.h"
#include "worker/engine/dataset/source/join.h"
#include "worker/engine/dataset/source/several.h"

#define FILES_MAX 100000

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "listing the files of data.source");
}

static void free_texts(char **text, size_t n)
{
    for (size_t i = 0; text && i < n; i++)
        free(text[i]);
    free(text);
}

void data_files_release(struct data_files *files)
{
    free_texts(files->path, files->n);
    free_texts(files->name, files->n);
    free_texts(files->joined, files->n_joined);
    free(files->text);
    *files = (struct data_files){0};
}

/* ---- patterns ---------------------------------------------------------------------------------*/

struct texts { /* that grow */
    char **item;
    size_t n;
};

static bool add_text(struct texts *texts, const char *text, struct error *error)
{
    char **item = reallocarray(texts->item, texts->n + 1, sizeof(*item));

    if (!item)
        return no_memory(error);
    texts->item = item;
    item[texts->n] = strdup(text);
    return item[texts->n++] || no_memory(error);
}

static int by_bytes(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* What a pattern matches, by name; a file that is there is no pattern, whatever it is called. */
static bool expand(const char *cwd, const char *text, const char *setting, struct texts *texts,
                   struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    struct stat status;
    glob_t found = {0};
    bool good = true;
    int code;

    if (!data_path(cwd, text, &path, error))
        return false;
    if (!strpbrk(text, "*?[") || stat(path.data, &status) == 0)
        return add_text(texts, path.data, error);
    code = glob(path.data, GLOB_NOSORT, NULL, &found);
    if (code == 0 && found.gl_pathc <= FILES_MAX)
        qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv), by_bytes);
    if (code == GLOB_NOSPACE)
        good = no_memory(error);
    else if (code != 0)
        good =
            error_set_at(error, ERROR_INVALID, setting, "no file is called like '%s'", path.data);
    else if (found.gl_pathc > FILES_MAX)
        good = error_set_at(error, ERROR_INVALID, setting, "'%s' means %zu files, more than %d",
                            path.data, found.gl_pathc, FILES_MAX);
    for (size_t i = 0; good && i < found.gl_pathc; i++)
        good = add_text(texts, found.gl_pathv[i], error);
    globfree(&found);
    return good;
}

bool data_files_expand(const char *cwd, const cJSON *said, const char *setting, char ***ret,
                       size_t *ret_n, struct error *error)
{
    struct texts texts = {0};
    const cJSON *item;
    bool good = true;

    if (cJSON_IsString(said))
        good = expand(cwd, said->valuestring, setting, &texts, error);
    cJSON_ArrayForEach(item, said)
    {
        good =
            good && cJSON_IsString(item) && expand(cwd, item->valuestring, setting, &texts, error);
    }
    if (!good) {
        free_texts(texts.item, texts.n);
        return false;
    }
    *ret = texts.item;
    *ret_n = texts.n;
    return true;
}

/* ---- the files --------------------------------------------------------------------------------*/

int64_t data_files_number(const struct data_files *files, const char *path)
{
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->path[i], path) == 0)
            return (int64_t)i;
    return -1;
}

/* Whichever of the paths are new. */
static bool add_paths(struct data_files *files, char *const *path, size_t n, struct error *error)
{
    struct texts all = {files->path, files->n};
    bool good = true;

    for (size_t i = 0; good && i < n; i++) {
        if (data_files_number(files, path[i]) < 0)
            good = add_text(&all, path[i], error);
        files->path = all.item;
        files->n = all.n;
    }
    return good;
}

static bool add_said(const struct data_config *config, const char *cwd, struct data_files *files,
                     struct error *error)
{
    const cJSON *const said[] = {config->split.train, config->split.valid, config->split.test};

    for (int i = 0; split_by_files(&config->split) && i < SPLIT_PART_COUNT; i++) {
        char **path = NULL, setting[64];
        size_t n = 0;
        bool good;

        (void)snprintf(setting, sizeof(setting), "data.split.%s", split_part_name[i]);
        if (!said[i] || cJSON_IsNumber(said[i]))
            continue;
        good = data_files_expand(cwd, said[i], setting, &path, &n, error) &&
               add_paths(files, path, n, error);
        free_texts(path, n);
        if (!good)
            return false;
    }
    return true;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* Their last parts, or the whole paths where two files are called alike. */
static bool name_files(struct data_files *files, struct error *error)
{
    scoped(memory_free) char **sorted = calloc(files->n + 1, sizeof(*sorted));
    bool alike = false;

    if (files->n == 0)
        return error_set_at(error, ERROR_INVALID, "data.source", "names no file");
    files->name = calloc(files->n + 1, sizeof(*files->name));
    if (!sorted || !files->name || !files->path)
        return no_memory(error);
    for (size_t i = 0; i < files->n; i++) {
        files->name[i] = strdup(last_part(files->path[i]));
        sorted[i] = files->name[i];
        if (!files->name[i])
            return no_memory(error);
    }
    qsort(sorted, files->n, sizeof(*sorted), by_bytes);
    for (size_t i = 1; i < files->n; i++)
        alike = alike || strcmp(sorted[i - 1], sorted[i]) == 0;
    for (size_t i = 0; alike && i < files->n; i++) {
        free(files->name[i]);
        files->name[i] = strdup(files->path[i]);
        if (!files->name[i])
            return no_memory(error);
    }
    if (asprintf(&files->text, files->n > 1 ? "%s and %zu more" : "%s", files->path[0],
                 files->n - 1) < 0)
        return no_memory(error);
    return true;
}

static bool add_joined(const struct data_config *config, const char *cwd, struct data_files *files,
                       struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    struct texts all = {0};
    bool good = true;

    for (size_t i = 0; good && i < config->join.n; i++) {
        good = data_path(cwd, join_source_of(&config->join.item[i]), &path, error) &&
               add_text(&all, path.data, error);
        files->joined = all.item;
        files->n_joined = all.n;
    }
    return good;
}

static bool find_all(const struct data_config *config, const char *cwd, struct data_files *files,
                     struct error *error)
{
    struct texts texts = {0};
    bool good = true;

    for (size_t i = 0; good && i < config->source.n; i++)
        good = expand(cwd, config->source.item[i], "data.source", &texts, error);
    good = good && add_paths(files, texts.item, texts.n, error);
    free_texts(texts.item, texts.n);
    return good && add_said(config, cwd, files, error) && name_files(files, error) &&
           add_joined(config, cwd, files, error);
}

bool data_files_find(const struct data_config *config, const char *cwd,
                     struct data_files *ret_files, struct error *error)
{
    scoped(data_files_release) struct data_files files = {0};

    if (!find_all(config, cwd, &files, error))
        return false;
    *ret_files = files;
    files = (struct data_files){0};
    return true;
}

bool data_files_of(const struct data_config *config, const char *cwd, const char *path,
                   struct data_files *ret_files, struct error *error)
{
    scoped(data_files_release) struct data_files files = {0};
    char *one = strdup(path);
    bool good = one && add_paths(&files, &one, 1, error) && name_files(&files, error) &&
                add_joined(config, cwd, &files, error);

    if (!one)
        (void)no_memory(error);
    free(one);
    if (!good)
        return false;
    *ret_files = files;
    files = (struct data_files){0};
    return true;
}

/* ---- as a source ------------------------------------------------------------------------------*/

bool data_files_open(const struct data_config *config, const struct data_files *files,
                     bool features_only, struct source **ret, struct error *error)
{
    struct source_request request = data_request(config, files->path[0]);
    const struct several_request several = {
        .path = files->path, .name = files->name, .n = files->n, .text = files->text};
    scoped(source_free) struct source *source = NULL;

    request.features_only = features_only;
    if (features_only)
        request.format.lacking = config->target;
    if (!(files->n == 1 ? source_open(&request, &source, error)
                        : several_open(&request, &several, &source, error)))
        return false;
    for (size_t i = 0; i < files->n_joined; i++)
        if (!join_open(&config->join.item[i], i, i + 1 == files->n_joined, files->joined[i],
                       &source, error))
            return false;
    *ret = take(&source);
    return true;
}
