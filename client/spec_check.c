/*
 * Problems are kept by what they say and where; a problem that every configuration has is one of
 * the spec, any other is told with the parameters of the first configuration that has it.
 */
#include "client/spec_check.h"

#include "client/program.h"
#include "common/alike.h"
#include "common/buffer.h"
#include "common/hash.h"
#include "common/owner.h"
#include "common/wire.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEMS_LIMIT 100

struct configuration {
    char key[HASH_TEXT_SIZE];
    int64_t index;     /* of its first experiment */
    cJSON *parameters; /* owned; NULL: none */
};

struct finding {
    struct spec_problem problem;
    bool varies;             /* other configurations have it with other numbers */
    size_t n_configurations; /* that have it */
    size_t first;            /* of them */
    size_t last;             /* of them, so far */
};

struct checking {
    const cJSON *params;
    const struct spec_file *file; /* NULL: none */
    struct spec_check *check;
    struct configuration configuration[SPEC_CHECK_CONFIGURATIONS_LIMIT];
    size_t n_configurations;
    size_t n_answered;   /* lines that the engine gave back */
    bool too_many;       /* configurations */
    struct buffer input; /* of the engine */
    struct finding finding[PROBLEMS_LIMIT];
    size_t n_findings;
    bool overflow;
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "checking the spec");
}

void spec_check_release(struct spec_check *check)
{
    free(check->name);
    free(check->problem);
    free(check->first);
    free(check->expected);
    json_free(&check->warnings);
    json_free(&check->hints);
    json_free(&check->sources);
    *check = (struct spec_check){0};
}

static void checking_free(struct checking **checking)
{
    if (!*checking)
        return;
    for (size_t i = 0; i < (*checking)->n_configurations; i++)
        json_free(&(*checking)->configuration[i].parameters);
    buffer_release(&(*checking)->input);
    memory_free(checking);
}

/* ---- problems --------------------------------------------------------------------------------*/

#define NO_CONFIGURATION SIZE_MAX

/* What another configuration has with other numbers is told once. */
static bool is_same(const struct finding *finding, const char *message, size_t configuration)
{
    if (configuration == NO_CONFIGURATION || finding->first == NO_CONFIGURATION ||
        finding->last == configuration)
        return strcmp(finding->problem.message, message) == 0;
    return alike(finding->problem.message, message);
}

static void add_finding(struct checking *checking, const char *path, const char *message,
                        size_t configuration)
{
    struct finding *finding = NULL;

    for (size_t i = 0; i < checking->n_findings && !finding; i++) {
        struct finding *other = &checking->finding[i];

        if (strcmp(other->problem.path, path) == 0 && is_same(other, message, configuration))
            finding = other;
    }
    if (finding) {
        finding->varies = finding->varies || strcmp(finding->problem.message, message) != 0;
        finding->n_configurations += finding->last != configuration;
        finding->last = configuration;
        return;
    }
    if (checking->n_findings == PROBLEMS_LIMIT) {
        checking->overflow = true;
        return;
    }
    finding = &checking->finding[checking->n_findings++];
    *finding =
        (struct finding){.n_configurations = 1, .first = configuration, .last = configuration};
    snprintf(finding->problem.path, sizeof(finding->problem.path), "%s", path);
    snprintf(finding->problem.message, sizeof(finding->problem.message), "%s", message);
}

static bool is_told_of(const struct checking *checking, const char *path)
{
    for (size_t i = 0; i < checking->n_findings; i++)
        if (*path && strcmp(checking->finding[i].problem.path, path) == 0)
            return true;
    return false;
}

static void add_diagnostics(struct checking *checking, const struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->n; i++)
        add_finding(checking, diagnostics->item[i].path, diagnostics->item[i].message,
                    NO_CONFIGURATION);
    checking->overflow = checking->overflow || diagnostics->overflow;
}

static bool is_within(const char *path, const char *parent)
{
    size_t size = strlen(parent);

    return strncmp(path, parent, size) == 0 && strchr(".[", path[size]);
}

