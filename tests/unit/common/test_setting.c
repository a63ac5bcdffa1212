/* Settings tables: values, defaults, every complaint, release, and what tables say of themselves.
 */
#include "common/spec/setting.h"

#include "common/owner.h"
#include "tests/double/memory_double.h"
#include "tests/support/json_text.h"
#include "tests/support/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct adam_config {
    double rate;
};
static bool check_adam(const void *config, const char *path, struct error *error)
{
    const struct adam_config *adam = config;

    if (adam->rate != 3)
        return true;
    return error_set_at(error, ERROR_INVALID, path, "three is no rate");
}
static const struct setting adam_settings[] = {
    SETTING_REAL(struct adam_config, rate, 1e-3, 0, 10, SETTING_OPEN_LOW, "", "Step size."),
    {0},
};
static const struct kind adam = {"adam", "Adaptive moments.", sizeof(struct adam_config),
                                 adam_settings, check_adam};
struct file_config {
    char *path;
};
static const struct setting file_settings[] = {
    SETTING_TEXT(struct file_config, path, NULL, SETTING_REQUIRED, "Where it is."),
    {0},
};
static const struct kind file = {"file", "From a file.", sizeof(struct file_config), file_settings,
                                 NULL};
static const struct kind plain = {"plain", "Nothing to set.", 0, NULL, NULL};
static const struct kind *const kinds[] = {&adam, &file, &plain, NULL};
static const struct kind_registry registry = {.what = "optimizer", .kind = kinds};
static const struct kind other = {"other", "Of a family of its own.", 0, NULL, NULL};
static const struct kind *const other_kinds[] = {&other, NULL};
static const struct kind_registry both = {
    .what = "optimizer or other", .kind = other_kinds, .more = &registry};

struct inner_config {
    bool deep;
};
static const struct setting inner_settings[] = {
    SETTING_BOOLEAN(struct inner_config, deep, 1, "How deep."),
    {0},
};

struct whole_config {
    int64_t units;
    double share;
    bool shuffle;
    char *name;
    char *label;
    int by;
    double patience;
    int64_t budget;
    char *size;
    struct setting_integers steps;
    struct setting_reals shares;
    struct setting_texts columns;
    struct inner_config inner;
    struct kind_choice optimizer;
    struct kind_choice extra;
    struct kind_choices layers;
    cJSON *any;
};
static const char *const by_names[] = {"fraction", "group", NULL};
static const struct setting whole_settings[] = {
    SETTING_INTEGER(struct whole_config, units, 64, 1, 65536, "rows", "Number of outputs."),
    SETTING_REAL(struct whole_config, share, 0.5, 0, 1, SETTING_OPEN_LOW | SETTING_OPEN_HIGH, "",
                 "A share."),
    SETTING_BOOLEAN(struct whole_config, shuffle, 0, "In any order."),
    SETTING_TEXT(struct whole_config, name, NULL, 0, "A name."),
    SETTING_TEXT(struct whole_config, label, "none", 0, "A label."),
    SETTING_CHOICE(struct whole_config, by, 1, by_names, "By what."),
    SETTING_DURATION(struct whole_config, patience, 60, 1, 7200, "How long."),
    SETTING_SIZE(struct whole_config, budget, 1024, 0, 1073741824, "How much."),
    SETTING_EXPRESSION(struct whole_config, size, "classes", 1, 100, 0, "How many."),
    SETTING_INTEGERS(struct whole_config, steps, 0, 100, 1, 3, "Steps."),
    SETTING_REALS(struct whole_config, shares, -1, 1, 2, 2, "Shares."),
    SETTING_TEXTS(struct whole_config, columns, 0, 0, "Columns."),
    SETTING_NESTED(struct whole_config, inner, struct inner_config, inner_settings, "Inner."),
    SETTING_KIND(struct whole_config, optimizer, &registry, "adam", 0, "Optimizer."),
    SETTING_KIND(struct whole_config, extra, &registry, NULL, 0, "Another."),
    SETTING_KINDS(struct whole_config, layers, &registry, 0, 2, 0, "Layers."),
    SETTING_JSON(struct whole_config, any, 0, "Anything."),
    {0},
};

struct fixture {
    struct whole_config config;
    struct diagnostics diagnostics;
    bool good;
};

static void fixture_release(struct fixture *fixture)
{
    settings_release(whole_settings, &fixture->config);
    diagnostics_release(&fixture->diagnostics);
}

