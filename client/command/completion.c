/*
 * nj completion: what a shell offers behind Tab. The script is printed from the command table; the
 * paths of settings are asked for when they are wanted.
 */
#include "client/client.h"
#include "client/settings_tree.h"

#include "common/owner.h"

#include <stdio.h>
#include <string.h>

#define STATES "held queued starting running paused stopping done failed cancelled active ended"

/* ---- the script --------------------------------------------------------------------------------
 * `words` are the candidates, `kind` says what else may stand there: file, setting (a path),
 * assignment (a path and =), text (nothing can be offered).
 */

static const char script_head[] =
    "# bash completion of nightjar and nj, printed by `nj completion bash`\n"
    "_nightjar()\n"
    "{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local verb='' words='' kind='' i\n"
    "\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --)\n"
    "            if ((i + 1 == COMP_CWORD)); then\n"
    "                mapfile -t COMPREPLY < <(compgen -c -- \"$word\")\n"
    "            else\n"
    "                compopt -o filenames 2> /dev/null\n"
    "                mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
    "            fi\n"
    "            return\n"
    "            ;;\n"
    "        -*) ;;\n"
    "        *) [[ -n $verb ]] || verb=${COMP_WORDS[i]} ;;\n"
    "        esac\n"
    "    done\n"
    "    # bash cuts --name=value and --set path=value at the =\n"
    "    if [[ $word == '=' ]]; then\n"
    "        word=''\n"
    "        [[ ${COMP_WORDS[COMP_CWORD - 2]} != --set ]] || return\n"
    "    elif [[ $before == '=' ]]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "        [[ ${COMP_WORDS[COMP_CWORD - 3]} != --set ]] || return\n"
    "    fi\n"
    "    case $verb in\n";

static const char script_tail[] =
    "    esac\n"
    "    case $kind in\n"
    "    file)\n"
    "        compopt -o filenames 2> /dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
    "        ;;\n"
    "    setting) words=$(\"${COMP_WORDS[0]}\" completion settings 2> /dev/null) ;;\n"
    "    assignment)\n"
    "        compopt -o nospace 2> /dev/null\n"
    "        words=$(\"${COMP_WORDS[0]}\" completion paths 2> /dev/null | sed 's/$/=/')\n"
    "        [[ ! $word =~ \\[[0-9]+\\] ]] || words=${words//'[0]'/${BASH_REMATCH[0]}}\n"
    "        ;;\n"
    "    esac\n"
    "    [[ -z $words ]] || mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W \"$words\" -- "
    "\"$word\")\n"
    "}\n"
    "complete -F _nightjar nightjar nj\n";

static void print_verbs(const char *between, const char *end)
{
    for (size_t i = 0; command_registry[i]; i++)
        printf("%s%s", i ? between : "", command_registry[i]->name);
    fputs(end, stdout);
}

/* Patterns of an option as it is typed: --lines|-n */
static void print_pattern(const struct command_option *option)
{
    printf("        --%s", option->name);
    if (option->letter)
        printf(" | -%c", option->letter);
    printf(") ");
}

static void print_option_value(const struct command_option *option)
{
    if (!option->value)
        return;
    print_pattern(option);
    if (option->choices) {
        printf("words='");
        for (size_t i = 0; option->choices[i]; i++)
            printf("%s%s", i ? " " : "", option->choices[i]);
        printf("'");
    } else if (strcmp(option->name, "state") == 0) {
        printf("words='" STATES "'");
    } else if (strcmp(option->name, "set") == 0) {
        printf("kind='assignment'");
    } else {
        printf("kind='%s'", strstr(option->value, "FILE") ? "file" : "text");
    }
    printf(" ;;\n");
}

static void print_argument(const struct command *command)
{
    printf("            ");
    switch (command->takes) {
    case ARGUMENT_NONE:
    case ARGUMENT_TEXT:
        printf("kind='text'\n");
        return;
    case ARGUMENT_IDS:
        printf("words='last all batch:'\n");
        return;
    case ARGUMENT_FILE:
        printf("kind='file'\n");
        return;
    case ARGUMENT_SETTING:
        printf("kind='setting'\n");
        return;
    case ARGUMENT_COMMAND:
        printf("words='");
        print_verbs(" ", "");
        printf("'\n");
        return;
    case ARGUMENT_WORD:
        printf("words='");
        for (size_t i = 0; command->words[i]; i++)
            printf("%s%s", i ? " " : "", command->words[i]);
        printf("'\n");
        return;
    }
}