/* The parameter that `path` belongs to; NULL: none. */
static const cJSON *parameter_of(const cJSON *parameters, const char *path)
{
    const cJSON *parameter;

    cJSON_ArrayForEach(parameter, parameters)
    {
        if (is_within(path, parameter->string) || is_within(parameter->string, path))
            return parameter;
    }
    return NULL;
}

static const cJSON *deltas_of(const cJSON *params)
{
    const cJSON *deltas = json_member(params, "experiments");

    return deltas ? deltas : json_at(params, "base.experiments");
}

/* Where the engine's path stands in what the user wrote: in a list of experiments, or as it is. */
static void place(const struct checking *checking, const char *path, int64_t index, char *placed,
                  size_t size)
{
    const cJSON *deltas = deltas_of(checking->params);
    const cJSON *delta = deltas ? cJSON_GetArrayItem(deltas, (int)index) : NULL;

    if (delta && json_at(delta, path))
        snprintf(placed, size, "experiments[%lld].%s", (long long)index, path);
    else
        snprintf(placed, size, "%s", path);
}

static bool append_parameter(const cJSON *parameter, struct buffer *out, struct error *error)
{
    const cJSON *label = json_member(parameter, "label");
    const cJSON *value = label ? label : parameter;

    if (!buffer_append_format(out, error, "%s%s = ", out->size ? ", " : "", parameter->string))
        return false;
    return cJSON_IsString(value) ? buffer_append_text(out, value->valuestring, error)
                                 : json_print(value, out, error);
}

/* A range that draws numbers where whole ones are wanted is the usual cause. */
static bool add_others(const struct finding *finding, struct buffer *out, struct error *error)
{
    static const char integer[] = "expected an integer";
    bool drawn = strncmp(finding->problem.message, integer, sizeof(integer) - 1) == 0;
    size_t n = finding->n_configurations - 1;

    return buffer_append_format(out, error, ", and %zu more like it%s", n,
                                drawn ? "; int: true in its range draws whole numbers" : "");
}

/* " (with model[0].units = 0)" behind the message of what only some configurations have. */
static bool add_parameters(const struct checking *checking, struct finding *finding,
                           struct error *error)
{
    const cJSON *parameters, *parameter;
    scoped(buffer_release) struct buffer text = {0};
    size_t size = strlen(finding->problem.message);

    if (finding->first == NO_CONFIGURATION ||
        (finding->n_configurations == checking->n_configurations && !finding->varies))
        return true;
    parameters = checking->configuration[finding->first].parameters;
    parameter = parameter_of(parameters, finding->problem.path);
    if (parameter) {
        if (!append_parameter(parameter, &text, error))
            return false;
    } else {
        cJSON_ArrayForEach(parameter, parameters)
        {
            if (!append_parameter(parameter, &text, error))
                return false;
        }
    }
    if (finding->varies && !add_others(finding, &text, error))
        return false;
    if (text.size)
        snprintf(finding->problem.message + size, sizeof(finding->problem.message) - size,
                 " (with %.250s)", text.data);
    return true;
}

static int line_of(const struct checking *checking, const struct finding *finding)
{
    const cJSON *parameter = NULL;
    char path[300];

    if (!checking->file)
        return 0;
    if (finding->first != NO_CONFIGURATION)
        parameter =
            parameter_of(checking->configuration[finding->first].parameters, finding->problem.path);
    snprintf(path, sizeof(path), "%s%s", parameter ? "sweep.parameters." : "",
             parameter ? parameter->string : finding->problem.path);
    return spec_file_line(checking->file, path);
}

static int compare_problems(const void *a, const void *b)
{
    const struct spec_problem *first = a, *second = b;

    if (first->line != second->line) /* what has no line comes last */
        return !first->line - !second->line ? !first->line - !second->line
                                            : first->line - second->line;
    return strcmp(first->path, second->path);
}