static struct fixture parse(const char *text)
{
    scoped(json_free) cJSON *object = text ? json_of(text) : NULL;
    struct fixture fixture = {0};

    fixture.good =
        settings_parse(whole_settings, object, "", &fixture.config, &fixture.diagnostics);
    return fixture;
}

static void assert_complaint(const char *text, const char *path, const char *message)
{
    scoped(fixture_release) struct fixture fixture = parse(text);

    assert_false(fixture.good);
    assert_int_equal(fixture.diagnostics.n, 1);
    assert_string_equal(fixture.diagnostics.item[0].path, path);
    assert_string_equal(fixture.diagnostics.item[0].message, message);
}

static void what_is_missing_takes_its_default(void **state)
{
    static const char *const texts[] = {NULL, "{}",
                                        "{\"units\":null,\"inner\":null,\"optimizer\":null}"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        scoped(fixture_release) struct fixture fixture = parse(texts[i]);
        const struct whole_config *config = &fixture.config;

        assert_true(fixture.good);
        assert_int_equal(config->units, 64);
        assert_near(config->share, 0.5, 0);
        assert_null(config->name);
        assert_string_equal(config->label, "none");
        assert_int_equal(config->by, 1);
        assert_near(config->patience, 60, 0);
        assert_string_equal(config->size, "classes");
        assert_int_equal(config->steps.n, 0);
        assert_true(config->inner.deep);
        assert_ptr_equal(config->optimizer.kind, &adam);
        assert_near(((struct adam_config *)config->optimizer.config)->rate, 1e-3, 0);
        assert_null(config->extra.kind);
        assert_null(config->any);
    }
}

static void every_type_is_read(void **state)
{
    scoped(fixture_release) struct fixture fixture =
        parse("{\"units\":7,\"share\":0.25,\"shuffle\":true,\"name\":\"n\",\"label\":12,"
              "\"by\":\"fraction\",\"patience\":\"1h30m\",\"budget\":\"4M\",\"size\":9,"
              "\"steps\":[1,2],\"shares\":[-0.5,0.5],\"columns\":[\"a\",3,0.1],"
              "\"inner\":{\"deep\":false},\"optimizer\":{\"type\":\"adam\",\"rate\":0.1},"
              "\"extra\":\"plain\",\"layers\":[\"plain\",{\"type\":\"file\",\"path\":\"p\"}],"
              "\"any\":{\"x\":[1]}}");
    const struct whole_config *config = &fixture.config;

    (void)state;
    assert_true(fixture.good);
    assert_int_equal(config->units, 7);
    assert_true(config->shuffle);
    assert_string_equal(config->label, "12");
    assert_int_equal(config->by, 0);
    assert_near(config->patience, 5400, 0);
    assert_int_equal(config->budget, 4 * 1024 * 1024);
    assert_string_equal(config->size, "9");
    assert_int_equal(config->steps.n, 2);
    assert_int_equal(config->steps.item[1], 2);
    assert_near(config->shares.item[0], -0.5, 0);
    assert_string_equal(config->columns.item[1], "3");
    assert_string_equal(config->columns.item[2], "0.1");
    assert_false(config->inner.deep);
    assert_near(((struct adam_config *)config->optimizer.config)->rate, 0.1, 0);
    assert_ptr_equal(config->extra.kind, &plain);
    assert_null(config->extra.config);
    assert_int_equal(config->layers.n, 2);
    assert_string_equal(((struct file_config *)config->layers.item[1].config)->path, "p");
    assert_non_null(json_at(config->any, "x[0]"));
}

static void a_single_text_is_a_list_of_one(void **state)
{
    scoped(fixture_release) struct fixture fixture = parse("{\"columns\":\"a\"}");

    (void)state;
    assert_true(fixture.good);
    assert_int_equal(fixture.config.columns.n, 1);
    assert_string_equal(fixture.config.columns.item[0], "a");
}

static void an_unknown_setting_is_told_with_its_neighbour(void **state)
{
    (void)state;
    assert_complaint("{\"unts\":3}", "unts", "unknown setting; did you mean 'units'?");
    assert_complaint("{\"qqqq\":3}", "qqqq", "unknown setting");
    assert_complaint("{\"inner\":{\"depe\":true}}", "inner.depe",
                     "unknown setting; did you mean 'deep'?");
    assert_complaint("{\"type\":\"x\"}", "type", "unknown setting");
    assert_complaint("{\"extra\":{\"type\":\"plain\",\"x\":1}}", "extra.x",
                     "unknown setting; plain has none");
}

