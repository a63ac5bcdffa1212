/* nj explain: what may stand in a spec, where, with which default. */
#include "client/client.h"
#include "client/render.h"
#include "client/settings_tree.h"

#include "common/owner.h"

#include <stdio.h>
#include <string.h>

/* Words between the margins, each line indented. */
static bool append_wrapped(const char *text, int indent, struct buffer *out, struct error *error)
{
    struct render render;
    int column = 0;

    render_open(&render, stdout);
    while (*text) {
        size_t size = strcspn(text, " ");
        bool fits = column + 1 + (int)size <= render_prose_width(&render);

        if (column == 0 || !fits) {
            if (!buffer_append_format(out, error, "%s%*s", column ? "\n" : "", indent, ""))
                return false;
            column = indent;
        } else {
            if (!buffer_append_text(out, " ", error))
                return false;
            column++;
        }
        if (!buffer_append(out, text, size, error))
            return false;
        column += (int)size;
        text += size;
        text += strspn(text, " ");
    }
    return column == 0 || buffer_append_text(out, "\n", error);
}

/* "integer in [1, 65536], default 64" */
static bool append_type(const cJSON *setting, struct buffer *out, struct error *error)
{
    scoped(buffer_release) struct buffer initial = {0};
    bool required = json_boolean(setting, "required", false);

    if (!settings_tree_type(setting, out, error) ||
        !settings_tree_default(setting, &initial, error))
        return false;
    return !initial.size ||
           buffer_append_format(out, error, "%s%s", required ? "; " : "; default ", initial.data);
}

static bool append_setting(const cJSON *setting, const char *name, int indent, struct buffer *out,
                           struct error *error)
{
    scoped(buffer_release) struct buffer type = {0};

    return append_type(setting, &type, error) &&
           buffer_append_format(out, error, "%*s%s\n", indent, "", name) &&
           append_wrapped(type.data, indent + 4, out, error) &&
           append_wrapped(json_text(setting, "help", ""), indent + 4, out, error);
}

static bool append_table(const cJSON *table, int indent, struct buffer *out, struct error *error)
{
    const cJSON *setting;

    cJSON_ArrayForEach(setting, table)
    {
        if (!append_setting(setting, json_text(setting, "name", ""), indent, out, error) ||
            !append_table(json_member(setting, "settings"), indent + 4, out, error))
            return false;
    }
    return true;
}

static bool append_kinds(const cJSON *kinds, struct buffer *out, struct error *error)
{
    const cJSON *kind;

    cJSON_ArrayForEach(kind, kinds)
    {
        if (!buffer_append_format(out, error, "\n%s: %s\n", json_text(kind, "name", ""),
                                  json_text(kind, "help", "")) ||
            !append_table(json_member(kind, "settings"), 4, out, error))
            return false;
    }
    return true;
}

/* A setting has a type, a kind has none. */
static bool append_found(const cJSON *item, struct buffer *out, struct error *error)
{
    const char *path = json_text(item, "path", "");
    const cJSON *table = json_member(item, "settings");

    if (!table)
        table = json_member(item, "entries");
    if (json_member(item, "type")) {
        if (!append_setting(item, path, 0, out, error))
            return false;
    } else if (!buffer_append_format(out, error, "%s: %s\n", path, json_text(item, "help", ""))) {
        return false;
    }
    return (!table || !table->child || buffer_append_text(out, "\n", error)) &&
           append_table(table, 4, out, error) &&
           append_kinds(json_member(item, "kinds"), out, error);
}

static bool explain_path(const cJSON *tree, const char *path, bool json, struct buffer *out,
                         struct error *error)
{
    scoped(json_free) cJSON *found = NULL;
    const cJSON *item;

    if (!settings_tree_find(tree, path, &found, error))
        return false;
    if (json)
        return json_print(found, out, error) && buffer_append_text(out, "\n", error);
    cJSON_ArrayForEach(item, found)
    {
        if ((item != found->child && !buffer_append_text(out, "\n", error)) ||
            !append_found(item, out, error))
            return false;
    }
    return true;
}

static bool print_schema(const cJSON *tree, struct buffer *out, struct error *error)
{
    scoped(json_free) cJSON *schema = NULL;

    if (!settings_schema(tree, &schema, error) || !json_print_pretty(schema, out, error))
        return false;
    return (out->size && out->data[out->size - 1] == '\n') || buffer_append_text(out, "\n", error);
}

static bool print(const struct arguments *arguments, const cJSON *tree, struct buffer *out,
                  struct error *error)
{
    bool json = arguments_flag(arguments, "json");

    if (arguments_flag(arguments, "schema"))
        return print_schema(tree, out, error);
    if (arguments_flag(arguments, "markdown"))
        return settings_markdown(tree, out, error);
    if (arguments->n_arguments)
        return explain_path(tree, arguments->argument[0], json, out, error);
    if (json)
        return json_print(tree, out, error) && buffer_append_text(out, "\n", error);
    return append_table(tree, 0, out, error);
}

static bool run(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *tree = NULL;
    scoped(buffer_release) struct buffer out = {0};
    const struct arguments *arguments = &client->arguments;

    if (arguments_flag(arguments, "schema") + arguments_flag(arguments, "markdown") +
            arguments_flag(arguments, "json") + (arguments->n_arguments > 0) >
        1 + (arguments_flag(arguments, "json") && arguments->n_arguments))
        return error_set(error, ERROR_INVALID,
                         "explain: --schema and --markdown print everything, and stand alone");
    if (!settings_tree_read(&tree, error) || !print(arguments, tree, &out, error))
        return false;
    fwrite(out.data, 1, out.size, stdout);
    return true;
}

static const struct command_option options[] = {
    {.name = "json", .help = "Print descriptions as JSON."},
    {.name = "markdown", .help = "Print docs/settings.md."},
    {.name = "schema", .help = "Print the JSON Schema of a spec, for editors that know it."},
    {0},
};

const struct command command_explain = {
    .name = "explain",
    .synopsis = "[SETTING] [--json]\n--schema | --markdown",
    .help = "Tell what may stand in a spec, with defaults and ranges.",
    .description = "A setting is named by its path; a kind is one step of it.\n\n"
                   "    nj explain train.optimizer\n"
                   "    nj explain train.optimizer.adam.rate\n\n"
                   "The programs that read the settings are asked; no daemon is needed.",
    .options = options,
    .takes = ARGUMENT_SETTING,
    .max_arguments = 1,
    .run = run,
};
