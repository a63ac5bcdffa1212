#include "daemon/batch.h"

#include "common/hash.h"
#include "common/owner.h"
#include "daemon/compose.h"
#include "daemon/parameter.h"
#include "daemon/sampler/sampler.h"
#include "daemon/sampler/sweep.h"
#include "daemon/tally.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LIMIT 100
#define LARGEST_SEED 9007199254740991.0
#define SEED_EXPECTED "expected a whole number from 0 to 2^53 - 1"

/* ---- the submission as a whole ---- */

void batch_head_release(struct batch_head *head)
{
    json_free(&head->stripped);
    *head = (struct batch_head){0};
}

static bool settle(const struct diagnostics *diagnostics, struct error *error)
{
    if (diagnostics->n == 0)
        return !diagnostics->overflow || error_set(error, ERROR_NO_MEMORY, "checking a submission");
    return error_set_at(error, ERROR_INVALID, diagnostics->item[0].path, "%s",
                        diagnostics->item[0].message);
}

/* The last component of a path or a word, less its ending. */
static void stem_of(const char *text, char *ret_stem, size_t size)
{
    const char *slash = strrchr(text, '/');
    const char *start = slash && slash[1] ? slash + 1 : text;
    size_t length = strcspn(start + (*start == '.'), ".") + (*start == '.');

    if (length >= size)
        length = size - 1;
    memcpy(ret_stem, start, length);
    ret_stem[length] = '\0';
}

/* A command is called like its script, else its program. */
static const char *word_to_name(const cJSON *command)
{
    const cJSON *word;

    if (cJSON_IsString(command))
        return command->valuestring;
    cJSON_ArrayForEach(word, command)
    {
        const char *text = cJSON_GetStringValue(word);
        const char *dot = text ? strrchr(text, '.') : NULL;

        if (dot && (strcmp(dot, ".py") == 0 || strcmp(dot, ".sh") == 0 || strcmp(dot, ".R") == 0))
            return text;
    }
    return command ? cJSON_GetStringValue(command->child) : NULL;
}

static void name_batch(const cJSON *params, const cJSON *base, const cJSON *experiments,
                       char *ret_name, size_t size)
{
    const cJSON *first = experiments ? experiments->child : NULL;
    const char *given = json_text(params, "name", json_text(base, "name", NULL));
    const char *word = word_to_name(json_member(base, "command"));

    if (!word && first)
        word = word_to_name(json_member(first, "command"));
    if (!word)
        word = json_text(json_member(base, "data"), "source", NULL);
    if (given && *given)
        (void)snprintf(ret_name, size, "%s", given);
    else
        stem_of(word && *word && !strchr(word, '{') ? word : "batch", ret_name, size);
}

static void check_name(const char *name, struct diagnostics *diagnostics)
{
    if (strlen(name) > NAME_LIMIT)
        diagnostics_add(diagnostics, "name", "longer than %d bytes", NAME_LIMIT);
    for (const char *c = name; *c; c++) {
        if (iscntrl((unsigned char)*c)) {
            diagnostics_add(diagnostics, "name", "has a control character in it");
            break;
        }
    }
}

static const cJSON *unless_null(const cJSON *json)
{
    return json && !cJSON_IsNull(json) ? json : NULL;
}

static const cJSON *pick_member(const cJSON *params, const cJSON *base, const char *name)
{
    const cJSON *here = unless_null(json_member(params, name));

    return here ? here : unless_null(json_member(base, name));
}

static void check_type(const cJSON *json, int type, const char *path, const char *expected,
                       struct diagnostics *diagnostics)
{
    if (json && (json->type & 0xff) != type)
        diagnostics_add(diagnostics, path, "expected %s", expected);
}

static bool is_seed(const cJSON *seed)
{
    return cJSON_IsNumber(seed) && seed->valuedouble >= 0 && seed->valuedouble <= LARGEST_SEED &&
           seed->valuedouble == (double)(int64_t)seed->valuedouble;
}

static void read_seed(const cJSON *params, const cJSON *base, struct batch_head *head,
                      struct diagnostics *diagnostics)
{
    const cJSON *seed = pick_member(params, NULL, "seed");

    if (!seed)
        seed = unless_null(json_member(head->sweep, "seed"));
    if (!seed)
        seed = unless_null(json_member(base, "seed"));
    if (!seed)
        return;
    if (!is_seed(seed))
        diagnostics_add(diagnostics, "seed", SEED_EXPECTED);
    else
        head->seed = (int64_t)seed->valuedouble;
}