static void ranges_are_printed_with_their_ends(void **state)
{
    (void)state;
    assert_complaint("{\"units\":0}", "units", "0 is outside [1, 65536]");
    assert_complaint("{\"units\":65537}", "units", "65537 is outside [1, 65536]");
    assert_complaint("{\"share\":1}", "share", "1 is outside (0, 1)");
    assert_complaint("{\"optimizer\":{\"rate\":-1}}", "optimizer.rate", "-1 is outside (0, 10]");
    assert_complaint("{\"patience\":\"3h\"}", "patience", "10800 is outside [1, 7200] s");
    assert_complaint("{\"budget\":\"2G\"}", "budget",
                     "2147483648 is outside [0, 1073741824] bytes");
    assert_complaint("{\"size\":0}", "size", "0 is outside [1, 100]");
    assert_complaint("{\"steps\":[1,101]}", "steps[1]", "101 is outside [0, 100]");
    assert_complaint("{\"shares\":[1,-1.5]}", "shares[1]", "-1.5 is outside [-1, 1]");
}

static void types_are_told_with_what_stands_there(void **state)
{
    (void)state;
    assert_complaint("{\"units\":\"abc\"}", "units", "expected a number, not text ('abc')");
    assert_complaint("{\"units\":true}", "units", "expected a number, not true");
    assert_complaint("{\"units\":[1]}", "units", "expected a number, not a list");
    assert_complaint("{\"units\":{}}", "units", "expected a number, not a mapping");
    assert_complaint("{\"units\":1.5}", "units", "expected an integer, not 1.5");
    assert_complaint("{\"units\":1e300}", "units", "integers of 2^53 and beyond are not exact");
    assert_complaint("{\"shuffle\":1}", "shuffle", "expected true or false, not a number (1)");
    assert_complaint("{\"name\":false}", "name", "expected text (in quotes), not false");
    assert_complaint("{\"columns\":[\"a\",null]}", "columns[1]", "expected text, not nothing");
    assert_complaint("{\"steps\":3}", "steps", "expected a list, not a number (3)");
    assert_complaint("{\"inner\":3}", "inner", "expected a mapping, not a number (3)");
    assert_complaint("{\"patience\":\"soon\"}", "patience",
                     "expected a duration such as 90, 15m or 1h30m, not text ('soon')");
    assert_complaint("{\"budget\":\"1X\"}", "budget",
                     "expected a size such as 4096, 512K or 4G, not text ('1X')");
    assert_complaint("{\"size\":\"\"}", "size", "expected a number or a formula, not text ('')");
    assert_complaint("{\"size\":2.5}", "size", "expected an integer, not 2.5");
}

static void numbers_that_are_not_finite_are_refused(void **state)
{
    static const double numbers[] = {INFINITY, -INFINITY, NAN};
    static const char *const names[] = {"share", "units", "patience", "budget", "size", "name"};

    (void)state;
    for (size_t i = 0; i < 3 * 6; i++) {
        scoped(json_free) cJSON *object = cJSON_CreateObject();
        struct fixture fixture = {0};

        cJSON_AddItemToObject(object, names[i / 3], cJSON_CreateNumber(numbers[i % 3]));
        assert_false(
            settings_parse(whole_settings, object, "", &fixture.config, &fixture.diagnostics));
        assert_int_equal(fixture.diagnostics.n, 1);
        assert_string_equal(fixture.diagnostics.item[0].path, names[i / 3]);
        fixture_release(&fixture);
    }
}

static void choices_are_listed(void **state)
{
    (void)state;
    assert_complaint("{\"by\":\"grup\"}", "by",
                     "'grup' is none of fraction, group; did you mean 'group'?");
    assert_complaint("{\"by\":\"zzz\"}", "by", "'zzz' is none of fraction, group");
    assert_complaint("{\"by\":3}", "by", "expected one of fraction, group, not a number (3)");
}

static void registries_lead_to_more_kinds(void **state)
{
    (void)state;
    assert_ptr_equal(kind_find(&both, "other"), &other);
    assert_ptr_equal(kind_find(&both, "adam"), &adam);
    assert_null(kind_find(&registry, "other"));
}

