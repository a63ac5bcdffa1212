/*
 * What may stand for one parameter of a sweep:
 *
 *     [16, 32, 64]                              any values; {label: small, value: ...} among them
 *     {choice: [...]}   {values: [...]}         the same
 *     {choice: {small: 16, large: 64}}          with labels
 *     {choice: [...], labels: [...]}            with labels beside
 *     {low: 1e-5, high: 1e-1, log: true}        a real range
 *     {low: 1, high: 9, int: true, step: 2}     an integer range
 *     {min: 1, max: 9}                          integers where both are; else real
 *     {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
 *     adam   {value: adam}                      always the same
 *
 * A value that has a label, and any object, is kept as {"label": text, "value": ...}.
 */
#include "daemon/parameter.h"
#include "common/owner.h"
#include "daemon/sampler/sampler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct range_config {
    double low, high, step;
    double min, max, q;
    bool log, integral;
    int distribution;
    cJSON *choice, *values, *labels, *value;
};

enum distribution {
    DISTRIBUTION_NONE,
    DISTRIBUTION_UNIFORM,
    DISTRIBUTION_INTEGERS,
    DISTRIBUTION_LOG,
    DISTRIBUTION_STEPS
};
static const char *const distributions[] = {
    "none", "uniform", "int_uniform", "log_uniform_values", "q_uniform", NULL};

#define ANY_LOW (-1e300)
#define ANY_HIGH 1e300

const struct setting sampler_range_settings[] = {
    SETTING_REAL(struct range_config, low, 0, ANY_LOW, ANY_HIGH, 0, "", "Lowest value."),
    SETTING_REAL(struct range_config, high, 0, ANY_LOW, ANY_HIGH, 0, "", "Highest value."),
    SETTING_BOOLEAN(struct range_config, log, false, "Draw uniformly in the logarithm."),
    {.name = "int",
     .type = SETTING_TYPE_BOOLEAN,
     .offset = SETTING_OFFSET(struct range_config, integral, bool),
     .unit = "",
     .help = "Whole numbers only."},
    SETTING_REAL(struct range_config, step, 0, 0, ANY_HIGH, 0, "",
                 "Distance between values; 0: any value of the range, or every whole number."),
    SETTING_JSON(struct range_config, choice, 0,
                 "The values, as a list or as {label: value}; instead of a range."),
    SETTING_JSON(struct range_config, values, 0, "The same as choice."),
    SETTING_JSON(struct range_config, labels, 0, "A name for each of choice, for reports."),
    SETTING_JSON(struct range_config, value, 0, "The only value."),
    SETTING_REAL(struct range_config, min, 0, ANY_LOW, ANY_HIGH, 0, "",
                 "The same as low; whole numbers where max is one too."),
    SETTING_REAL(struct range_config, max, 0, ANY_LOW, ANY_HIGH, 0, "", "The same as high."),
    SETTING_CHOICE(struct range_config, distribution, DISTRIBUTION_NONE, distributions,
                   "Another way to say log and int."),
    SETTING_REAL(struct range_config, q, 0, 0, ANY_HIGH, 0, "", "The same as step."),
    {0},
};

static void range_config_release(struct range_config *config)
{
    settings_release(sampler_range_settings, config);
}

/* Objects are always wrapped, so that a value can be told from its label. */
static bool add_value(cJSON *values, const cJSON *value, const char *label)
{
    scoped(json_free) cJSON *copy = cJSON_Duplicate(value, true);
    scoped(json_free) cJSON *wrapped = NULL;

    if (!copy)
        return false;
    if (!label && !cJSON_IsObject(value))
        return cJSON_AddItemToArray(values, take(&copy));
    wrapped = cJSON_CreateObject();
    return wrapped && json_add_text(wrapped, "label", label) &&
           json_add_item(wrapped, "value", &copy) && cJSON_AddItemToArray(values, take(&wrapped));
}

static bool is_labelled(const cJSON *value)
{
    return cJSON_GetArraySize(value) == 2 && cJSON_IsString(json_member(value, "label")) &&
           json_member(value, "value");
}

