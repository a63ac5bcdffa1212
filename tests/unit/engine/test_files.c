/* Data sets of several files, and with columns of other tables. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/files.h"
#include "worker/engine/dataset/split/split.h"

static char folder[64];

struct loaded {
    struct data_config config;
    struct dataset *dataset;
    struct split_plan plan;
    struct warning_list warnings;
    struct error error;
};

static void write_file(const char *name, const char *text)
{
    scoped(buffer_release) struct buffer path = {0};
    struct error error;
    FILE *file;

    assert_true(buffer_append_format(&path, &error, "%s/%s", folder, name));
    file = fopen(path.data, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static bool configure(struct loaded *loaded, const char *data, char *ret_diagnostic)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *json = NULL;
    bool good;

    *loaded = (struct loaded){0};
    assert_true(json_parse(data, strlen(data), &json, &loaded->error));
    good = settings_parse(data_settings, json, "data", &loaded->config, &diagnostics);
    if (good)
        data_check(&loaded->config, json, &diagnostics);
    if (diagnostics.n > 0)
        (void)snprintf(ret_diagnostic, 256, "%s: %s", diagnostics.item[0].path,
                       diagnostics.item[0].message);
    return diagnostics.n == 0;
}

static bool load(const char *data, struct loaded *loaded)
{
    char complaint[256];

    if (!configure(loaded, data, complaint))
        fail_msg("%s", complaint);
    return dataset_import(&loaded->config, folder, &loaded->dataset, &loaded->warnings,
                          &loaded->error) &&
           split_make(&loaded->config, folder, loaded->dataset, NULL, 1, &loaded->plan,
                      &loaded->error);
}

static void loaded_release(struct loaded *loaded)
{
    split_plan_release(&loaded->plan);
    dataset_free(&loaded->dataset);
    settings_release(data_settings, &loaded->config);
}

static void load_good(const char *data, struct loaded *loaded)
{
    if (!load(data, loaded))
        fail_msg("%s: %s: %s", data, loaded->error.path, loaded->error.message);
}

static void fails(const char *data, const char *path, const char *message)
{
    struct loaded loaded;

    if (load(data, &loaded))
        fail_msg("%s: was taken", data);
    if (strcmp(loaded.error.path, path) != 0 || !strstr(loaded.error.message, message))
        fail_msg("%s: %s: %s", data, loaded.error.path, loaded.error.message);
    assert_int_equal(loaded.error.kind, ERROR_INVALID);
    loaded_release(&loaded);
}

static void same_values(const struct dataset *a, const struct dataset *b)
{
    assert_int_equal(a->n_rows, b->n_rows);
    assert_int_equal(a->n_features, b->n_features);
    for (int64_t i = 0; i < a->n_features; i++) {
        assert_string_equal(a->feature[i].name, b->feature[i].name);
        assert_int_equal(a->feature[i].n_missing, b->feature[i].n_missing);
        assert_int_equal(a->feature[i].categorical, b->feature[i].categorical);
        for (int32_t k = 0; k < a->feature[i].dictionary.n; k++)
            assert_string_equal(a->feature[i].dictionary.text[k], b->feature[i].dictionary.text[k]);
    }
    assert_memory_equal(a->value, b->value, (size_t)(a->n_rows * a->n_features) * sizeof(float));
    assert_memory_equal(a->label, b->label, (size_t)a->n_rows * sizeof(*a->label));
    assert_int_equal(a->classes.n, b->classes.n);
}

/* More rows than are looked at for a guess, so that what is guessed is completed. */
static void write_days(void)
{
    scoped(buffer_release) struct buffer all = {0};
    struct error error;

    assert_true(buffer_append_text(&all, "x,kind,y\n", &error));
    for (int day = 1; day <= 3; day++) {
        scoped(buffer_release) struct buffer one = {0};
        char name[16];

        assert_true(buffer_append_text(&one, "x,kind,y\n", &error));
        for (int i = 0; i < 1500; i++) {
            char line[64];

            if (i % 700 == 650 && day == 2)
                (void)snprintf(line, sizeof(line), ",k%d,%c\n", i % 3 + day, i % 2 ? 'a' : 'b');
            else
                (void)snprintf(line, sizeof(line), "%d,k%d,%c\n", day * 10000 + i, i % 3 + day,
                               i % 2 ? 'a' : 'b');
            assert_true(buffer_append_text(&one, line, &error) &&
                        buffer_append_text(&all, line, &error));
        }
        (void)snprintf(name, sizeof(name), "day%d.csv", day);
        write_file(name, one.data);
    }
    write_file("all.csv", all.data);
}