static void print_verb(const struct command *command)
{
    const struct command_option *option;

    printf("    %s", command->name);
    if (command->alias)
        printf(" | %s", command->alias);
    printf(")\n        case $before in\n");
    for (option = command->options; option && option->name; option++)
        print_option_value(option);
    printf("        *)\n            if [[ $word == -* ]]; then\n                words='");
    for (option = command->options; option && option->name; option++)
        printf("--%s ", option->name);
    printf("--help'\n            else\n    ");
    print_argument(command);
    printf("            fi\n            ;;\n        esac\n        ;;\n");
}

static void print_bash(void)
{
    fputs(script_head, stdout);
    printf("    '') words='");
    print_verbs(" ", "");
    printf("' ;;\n");
    for (size_t i = 0; command_registry[i]; i++)
        print_verb(command_registry[i]);
    fputs(script_tail, stdout);
}

/* ---- settings --------------------------------------------------------------------------------*/

/* Every path that `nj explain` knows, with the kinds as steps; or, for `nj completion paths`, as it
 * stands in a spec: train.optimizer.rate, model[0].units. */
static bool append_paths(const cJSON *table, const char *prefix, bool in_spec, struct buffer *out,
                         struct error *error);

static bool append_kinds(const cJSON *setting, const char *path, bool in_spec, struct buffer *out,
                         struct error *error)
{
    const cJSON *kinds = json_member(setting, "kinds"), *kind;
    bool list = strcmp(json_text(setting, "type", ""), "kinds") == 0;
    char below[300];

    snprintf(below, sizeof(below), "%s%s", path, list ? "[0]" : "");
    if (in_spec && cJSON_GetArraySize(kinds) > 0 &&
        !buffer_append_format(out, error, "%s.type\n", below))
        return false;
    cJSON_ArrayForEach(kind, kinds)
    {
        if (!in_spec) {
            snprintf(below, sizeof(below), "%s.%s", path, json_text(kind, "name", ""));
            if (!buffer_append_format(out, error, "%s\n", below))
                return false;
        }
        if (!append_paths(json_member(kind, "settings"), below, in_spec, out, error))
            return false;
    }
    return true;
}

static bool append_paths(const cJSON *table, const char *prefix, bool in_spec, struct buffer *out,
                         struct error *error)
{
    const cJSON *setting;

    cJSON_ArrayForEach(setting, table)
    {
        char path[256];

        snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "",
                 json_text(setting, "name", ""));
        if (!buffer_append_format(out, error, "%s\n", path) ||
            !append_paths(json_member(setting, "settings"), path, in_spec, out, error) ||
            !append_kinds(setting, path, in_spec, out, error))
            return false;
    }
    return true;
}

static bool print_settings(bool in_spec, struct error *error)
{
    scoped(json_free) cJSON *tree = NULL;
    scoped(buffer_release) struct buffer out = {0};

    if (!settings_tree_read(&tree, error) || !append_paths(tree, "", in_spec, &out, error))
        return false;
    fwrite(out.data, 1, out.size, stdout);
    return true;
}

static bool run(struct client *client, struct error *error)
{
    const char *what = client->arguments.argument[0];

    if (strcmp(what, "settings") == 0 || strcmp(what, "paths") == 0)
        return print_settings(strcmp(what, "paths") == 0, error);
    if (strcmp(what, "bash") == 0)
        print_bash();
    else if (strcmp(what, "verbs") == 0)
        print_verbs("\n", "\n");
    else
        return error_set(error, ERROR_INVALID,
                         "completion: '%s' is none of bash, paths, settings, verbs", what);
    return true;
}

static const char *const words[] = {"bash", "paths", "settings", "verbs", NULL};

const struct command command_completion = {
    .name = "completion",
    .synopsis = "bash | paths | settings | verbs",
    .help = "Print a shell's completion script, or what it offers.",
    .description = "    source <(nj completion bash)",
    .takes = ARGUMENT_WORD,
    .words = words,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