static bool add_list(cJSON *values, const cJSON *list, const cJSON *labels)
{
    const cJSON *item, *label = labels ? labels->child : NULL;

    cJSON_ArrayForEach(item, list)
    {
        const char *text = label ? cJSON_GetStringValue(label) : NULL;
        const cJSON *value = item;

        if (cJSON_IsObject(item) && is_labelled(item)) {
            text = text ? text : json_text(item, "label", NULL);
            value = json_member(item, "value");
        }
        if (!add_value(values, value, text))
            return false;
        label = label ? label->next : NULL;
    }
    return true;
}

static bool add_mapping(cJSON *values, const cJSON *mapping)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, mapping)
    {
        if (!add_value(values, item, item->string))
            return false;
    }
    return true;
}

static bool labels_fit(const cJSON *labels, const cJSON *choice, const char *path,
                       struct diagnostics *diagnostics)
{
    const cJSON *label;

    if (!labels)
        return true;
    if (!cJSON_IsArray(labels) || !cJSON_IsArray(choice) ||
        cJSON_GetArraySize(labels) != cJSON_GetArraySize(choice)) {
        diagnostics_add(diagnostics, path, "labels must be a list, one for each value of the list");
        return false;
    }
    cJSON_ArrayForEach(label, labels)
    {
        if (!cJSON_IsString(label)) {
            diagnostics_add(diagnostics, path, "labels must be texts");
            return false;
        }
    }
    return true;
}

static bool index_values(struct sampler_parameter *parameter)
{
    const cJSON *item;

    parameter->value = calloc((size_t)cJSON_GetArraySize(parameter->values), sizeof(void *));
    if (!parameter->value)
        return false;
    cJSON_ArrayForEach(item, parameter->values) parameter->value[parameter->n_values++] = item;
    return true;
}

static bool read_choice(const cJSON *choice, const cJSON *labels, const char *path,
                        struct sampler_parameter *parameter, struct diagnostics *diagnostics)
{
    bool whole;

    if ((!cJSON_IsArray(choice) && !cJSON_IsObject(choice)) || !choice->child) {
        diagnostics_add(diagnostics, path, "expected a list of values with at least one of them");
        return false;
    }
    if (!labels_fit(labels, choice, path, diagnostics))
        return false;
    parameter->form = SAMPLER_CHOICE;
    parameter->values = cJSON_CreateArray();
    whole = parameter->values &&
            (cJSON_IsArray(choice) ? add_list(parameter->values, choice, labels)
                                   : add_mapping(parameter->values, choice)) &&
            index_values(parameter);
    if (!whole)
        diagnostics->overflow = true;
    return whole;
}

static bool read_single(const cJSON *value, const char *path, struct sampler_parameter *parameter,
                        struct diagnostics *diagnostics)
{
    scoped(json_free) cJSON *list = cJSON_CreateArray();

    if (list && cJSON_AddItemToArray(list, cJSON_Duplicate(value, true)))
        return read_choice(list, NULL, path, parameter, diagnostics);
    diagnostics->overflow = true;
    return false;
}

static bool is_whole(double value)
{
    return value == floor(value) && fabs(value) < 9007199254740992.0;
}

/* The spellings of other tools become ours. */
static void read_aliases(const cJSON *json, struct range_config *config)
{
    bool min = json_member(json, "min") != NULL, max = json_member(json, "max") != NULL;
    enum distribution distribution = (enum distribution)config->distribution;

    if (min)
        config->low = config->min;
    if (max)
        config->high = config->max;
    if (min && max && distribution == DISTRIBUTION_NONE && !config->log &&
        !json_member(json, "int"))
        config->integral = is_whole(config->min) && is_whole(config->max);
    if (json_member(json, "q"))
        config->step = config->q;
    config->log = config->log || distribution == DISTRIBUTION_LOG;
    config->integral = config->integral || distribution == DISTRIBUTION_INTEGERS;
}

static const char *range_complaint(const struct range_config *config)
{
    if (config->low > config->high)
        return "low is above high";
    if (config->log && config->low <= 0)
        return "low must be above 0 where log is true";
    if (config->log && config->step > 0)
        return "step and log do not go together; give a list";
    if (config->integral && !(is_whole(config->low) && is_whole(config->high)))
        return "low and high must be whole numbers where int is true";
    if (config->integral && !is_whole(config->step))
        return "step must be a whole number where int is true";
    if (config->distribution == DISTRIBUTION_STEPS && config->step == 0)
        return "q_uniform needs q, the step";
    if (config->step > 0 && (config->high - config->low) / config->step > 1e9)
        return "step is too small for the range";
    return NULL;
}

