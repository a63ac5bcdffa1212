/*
 * Settings of any content, against the largest tables that there are: the engine's. What is good
 * prints to values that parse to the same; what is not is complained about by path, and everything
 * that was taken is given back. Bytes that are no JSON are read as a duration, a size and a
 * formula.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "common/spec/expression.h"
#include "worker/engine/engine_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* Stored settings have all defaults written out. */
static void check_again(const struct engine_spec *spec)
{
    scoped(engine_spec_release) struct engine_spec again = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *values = settings_json(engine_settings, spec);
    scoped(json_free) cJSON *same = NULL;

    must(values && engine_spec_parse(values, true, &again, &diagnostics));
    same = settings_json(engine_settings, &again);
    must(same && cJSON_Compare(values, same, true));
}

static void check_complaints(const struct diagnostics *diagnostics)
{
    must(diagnostics->n > 0 || diagnostics->overflow);
    for (size_t i = 0; i < diagnostics->n; i++)
        must(diagnostics->item[i].message[0]);
}

static void check_text(const char *text)
{
    const struct expression_variable names[] = {{"classes", 3}, {"features", 20}};
    struct error error = {0};
    double seconds = -1;
    int64_t bytes = -1, value;

    must(!setting_parse_duration(text, &seconds) || seconds >= 0);
    must(!setting_parse_size(text, &bytes) || bytes >= 0);
    if (!expression_evaluate(text, names, 2, &value, &error))
        must(error.kind == ERROR_INVALID && error.message[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(engine_spec_release) struct engine_spec spec = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(memory_free) char *text = strndup((const char *)data, size);
    scoped(json_free) cJSON *root = NULL;
    struct error error = {0};

    must(text != NULL);
    if (!json_parse(text, strlen(text), &root, &error)) {
        check_text(text);
        return 0;
    }
    if (engine_spec_parse(root, false, &spec, &diagnostics))
        check_again(&spec);
    else
        check_complaints(&diagnostics);
    return 0;
}