static void rows_of_several_files_follow_one_another(void **state)
{
    struct loaded one, several, pattern;

    (void)state;
    write_days();
    load_good("{\"source\":\"all.csv\",\"target\":\"y\"}", &one);
    load_good("{\"source\":[\"day1.csv\",\"day2.csv\",\"day3.csv\"],\"target\":\"y\"}", &several);
    load_good("{\"source\":\"day*.csv\",\"target\":\"y\"}", &pattern);
    same_values(one.dataset, several.dataset);
    same_values(one.dataset, pattern.dataset);
    assert_string_equal(one.dataset->feature[0].missing_place, "line 2152");
    assert_string_equal(several.dataset->feature[0].missing_place, "line 652 of day2.csv");
    loaded_release(&one);
    loaded_release(&several);
    loaded_release(&pattern);
}

static void published_files_are_the_parts(void **state)
{
    struct loaded loaded;
    const struct split *split = &loaded.plan.split;

    (void)state;
    write_days();
    load_good("{\"source\":\"day1.csv\",\"target\":\"y\","
              "\"split\":{\"by\":\"files\",\"test\":\"day3.csv\",\"valid\":[\"day2.csv\"]}}",
              &loaded);
    assert_int_equal(split->part[SPLIT_TRAIN].n, 1500);
    assert_int_equal(row_list_at(&split->part[SPLIT_TRAIN], 0), 0);
    assert_int_equal(row_list_at(&split->part[SPLIT_VALID], 0), 1500);
    assert_int_equal(row_list_at(&split->part[SPLIT_TEST], 0), 3000);
    loaded_release(&loaded);
    load_good("{\"source\":[\"day1.csv\",\"day2.csv\"],\"target\":\"y\",\"split\":{\"by\":"
              "\"files\",\"train\":\"day1.csv\",\"valid\":0.2,\"test\":\"day3.csv\"}}",
              &loaded);
    assert_int_equal(split->part[SPLIT_TRAIN].n, 1200);
    assert_int_equal(split->part[SPLIT_VALID].n, 300);
    assert_true(row_list_at(&split->part[SPLIT_VALID], 299) < 1500);
    assert_int_equal(split->part[SPLIT_TEST].n, 1500);
    assert_int_equal(loaded.plan.n_unused, 1500);
    loaded_release(&loaded);
}

static void a_share_of_what_lists_leave_validates_in_whole_groups(void **state)
{
    struct loaded loaded;
    bool in_part[SPLIT_PART_COUNT][8] = {{false}};

    (void)state;
    write_file("g.csv", "g,x,y\n1,1,a\n2,2,b\n3,3,a\n4,4,b\n5,5,a\n1,1,b\n2,2,b\n3,3,b\n4,4,b\n");
    load_good("{\"source\":\"g.csv\",\"group\":\"g\",\"target\":\"y\","
              "\"split\":{\"by\":\"group\",\"test\":[5],\"valid\":0.25}}",
              &loaded);
    for (int part = 0; part < SPLIT_PART_COUNT; part++)
        for (int64_t i = 0; i < loaded.plan.split.part[part].n; i++)
            in_part[part][loaded.dataset->group[row_list_at(&loaded.plan.split.part[part], i)]] =
                true;
    for (int group = 0; group < 5; group++)
        assert_int_equal(in_part[0][group] + in_part[1][group] + in_part[2][group], 1);
    assert_int_equal(loaded.plan.split.part[SPLIT_VALID].n, 2);
    assert_int_equal(loaded.plan.split.part[SPLIT_TEST].n, 1);
    loaded_release(&loaded);
}