static bool give_problems(struct checking *checking, struct error *error)
{
    struct spec_check *check = checking->check;

    check->overflow = checking->overflow;
    if (checking->n_findings == 0)
        return true;
    check->problem = calloc(checking->n_findings, sizeof(*check->problem));
    if (!check->problem)
        return no_memory(error);
    for (size_t i = 0; i < checking->n_findings; i++) {
        struct finding *finding = &checking->finding[i];

        finding->problem.line = line_of(checking, finding);
        if (!add_parameters(checking, finding, error))
            return false;
        check->problem[check->n_problems++] = finding->problem;
    }
    qsort(check->problem, check->n_problems, sizeof(*check->problem), compare_problems);
    return true;
}

/* ---- expanding -------------------------------------------------------------------------------*/

static bool is_known(const struct checking *checking, const char *key)
{
    for (size_t i = 0; i < checking->n_configurations; i++) {
        if (strcmp(checking->configuration[i].key, key) == 0)
            return true;
    }
    return false;
}

static const cJSON *sweep_of(const cJSON *params)
{
    const cJSON *outer = json_member(params, "sweep");

    return outer ? outer : json_at(params, "base.sweep");
}

/* The metric that the sweep is about; NULL: none. */
static const char *goal_of(const cJSON *params)
{
    const cJSON *goal = json_member(sweep_of(params), "goal");

    return json_text(goal, "minimize", json_text(goal, "maximize", NULL));
}

/* {"spec":{...},"cwd":"...","runs":"...","goal":"..."} for the engine. */
static bool add_input(struct checking *checking, const cJSON *spec, struct error *error)
{
    scoped(json_free) cJSON *line = cJSON_CreateObject();
    scoped(buffer_release) struct buffer runs = {0};
    const char *goal = goal_of(checking->params);
    cJSON *copy;

    if (!wire_home(&runs, error) || !buffer_append_text(&runs, "/runs", error))
        return false;
    copy = cJSON_Duplicate(spec, true);
    if (!line || !copy || !json_add_item(line, "spec", &copy) ||
        !json_add_text(line, "cwd", json_text(checking->params, "cwd", "/")) ||
        !json_add_text(line, "runs", runs.data) || (goal && !json_add_text(line, "goal", goal))) {
        json_free(&copy);
        return no_memory(error);
    }
    if (!json_print(line, &checking->input, error))
        return false;
    if (!checking->check->first && !(checking->check->first = strdup(checking->input.data)))
        return no_memory(error);
    return buffer_append_text(&checking->input, "\n", error);
}

static bool add_configuration(struct checking *checking, const cJSON *spec, const cJSON *parameters,
                              struct error *error)
{
    struct configuration *configuration;
    char key[HASH_TEXT_SIZE];

    if (!spec_configuration_key(spec, key, error))
        return false;
    if (is_known(checking, key))
        return true;
    if (checking->n_configurations == SPEC_CHECK_CONFIGURATIONS_LIMIT) {
        checking->too_many = true;
        return true;
    }
    configuration = &checking->configuration[checking->n_configurations];
    snprintf(configuration->key, sizeof(configuration->key), "%s", key);
    configuration->index = checking->check->n_experiments;
    configuration->parameters = parameters ? cJSON_Duplicate(parameters, true) : NULL;
    if (parameters && !configuration->parameters)
        return no_memory(error);
    checking->n_configurations++;
    return add_input(checking, spec, error);
}

static void add_answered(struct checking *checking, const cJSON *diagnostics, size_t configuration)
{
    const cJSON *diagnostic;

    cJSON_ArrayForEach(diagnostic, diagnostics)
    {
        const char *path = json_text(diagnostic, "path", "");
        char placed[160];

        if (configuration == NO_CONFIGURATION)
            snprintf(placed, sizeof(placed), "%s", path);
        else
            place(checking, path, checking->configuration[configuration].index, placed,
                  sizeof(placed));
        add_finding(checking, placed, json_text(diagnostic, "message", ""), configuration);
    }
}

