#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/prepared/store.h"

#define ROWS 30000 /* some MiB: several blocks */

static char folder[] = "/tmp/nightjar-import-XXXXXX";
static char path[64], store[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/t.csv", folder);
    (void)snprintf(store, sizeof(store), "%s/data", folder);
    return 0;
}

static int remove_folder(void **state)
{
    struct error error;

    (void)state;
    return file_remove_tree(AT_FDCWD, folder, &error) ? 0 : -1;
}

/* ---- files ------------------------------------------------------------------------------------*/

static uint32_t word(int64_t row, uint32_t purpose)
{
    return random_block(5, (uint64_t)row, 0, purpose).word[0];
}

/* A number as files have them: plain, with exponent, missing, an integer. */
static void write_number(FILE *file, int64_t row, uint32_t column, const char *quote)
{
    double x = ((double)word(row, column) - 2e9) / 3e5;

    switch (word(row, column + 100) % 8) {
    case 0:
        (void)fprintf(file, "%s%.17g%s", quote, x, quote);
        return;
    case 1:
        (void)fprintf(file, "%s%.6e%s", quote, x, quote);
        return;
    case 2:
        (void)fprintf(file, "%s%lld%s", quote, (long long)x, quote);
        return;
    case 3:
        (void)fprintf(file, "%s%s%s", quote, column % 2 ? "" : "NA", quote);
        return;
    default:
        (void)fprintf(file, "%s%.6f%s", quote, x, quote);
    }
}

/* With quotes no record is simple, and the file says the same. */
static void write_table(const char *quote, const char *line_end)
{
    static const char *const color[] = {"red", "green", "blue", "a long name of a color indeed"};
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    (void)fprintf(file, "id,who,t,a,b,color,c,d,y%s", line_end);
    for (int64_t row = 0; row < ROWS; row++) {
        (void)fprintf(file, "%lld,%sp%u%s,%.5f,", (long long)(ROWS - row) * 3, quote,
                      word(row, 1) % 7, quote, word(row, 2) % 100000 / 256.0);
        for (uint32_t column = 10; column < 12; column++) {
            write_number(file, row, column, quote);
            (void)fputc(',', file);
        }
        (void)fprintf(file, "%s%s%s,", quote, color[word(row, 3) % 4], quote);
        write_number(file, row, 12, quote);
        (void)fputc(',', file);
        write_number(file, row, 13, quote);
        (void)fprintf(file, ",%s%c%s%s", quote, "xyz"[word(row, 4) % 3], quote, line_end);
    }
    assert_int_equal(fclose(file), 0);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* ---- imports ----------------------------------------------------------------------------------*/

static void configure(const char *more, struct data_config *ret_config)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(buffer_release) struct buffer text = {0};
    scoped(json_free) cJSON *json = NULL;
    struct error error;

    assert_true(
        buffer_append_format(&text, &error, "{\"source\":\"%s\",\"target\":\"y\"%s}", path, more));
    assert_true(json_parse(text.data, text.size, &json, &error));
    memset(ret_config, 0, sizeof(*ret_config));
    if (!settings_parse(data_settings, json, "data", ret_config, &diagnostics))
        fail_msg("%s: %s", diagnostics.item[0].path, diagnostics.item[0].message);
}

static bool import(const char *more, const char *threads, struct dataset **ret_dataset,
                   struct error *error)
{
    struct data_config config;
    bool good;

    configure(more, &config);
    memset(error, 0, sizeof(*error));
    assert_int_equal(setenv("OMP_NUM_THREADS", threads, 1), 0);
    good = dataset_import(&config, NULL, ret_dataset, NULL, error);
    settings_release(data_settings, &config);
    return good;
}

static struct dataset *import_good(const char *more, const char *threads)
{
    struct dataset *dataset = NULL;
    struct error error;

    if (!import(more, threads, &dataset, &error))
        fail_msg("%s: %s", error.path, error.message);
    return dataset;
}