static void recordings_of_several_files_are_numbered_through(void **state)
{
    struct loaded loaded;
    const struct series *series;

    (void)state;
    write_file("a.ts", "@problemName a\n@timeStamps false\n@univariate true\n@classLabel true p q\n"
                       "@data\n1,2,3:p\n4,5:q\n");
    write_file("b.ts", "@problemName a\n@timeStamps false\n@univariate true\n@classLabel true p q\n"
                       "@data\n6:q\n7,8,9,10:p\n");
    load_good("{\"source\":\"a.ts\",\"series\":\"series\",\"time\":\"row\",\"target\":\"label\","
              "\"split\":{\"by\":\"files\",\"test\":\"b.ts\"}}",
              &loaded);
    series = &loaded.dataset->series;
    assert_int_equal(series->n, 4);
    assert_string_equal(series->names.text[3], "3/b.ts");
    assert_int_equal(series->first[3] - series->first[2], 1);
    for (int64_t row = 0; row < 10; row++)
        assert_true(loaded.dataset->value[row] == (float)(row + 1));
    assert_int_equal(loaded.plan.split.part[SPLIT_TEST].n, 5);
    loaded_release(&loaded);
}

static void a_file_is_a_recording_where_nothing_else_names_them(void **state)
{
    struct loaded loaded;

    (void)state;
    write_file("s1.csv", "t,x,y\n2,1,a\n1,2,b\n");
    write_file("s2.csv", "t,x,y\n3,3,a\n1,4,b\n2,5,b\n");
    load_good("{\"source\":\"s?.csv\",\"time\":\"t\",\"target\":\"y\",\"split\":{\"train\":1}}",
              &loaded);
    assert_int_equal(loaded.dataset->series.n, 2);
    assert_string_equal(loaded.dataset->series.names.text[1], "s2.csv");
    assert_true(loaded.dataset->value[0] == 2 && loaded.dataset->value[2] == 4);
    loaded_release(&loaded);
    load_good("{\"source\":\"s?.csv\",\"group\":\"file\",\"target\":\"y\","
              "\"split\":{\"by\":\"group\",\"test\":\"s1.csv\"}}",
              &loaded);
    assert_int_equal(loaded.plan.split.part[SPLIT_TEST].n, 2);
    loaded_release(&loaded);
}

static void files_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    write_file("one.csv", "x,y\n1,a\n2,b\n");
    write_file("two.csv", "x,z\n1,a\n");
    write_file("three.csv", "x,y,z\n1,a,2\n");
    write_file("bad.csv", "x,y\n1,a\n2,b,c\n");
    write_file("four.arff", "@relation r\n@attribute x numeric\n@attribute y {a,b}\n@data\n1,a\n");
    fails("{\"source\":[\"one.csv\",\"two.csv\"],\"target\":\"y\"}", "data.source",
          "column 2 is 'z' in ");
    fails("{\"source\":[\"one.csv\",\"three.csv\"],\"target\":\"y\"}", "data.source",
          "has 3 columns, but ");
    fails("{\"source\":[\"one.csv\",\"bad.csv\"],\"target\":\"y\"}", "data.source",
          "bad.csv: line 3");
    fails("{\"source\":[\"one.csv\",\"four.arff\"],\"target\":\"y\"}", "data.source",
          "is of the format arff, but ");
    fails("{\"source\":\"none*.csv\",\"target\":\"y\"}", "data.source", "no file is called like");
    fails("{\"source\":[\"one.csv\",\"none.csv\"],\"target\":\"y\"}", "data.source", "none.csv");
    fails("{\"source\":\"one.csv\",\"target\":\"y\",\"split\":{\"by\":\"files\",\"test\":"
          "\"one.csv\"}}",
          "data.split", "there is only");
}