static bool read_expanded(void *context, char *text, size_t size, struct error *error)
{
    struct checking *checking = context;
    scoped(json_free) cJSON *line = NULL;
    const cJSON *spec;

    if (!json_parse(text, size, &line, error))
        return error_wrap(error, "nightjard expand");
    add_answered(checking, json_member(line, "diagnostics"), NO_CONFIGURATION);
    spec = json_member(line, "spec");
    if (!spec)
        return true;
    if (!json_member(spec, "command") &&
        !add_configuration(checking, spec, json_member(line, "parameters"), error))
        return false;
    checking->check->n_experiments++;
    return true;
}

/* A filter's exit status is 2 where it found problems; it has told them then. */
static bool run_filter(struct checking *checking, const char *program, const char *argument,
                       const struct buffer *input,
                       bool (*line)(void *context, char *text, size_t size, struct error *error),
                       struct error *error)
{
    const struct program_reader reader = {line, checking};
    size_t before = checking->n_findings;
    int status;

    if (!program_filter(program, argument, input->data, input->size, &reader, &status, error))
        return false;
    if (status == 0 || (status == 2 && (checking->n_findings > before || before > 0)))
        return true;
    return error_set(error, ERROR_INTERNAL, "%s %s: exit status %d", program, argument, status);
}

static bool expand(struct checking *checking, struct error *error)
{
    scoped(buffer_release) struct buffer input = {0};

    return json_print(checking->params, &input, error) && buffer_append_text(&input, "\n", error) &&
           run_filter(checking, "nightjard", "expand", &input, read_expanded, error);
}

/* ---- the engine ------------------------------------------------------------------------------*/

static void widen(struct spec_range *range, const cJSON *summary, const char *name)
{
    double value = json_number(summary, name, NAN);

    if (!isfinite(value))
        return;
    if (value < range->low)
        range->low = value;
    if (value > range->high)
        range->high = value;
}

static bool holds_text(const cJSON *list, const char *text)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(item->valuestring, text) == 0)
            return true;
    }
    return false;
}

static bool add_texts(cJSON **list, const cJSON *texts, struct error *error)
{
    const cJSON *text;

    cJSON_ArrayForEach(text, texts)
    {
        if (!cJSON_IsString(text) || holds_text(*list, text->valuestring) ||
            cJSON_GetArraySize(*list) >= PROBLEMS_LIMIT)
            continue;
        if (!*list)
            *list = cJSON_CreateArray();
        if (!*list || !cJSON_AddItemToArray(*list, cJSON_CreateString(text->valuestring)))
            return no_memory(error);
    }
    return true;
}

static bool read_checked(void *context, char *text, size_t size, struct error *error)
{
    struct checking *checking = context;
    struct spec_check *check = checking->check;
    scoped(json_free) cJSON *line = NULL;
    const cJSON *summary;

    if (!json_parse(text, size, &line, error))
        return error_wrap(error, "nightjar-engine check");
    if (checking->n_answered >= checking->n_configurations)
        return error_set(error, ERROR_INTERNAL, "nightjar-engine check: a line too many");
    add_answered(checking, json_member(line, "diagnostics"), checking->n_answered++);
    summary = json_member(line, "summary");
    widen(&check->rows, summary, "rows");
    widen(&check->train, summary, "train");
    widen(&check->features, summary, "features");
    widen(&check->classes, summary, "classes");
    widen(&check->parameters, summary, "parameters");
    widen(&check->memory_bytes, summary, "memory_bytes");
    widen(&check->expected_s, summary, "expected_s");
    if (!check->expected && json_text(summary, "expected", NULL) &&
        !(check->expected = strdup(json_text(summary, "expected", ""))))
        return no_memory(error);
    return add_texts(&check->warnings, json_member(line, "warnings"), error) &&
           add_texts(&check->hints, json_member(line, "hints"), error) &&
           add_texts(&check->sources, json_member(line, "sources"), error);
}