static void kinds_are_suggested_or_listed(void **state)
{
    (void)state;
    assert_complaint("{\"optimizer\":\"adm\"}", "optimizer",
                     "unknown optimizer 'adm'; did you mean 'adam'?");
    assert_complaint("{\"optimizer\":{\"type\":\"zzz\"}}", "optimizer.type",
                     "unknown optimizer 'zzz'; known: adam, file, plain");
    assert_complaint("{\"layers\":[\"plain\",{\"units\":3}]}", "layers[1].type",
                     "required, but missing; known: adam, file, plain");
    assert_complaint("{\"layers\":[\"plain\",7]}", "layers[1]",
                     "expected the name of the optimizer or a mapping, not a number (7)");
    assert_complaint("{\"extra\":{\"type\":7}}", "extra.type",
                     "expected the name of the optimizer, not a number (7)");
    assert_complaint("{\"layers\":[\"file\"]}", "layers[0].path", "required, but missing");
}

static void what_only_the_kind_can_check_is_checked(void **state)
{
    (void)state;
    assert_complaint("{\"optimizer\":{\"rate\":3}}", "optimizer", "three is no rate");
}

static void lengths_of_lists_are_checked(void **state)
{
    (void)state;
    assert_complaint("{\"steps\":[]}", "steps", "expected at least 1 item, not 0");
    assert_complaint("{\"steps\":[1,2,3,4]}", "steps", "expected at most 3 items, not 4");
    assert_complaint("{\"layers\":[\"plain\",\"plain\",\"plain\"]}", "layers",
                     "expected at most 2 items, not 3");
}

static void all_complaints_are_told(void **state)
{
    scoped(fixture_release) struct fixture fixture =
        parse("{\"units\":0,\"share\":\"x\",\"nam\":1,\"layers\":[\"x\",{\"type\":\"adam\","
              "\"rate\":0}]}");

    (void)state;
    assert_false(fixture.good);
    assert_int_equal(fixture.diagnostics.n, 5);
    assert_string_equal(fixture.diagnostics.item[4].path, "layers[1].rate");
}

static void a_path_begins_where_the_object_stands(void **state)
{
    scoped(json_free) cJSON *object = json_of("{\"deep\":1}");
    struct inner_config config = {0};
    struct diagnostics diagnostics = {0};

    (void)state;
    assert_false(settings_parse(inner_settings, object, "model[3]", &config, &diagnostics));
    assert_string_equal(diagnostics.item[0].path, "model[3].deep");
    diagnostics_release(&diagnostics);
}

static void diagnostics_are_bounded(void **state)
{
    struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *json = NULL;

    (void)state;
    for (int i = 0; i < DIAGNOSTICS_LIMIT; i++)
        diagnostics_add(&diagnostics, "a.b", "number %d", i);
    assert_false(diagnostics.overflow);
    diagnostics_add(&diagnostics, "a.b", "one more");
    assert_true(diagnostics.overflow);
    json = diagnostics_json(&diagnostics);
    assert_int_equal(cJSON_GetArraySize(json), DIAGNOSTICS_LIMIT);
    assert_string_equal(json_text(cJSON_GetArrayItem(json, 7), "message", ""), "number 7");
    assert_string_equal(json_text(cJSON_GetArrayItem(json, 7), "path", ""), "a.b");
    diagnostics_release(&diagnostics);
    assert_int_equal(diagnostics.n, 0);
}

static void values_in_force_parse_to_the_same_config(void **state)
{
    static const char text[] =
        "{\"units\":7,\"share\":0.1,\"name\":\"n\",\"by\":\"fraction\",\"patience\":\"90s\","
        "\"steps\":[1,2],\"columns\":[\"a\"],\"layers\":[\"plain\",{\"type\":\"adam\",\"rate\":0.3}"
        "],\"any\":[1]}";
    scoped(fixture_release) struct fixture first = parse(text);
    scoped(json_free) cJSON *json = settings_json(whole_settings, &first.config);
    scoped(buffer_release) struct buffer printed = {0}, again = {0};
    struct error error;

    (void)state;
    assert_true(json_print(json, &printed, &error));
    assert_string_equal(
        printed.data,
        "{\"units\":7,\"share\":0.1,\"shuffle\":false,\"name\":\"n\",\"label\":\"none\","
        "\"by\":\"fraction\",\"patience\":90,\"budget\":1024,\"size\":\"classes\",\"steps\":[1,2],"
        "\"columns\":[\"a\"],\"inner\":{\"deep\":true},\"optimizer\":{\"type\":\"adam\",\"rate\":"
        "0.001},\"layers\":[{\"type\":\"plain\"},{\"type\":\"adam\",\"rate\":0.3}],\"any\":[1]}");

    scoped(fixture_release) struct fixture second = parse(printed.data);
    scoped(json_free) cJSON *json_again = settings_json(whole_settings, &second.config);

    assert_true(second.good);
    assert_true(json_print(json_again, &again, &error));
    assert_string_equal(again.data, printed.data);
}

