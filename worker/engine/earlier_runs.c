#include "worker/engine/earlier_runs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "common/buffer.h"
#include "common/journal.h"
#include "common/json.h"
#include "common/owner.h"

static bool look(const char *path, bool *ret_out_of_memory, struct error *error)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    bool more = true;

    *ret_out_of_memory = false;
    if (!journal_reader_open(AT_FDCWD, path, 0, &reader, error))
        return false;
    while (more) {
        scoped(json_free) cJSON *event = NULL;

        if (!journal_next(&reader, &event, NULL, error))
            return false;
        more = event != NULL;
        if (strcmp(json_text(event, "event", ""), "exit") == 0)
            *ret_out_of_memory = strcmp(json_text(event, "reason", ""), "out_of_memory") == 0;
    }
    return true;
}

bool earlier_runs_out_of_memory(const char *folder, int64_t run, int64_t *ret_n,
                                struct error *error)
{
    int64_t n = 0;

    for (int64_t earlier = 1; earlier < run; earlier++) {
        scoped(buffer_release) struct buffer path = {0};
        bool found;

        if (!buffer_append_format(&path, error, "%s/../%" PRId64 "/events.jsonl", folder,
                                  earlier) ||
            !look(path.data, &found, error))
            return false;
        n += found;
    }
    *ret_n = n;
    return true;
}
