/* docs/settings.md: every setting of a spec, the kinds of each family once. */
#include "client/settings_tree.h"

#include "common/owner.h"

#include <stdio.h>
#include <string.h>

static bool append_cell(const char *text, struct buffer *out, struct error *error)
{
    for (; *text; text++) {
        if (*text == '|' && !buffer_append_text(out, "\\", error))
            return false;
        if (!buffer_append(out, text, 1, error))
            return false;
    }
    return true;
}

static bool append_type(const cJSON *setting, struct buffer *out, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    const char *what = json_text(setting, "what", NULL);
    bool list = strcmp(json_text(setting, "type", ""), "kinds") == 0;

    if (what) {
        char anchor[80];

        snprintf(anchor, sizeof(anchor), "%s", what);
        for (char *c = anchor; *c; c++)
            *c = *c == ' ' ? '-' : *c;
        return buffer_append_format(out, error, "%s[%s](#%s)", list ? "list of " : "", what,
                                    anchor);
    }
    return settings_tree_type(setting, &text, error) && append_cell(text.data, out, error);
}

static bool append_row(const cJSON *setting, const char *path, struct buffer *out,
                       struct error *error)
{
    scoped(buffer_release) struct buffer initial = {0};

    if (!settings_tree_default(setting, &initial, error))
        return false;
    return buffer_append_format(out, error, "| `%s` | ", path) &&
           append_type(setting, out, error) && buffer_append_text(out, " | ", error) &&
           append_cell(initial.data ? initial.data : "", out, error) &&
           buffer_append_text(out, " | ", error) &&
           append_cell(json_text(setting, "help", ""), out, error) &&
           buffer_append_text(out, " |\n", error);
}

static bool append_rows(const cJSON *table, const char *prefix, struct buffer *out,
                        struct error *error)
{
    const cJSON *setting;

    cJSON_ArrayForEach(setting, table)
    {
        const cJSON *entries = json_member(setting, "entries");
        char path[256], below[300];

        snprintf(path, sizeof(path), "%s%s", prefix, json_text(setting, "name", ""));
        snprintf(below, sizeof(below), "%s.%s", path, entries ? "NAME." : "");
        if (!append_row(setting, path, out, error) ||
            !append_rows(json_member(setting, "settings"), below, out, error) ||
            !append_rows(entries, below, out, error))
            return false;
    }
    return true;
}

static bool append_table(const cJSON *table, const char *prefix, struct buffer *out,
                         struct error *error)
{
    if (!table || !table->child)
        return true;
    return buffer_append_text(out, "| setting | type | default | |\n| --- | --- | --- | --- |\n",
                              error) &&
           append_rows(table, prefix, out, error) && buffer_append_text(out, "\n", error);
}

static bool append_section(const cJSON *setting, struct buffer *out, struct error *error)
{
    const char *name = json_text(setting, "name", "");
    const char *help = json_text(setting, "help", "");
    char prefix[64];

    snprintf(prefix, sizeof(prefix), "%s.", name);
    return buffer_append_format(out, error, "## %s\n\n", name) &&
           (!*help || buffer_append_format(out, error, "%s\n\n", help)) &&
           append_table(json_member(setting, "settings"), prefix, out, error);
}

/* Settings without any of their own share the first table. */
static bool append_top_level(const cJSON *tree, struct buffer *out, struct error *error)
{
    const cJSON *setting;

    if (!buffer_append_text(out, "| setting | type | default | |\n| --- | --- | --- | --- |\n",
                            error))
        return false;
    cJSON_ArrayForEach(setting, tree)
    {
        if (!append_row(setting, json_text(setting, "name", ""), out, error))
            return false;
    }
    if (!buffer_append_text(out, "\n", error))
        return false;
    cJSON_ArrayForEach(setting, tree)
    {
        if (json_member(setting, "settings") && !append_section(setting, out, error))
            return false;
    }
    return true;
}

static bool append_family(const cJSON *kinds, struct buffer *out, struct error *error)
{
    const cJSON *kind;

    if (!buffer_append_format(out, error, "## %s\n\n", kinds->string))
        return false;
    cJSON_ArrayForEach(kind, kinds)
    {
        if (!buffer_append_format(out, error, "### `%s`\n\n%s\n\n", json_text(kind, "name", ""),
                                  json_text(kind, "help", "")) ||
            !append_table(json_member(kind, "settings"), "", out, error))
            return false;
    }
    return true;
}

bool settings_markdown(const cJSON *tree, struct buffer *out, struct error *error)
{
    scoped(json_free) cJSON *families = NULL;
    const cJSON *kinds;

    if (!settings_tree_families(tree, &families, error) ||
        !buffer_append_text(
            out,
            "# Settings\n\nPrinted by `nj explain --markdown`; do not edit. What a program of ours "
            "reads of a spec,\nwith defaults and ranges: `[` and `]` belong to a range, `(` and "
            "`)` "
            "do not. A kind is written\n`{type: adam, rate: 0.01}`, or just `adam`. Durations are "
            "written `90`, `15m`, `1h30m`; sizes `4096`, `512K`, `4G`.\n\n",
            error) ||
        !append_top_level(tree, out, error))
        return false;
    cJSON_ArrayForEach(kinds, families)
    {
        if (!append_family(kinds, out, error))
            return false;
    }
    /* one newline at the end, not two */
    out->data[--out->size] = '\0';
    return true;
}