static void splits_that_say_no_files_are_refused(void **state)
{
    static const char *const split[] = {"{\"by\":\"files\"}", "{\"by\":\"files\",\"valid\":0.1}",
                                        "{\"by\":\"files\",\"test\":[3]}",
                                        "{\"by\":\"files\",\"test\":0.5}"};

    (void)state;
    for (size_t i = 0; i < sizeof(split) / sizeof(split[0]); i++) {
        struct loaded loaded;
        char data[256], complaint[256] = "";

        (void)snprintf(data, sizeof(data), "{\"source\":\"a.csv\",\"target\":\"y\",\"split\":%s}",
                       split[i]);
        if (configure(&loaded, data, complaint))
            fail_msg("%s was taken", split[i]);
        assert_non_null(strstr(complaint, "files"));
        loaded_release(&loaded);
    }
}

/* ---- numbers as values ------------------------------------------------------------------------*/

static void long_numbers_in_lists_of_groups_are_those_of_the_file(void **state)
{
    struct loaded loaded;

    (void)state;
    write_file("long.csv", "g,a,y\n1234567890123450,1,1.5\n1234567890123451,2,2.5\n0.1,3,3.5\n");
    load_good("{\"source\":\"long.csv\",\"target\":\"y\",\"features\":\"a\",\"group\":\"g\","
              "\"split\":{\"by\":\"group\",\"valid\":[0.1],\"test\":[1234567890123451]}}",
              &loaded);
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        assert_int_equal(loaded.plan.split.part[i].n, 1);
    assert_int_equal(row_list_at(&loaded.plan.split.part[SPLIT_TEST], 0), 1);
    loaded_release(&loaded);
}

/* ---- keys of several columns ------------------------------------------------------------------*/

/* (1, 2/3) and (1/2, 3) look alike, and are two. */
static void keys_whose_values_hold_slashes_stay_apart(void **state)
{
    struct loaded loaded;

    (void)state;
    write_file("slashes.csv", "d,r,t,a,y\n1,2/3,0,0,0.5\n1,2/3,1,1,1.5\n1/2,3,0,100,0.5\n"
                              "1/2,3,1,101,1.5\n4,5,0,7,0.5\n4,5,1,8,2.5\n");
    load_good("{\"source\":\"slashes.csv\",\"target\":\"y\",\"features\":\"a\",\"time\":\"t\","
              "\"series\":[\"d\",\"r\"],\"group\":[\"d\",\"r\"],"
              "\"split\":{\"by\":\"group\",\"test\":[\"4/5\"]}}",
              &loaded);
    assert_int_equal(loaded.dataset->series.n, 3);
    assert_int_equal(loaded.dataset->series.first[1], 2);
    assert_int_equal(loaded.dataset->groups.n, 3);
    for (int i = 0; i < 3; i++) {
        const char *name = i < 2 ? "1/2/3" : "4/5";

        assert_string_equal(loaded.dataset->series.names.text[i], name);
        assert_string_equal(loaded.dataset->groups.text[i], name);
        assert_int_equal(loaded.dataset->group[2 * i], i);
    }
    loaded_release(&loaded);
    fails("{\"source\":\"slashes.csv\",\"target\":\"y\",\"features\":\"a\",\"group\":[\"d\",\"r\"],"
          "\"split\":{\"by\":\"group\",\"test\":[\"1/2/3\"]}}",
          "data.split.test", "several groups are called '1/2/3'");
}

/* ---- joins ------------------------------------------------------------------------------------*/

#define VISITS "who,place,x,y\np1,1,10,a\np2,2,20,b\np3,1,30,a\np1,2,40,b\n"
#define PEOPLE "sex,id,age\nf,p3,33\nm,p1,31\nf,p2,\n"

static void columns_of_another_table_are_looked_up(void **state)
{
    struct loaded joined, made;

    (void)state;
    write_file("visits.csv", VISITS);
    write_file("people.csv", PEOPLE);
    write_file("made.csv", "x,sex,age,y\n10,m,31,a\n20,f,,b\n30,f,33,a\n40,m,31,b\n");
    load_good("{\"source\":\"made.csv\",\"target\":\"y\"}", &made);
    load_good("{\"source\":\"visits.csv\",\"target\":\"y\",\"features\":[\"x\",\"sex\",\"age\"],"
              "\"join\":{\"type\":\"lookup\",\"source\":\"people.csv\",\"on\":\"who=id\"}}",
              &joined);
    same_values(made.dataset, joined.dataset);
    assert_string_equal(joined.dataset->feature[2].missing_place, "row 1");
    loaded_release(&joined);
    loaded_release(&made);
}

