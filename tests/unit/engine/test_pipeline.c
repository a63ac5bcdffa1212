#include <fcntl.h>
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
#include "worker/engine/pipeline.h"
#include "worker/engine/report.h"

#define SPEC                                                                                    \
    "{\"data\":{\"source\":\"mixed.csv\",\"target\":\"y\",\"features\":[\"small\",\"color\"]}," \
    "\"prepare\":\"standard\",\"model\":[{\"type\":\"dense\",\"units\":\"%s\"}],"               \
    "\"train\":{\"epochs\":3}}"

static char folder[] = "/tmp/nightjar-pipeline-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    struct error error;

    (void)state;
    return file_remove_tree(AT_FDCWD, folder, &error) ? 0 : -1;
}

/* ---- check ------------------------------------------------------------------------------------*/

/* What the check answers to `text`, in memory of the caller. */
static char *answer(const char *text, bool *ret_good, struct error *error)
{
    char *out = NULL;
    size_t size;
    FILE *in = tmpfile(), *stream = open_memstream(&out, &size);
    bool answered;

    assert_non_null(in);
    assert_non_null(stream);
    assert_true(fputs(text, in) >= 0);
    rewind(in);
    answered = pipeline_check(in, stream, ret_good, error);
    (void)fclose(in);
    (void)fclose(stream);
    if (!answered) {
        free(out);
        return NULL;
    }
    return out;
}

static void check_answers_line_by_line(void **state)
{
    scoped(buffer_release) struct buffer text = {0};
    scoped(memory_free) char *out = NULL;
    scoped(json_free) cJSON *first = NULL, *second = NULL;
    struct error error;
    bool good = true;
    char *newline;

    (void)state;
    assert_true(buffer_append_format(&text, &error,
                                     "\n{\"cwd\":\"tests/data\",\"spec\":" SPEC "}\n", "classes"));
    assert_true(
        buffer_append_format(&text, &error, "{\"cwd\":\"tests/data\",\"spec\":" SPEC "}\n", "3"));
    out = answer(text.data, &good, &error);
    assert_non_null(out);
    assert_false(good);
    newline = strchr(out, '\n');
    assert_true(json_parse(out, (size_t)(newline - out), &first, &error));
    assert_true(json_parse(newline + 1, strlen(newline + 1) - 1, &second, &error));
    assert_int_equal(cJSON_GetArraySize(json_member(first, "diagnostics")), 0);
    assert_int_equal(json_integer(json_member(first, "summary"), "rows", 0), 80);
    assert_string_equal(cJSON_GetArrayItem(json_member(first, "sources"), 0)->valuestring,
                        "tests/data/mixed.csv");
    assert_string_equal(json_text(json_at(second, "diagnostics[0]"), "path", ""), "model[0].units");
}

static void check_refuses_what_is_no_question(void **state)
{
    static const char *const bad[] = {"[]\n", "{}\n", "{\"spec\":3}\n", "{\"spec\":\n", "x\n"};
    struct error error;
    bool good;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(answer(bad[i], &good, &error));
        assert_int_equal(error.kind, ERROR_INVALID);
    }
}

/* ---- run --------------------------------------------------------------------------------------*/

static void write_spec(const char *name, const char *version)
{
    scoped(buffer_release) struct buffer path = {0}, text = {0}, cwd = {0};
    struct error error;
    char here[512];

    assert_non_null(getcwd(here, sizeof(here)));
    assert_true(buffer_append_format(&cwd, &error, "%s/tests/data", here));
    assert_true(buffer_append_format(&path, &error, "%s/%s/1", folder, name) &&
                file_make_folders(path.data, &error));
    assert_true(buffer_append_text(&path, "/spec.json", &error));
    assert_true(buffer_append_format(&text, &error,
                                     "{\"v\":%s,\"seed\":5,\"cwd\":\"%s\",\"spec\":" SPEC "}",
                                     version, cwd.data, "classes"));
    assert_true(file_replace_fast(AT_FDCWD, path.data, text.data, text.size, &error));
}

static bool run(const char *name, const volatile sig_atomic_t *stop, bool *ret_stopped,
                struct error *error)
{
    char path[128], events[160];

    (void)snprintf(path, sizeof(path), "%s/%s/1", folder, name);
    (void)snprintf(events, sizeof(events), "%s/reported.jsonl", path);
    assert_int_equal(setenv("NIGHTJAR_EVENTS", events, 1), 0);
    assert_int_equal(setenv("NIGHTJAR_RUN_DIR", path, 1), 0);
    return pipeline_run(path, stop, ret_stopped, error);
}

static bool exists(const char *name, const char *file)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/%s/%s", folder, name, file);
    return file_exists(AT_FDCWD, path);
}

static void run_leaves_its_artifacts(void **state)
{
    static const volatile sig_atomic_t stop = 0;
    struct error error = {0};
    bool stopped = true;

    (void)state;
    write_spec("whole", "1");
    if (!run("whole", &stop, &stopped, &error))
        fail_msg("%s: %s", error.path, error.message);
    assert_false(stopped);
    assert_true(exists("whole", "1/artifacts/model.h5"));
    assert_true(exists("whole", "1/artifacts/predictions.csv"));
    assert_true(exists("whole", "1/artifacts/split.json"));
}

static void run_that_is_asked_to_stop_leaves_a_checkpoint_and_no_result(void **state)
{
    static const volatile sig_atomic_t stop = 1;
    struct error error = {0};
    bool stopped = false;

    (void)state;
    write_spec("stopped", "1");
    if (!run("stopped", &stop, &stopped, &error))
        fail_msg("%s: %s", error.path, error.message);
    assert_true(stopped);
    assert_true(exists("stopped", "checkpoint/last.ckpt"));
    assert_false(exists("stopped", "1/artifacts/model.h5"));
}

static void spec_of_another_version_is_refused(void **state)
{
    static const volatile sig_atomic_t stop = 0;
    struct error error = {0};
    bool stopped;

    (void)state;
    write_spec("version", "2");
    assert_false(run("version", &stop, &stopped, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_non_null(strstr(error.message, "no spec of version 1"));
}

/* ---- the model file ---------------------------------------------------------------------------*/

static void stored_model_is_whole(void **state)
{
    scoped(stored_model_release) struct stored_model stored = {0};
    struct error error = {0};
    struct model_array array;
    char path[160];
    int n = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/whole/1/artifacts/model.h5", folder);
    if (!model_file_read(path, &stored, &error))
        fail_msg("%s: %s", error.path, error.message);
    assert_int_equal(stored.preparation->n_classes, 2);
    assert_string_equal(stored.preparation->feature[1].name, "color");
    while (model_array(stored.model, n, &array)) {
        double sum = 0;

        for (int64_t i = 0; i < array.rows * array.columns; i++)
            sum += (double)array.value[i] * (double)array.value[i];
        assert_true(sum > 0);
        n++;
    }
    assert_int_equal(n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_answers_line_by_line),
        cmocka_unit_test(check_refuses_what_is_no_question),
        cmocka_unit_test(run_leaves_its_artifacts),
        cmocka_unit_test(run_that_is_asked_to_stop_leaves_a_checkpoint_and_no_result),
        cmocka_unit_test(spec_of_another_version_is_refused),
        cmocka_unit_test(stored_model_is_whole),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
