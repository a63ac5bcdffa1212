/* The verbs, alphabetical. */
#include "client/client.h"

#include "common/spec/setting.h"

#include <stdio.h>
#include <string.h>

extern const struct command command_best;
extern const struct command command_cancel;
extern const struct command command_check;
extern const struct command command_clean;
extern const struct command command_compare;
extern const struct command command_completion;
extern const struct command command_daemon;
extern const struct command command_data;
extern const struct command command_edit;
extern const struct command command_evaluate;
extern const struct command command_event;
extern const struct command command_explain;
extern const struct command command_follow;
extern const struct command command_help;
extern const struct command command_hold;
extern const struct command command_log;
extern const struct command command_note;
extern const struct command command_pause;
extern const struct command command_predict;
extern const struct command command_release;
extern const struct command command_report;
extern const struct command command_restart;
extern const struct command command_resume;
extern const struct command command_search;
extern const struct command command_show;
extern const struct command command_status;
extern const struct command command_submit;
extern const struct command command_wait;
extern const struct command command_why;

const struct command *const command_registry[] = {
    &command_best,       &command_cancel,  &command_check,  &command_clean,   &command_compare,
    &command_completion, &command_daemon,  &command_data,   &command_edit,    &command_evaluate,
    &command_event,      &command_explain, &command_follow, &command_help,    &command_hold,
    &command_log,        &command_note,    &command_pause,  &command_predict, &command_release,
    &command_report,     &command_restart, &command_resume, &command_search,  &command_show,
    &command_status,     &command_submit,  &command_wait,   &command_why,     NULL,
};

static const struct command *find_exact(const char *name)
{
    for (size_t i = 0; command_registry[i]; i++) {
        const struct command *command = command_registry[i];

        if (strcmp(command->name, name) == 0 ||
            (command->alias && strcmp(command->alias, name) == 0))
            return command;
    }
    return NULL;
}

static bool unknown(const char *name, struct error *error)
{
    const char *names[64];
    size_t n = 0;
    const char *nearest;

    for (size_t i = 0; command_registry[i] && n + 2 < 64; i++) {
        names[n++] = command_registry[i]->name;
        if (command_registry[i]->alias)
            names[n++] = command_registry[i]->alias;
    }
    if (*name && !name[strspn(name, "0123456789")])
        return error_set(error, ERROR_INVALID, "'%s' is no command; nj show %s", name, name);
    nearest = setting_suggest(name, names, n);
    if (nearest)
        return error_set(error, ERROR_INVALID, "unknown command '%s'; did you mean '%s'?", name,
                         nearest);
    return error_set(error, ERROR_INVALID, "unknown command '%s'; 'nj help' lists them", name);
}

bool command_find(const char *name, const struct command **ret, struct error *error)
{
    const struct command *found = find_exact(name);
    char candidates[256] = "";
    size_t used = 0, n = 0;

    if (found) {
        *ret = found;
        return true;
    }
    for (size_t i = 0; command_registry[i] && *name && used < sizeof(candidates); i++) {
        if (strncmp(command_registry[i]->name, name, strlen(name)) != 0)
            continue;
        found = command_registry[i];
        used += (size_t)snprintf(candidates + used, sizeof(candidates) - used, "%s%s",
                                 n++ ? ", " : "", found->name);
    }
    if (n == 0)
        return unknown(name, error);
    if (n > 1)
        return error_set(error, ERROR_INVALID, "'%s' could be any of %s", name, candidates);
    *ret = found;
    return true;
}