static void read_goal(struct batch_head *head, struct diagnostics *diagnostics)
{
    const cJSON *goal = json_member(head->sweep, "goal");
    const char *minimize = json_text(goal, "minimize", NULL);
    const char *metric = minimize ? minimize : json_text(goal, "maximize", "");

    if (strlen(metric) >= sizeof(head->metric))
        diagnostics_add(diagnostics, "sweep.goal", "a name of over %zu bytes",
                        sizeof(head->metric) - 1);
    head->minimize = minimize != NULL;
    (void)snprintf(head->metric, sizeof(head->metric), "%s", metric);
}

/* What is no duration is the sweep's to refuse. */
static void read_time(struct batch_head *head)
{
    const cJSON *time = json_member(head->sweep, "time");

    if (cJSON_IsNumber(time))
        head->time_s = time->valuedouble;
    else if (cJSON_IsString(time) && !setting_parse_duration(time->valuestring, &head->time_s))
        head->time_s = 0;
}

static bool strip(const cJSON *base, struct batch_head *head, struct error *error)
{
    head->stripped = base ? cJSON_Duplicate(base, true) : cJSON_CreateObject();
    if (!head->stripped)
        return error_set(error, ERROR_NO_MEMORY, "reading a batch");
    cJSON_DeleteItemFromObjectCaseSensitive(head->stripped, "sweep");
    cJSON_DeleteItemFromObjectCaseSensitive(head->stripped, "experiments");
    head->base = head->stripped;
    return true;
}

bool batch_owns_text(const char *key)
{
    static const char *const names[] = {"question", "expectation", "on_finish"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], key) == 0)
            return true;
    return false;
}

/* What belongs to a batch as a whole would be silently passed over in one experiment. */
static void check_whose(const cJSON *delta, const char *path, struct diagnostics *diagnostics)
{
    const cJSON *member;

    if (json_member(delta, "sweep") || json_member(delta, "experiments"))
        diagnostics_add(diagnostics, path, "sweep and experiments stand at the top of a file");
    if (!cJSON_IsObject(delta))
        return;
    cJSON_ArrayForEach(member, delta)
    {
        if (batch_owns_text(member->string))
            diagnostics_add(diagnostics, path,
                            "%s belongs to the whole batch, not to one experiment of it",
                            member->string);
    }
}

static void check_types(const cJSON *params, const struct batch_head *head,
                        struct diagnostics *diagnostics)
{
    static const char *const texts[] = {"name",      "question", "expectation",
                                        "on_finish", "cwd",      "token"};
    const cJSON *item;

    check_type(head->sweep, cJSON_Object, "sweep", "an object", diagnostics);
    check_type(head->experiments, cJSON_Array, "experiments", "a list", diagnostics);
    check_type(head->environment, cJSON_Array, "environment", "a list of texts", diagnostics);
    check_type(head->fingerprints, cJSON_Array, "fingerprints", "a list", diagnostics);
    for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++)
        check_type(unless_null(json_member(params, texts[n])), cJSON_String, texts[n], "a text",
                   diagnostics);
    cJSON_ArrayForEach(item, head->environment)
        check_type(item, cJSON_String, "environment", "a list of texts", diagnostics);
    if (head->sweep && head->experiments)
        diagnostics_add(diagnostics, "sweep",
                        "sweep and experiments do not go together; submit two batches");
    if (!cJSON_IsNumber(json_member(head->base, "name")))
        check_type(unless_null(json_member(head->base, "name")), cJSON_String, "name", "a text",
                   diagnostics);
    check_name(head->name, diagnostics);
}

bool batch_head_read(const cJSON *params, struct batch_head *ret_head,
                     struct diagnostics *diagnostics, struct error *error)
{
    scoped(batch_head_release) struct batch_head head = {0};
    const cJSON *base = unless_null(json_member(params, "base"));

    if (base && !cJSON_IsObject(base)) {
        diagnostics_add(diagnostics, "", "expected an object at the top of a spec");
        return settle(diagnostics, error);
    }
    if (!strip(base, &head, error))
        return false;
    head.experiments = pick_member(params, base, "experiments");
    head.sweep = pick_member(params, base, "sweep");
    head.environment = unless_null(json_member(params, "environment"));
    head.fingerprints = unless_null(json_member(params, "fingerprints"));
    head.question = json_text(params, "question", json_text(head.base, "question", NULL));
    head.expectation = json_text(params, "expectation", json_text(head.base, "expectation", NULL));
    head.on_finish = json_text(params, "on_finish", json_text(head.base, "on_finish", NULL));
    head.cwd = json_text(params, "cwd", "/");
    head.token = json_text(params, "token", NULL);
    head.hold = json_boolean(params, "hold", false);
    name_batch(params, head.base, head.experiments, head.name, sizeof(head.name));
    read_seed(params, base, &head, diagnostics);
    read_goal(&head, diagnostics);
    read_time(&head);
    check_types(params, &head, diagnostics);
    if (!settle(diagnostics, error))
        return false;
    *ret_head = head;
    head = (struct batch_head){0};
    return true;
}