static void a_released_config_is_empty_and_usable(void **state)
{
    struct fixture fixture = parse("{\"name\":\"n\",\"columns\":[\"a\"],\"layers\":[\"adam\"]}");
    static const struct whole_config empty;

    (void)state;
    settings_release(whole_settings, &fixture.config);
    assert_memory_equal(&fixture.config, &empty, offsetof(struct whole_config, shuffle));
    assert_null(fixture.config.columns.item);
    assert_int_equal(fixture.config.layers.n, 0);
    assert_null(fixture.config.optimizer.config);
    assert_true(settings_parse(whole_settings, NULL, "", &fixture.config, &fixture.diagnostics));
    fixture_release(&fixture);
}

static const cJSON *described(const cJSON *list, const char *name)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(json_text(item, "name", ""), name) == 0)
            return item;
    }
    fail_msg("%s is not described", name);
    return NULL;
}

static void a_table_describes_itself(void **state)
{
    scoped(json_free) cJSON *list = settings_describe(whole_settings);
    const cJSON *units = described(list, "units"), *share = described(list, "share");
    const cJSON *by = described(list, "by"), *optimizer = described(list, "optimizer");
    const cJSON *kind = described(json_member(optimizer, "kinds"), "adam");

    (void)state;
    assert_int_equal(cJSON_GetArraySize(list), 17);
    assert_string_equal(json_text(units, "type", ""), "integer");
    assert_string_equal(json_text(units, "unit", ""), "rows");
    assert_string_equal(json_text(units, "help", ""), "Number of outputs.");
    assert_near(json_number(units, "high", 0), 65536, 0);
    assert_near(json_number(units, "default", 0), 64, 0);
    assert_false(json_boolean(units, "required", true));
    assert_true(json_boolean(share, "open_low", false));
    assert_true(json_boolean(share, "open_high", false));
    assert_string_equal(json_text(by, "default", ""), "group");
    assert_int_equal(cJSON_GetArraySize(json_member(by, "choices")), 2);
    assert_int_equal(json_integer(described(list, "steps"), "max_items", 0), 3);
    assert_string_equal(json_text(optimizer, "what", ""), "optimizer");
    assert_string_equal(json_text(optimizer, "default", ""), "adam");
    assert_string_equal(json_text(kind, "help", ""), "Adaptive moments.");
    assert_non_null(described(json_member(kind, "settings"), "rate"));
    assert_non_null(described(json_member(described(list, "inner"), "settings"), "deep"));
}

/* A layer that holds layers: the table leads back to itself. */
struct branch_config {
    struct kind_choices layers;
};
extern const struct kind_registry branches;
static const struct setting branch_settings[] = {
    SETTING_KINDS(struct branch_config, layers, &branches, 0, 0, 0, "Layers."),
    {0},
};
static const struct kind branch = {"branch", "A branch.", sizeof(struct branch_config),
                                   branch_settings, NULL};
static const struct kind *const branch_kinds[] = {&branch, &plain, NULL};
const struct kind_registry branches = {.what = "layer", .kind = branch_kinds};

static void a_table_that_nests_itself_is_cut(void **state)
{
    scoped(json_free) cJSON *list = settings_describe(branch_settings);
    const cJSON *first = json_at(cJSON_GetArrayItem(list, 0), "kinds[0].settings[0].kinds[0]");

    (void)state;
    assert_string_equal(json_text(first, "name", ""), "branch");
    assert_null(json_member(first, "settings"));
}