static void same_texts(const struct dictionary *a, const struct dictionary *b)
{
    assert_int_equal(a->n, b->n);
    for (int32_t i = 0; i < a->n; i++)
        assert_string_equal(a->text[i], b->text[i]);
}

static void same_dataset(const struct dataset *a, const struct dataset *b)
{
    size_t n = (size_t)a->n_rows;

    assert_int_equal(a->n_rows, b->n_rows);
    assert_int_equal(a->n_features, b->n_features);
    assert_memory_equal(a->value, b->value, n * (size_t)a->n_features * sizeof(float));
    assert_memory_equal(a->label, b->label, n * sizeof(*a->label));
    for (int64_t i = 0; i < a->n_features; i++) {
        assert_int_equal(a->feature[i].n_missing, b->feature[i].n_missing);
        same_texts(&a->feature[i].dictionary, &b->feature[i].dictionary);
    }
    same_texts(&a->classes, &b->classes);
    assert_int_equal(a->series.n, b->series.n);
    if (a->series.n == 0)
        return;
    same_texts(&a->series.names, &b->series.names);
    assert_memory_equal(a->source_row, b->source_row, n * sizeof(*a->source_row));
    assert_memory_equal(a->time, b->time, n * sizeof(*a->time));
    assert_int_equal(a->series.n_segments, b->series.n_segments);
    assert_memory_equal(a->series.segment, b->series.segment,
                        (size_t)a->series.n_segments * sizeof(*a->series.segment));
}

#define SERIES ",\"id\":\"id\",\"series\":\"who\",\"time\":\"t\",\"gap\":0.25"

static void any_number_of_threads_makes_the_same_data(void **state)
{
    static const char *const settings[] = {SERIES, ",\"ignore\":[\"t\"],\"group\":\"who\""};

    (void)state;
    write_table("", "\n");
    for (size_t i = 0; i < 2; i++) {
        scoped(dataset_free) struct dataset *one = import_good(settings[i], "1");

        for (const char *threads = "234"; *threads; threads++) {
            const char text[] = {*threads, '\0'};
            scoped(dataset_free) struct dataset *many = import_good(settings[i], text);

            same_dataset(one, many);
        }
    }
}

static void the_fast_way_and_the_slow_one_read_the_same(void **state)
{
    scoped(dataset_free) struct dataset *fast = NULL, *slow = NULL, *windows = NULL;

    (void)state;
    write_table("", "\n");
    fast = import_good(SERIES, "2");
    write_table("\"", "\n");
    slow = import_good(SERIES, "2");
    write_table("", "\r\n");
    windows = import_good(SERIES, "2");
    same_dataset(fast, slow);
    same_dataset(fast, windows);
}

static void rows_of_a_recording_come_in_the_order_of_time(void **state)
{
    scoped(dataset_free) struct dataset *dataset = NULL;
    const struct series *series;

    (void)state;
    write_table("", "\n");
    dataset = import_good(SERIES, "2");
    series = &dataset->series;
    assert_int_equal(series->n, 7);
    for (int64_t i = 0; i < series->n; i++)
        for (int64_t row = series->first[i]; row < series->first[i + 1]; row++) {
            int64_t from = dataset->source_row[row];
            char name[8];

            (void)snprintf(name, sizeof(name), "p%u", word(from, 1) % 7);
            assert_string_equal(series->names.text[i], name);
            assert_true(fabs(dataset->time[row] - word(from, 2) % 100000 / 256.0) < 1e-5);
            assert_int_equal(dataset->id[0].integer[row], (ROWS - from) * 3);
            assert_true(row == series->first[i] || dataset->time[row] >= dataset->time[row - 1]);
        }
    assert_true(series->n_segments > series->n);
}

static struct dataset *open_store(const char *more, bool *ret_built);

/* Rows of `people` come one after the other, or at random; each has a target of its own, the last
 * none. */
