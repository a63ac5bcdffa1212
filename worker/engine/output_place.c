#include "worker/engine/output_place.h"

#include <sys/stat.h>

#include "common/json.h"
#include "common/owner.h"
#include "worker/engine/dataset/files.h"
#include "worker/engine/dataset/split/split.h"

bool output_place_spares(const char *output, const char *path, const char *what,
                         struct error *error)
{
    struct stat there, read;

    if (stat(output, &there) != 0 || stat(path, &read) != 0 || there.st_dev != read.st_dev ||
        there.st_ino != read.st_ino)
        return true;
    return error_set(error, ERROR_INVALID,
                     "%s: is read as %s; what is written needs a file of its own", output, what);
}

static bool spares_each(const char *output, char *const *path, size_t n, const char *what,
                        struct error *error)
{
    for (size_t i = 0; i < n; i++)
        if (!output_place_spares(output, path[i], what, error))
            return false;
    return true;
}

bool output_place_spares_data(const char *output, const struct data_config *config, const char *cwd,
                              struct error *error)
{
    scoped(data_files_release) struct data_files files = {0};
    scoped(json_free) cJSON *lists = cJSON_CreateArray();
    const cJSON *list;
    struct error ignored;

    if (!lists || !split_sources(config, cwd, lists, error))
        return lists || error_set(error, ERROR_NO_MEMORY, "listing what is read");
    cJSON_ArrayForEach(list, lists)
    {
        if (!output_place_spares(output, list->valuestring, "data.split", error))
            return false;
    }
    return !data_files_find(config, cwd, &files, &ignored) ||
           (spares_each(output, files.path, files.n, "data.source", error) &&
            spares_each(output, files.joined, files.n_joined, "data.join", error));
}