/* A key may be a group, an id or a number of its own right, and joins may build on joins. */
static void keys_of_several_columns_and_joins_of_joins(void **state)
{
    struct loaded joined;

    (void)state;
    write_file("visits.csv", VISITS);
    write_file("people.csv", PEOPLE);
    write_file("doses.csv", "who,place,dose\np2,2,2.5\np1,2,1.5\np1,1,0.5\np3,1,3.5\n");
    write_file("sexes.csv", "sex,code\nf,1\nm,2\n");
    load_good("{\"source\":\"visits.csv\",\"target\":\"y\",\"group\":\"who\","
              "\"features\":[\"place\",\"dose\",\"code\"],\"split\":{\"by\":\"group\",\"test\":"
              "[\"p2\"]},\"join\":["
              "{\"type\":\"lookup\",\"source\":\"doses.csv\",\"on\":[\"who\",\"place\"]},"
              "{\"type\":\"lookup\",\"source\":\"people.csv\",\"on\":\"who=id\",\"columns\":"
              "\"sex\"},"
              "{\"type\":\"lookup\",\"source\":\"sexes.csv\",\"on\":\"sex\"}]}",
              &joined);
    {
        const float wanted[4][3] = {{1, 0.5F, 2}, {2, 2.5F, 1}, {1, 3.5F, 1}, {2, 1.5F, 2}};

        assert_memory_equal(joined.dataset->value, wanted, sizeof(wanted));
    }
    assert_int_equal(joined.dataset->groups.n, 3);
    loaded_release(&joined);
}

static void texts_for_missing_values_hold_for_joined_tables(void **state)
{
    struct loaded joined;

    (void)state;
    write_file("visits.csv", "who,x,y\np1,-99,a\np2,20,b\np3,30,a\n");
    write_file("people.csv", "sex,id,age\nf,p3,33\nm,p1,31\n-99,p2,-99\n");
    load_good("{\"source\":\"visits.csv\",\"target\":\"y\",\"features\":[\"x\",\"age\",\"sex\"],"
              "\"missing\":[\"-99\"],"
              "\"join\":{\"type\":\"lookup\",\"source\":\"people.csv\",\"on\":\"who=id\"}}",
              &joined);
    for (int i = 0; i < 3; i++)
        assert_int_equal(joined.dataset->feature[i].n_missing, 1);
    assert_true(isnan(joined.dataset->value[0]) && isnan(joined.dataset->value[4]));
    assert_int_equal(joined.dataset->feature[2].dictionary.n, 2);
    loaded_release(&joined);
}

/* The key that finds rows is text, whatever the model has of it. */
static void a_key_may_be_one_of_the_columns_that_are_added(void **state)
{
    struct loaded joined;

    (void)state;
    write_file("bought.csv", "k,place,y\n2,1,a\n1,2,b\n2,3,b\n");
    write_file("goods.csv", "number,shelf,price\n1,x,10\n2,z,20\n");
    load_good("{\"source\":\"bought.csv\",\"target\":\"y\",\"features\":[\"place\",\"number\","
              "\"price\"],\"join\":{\"type\":\"lookup\",\"source\":\"goods.csv\",\"on\":"
              "\"k=number\",\"columns\":[\"number\",\"price\"]}}",
              &joined);
    {
        const float wanted[3][3] = {{1, 2, 20}, {2, 1, 10}, {3, 2, 20}};

        assert_memory_equal(joined.dataset->value, wanted, sizeof(wanted));
    }
    loaded_release(&joined);
}