static void write_people(uint32_t people, bool regular, const char *last)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    (void)fprintf(file, "who,t,a,y\n");
    for (int64_t row = 0; row < ROWS; row++) {
        uint32_t who = (regular ? (uint32_t)row : word(row, 1)) % people;

        (void)fprintf(file, "p%u,%lld,%u,", who, (long long)row, word(row, 2) % 100);
        if (who + 1 < people)
            (void)fprintf(file, "%.17g", who / 3.0 + 0.1);
        (void)fputc('\n', file);
    }
    (void)fputs(last, file);
    assert_int_equal(fclose(file), 0);
}

static void assert_targets(const struct dataset *dataset, uint32_t people)
{
    for (int64_t row = 0; row < dataset->n_rows - 1; row++) {
        double target = dataset_target(dataset, row)[0];
        int64_t series = series_of(&dataset->series, row);
        uint32_t who = (uint32_t)strtoul(dataset->series.names.text[series] + 1, NULL, 10);

        assert_true(dataset->series.first[series] <= row &&
                    row < dataset->series.first[series + 1]);
        if (who + 1 == people)
            assert_true(isnan(target));
        else
            assert_true(target == who / 3.0 + 0.1);
    }
}

#define PEOPLE ",\"series\":\"who\",\"time\":\"t\",\"missing_targets\":\"drop\""

static void targets_of_recordings_are_stored_once(void **state)
{
    (void)state;
    for (int pass = 0; pass < 6; pass++) {
        const uint32_t people = pass < 3 ? 11 : 5000;
        const char *const threads = pass % 3 == 0 ? "1" : "3";
        scoped(dataset_free) struct dataset *dataset = NULL;
        bool built;

        write_people(people, pass % 3 == 2, "");
        dataset = import_good(PEOPLE, threads);
        assert_true(dataset->of_series);
        assert_int_equal(dataset_target_rows(dataset), dataset->series.n);
        assert_in_range(dataset->series.n, people - people / 100, people);
        assert_int_equal(dataset->series.length, pass == 5 ? ROWS / 5000 : 0);
        assert_targets(dataset, people);
        dataset_free(&dataset);
        dataset = open_store(PEOPLE, &built);
        assert_true(dataset->of_series);
        assert_targets(dataset, people);
    }
}

/* One row in 30001 has another one: each is stored with its own. */
static void targets_that_vary_within_a_recording_are_those_of_rows(void **state)
{
    static const char *const last[] = {"p2,99999,1,0.5\n", "p10,99999,1,0.5\n", "p2,99999,1,\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
        scoped(dataset_free) struct dataset *dataset = NULL;
        int64_t n = 0;

        write_people(11, false, last[i]);
        dataset = import_good(PEOPLE, "3");
        assert_false(dataset->of_series);
        for (int64_t row = 0; row < dataset->n_rows; row++)
            n += dataset->time[row] > 99998 && (i == 2 ? isnan(dataset_target(dataset, row)[0])
                                                       : dataset_target(dataset, row)[0] == 0.5);
        assert_int_equal(n, 1);
    }
}

/* What the first rows promised is not kept by one of the last. */
static void write_numbers(const char *odd)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    (void)fprintf(file, "a,y\n");
    for (int i = 0; i < 5000; i++)
        (void)fprintf(file, "%d.5,%d\n", i, i % 3);
    (void)fprintf(file, "%s\n", odd);
    assert_int_equal(fclose(file), 0);
}

static void types_are_those_of_the_whole_file(void **state)
{
    scoped(dataset_free) struct dataset *classes = NULL, *texts = NULL, *values = NULL;
    struct error error;

    (void)state;
    write_numbers("1.5,1");
    classes = import_good("", "2");
    assert_int_equal(classes->classes.n, 3);
    write_numbers("1.5,maybe");
    texts = import_good("", "2");
    assert_int_equal(texts->classes.n, 4);
    write_numbers("1.5,0.25");
    values = import_good("", "2");
    assert_int_equal(values->task, TASK_REGRESSION);
    write_numbers("oops,1");
    assert_false(import("", "2", &values, &error));
    assert_non_null(strstr(error.message, "line 5002"));
}