static bool read_range(const cJSON *json, struct range_config *config, const char *path,
                       struct sampler_parameter *parameter, struct diagnostics *diagnostics)
{
    const char *complaint;

    if ((!json_member(json, "low") && !json_member(json, "min")) ||
        (!json_member(json, "high") && !json_member(json, "max"))) {
        diagnostics_add(diagnostics, path, "needs low and high, or choice");
        return false;
    }
    read_aliases(json, config);
    complaint = range_complaint(config);
    if (complaint) {
        diagnostics_add(diagnostics, path, "%s", complaint);
        return false;
    }
    parameter->form = config->integral ? SAMPLER_INTEGER : SAMPLER_REAL;
    parameter->low = config->low;
    parameter->high = config->high;
    parameter->step = config->step;
    parameter->log = config->log;
    return true;
}

/* What a key says, and beside what it would be passed over in silence. */
enum {
    SAYS_LIST = 1,
    SAYS_LABELS = 2,
    SAYS_RANGE = 4,
    SAYS_LOW = 8,
    SAYS_HIGH = 16,
    SAYS_STEP = 32
};
static const struct {
    const char *name;
    unsigned says, bars;
} keys[] = {
    {"choice", SAYS_LIST, SAYS_LIST | SAYS_RANGE},
    {"values", SAYS_LIST, SAYS_LIST | SAYS_RANGE},
    {"value", SAYS_LIST, SAYS_LIST | SAYS_RANGE | SAYS_LABELS},
    {"labels", SAYS_LABELS, SAYS_RANGE},
    {"low", SAYS_RANGE | SAYS_LOW, SAYS_LOW},
    {"min", SAYS_RANGE | SAYS_LOW, SAYS_LOW},
    {"high", SAYS_RANGE | SAYS_HIGH, SAYS_HIGH},
    {"max", SAYS_RANGE | SAYS_HIGH, SAYS_HIGH},
    {"step", SAYS_RANGE | SAYS_STEP, SAYS_STEP},
    {"q", SAYS_RANGE | SAYS_STEP, SAYS_STEP},
    {"log", SAYS_RANGE, 0},
    {"int", SAYS_RANGE, 0},
    {"distribution", SAYS_RANGE, 0},
};

static bool check_keys(const cJSON *json, const char *path, struct diagnostics *diagnostics)
{
    const size_t n = sizeof(keys) / sizeof(keys[0]);

    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            if (!((keys[i].bars & keys[j].says) || (keys[j].bars & keys[i].says)) ||
                !json_member(json, keys[i].name) || !json_member(json, keys[j].name))
                continue;
            diagnostics_add(diagnostics, path, "%s and %s do not go together", keys[i].name,
                            keys[j].name);
            return false;
        }
    }
    return true;
}

static bool read_object(const cJSON *json, const char *path, struct sampler_parameter *parameter,
                        struct diagnostics *diagnostics)
{
    scoped(range_config_release) struct range_config config = {0};
    const cJSON *choice;

    if (!settings_parse(sampler_range_settings, json, path, &config, diagnostics) ||
        !check_keys(json, path, diagnostics))
        return false;
    choice = config.choice ? config.choice : config.values;
    if (choice)
        return read_choice(choice, config.labels, path, parameter, diagnostics);
    if (json_member(json, "value"))
        return read_single(config.value, path, parameter, diagnostics);
    return read_range(json, &config, path, parameter, diagnostics);
}

bool sampler_parameter_read(const char *name, const cJSON *json,
                            struct sampler_parameter *ret_parameter,
                            struct diagnostics *diagnostics)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "sweep.parameters.%s", name);
    *ret_parameter = (struct sampler_parameter){.name = name};
    if (cJSON_IsArray(json))
        return read_choice(json, NULL, path, ret_parameter, diagnostics);
    if (cJSON_IsObject(json))
        return read_object(json, path, ret_parameter, diagnostics);
    return read_single(json, path, ret_parameter, diagnostics);
}

static double step_of(const struct sampler_parameter *parameter)
{
    if (parameter->step > 0)
        return parameter->step;
    return parameter->form == SAMPLER_INTEGER ? 1 : 0;
}