static void what_has_no_partner_is_refused_or_kept(void **state)
{
    struct loaded joined;

    (void)state;
    write_file("visits.csv", VISITS "p9,1,50,a\n");
    write_file("people.csv", PEOPLE);
    fails("{\"source\":\"visits.csv\",\"target\":\"y\",\"join\":{\"type\":\"lookup\",\"source\":"
          "\"people.csv\",\"on\":\"who=id\"}}",
          "data.join[0]", "row 4: ");
    load_good("{\"source\":\"visits.csv\",\"target\":\"y\",\"features\":[\"age\",\"sex\"],"
              "\"join\":{\"type\":\"lookup\",\"source\":\"people.csv\",\"on\":\"who=id\","
              "\"missing\":\"keep\"}}",
              &joined);
    assert_int_equal(joined.dataset->feature[0].n_missing, 2);
    assert_int_equal(joined.dataset->feature[1].n_missing, 1);
    assert_true(isnan(joined.dataset->value[8]) && isnan(joined.dataset->value[9]));
    loaded_release(&joined);
}

static void a_key_that_stands_twice_is_refused_or_its_first_row_taken(void **state)
{
    struct loaded joined;

    (void)state;
    write_file("visits.csv", VISITS);
    write_file("people.csv", PEOPLE "x,p1,99\n");
    fails("{\"source\":\"visits.csv\",\"target\":\"y\",\"join\":{\"type\":\"lookup\",\"source\":"
          "\"people.csv\",\"on\":\"who=id\"}}",
          "data.join[0]", "rows 1 and 3 have the same key, 'p1'");
    load_good("{\"source\":\"visits.csv\",\"target\":\"y\",\"features\":\"age\",\"join\":{\"type\":"
              "\"lookup\",\"source\":\"people.csv\",\"on\":\"who=id\",\"duplicates\":\"first\"}}",
              &joined);
    assert_true(joined.dataset->value[0] == 31);
    loaded_release(&joined);
}

static void joins_that_cannot_be_are_refused(void **state)
{
    (void)state;
    write_file("visits.csv", VISITS);
    write_file("people.csv", PEOPLE);
    write_file("keys.csv", "who\np1\n");
    write_file("x.csv", "who,x\np1,1\n");
    write_file("gap.csv", "who,z\np1,1\n,2\n");
    fails("{\"source\":\"visits.csv\",\"target\":\"y\",\"join\":{\"type\":\"lookup\",\"source\":"
          "\"people.csv\",\"on\":\"who\"}}",
          "data.join[0].on", "has no column 'who'");
    fails("{\"source\":\"visits.csv\",\"target\":\"y\",\"join\":{\"type\":\"lookup\",\"source\":"
          "\"people.csv\",\"on\":\"who=id\",\"columns\":\"size\"}}",
          "data.join[0].columns", "has no column 'size'");
    fails("{\"source\":\"visits.csv\",\"target\":\"y\",\"join\":{\"type\":\"lookup\",\"source\":"
          "\"keys.csv\",\"on\":\"who\"}}",
          "data.join[0]", "has no column beside the key");
    fails("{\"source\":\"visits.csv\",\"target\":\"y\",\"join\":{\"type\":\"lookup\",\"source\":"
          "\"x.csv\",\"on\":\"who\"}}",
          "data.join[0]", "has a column 'x' already");
    fails("{\"source\":\"visits.csv\",\"target\":\"y\",\"join\":{\"type\":\"lookup\",\"source\":"
          "\"gap.csv\",\"on\":\"who\"}}",
          "data.join[0]", "row 1: the key is missing");
    fails("{\"source\":\"visits.csv\",\"target\":\"y\",\"join\":{\"type\":\"lookup\",\"source\":"
          "\"none.csv\",\"on\":\"who\"}}",
          "data.source", "none.csv");
}