/* ---- every experiment of it ---- */

struct expansion {
    const struct batch_head *head;
    const struct batch_visitor *visitor;
    struct diagnostics *diagnostics;
    int64_t count;      /* of experiments */
    struct tally tally; /* owned: of what a sweep's trials try */
};

static void expansion_release(struct expansion *expansion)
{
    tally_release(&expansion->tally);
}

/* The same complaint about a base shows once, not once an experiment. */
static void add_once(struct diagnostics *diagnostics, const char *path, const char *message)
{
    for (size_t i = 0; i < diagnostics->n; i++) {
        if (strcmp(diagnostics->item[i].path, path) == 0 &&
            strcmp(diagnostics->item[i].message, message) == 0)
            return;
    }
    diagnostics_add(diagnostics, path, "%s", message);
}

/* Where a complaint about experiment `index` belongs in what the user wrote. */
static void add_placed(struct expansion *expansion, const struct batch_experiment *experiment,
                       const char *path, const char *message)
{
    char placed[128];

    if (experiment->delta && (!*path || json_at(experiment->delta, path)))
        (void)snprintf(placed, sizeof(placed), "experiments[%" PRId64 "]%s%s", experiment->index,
                       *path ? "." : "", path);
    else if (json_member(experiment->parameters, path))
        (void)snprintf(placed, sizeof(placed), "sweep.parameters.%s", path);
    else
        (void)snprintf(placed, sizeof(placed), "%s", path);
    add_once(expansion->diagnostics, placed, message);
}

static void config_release(struct common_config *config)
{
    settings_release(common_settings, config);
}

static bool check_spec(struct expansion *expansion, const struct batch_experiment *experiment,
                       struct common_config *config)
{
    scoped(diagnostics_release) struct diagnostics found = {0};
    bool good = spec_check_keys(experiment->spec, &found);

    good = spec_parse_common(experiment->spec, config, &found) && good;
    good = spec_check_experiment(experiment->spec, &found) && good;
    for (size_t i = 0; i < found.n; i++)
        add_placed(expansion, experiment, found.item[i].path, found.item[i].message);
    return good;
}

static bool deliver(struct expansion *expansion, const struct batch_experiment *composed,
                    struct error *error)
{
    scoped(config_release) struct common_config config = {0};
    struct batch_experiment experiment = *composed;

    experiment.pipeline = !compose_is_command(experiment.spec);
    experiment.config = &config;
    if (!check_spec(expansion, &experiment, &config) && expansion->diagnostics->n == 0)
        return error_set(error, ERROR_NO_MEMORY, "checking an experiment");
    if (expansion->diagnostics->n)
        return true;
    if (!spec_configuration_key(experiment.spec, experiment.configuration, error))
        return false;
    return expansion->visitor->visit(expansion->visitor->context, &experiment, error);
}

static bool has_list(const struct batch_head *head)
{
    return head->experiments || head->more;
}

static void name_experiment(const struct expansion *expansion,
                            const struct batch_experiment *experiment, char *ret_name, size_t size)
{
    const char *own = json_text(experiment->delta, "name", NULL);

    if (own)
        (void)snprintf(ret_name, size, "%s", own);
    else if (expansion->head->sweep || has_list(expansion->head))
        (void)snprintf(ret_name, size, "%s/%" PRId64, expansion->head->name, experiment->index + 1);
    else
        (void)snprintf(ret_name, size, "%s", expansion->head->name);
}

/* Composes the spec and hands the experiment on; complaints are collected, so that false means that
 * something broke. */
static bool expand_one(struct expansion *expansion, const struct batch_experiment *proposed,
                       struct error *error)
{
    scoped(json_free) cJSON *spec = NULL;
    struct batch_experiment experiment = *proposed;
    struct error complaint;
    char name[160];