static void the_first_mistake_of_a_file_is_told(void **state)
{
    struct dataset *dataset = NULL;
    struct error error;
    FILE *file;

    (void)state;
    for (int pass = 0; pass < 3; pass++) {
        write_table("", "\n");
        file = fopen(path, "ab");
        assert_non_null(file);
        (void)fprintf(file, "1,p1,1,2,3\n");
        for (int i = 0; i < 100000; i++)
            (void)fprintf(file, "%d,p1,1,2,3,red,1,1,x\n", i);
        (void)fprintf(file, "1,p1,1,2,\"3\n");
        assert_int_equal(fclose(file), 0);
        assert_false(import(SERIES, "4", &dataset, &error));
        assert_non_null(strstr(error.message, "line 30002: 5 fields"));
    }
}

static void an_id_that_stands_twice_is_found(void **state)
{
    struct dataset *dataset = NULL;
    struct error error;

    (void)state;
    write_file("k,x,y\n7,1,a\n8,2,b\n7,3,a\n");
    assert_false(import(",\"id\":\"k\"", "1", &dataset, &error));
    assert_string_equal(error.path, "data.id");
    assert_non_null(strstr(error.message, "'7' stands in rows 0 and 2"));
}

/* ---- the store --------------------------------------------------------------------------------*/

static struct dataset *open_store(const char *more, bool *ret_built)
{
    struct dataset *dataset = NULL;
    struct data_config config;
    struct error error = {0};

    configure(more, &config);
    if (!store_open(store, &config, NULL, &dataset, ret_built, NULL, &error))
        fail_msg("%s: %s", error.path, error.message);
    settings_release(data_settings, &config);
    return dataset;
}

static void prepared_file(const struct dataset *dataset, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s/%s.h5", store, dataset->key);
}

static void data_are_prepared_once(void **state)
{
    scoped(dataset_free) struct dataset *memory = NULL, *first = NULL, *second = NULL,
                                        *other = NULL;
    struct stat status;
    char file[128];
    bool built;

    (void)state;
    write_table("", "\n");
    memory = import_good(SERIES, "2");
    first = open_store(SERIES, &built);
    assert_true(built);
    same_dataset(memory, first);
    second = open_store(SERIES ",\"split\":{\"train\":0.5}", &built);
    assert_false(built);
    same_dataset(memory, second);
    prepared_file(first, file, sizeof(file));
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0400);
    other = open_store(",\"ignore\":[\"t\"]", &built);
    assert_true(built);
}

/* Many experiments map the same numbers: whoever writes to them ends, and nobody else notices. */
static void what_is_shared_cannot_be_written_to(void **state)
{
    scoped(dataset_free) struct dataset *dataset = NULL;
    volatile float *value;
    float before;
    int status;
    bool built;
    pid_t child;

    (void)state;
    write_table("", "\n");
    dataset = open_store(SERIES, &built);
    memcpy((void *)&value, &dataset->value, sizeof(value));
    before = value[0];
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        value[0] = before + 1;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_true(value[0] == before);
}

static void a_changed_source_is_other_data(void **state)
{
    scoped(dataset_free) struct dataset *first = NULL, *second = NULL, *third = NULL;
    bool built;

    (void)state;
    write_file("x,y\n1,a\n2,b\n");
    first = open_store("", &built);
    assert_true(built);
    write_file("x,y\n1,a\n3,b\n");
    second = open_store("", &built);
    assert_true(built);
    assert_true(second->value[1] == 3);
    write_file("x,y\n1,a\n2,b\n"); /* the content counts, not the file */
    third = open_store("", &built);
    assert_false(built);
    assert_true(third->value[1] == 2);
}