static bool ask_engine(struct checking *checking, struct error *error)
{
    if (checking->n_configurations == 0)
        return true;
    if (!run_filter(checking, "nightjar-engine", "check", &checking->input, read_checked, error))
        return false;
    if (checking->n_answered < checking->n_configurations)
        return error_set(error, ERROR_INTERNAL, "nightjar-engine check: %zu of %zu specs answered",
                         checking->n_answered, checking->n_configurations);
    checking->check->n_checked = (int64_t)checking->n_configurations;
    return true;
}

/* ---- the whole -------------------------------------------------------------------------------*/

static void check_common(struct checking *checking, const cJSON *spec)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct common_config config = {0};

    spec_parse_common(spec, &config, &diagnostics);
    spec_check_experiment(spec, &diagnostics);
    settings_release(common_settings, &config);
    for (size_t i = 0; i < diagnostics.n; i++) /* the expansion may have put it in its own words */
        if (!is_told_of(checking, diagnostics.item[i].path))
            add_finding(checking, diagnostics.item[i].path, diagnostics.item[i].message,
                        NO_CONFIGURATION);
    checking->overflow = checking->overflow || diagnostics.overflow;
}

static bool check_keys(struct checking *checking, const cJSON *spec)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    bool good = spec_check_keys(spec, &diagnostics);

    add_diagnostics(checking, &diagnostics);
    return good;
}

/* The engine looks at a single pipeline even where the rest of the spec is wrong, so that all is
 * told at once. */
static bool check_all(struct checking *checking, struct error *error)
{
    const cJSON *base = json_member(checking->params, "base");
    bool several = sweep_of(checking->params) || deltas_of(checking->params);
    bool keys = check_keys(checking, base);

    if (!several && (json_member(base, "command") || !cJSON_IsObject(base))) {
        check_common(checking, base);
        checking->check->n_experiments = 1;
        return true;
    }
    if (!expand(checking, error))
        return false;
    if (checking->n_findings && !several && (json_member(base, "data") || !keys)) {
        check_common(checking, base);
        if (json_member(base, "data") && !add_configuration(checking, base, NULL, error))
            return false;
    }
    return ask_engine(checking, error);
}

#define SIZES_DIFFER 1.5 /* times: folds and groups alone differ by less */

/* With another axis beside it, the number of training rows decides which configuration is best. */
static bool warn_sizes(struct checking *checking, struct error *error)
{
    struct spec_check *check = checking->check;
    const cJSON *parameters = json_member(sweep_of(checking->params), "parameters");
    scoped(json_free) cJSON *list = NULL;
    char text[256];

    if (cJSON_GetArraySize(parameters) < 2 ||
        !(check->train.high > SIZES_DIFFER * check->train.low))
        return true;
    (void)snprintf(
        text, sizeof(text),
        "the sweep varies how many rows train (%.0f to %.0f) beside other settings: more "
        "data look like better settings; fix the number, or vary nothing else",
        check->train.low, check->train.high);
    list = cJSON_CreateStringArray((const char *const[]){text}, 1);
    return list ? add_texts(&check->warnings, list, error) : no_memory(error);
}

bool spec_check(const cJSON *params, const struct spec_file *file, struct spec_check *ret_check,
                struct error *error)
{
    static const struct spec_range nothing = {INFINITY, -INFINITY};
    scoped(spec_check_release) struct spec_check check = {.rows = nothing,
                                                          .train = nothing,
                                                          .features = nothing,
                                                          .classes = nothing,
                                                          .parameters = nothing,
                                                          .memory_bytes = nothing,
                                                          .expected_s = nothing};
    scoped(checking_free) struct checking *checking = calloc(1, sizeof(*checking));