/* Rows to predict may lack what is looked up, or have it already. */
static void new_rows_are_joined_where_they_lack_the_columns(void **state)
{
    static const struct feature_wish wish[] = {{.name = "x"}, {.name = "age"}};
    struct loaded loaded;
    char path[128], complaint[256];

    (void)state;
    write_file("people.csv", PEOPLE);
    write_file("new.csv", "who,x\np3,1\np1,2\n");
    write_file("whole.csv", "x,age\n1,33\n2,31\n");
    assert_true(configure(&loaded,
                          "{\"source\":\"gone.csv\",\"target\":\"y\",\"join\":{\"type\":\"lookup\","
                          "\"source\":\"people.csv\",\"on\":\"who=id\",\"columns\":\"age\"}}",
                          complaint));
    for (int whole = 0; whole < 2; whole++) {
        (void)snprintf(path, sizeof(path), "%s/%s.csv", folder, whole ? "whole" : "new");
        if (!dataset_import_new(&loaded.config, folder, path, wish, 2, &loaded.dataset,
                                &loaded.error))
            fail_msg("%s: %s", path, loaded.error.message);
        assert_true(loaded.dataset->value[1] == 33 && loaded.dataset->value[3] == 31);
        dataset_free(&loaded.dataset);
    }
    loaded_release(&loaded);
}

/* Names of columns are those of the features where new rows lack the targets. */
static void new_rows_need_no_targets_where_columns_are_named(void **state)
{
    static const struct feature_wish wish[] = {{.name = "b"}, {.name = "a"}};
    static const char *const rows[] = {"1,9,2,8\n3,9,4,8\n", "1,2\n3,4\n"};
    struct loaded loaded;
    char path[128], complaint[256];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/new.csv", folder);
    assert_true(configure(&loaded,
                          "{\"source\":\"gone.csv\",\"target\":[\"t\",\"u\"],\"header\":\"false\","
                          "\"names\":[\"a\",\"t\",\"b\",\"u\"],\"task\":\"regression\"}",
                          complaint));
    for (int i = 0; i < 2; i++) {
        write_file("new.csv", rows[i]);
        if (!dataset_import_new(&loaded.config, folder, path, wish, 2, &loaded.dataset,
                                &loaded.error))
            fail_msg("%s: %s", rows[i], loaded.error.message);
        assert_true(loaded.dataset->value[0] == 2 && loaded.dataset->value[1] == 1);
        assert_true(loaded.dataset->value[2] == 4 && loaded.dataset->value[3] == 3);
        dataset_free(&loaded.dataset);
    }
    write_file("new.csv", "1,2,3\n");
    assert_false(
        dataset_import_new(&loaded.config, folder, path, wish, 2, &loaded.dataset, &loaded.error));
    assert_non_null(strstr(loaded.error.message, "4 names where"));
    loaded_release(&loaded);
    fails("{\"source\":\"new.csv\",\"target\":\"t\",\"header\":\"false\","
          "\"names\":[\"a\",\"t\",\"b\",\"u\"]}",
          "data.names", "4 names where");
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/nightjar-files-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int tear_down(void **state)
{
    struct error error;

    (void)state;
    assert_true(file_remove_tree(AT_FDCWD, folder, &error));
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_of_several_files_follow_one_another),
        TEST(published_files_are_the_parts),
        TEST(a_share_of_what_lists_leave_validates_in_whole_groups),
        TEST(recordings_of_several_files_are_numbered_through),
        TEST(a_file_is_a_recording_where_nothing_else_names_them),
        TEST(files_that_do_not_fit_are_refused),
        TEST(splits_that_say_no_files_are_refused),
        TEST(long_numbers_in_lists_of_groups_are_those_of_the_file),
        TEST(keys_whose_values_hold_slashes_stay_apart),
        TEST(columns_of_another_table_are_looked_up),
        TEST(keys_of_several_columns_and_joins_of_joins),
        TEST(texts_for_missing_values_hold_for_joined_tables),
        TEST(a_key_may_be_one_of_the_columns_that_are_added),
        TEST(what_has_no_partner_is_refused_or_kept),
        TEST(a_key_that_stands_twice_is_refused_or_its_first_row_taken),
        TEST(joins_that_cannot_be_are_refused),
        TEST(new_rows_are_joined_where_they_lack_the_columns),
        TEST(new_rows_need_no_targets_where_columns_are_named),
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