    name_experiment(expansion, proposed, name, sizeof(name));
    experiment.name = name;
    if (!compose_spec(expansion->head->base, experiment.delta, experiment.parameters, name,
                      experiment.seed, &spec, &complaint)) {
        if (complaint.kind != ERROR_INVALID) {
            *error = complaint;
            return false;
        }
        add_placed(expansion, &experiment, complaint.path, complaint.message);
        return true;
    }
    experiment.spec = spec;
    return deliver(expansion, &experiment, error);
}

/* What a delta says of its name and seed would be replaced before its spec is checked. */
static void read_identity(const cJSON *delta, struct batch_experiment *experiment,
                          struct diagnostics *diagnostics)
{
    const cJSON *seed = json_member(delta, "seed");
    char path[48];

    (void)snprintf(path, sizeof(path), "experiments[%" PRId64 "].name", experiment->index);
    check_type(json_member(delta, "name"), cJSON_String, path, "a text", diagnostics);
    if (!seed)
        return;
    (void)snprintf(path, sizeof(path), "experiments[%" PRId64 "].seed", experiment->index);
    if (is_seed(seed))
        experiment->seed = (int64_t)seed->valuedouble;
    else
        diagnostics_add(diagnostics, path, SEED_EXPECTED);
}

static bool expand_delta(struct expansion *expansion, const cJSON *delta, struct error *error)
{
    struct batch_experiment experiment = {
        .index = expansion->count++, .delta = delta, .seed = expansion->head->seed};
    size_t n = expansion->diagnostics->n;
    char path[48];

    (void)snprintf(path, sizeof(path), "experiments[%" PRId64 "]", experiment.index);
    check_type(delta, cJSON_Object, path, "an object", expansion->diagnostics);
    check_whose(delta, path, expansion->diagnostics);
    if (expansion->diagnostics->n > n)
        return true;
    read_identity(delta, &experiment, expansion->diagnostics);
    return expand_one(expansion, &experiment, error);
}

static bool expand_deltas(struct expansion *expansion, const cJSON *list, struct error *error)
{
    const struct diagnostics *diagnostics = expansion->diagnostics;
    const cJSON *delta;

    cJSON_ArrayForEach(delta, list)
    {
        if (!expand_delta(expansion, delta, error))
            return false;
        if (diagnostics->overflow || diagnostics->n >= DIAGNOSTICS_LIMIT)
            break;
    }
    return true;
}

static bool expand_list(struct expansion *expansion, struct error *error)
{
    const struct batch_source *more = expansion->head->more;

    expansion->count = 0;
    if (!expand_deltas(expansion, expansion->head->experiments, error))
        return false;
    while (more) {
        scoped(json_free) cJSON *list = NULL;

        if (!more->next(more->context, &list, error))
            return false;
        if (!list)
            break;
        if (!expand_deltas(expansion, list, error))
            return false;
    }
    if (expansion->count == 0)
        diagnostics_add(expansion->diagnostics, "experiments", "the list is empty");
    return true;
}

/* Trials that try the same have seeds of their own. (A method that learns decides both later.) */
static bool pass_seeds(struct expansion *expansion, const struct sampler_sweep *sweep,
                       const cJSON *parameters, int64_t *seed, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    int64_t before;

    if (sweep->method->improve)
        return true;
    if (!json_print(parameters, &text, error) ||
        !tally_add(&expansion->tally, hash_bytes(text.data, text.size), &before, error))
        return false;
    *seed += before * sweep->space.replicates;
    return true;
}

static bool expand_trial(struct expansion *expansion, const struct sampler_sweep *sweep,
                         int64_t trial, struct error *error)
{
    scoped(json_free) cJSON *parameters = NULL;
    const cJSON *swept;
    int64_t seed = expansion->head->seed;

    if (!sampler_propose(sweep, trial, &parameters, error))
        return false;
    swept = parameter_value(json_member(parameters, "seed"));
    if (is_seed(swept))
        seed = (int64_t)swept->valuedouble;
    else if (swept)
        add_once(expansion->diagnostics, "sweep.parameters.seed", SEED_EXPECTED);
    else if (!pass_seeds(expansion, sweep, parameters, &seed, error))
        return false;
    for (int64_t i = 0; i < sweep->space.replicates; i++) {
        struct batch_experiment experiment = {.index = trial * sweep->space.replicates + i,
                                              .parameters = parameters,
                                              .seed = seed + i,
                                              .replicate = i};

        if (!expand_one(expansion, &experiment, error))
            return false;
    }
    return true;
}