    if (!checking)
        return no_memory(error);
    checking->params = params;
    checking->file = file;
    checking->check = &check;
    if (file && !(check.name = strdup(file->name)))
        return no_memory(error);
    if (!check_all(checking, error) || !give_problems(checking, error) ||
        !warn_sizes(checking, error))
        return false;
    check.all_checked = !checking->too_many;
    *ret_check = check;
    check = (struct spec_check){0};
    return true;
}

/* ---- telling ---------------------------------------------------------------------------------*/

void spec_check_print_problems(const struct spec_check *check, FILE *out)
{
    const char *name = check->name ? check->name : "";

    for (size_t i = 0; i < check->n_problems; i++) {
        const struct spec_problem *problem = &check->problem[i];

        if (*name && problem->line)
            fprintf(out, "%s:%d: ", name, problem->line);
        else if (*name)
            fprintf(out, "%s: ", name);
        fprintf(out, "%s%s%s\n", problem->path, problem->path[0] ? ": " : "", problem->message);
    }
    if (check->overflow)
        fprintf(out, "%s%sthere are more problems than are listed\n", name, *name ? ": " : "");
}

static void print_texts(const struct spec_check *check, const char *what, const cJSON *list,
                        FILE *out)
{
    const cJSON *text;

    cJSON_ArrayForEach(text, list)
    {
        fprintf(out, "%s%s%s: %s\n", check->name ? check->name : "", check->name ? ": " : "", what,
                text->valuestring);
    }
}

void spec_check_print_warnings(const struct spec_check *check, FILE *out)
{
    print_texts(check, "warning", check->warnings, out);
}

void spec_check_print_hints(const struct spec_check *check, FILE *out)
{
    print_texts(check, "hint", check->hints, out);
}

static bool add_range(cJSON *summary, const char *name, const struct spec_range *range)
{
    const double ends[2] = {range->low, range->high};
    cJSON *list;

    if (range->low > range->high)
        return true;
    if (range->low == range->high)
        return json_add_number(summary, name, range->low);
    list = cJSON_CreateDoubleArray(ends, 2);
    return list && json_add_item(summary, name, &list);
}

static bool add_summary(cJSON *object, const struct spec_check *check)
{
    cJSON *summary = json_add_object(object, "summary");

    return summary && add_range(summary, "rows", &check->rows) &&
           add_range(summary, "features", &check->features) &&
           add_range(summary, "classes", &check->classes) &&
           add_range(summary, "parameters", &check->parameters) &&
           add_range(summary, "memory_bytes", &check->memory_bytes) &&
           add_range(summary, "expected_s", &check->expected_s) &&
           (!check->expected || json_add_text(summary, "expected", check->expected));
}

static bool add_problems(cJSON *object, const struct spec_check *check)
{
    cJSON *list = json_add_array(object, "diagnostics");

    for (size_t i = 0; list && i < check->n_problems; i++) {
        const struct spec_problem *problem = &check->problem[i];
        cJSON *item = cJSON_CreateObject();

        if (!item || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            return false;
        }
        if (!json_add_text(item, "path", problem->path) ||
            !json_add_text(item, "message", problem->message) ||
            (problem->line && !json_add_integer(item, "line", problem->line)))
            return false;
    }
    return list != NULL;
}

/* A copy, or an empty list. */
static bool add_list(cJSON *object, const char *name, const cJSON *list)
{
    cJSON *copy = list ? cJSON_Duplicate(list, true) : cJSON_CreateArray();

    return copy && json_add_item(object, name, &copy);
}

cJSON *spec_check_json(const struct spec_check *check)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();

    if (!object || !json_add_text(object, "file", check->name) ||
        !json_add_boolean(object, "good", check->n_problems == 0) || !add_problems(object, check) ||
        !add_list(object, "warnings", check->warnings) ||
        !add_list(object, "hints", check->hints) || !add_list(object, "sources", check->sources) ||
        !json_add_integer(object, "experiments", check->n_experiments) ||
        !json_add_integer(object, "checked", check->n_checked) || !add_summary(object, check))
        return NULL;
    return take(&object);
}
