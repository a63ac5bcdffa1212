#include "worker/engine/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/question.h"

#define SAMPLES 64 /* of each part */
#define BATCHES 2

struct attempt {
    cJSON *request; /* owned */
    cJSON *root;    /* borrowed from it: the spec */
    char *folder;   /* owned: a temporary one; NULL: none so far */
};

static void attempt_release(struct attempt *attempt)
{
    struct error ignored;

    if (attempt->folder)
        (void)file_remove_tree(AT_FDCWD, attempt->folder, &ignored);
    free(attempt->folder);
    json_free(&attempt->request);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "trying a spec");
}

static bool read_request(struct attempt *at, FILE *in, struct error *error)
{
    const char *folder;

    return question_read(in, &at->request, error) &&
           question_spec(at->request, &at->root, &folder, error);
}

/* What an ensemble trains is nothing. */
static bool trains(const cJSON *root)
{
    const cJSON *first = cJSON_GetArrayItem(json_member(root, "model"), 0);
    const char *type = cJSON_IsString(first) ? first->valuestring : json_text(first, "type", "");

    return strcmp(type, "ensemble") != 0;
}

static cJSON *member(cJSON *object, const char *name)
{
    cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsObject(found) ? found : json_add_object(object, name);
}

static bool replace_integer(cJSON *object, const char *name, int64_t value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    return json_add_integer(object, name, value);
}

/* Two batches of one epoch; settings that go over all epochs stay what they are. */
static bool shorten(struct attempt *at, struct error *error)
{
    cJSON *train, *limit;

    if (!trains(at->root))
        return true;
    train = member(at->root, "train");
    limit = train ? member(train, "limit") : NULL;
    return (limit && replace_integer(limit, "batches", BATCHES)) || no_memory(error);
}

static bool make_folder(struct attempt *at, struct error *error)
{
    const char *given = getenv("TMPDIR");
    scoped(buffer_release) struct buffer path = {0}, text = {0};
    scoped(json_free) cJSON *file = cJSON_CreateObject();
    char *folder;

    if (asprintf(&folder, "%s/nightjar-try-XXXXXX", given && *given ? given : "/tmp") < 0)
        return no_memory(error);
    if (!mkdtemp(folder)) {
        (void)error_set_errno(error, errno, "%s", folder);
        free(folder);
        return false;
    }
    at->folder = folder;
    if (!file || !json_add_integer(file, "v", 1) || !json_add_integer(file, "id", 0) ||
        !json_add_integer(file, "run", 1) ||
        !json_add_integer(file, "seed", json_integer(at->root, "seed", 0)) ||
        !json_add_text(file, "cwd", json_text(at->request, "cwd", NULL)) ||
        !cJSON_AddItemReferenceToObject(file, "spec", at->root))
        return no_memory(error);
    return buffer_append_format(&path, error, "%s/1", folder) &&
           file_make_folders(path.data, error) && buffer_append_text(&path, "/spec.json", error) &&
           json_print(file, &text, error) &&
           file_replace_fast(AT_FDCWD, path.data, text.data, text.size, error);
}

/* The run is this process: what a worker would say is said here. */
static bool set_environment(const struct attempt *at, const char *run, struct error *error)
{
    scoped(buffer_release) struct buffer events = {0};

    if (!buffer_append_format(&events, error, "%s/reported.jsonl", run))
        return false;
    return (unsetenv("NIGHTJAR_ARTIFACTS") == 0 && unsetenv("NIGHTJAR_CHECKPOINT") == 0 &&
            setenv("NIGHTJAR_EVENTS", events.data, 1) == 0 &&
            setenv("NIGHTJAR_RUN_DIR", run, 1) == 0 &&
            setenv("NIGHTJAR_DATA", json_text(at->request, "folder", ""), 1) == 0) ||
           no_memory(error);
}

bool pipeline_try(FILE *in, FILE *out, struct error *error)
{
    scoped(attempt_release) struct attempt at = {0};
    scoped(buffer_release) struct buffer run = {0};
    int64_t began = clock_system.monotonic_ms(NULL);

    if (!read_request(&at, in, error) || !shorten(&at, error) || !make_folder(&at, error) ||
        !buffer_append_format(&run, error, "%s/1", at.folder) ||
        !set_environment(&at, run.data, error) ||
        !pipeline_run_sample(run.data, json_text(at.request, "runs", NULL), SAMPLES, error))
        return false;
    return (fprintf(out, "{\"seconds\":%.3f}\n",
                    (double)(clock_system.monotonic_ms(NULL) - began) / 1000) > 0 &&
            fflush(out) == 0) ||
           error_set_errno(error, errno, "writing the answer");
}