static bool expand_sweep(struct expansion *expansion, struct error *error)
{
    scoped(sampler_sweep_release) struct sampler_sweep sweep = {0};

    if (!sampler_sweep_read(expansion->head->sweep, (uint64_t)expansion->head->seed, &sweep,
                            expansion->diagnostics) ||
        !sampler_sweep_check_base(&sweep, expansion->head->base, expansion->diagnostics))
        return expansion->diagnostics->n || error_set(error, ERROR_NO_MEMORY, "reading a sweep");
    for (int64_t trial = 0; trial < sweep.trials; trial++) {
        if (!expand_trial(expansion, &sweep, trial, error))
            return false;
        if (expansion->diagnostics->overflow || expansion->diagnostics->n >= DIAGNOSTICS_LIMIT)
            break;
    }
    expansion->count = sweep.trials * sweep.space.replicates;
    return true;
}

bool batch_expand(const struct batch_head *head, const struct batch_visitor *visitor,
                  int64_t *ret_count, struct diagnostics *diagnostics, struct error *error)
{
    scoped(expansion_release) struct expansion expansion = {
        .head = head, .visitor = visitor, .diagnostics = diagnostics, .count = 1};
    struct batch_experiment single = {.seed = head->seed};
    bool good;

    if (head->sweep)
        good = expand_sweep(&expansion, error);
    else if (has_list(head))
        good = expand_list(&expansion, error);
    else
        good = expand_one(&expansion, &single, error);
    if (!good || !settle(diagnostics, error))
        return false;
    *ret_count = expansion.count;
    return true;
}

/* ---- without a daemon ---- */

static bool print_line(void *context, const struct batch_experiment *experiment,
                       struct error *error)
{
    struct buffer *out = (struct buffer *)context;
    scoped(json_free) cJSON *line = cJSON_CreateObject();
    scoped(json_free) cJSON *spec = cJSON_Duplicate(experiment->spec, true);
    scoped(json_free) cJSON *parameters = experiment->parameters
                                              ? cJSON_Duplicate(experiment->parameters, true)
                                              : cJSON_CreateObject();

    if (!line || !json_add_text(line, "name", experiment->name) ||
        !json_add_integer(line, "seed", experiment->seed) ||
        !json_add_integer(line, "replicate", experiment->replicate) ||
        !json_add_item(line, "parameters", &parameters) || !json_add_item(line, "spec", &spec))
        return error_set(error, ERROR_NO_MEMORY, "expanding");
    return json_print(line, out, error) && buffer_append_text(out, "\n", error);
}

static bool print_diagnostics(const struct diagnostics *diagnostics, struct buffer *out)
{
    scoped(json_free) cJSON *line = cJSON_CreateObject();
    cJSON *list = diagnostics_json(diagnostics);
    struct error ignored;

    buffer_clear(out);
    return line && list && json_add_item(line, "diagnostics", &list) &&
           json_print(line, out, &ignored) && buffer_append_text(out, "\n", &ignored);
}

bool batch_expand_lines(const cJSON *params, struct buffer *out, struct error *error)
{
    scoped(batch_head_release) struct batch_head head = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    const struct batch_visitor visitor = {print_line, out};
    int64_t count;

    if (batch_head_read(params, &head, &diagnostics, error) &&
        batch_expand(&head, &visitor, &count, &diagnostics, error))
        return true;
    if (diagnostics.n && !print_diagnostics(&diagnostics, out))
        return error_set(error, ERROR_NO_MEMORY, "expanding");
    return false;
}

bool batch_settings(cJSON **ret_settings, struct error *error)
{
    static const struct setting table[] = {
        {.name = "sweep",
         .type = SETTING_TYPE_NESTED,
         .nested = sweep_settings,
         .unit = "",
         .help = "Parameters that vary, and how their values are chosen."},
        {.name = "experiments",
         .type = SETTING_TYPE_JSON,
         .unit = "",
         .help = "A list of specs, each merged over the rest of this one."},
        {0},
    };
    scoped(json_free) cJSON *settings = cJSON_CreateObject();
    scoped(json_free) cJSON *described = settings_describe(table);
    cJSON *range = settings_describe(sampler_range_settings);
    bool good = settings && described && range;

    while (good && described->child) {
        cJSON *setting = cJSON_DetachItemFromArray(described, 0);
        char name[32];

        (void)snprintf(name, sizeof(name), "%s", json_text(setting, "name", ""));
        good = json_add_item(settings, name, &setting);
    }
    good = good && json_add_item(settings, "sweep.parameters.*", &range);
    json_free(&range);
    if (!good)
        return error_set(error, ERROR_NO_MEMORY, "describing settings");
    *ret_settings = take(&settings);
    return true;
}