static void damaged_data_are_built_again(void **state)
{
    static const char *const damage[] = {"", "no HDF5 at all", NULL};
    bool built;

    (void)state;
    write_file("x,y\n1,a\n2,b\n5,b\n");
    for (int i = 0; i < 3; i++) {
        scoped(dataset_free) struct dataset *again = NULL;
        struct dataset *dataset = open_store("", &built);
        char file[128];
        int fd;

        prepared_file(dataset, file, sizeof(file));
        dataset_free(&dataset);
        assert_int_equal(chmod(file, 0600), 0);
        fd = open(file, O_WRONLY | (damage[i] ? O_TRUNC : 0));
        assert_true(fd >= 0);
        if (damage[i])
            assert_int_equal(write(fd, damage[i], strlen(damage[i])), (ssize_t)strlen(damage[i]));
        else
            assert_int_equal(ftruncate(fd, 9000), 0);
        (void)close(fd);
        again = open_store("", &built);
        assert_true(built);
        assert_true(again->value[2] == 5);
    }
}

static void a_byte_that_changed_is_noticed(void **state)
{
    scoped(dataset_free) struct dataset *dataset = NULL, *again = NULL;
    struct error error;
    struct stat status;
    char file[128], byte = 0x55;
    bool built;
    int fd;

    (void)state;
    write_file("x,y\n1,a\n2,b\n6,b\n");
    dataset = open_store("", &built);
    prepared_file(dataset, file, sizeof(file));
    dataset_free(&dataset);
    assert_true(store_verify(file, &error));
    assert_int_equal(chmod(file, 0600), 0);
    fd = open(file, O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    for (off_t at = 0; at < status.st_size && byte != 0;
         at += 4096) { /* 6 as float32 begins 00 00 c0 40 */
        float value[3];

        assert_int_equal(pread(fd, value, sizeof(value), at), sizeof(value));
        if (value[0] == 1 && value[1] == 2 && value[2] == 6) {
            assert_int_equal(pwrite(fd, &byte, 1, at + 9), 1);
            byte = 0;
        }
    }
    (void)close(fd);
    assert_int_equal(byte, 0);
    assert_false(store_verify(file, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
    again = open_store("", &built);
    assert_true(built);
    assert_true(again->value[2] == 6);
}

static void what_a_killed_build_left_is_no_hindrance(void **state)
{
    scoped(dataset_free) struct dataset *dataset = NULL;
    struct dataset *before;
    char file[128], aside[128];
    bool built;

    (void)state;
    write_file("x,y\n1,a\n2,b\n9,b\n");
    before = open_store("", &built);
    prepared_file(before, file, sizeof(file));
    (void)snprintf(aside, sizeof(aside), "%s/%s.new", store, before->key);
    dataset_free(&before);
    assert_int_equal(rename(file, aside), 0);
    assert_int_equal(chmod(aside, 0600), 0);
    dataset = open_store("", &built);
    assert_true(built);
    assert_int_not_equal(access(aside, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_makes_the_same_data),
        cmocka_unit_test(the_fast_way_and_the_slow_one_read_the_same),
        cmocka_unit_test(rows_of_a_recording_come_in_the_order_of_time),
        cmocka_unit_test(targets_of_recordings_are_stored_once),
        cmocka_unit_test(targets_that_vary_within_a_recording_are_those_of_rows),
        cmocka_unit_test(types_are_those_of_the_whole_file),
        cmocka_unit_test(the_first_mistake_of_a_file_is_told),
        cmocka_unit_test(an_id_that_stands_twice_is_found),
        cmocka_unit_test(data_are_prepared_once),
        cmocka_unit_test(what_is_shared_cannot_be_written_to),
        cmocka_unit_test(a_changed_source_is_other_data),
        cmocka_unit_test(damaged_data_are_built_again),
        cmocka_unit_test(a_byte_that_changed_is_noticed),
        cmocka_unit_test(what_a_killed_build_left_is_no_hindrance),
    };

    return cmocka_run_group_tests_name("import", tests, make_folder, remove_folder);
}