int64_t sampler_parameter_count(const struct sampler_parameter *parameter)
{
    double step = step_of(parameter);

    if (parameter->form == SAMPLER_CHOICE)
        return parameter->n_values;
    if (step <= 0)
        return 0;
    /* 0.1 .. 0.5 by 0.1 has five values, whatever the division says in its last digit. */
    return (int64_t)floor((parameter->high - parameter->low) / step + 1e-9) + 1;
}

static int magnitude(double value)
{
    return value != 0 ? (int)floor(log10(fabs(value))) : 0;
}

/* To `digits`, and to more where values that differ by `apart` would otherwise become one: six
 * digits of that are more than a sweep can tell apart, and a person can read them. */
static double to_digits(double value, int digits, double apart)
{
    int wanted = 6 + magnitude(value) - magnitude(apart);
    char text[32];

    digits = wanted > digits ? wanted : digits;
    (void)snprintf(text, sizeof(text), "%.*g", digits < 17 ? digits : 17, value);
    return strtod(text, NULL);
}

cJSON *sampler_parameter_value(const struct sampler_parameter *parameter, int64_t index)
{
    double value;

    if (parameter->form == SAMPLER_CHOICE)
        return cJSON_Duplicate(parameter->value[index], true);
    value = parameter->low + (double)index * step_of(parameter);
    return cJSON_CreateNumber(
        parameter->form == SAMPLER_INTEGER ? value : to_digits(value, 12, parameter->step));
}

/* ---- places -----------------------------------------------------------------------------------*/

static double clamp(const struct sampler_parameter *parameter, double value)
{
    return fmin(fmax(value, parameter->low), parameter->high);
}

static double draw_real(const struct sampler_parameter *parameter, double u)
{
    double low = parameter->low, high = parameter->high;
    double value =
        parameter->log ? exp(log(low) + u * (log(high) - log(low))) : low + u * (high - low);

    return clamp(parameter, to_digits(clamp(parameter, value), 6, high - low));
}

static double draw_log_integer(const struct sampler_parameter *parameter, double u)
{
    double low = log(parameter->low), high = log(parameter->high + 1);

    return clamp(parameter, floor(exp(low + u * (high - low))));
}

cJSON *sampler_parameter_at(const struct sampler_parameter *parameter, double place)
{
    int64_t n = parameter->log ? 0 : sampler_parameter_count(parameter), index;

    if (n > 0) {
        index = (int64_t)(place * (double)n);
        return sampler_parameter_value(parameter, index < n ? index : n - 1);
    }
    return cJSON_CreateNumber(parameter->form == SAMPLER_INTEGER
                                  ? draw_log_integer(parameter, place)
                                  : draw_real(parameter, place));
}

static double place_in_list(const struct sampler_parameter *parameter, const cJSON *value)
{
    for (int64_t i = 0; i < parameter->n_values; i++)
        if (cJSON_Compare(parameter_value(parameter->value[i]), parameter_value(value), true))
            return ((double)i + 0.5) / (double)parameter->n_values;
    return NAN;
}

/* Of the middle of what draws the value. */
static double place_in_range(const struct sampler_parameter *parameter, double value)
{
    int64_t n = parameter->log ? 0 : sampler_parameter_count(parameter);
    double low = parameter->low, high = parameter->high;

    if (n > 0)
        return fmin((round((value - low) / step_of(parameter)) + 0.5) / (double)n, 1);
    if (high == low)
        return 0.5;
    if (parameter->form == SAMPLER_INTEGER)
        return (log(value + 0.5) - log(low)) / (log(high + 1) - log(low));
    return parameter->log ? (log(value) - log(low)) / (log(high) - log(low))
                          : (value - low) / (high - low);
}

double sampler_parameter_place(const struct sampler_parameter *parameter, const cJSON *value)
{
    const cJSON *number = value ? parameter_value(value) : NULL;

    if (!value)
        return NAN;
    if (parameter->form == SAMPLER_CHOICE)
        return place_in_list(parameter, value);
    if (!cJSON_IsNumber(number) || !(number->valuedouble >= parameter->low) ||
        !(number->valuedouble <= parameter->high) ||
        (parameter->form == SAMPLER_INTEGER && !is_whole(number->valuedouble)))
        return NAN;
    return place_in_range(parameter, number->valuedouble);
}