static void the_nearest_name_is_suggested(void **state)
{
    static const char *const names[] = {"learning_rate", "rate", "units", "epochs", "batch"};

    (void)state;
    assert_string_equal(setting_suggest("epoch", names, 5), "epochs");
    assert_string_equal(setting_suggest("bathc", names, 5), "batch");
    assert_string_equal(setting_suggest("learning-rate", names, 5), "learning_rate");
    assert_string_equal(setting_suggest("uints", names, 5), "units");
    assert_null(setting_suggest("zzz", names, 5));
    assert_null(setting_suggest("", names, 5));
    assert_null(setting_suggest("momentum", names, 5));
}

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } good[] = {{"90", 90},     {"90s", 90},     {"15m", 900},        {"3h", 10800}, {"2d", 172800},
                {"1w", 604800}, {"1h30m", 5400}, {"1d2h3m4s", 93784}, {"0.5h", 1800}};
    static const char *const bad[] = {"",    "h",   "1x",  "1h30", "30m1h", "1h1h", "-1h",
                                      "1h ", " 1h", "inf", "0x10", "1..5h", "1e3",  "."};
    double seconds;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(setting_parse_duration(good[i].text, &seconds));
        assert_near(seconds, good[i].seconds, 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(setting_parse_duration(bad[i], &seconds));
}

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"4096", 4096},        {"512K", 524288},    {"4G", 4294967296},
                {"4GiB", 4294967296},  {"4GB", 4294967296}, {"1.5k", 1536},
                {"2T", 2199023255552}, {"10B", 10},         {"1P", 1125899906842624}};
    static const char *const bad[] = {"",   "G",   "4X",  "-1",  "4 G",  "1.3",
                                      "4i", "inf", "1e3", "9P9", "9999P"};
    int64_t bytes;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(setting_parse_size(good[i].text, &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(setting_parse_size(bad[i], &bytes));
}

/* ---- memory that runs out ---- */

static void a_config_is_whole_or_refused(void **state)
{
    scoped(json_free) cJSON *object = json_of(
        "{\"name\":\"n\",\"label\":\"l\",\"size\":\"classes\",\"steps\":[1,2],\"shares\":[0,1],"
        "\"columns\":[\"a\",\"b\"],\"optimizer\":{\"type\":\"adam\",\"rate\":1},"
        "\"extra\":{\"type\":\"file\",\"path\":\"p\"},\"layers\":[\"adam\",\"plain\"],"
        "\"any\":{\"x\":[1]}}");
    int64_t n = 0;

    (void)state;
    for (;; n++) {
        scoped(fixture_release) struct fixture fixture = {0};
        scoped(json_free) cJSON *values = NULL;

        memory_double_start(n);
        fixture.good =
            settings_parse(whole_settings, object, "", &fixture.config, &fixture.diagnostics);
        values = fixture.good ? settings_json(whole_settings, &fixture.config) : NULL;
        if (!memory_double_stop())
            break;
        assert_null(values);
    }
    assert_true(n > 30);
}

static void a_complaint_without_memory_is_none_the_less_one(void **state)
{
    scoped(json_free) cJSON *object = json_of("{\"units\":0,\"qqqq\":1,\"columns\":[3]}");
    int64_t n = 0;

    (void)state;
    for (;; n++) {
        scoped(fixture_release) struct fixture fixture = {0};

        memory_double_start(n);
        fixture.good =
            settings_parse(whole_settings, object, "", &fixture.config, &fixture.diagnostics);
        assert_false(fixture.good);
        assert_true(fixture.diagnostics.n || fixture.diagnostics.overflow);
        if (!memory_double_stop())
            break;
    }
    assert_true(n > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_takes_its_default),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(a_single_text_is_a_list_of_one),
        cmocka_unit_test(an_unknown_setting_is_told_with_its_neighbour),
        cmocka_unit_test(ranges_are_printed_with_their_ends),
        cmocka_unit_test(types_are_told_with_what_stands_there),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused),
        cmocka_unit_test(choices_are_listed),
        cmocka_unit_test(registries_lead_to_more_kinds),
        cmocka_unit_test(kinds_are_suggested_or_listed),
        cmocka_unit_test(what_only_the_kind_can_check_is_checked),
        cmocka_unit_test(lengths_of_lists_are_checked),
        cmocka_unit_test(all_complaints_are_told),
        cmocka_unit_test(a_path_begins_where_the_object_stands),
        cmocka_unit_test(diagnostics_are_bounded),
        cmocka_unit_test(values_in_force_parse_to_the_same_config),
        cmocka_unit_test(a_released_config_is_empty_and_usable),
        cmocka_unit_test(a_table_describes_itself),
        cmocka_unit_test(a_table_that_nests_itself_is_cut),
        cmocka_unit_test(the_nearest_name_is_suggested),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(a_config_is_whole_or_refused),
        cmocka_unit_test(a_complaint_without_memory_is_none_the_less_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
