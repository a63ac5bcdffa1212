#include "worker/engine/question.h"

#include "common/owner.h"

bool question_read(FILE *in, cJSON **ret_question, struct error *error)
{
    scoped(memory_free) char *text = NULL;
    size_t room = 0;
    ssize_t size = getline(&text, &room, in);

    if (size < 0)
        return error_set(error, ERROR_INVALID, "expected a line of JSON");
    return json_parse(text, (size_t)size, ret_question, error);
}

bool question_data(const cJSON *question, struct data_config *ret_config, struct error *error)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};

    if (settings_parse(data_settings, json_member(question, "data"), "data", ret_config,
                       &diagnostics))
        return true;
    return diagnostics.n > 0 ? error_set_at(error, ERROR_INVALID, diagnostics.item[0].path, "%s",
                                            diagnostics.item[0].message)
                             : error_set(error, ERROR_NO_MEMORY, "reading what is asked");
}

bool question_spec(cJSON *question, cJSON **ret_spec, const char **ret_folder, struct error *error)
{
    *ret_spec = cJSON_GetObjectItemCaseSensitive(question, "spec");
    *ret_folder = json_text(question, "folder", NULL);
    return (cJSON_IsObject(*ret_spec) && *ret_folder) ||
           error_set(error, ERROR_INVALID, "nothing that can be done is asked");
}
