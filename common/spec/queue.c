/* What every experiment has, command or pipeline alike. */
#include "common/spec/spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400.0
#define SEED_LIMIT 9007199254740991.0 /* 2^53 - 1 */

static const struct setting queue_settings[] = {
    SETTING_INTEGER(struct queue_config, priority, 0, -1000, 1000, "",
                    "What starts first; the higher, the earlier."),
    SETTING_INTEGER(struct queue_config, retries, 0, 0, 100, "",
                    "How often a failed experiment is run again; not after a timeout."),
    SETTING_BOOLEAN(struct queue_config, hold, 0, "Wait for `nj release` before it may start."),
    SETTING_BOOLEAN(struct queue_config, requeue, 1,
                    "Run it again after its run was lost (a crash or a reboot)."),
    SETTING_INTEGER(struct queue_config, breaker, 3, 0, 1000000, "",
                    "How many configurations may fail alike, with none that succeeds, before the "
                    "rest of the batch is held; 0: any number."),
    SETTING_TEXTS(struct queue_config, after, 0, 1000,
                  "What must have ended before, however it ended: 12, 3-9, batch:4, last."),
    SETTING_TEXTS(struct queue_config, after_ok, 0, 1000,
                  "What must have succeeded before: 12, 3-9, batch:4, last."),
    {0},
};

static const struct setting resources_settings[] = {
    SETTING_REAL(struct resources_config, cpus, 1, 0.1, 1024, 0, "cpus",
                 "Processors to set aside; a run may use as many threads, rounded up."),
    SETTING_SIZE(struct resources_config, memory, 0, 0, 1125899906842624.0,
                 "Memory to set aside and not to exceed; 0: not said."),
    SETTING_INTEGER(struct resources_config, gpus, 0, 0, 64, "gpus",
                    "Graphics processors to set aside."),
    SETTING_DURATION(struct resources_config, time, 0, 0, 365 * DAY,
                     "Longest run, time in suspend not counted; 0: no limit."),
    SETTING_SIZE(struct resources_config, log, 16 * 1024 * 1024, 4096, 1099511627776.0,
                 "What is kept of a run's output: half from its head, half from its tail."),
    SETTING_DURATION(struct resources_config, grace, 10, 0, DAY,
                     "Time between being asked to stop (SIGTERM) and being killed."),
    {0},
};

const struct setting common_settings[] = {
    SETTING_TEXT(struct common_config, name, NULL, 0, "What the batch is called."),
    SETTING_TEXT(struct common_config, question, NULL, 0,
                 "What the batch is to answer; kept with the verdict."),
    SETTING_TEXT(struct common_config, expectation, NULL, 0,
                 "What you expect it to answer, said before; shown beside the outcome."),
    SETTING_TEXTS(struct common_config, tags, 0, 100, "Words to find it by."),
    SETTING_INTEGER(struct common_config, seed, 0, 0, SEED_LIMIT, "",
                    "Where all randomness comes from; the same seed gives the same result."),
    SETTING_TEXTS(struct common_config, command, 1, 100000,
                  "A program and its arguments, in place of data and model."),
    SETTING_NESTED(struct common_config, queue, struct queue_config, queue_settings,
                   "When it may start."),
    SETTING_NESTED(struct common_config, resources, struct resources_config, resources_settings,
                   "What it may use."),
    SETTING_TEXT(struct common_config, on_finish, NULL, 0,
                 "A shell command that runs when the whole batch has ended."),
    {0},
};

static bool parse_id(const char **text, int64_t *ret_id)
{
    size_t digits = strspn(*text, "0123456789");

    if (digits == 0 || digits > 15 || **text == '0')
        return false;
    *ret_id = strtoll(*text, NULL, 10);
    *text += digits;
    return true;
}

bool spec_reference_parse(const char *text, struct spec_reference *ret_reference)
{
    struct spec_reference reference = {0};

    if (strcmp(text, "last") == 0) {
        *ret_reference = (struct spec_reference){.last = true};
        return true;
    }
    reference.batch = strncmp(text, "batch:", 6) == 0;
    if (reference.batch)
        text += 6;
    if (!parse_id(&text, &reference.first))
        return false;
    reference.last_id = reference.first;
    if (*text == '-' && !reference.batch) {
        text++;
        if (!parse_id(&text, &reference.last_id))
            return false;
    }
    if (*text || reference.last_id < reference.first)
        return false;
    *ret_reference = reference;
    return true;
}

static bool check_ids(const struct setting_texts *list, const char *path,
                      struct diagnostics *diagnostics)
{
    struct spec_reference reference;
    bool good = true;

    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->item[i];

        if (text && spec_reference_parse(text, &reference))
            continue;
        if (text)
            diagnostics_add(diagnostics, path,
                            "'%.40s' is no experiment; expected 12, 3-9, batch:4 or last", text);
        good = false;
    }
    return good;
}

/* A command line in one text would be looked for as one program of that name; a path may have a
 * space in it where it is the word of a list. */
static bool check_command(const cJSON *given, const struct common_config *config,
                          struct diagnostics *diagnostics)
{
    const char *program = config->command.n ? config->command.item[0] : NULL;
    const char *path = cJSON_IsString(given) ? "command" : "command[0]";

    if (!program)
        return true;
    if (!*program) {
        diagnostics_add(diagnostics, "command[0]", "the program's name is empty");
        return false;
    }
    if (config->command.n > 1 || !program[strcspn(program, " \t\n")] ||
        (cJSON_IsArray(given) && strchr(program, '/')))
        return true;
    diagnostics_add(diagnostics, path,
                    "'%.40s' is one word and no program; a list has a word an item, and [sh, -c, "
                    "'...'] runs a line of shell",
                    program);
    return false;
}

bool spec_parse_common(const cJSON *root, struct common_config *config,
                       struct diagnostics *diagnostics)
{
    cJSON *own = spec_select(root, SPEC_OWNER_COMMON);
    bool good;

    if (!own) {
        diagnostics->overflow = true;
        return false;
    }
    good = settings_parse(common_settings, own, "", config, diagnostics);
    good = check_ids(&config->queue.after, "queue.after", diagnostics) && good;
    good = check_ids(&config->queue.after_ok, "queue.after_ok", diagnostics) && good;
    good = check_command(cJSON_GetObjectItemCaseSensitive(own, "command"), config, diagnostics) &&
           good;
    cJSON_Delete(own);
    return good;
}
