/*
 * A spec of any bytes, YAML or JSON. What is read has lines in order that lead back to themselves,
 * prints as JSON that means the same, and has one configuration key; what common reads of it prints
 * to values that parse to the same config. What is refused is refused with a message.
 *
 * Input: the file; behind a NUL, where there is one, an assignment for --set.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "common/spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void check_lines(const struct spec_file *file)
{
    for (size_t i = 0; i < file->n_lines; i++) {
        must(i == 0 || strcmp(file->line[i - 1].path, file->line[i].path) <= 0);
        must(spec_file_line(file, file->line[i].path) >= 0);
    }
    must(spec_file_line(file, "no.such[3].path") >= 0);
}

static void print(const cJSON *json, struct buffer *text)
{
    struct error error;

    must(json_print(json, text, &error));
}

/* Infinity and NaN print as null, so the printed text is the one to compare with. */
static void check_printed(const struct spec_file *file)
{
    scoped(buffer_release) struct buffer first = {0}, second = {0};
    scoped(spec_file_free) struct spec_file *again = NULL;
    char key[33], same[33];
    struct error error;

    print(file->root, &first);
    if (first.size > SPEC_SIZE_LIMIT)
        return;
    must(spec_file_parse(first.data, first.size, "printed", &again, &error));
    print(again->root, &second);
    must(strcmp(first.data, second.data) == 0);
    must(spec_configuration_key(again->root, key, &error));
    must(spec_configuration_key(again->root, same, &error) && strcmp(key, same) == 0);
}

static void check_common(const struct spec_file *file)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct common_config config = {0}, again = {0};
    bool good = spec_parse_common(file->root, &config, &diagnostics);

    must(good == (diagnostics.n == 0));
    if (good) {
        scoped(json_free) cJSON *values = settings_json(common_settings, &config);
        scoped(json_free) cJSON *same = NULL;

        must(values && settings_parse(common_settings, values, "", &again, &diagnostics));
        same = settings_json(common_settings, &again);
        must(same && cJSON_Compare(values, same, true));
    }
    settings_release(common_settings, &config);
    settings_release(common_settings, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *nul = size ? memchr(text, '\0', size) : NULL;
    scoped(memory_free) char *assignment =
        nul ? strndup(nul + 1, size - (size_t)(nul + 1 - text)) : NULL;
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(spec_file_free) struct spec_file *file = NULL;
    struct error error = {0};

    if (!spec_file_parse(text, nul ? (size_t)(nul - text) : size, "fuzz", &file, &error)) {
        must(error.kind == ERROR_INVALID && error.message[0] && !file);
        return 0;
    }
    if (assignment && !spec_file_set(file, assignment, &error))
        must(error.kind != ERROR_NONE && error.message[0]);
    check_lines(file);
    check_printed(file);
    check_common(file);
    must(spec_check_keys(file->root, &diagnostics) == (diagnostics.n == 0));
    return 0;
}
