/* What is asked of the store: selections, lists and their pages, what a row tells, notes, settings.
 */
#include "tests/unit/daemon/store_fixture.h"

/* ---- selectors ---- */

static const char *select_text(const char *select)
{
    static char text[256];
    scoped(json_free) cJSON *json = parse_json(select);
    scoped(store_ids_release) struct store_ids ids = {0};
    struct error error;
    size_t size = 0;

    text[0] = '\0';
    if (!store_select(store, json, &ids, &error)) {
        (void)snprintf(text, sizeof(text), "%s", error.message);
        return text;
    }
    for (size_t i = 0; i < ids.n && size < sizeof(text); i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%" PRId64, i ? " " : "",
                                 ids.item[i]);
    return text;
}

static void selectors_find_what_they_name(void **state)
{
    (void)state;
    assert_string_equal(select_text("{'last':true}"), "there is no experiment yet");
    submit("{'base':{'command':['true']},'experiments':[{'seed':1},{'seed':2},{'seed':3}]}");
    submit("{" COMMAND "}");
    run_to_end(2, 1);
    assert_string_equal(select_text("{}"), "");
    assert_string_equal(select_text("{'all':true}"), "1 2 3 4");
    assert_string_equal(select_text("{'last':true}"), "4");
    assert_string_equal(select_text("{'batch':[1]}"), "1 2 3");
    assert_string_equal(select_text("{'ids':[[2,9],[1,1],[2,2]]}"), "1 2 3 4");
    assert_string_equal(select_text("{'all':true,'state':['failed']}"), "2");
    assert_string_equal(select_text("{'ids':[[1,4]],'state':['queued']}"), "1 3 4");
    assert_string_equal(select_text("{'ids':[[9,9]]}"), "there is no experiment 9");
    assert_string_equal(select_text("{'ids':[[8,9]]}"), "there is no experiment from 8 to 9");
    assert_string_equal(select_text("{'batch':[7]}"), "there is no batch 7");
    assert_string_equal(select_text("{'all':true,'state':['gone']}"), "'gone' is no state");
}

static void list_is_paged_and_counted(void **state)
{
    scoped(json_free) cJSON *params =
        parse_json("{'select':{'all':true},'limit':2,'offset':1,'batches':true}");
    scoped(json_free) cJSON *reply = NULL;
    struct error error;

    (void)state;
    submit("{'name':'v','base':{'command':['true']},'experiments':[{},{},{},{}]}");
    assert_true(store_list(store, params, now_ms, &reply, &error));
    assert_int_equal(json_integer(reply, "total", 0), 4);
    assert_int_equal(cJSON_GetArraySize(json_member(reply, "experiments")), 2);
    assert_int_equal(
        json_integer(cJSON_GetArrayItem(json_member(reply, "experiments"), 0), "id", 0), 2);
    assert_int_equal(json_integer(json_member(reply, "counts"), "queued", 0), 4);
    assert_string_equal(json_text(cJSON_GetArrayItem(json_member(reply, "batches"), 0), "name", ""),
                        "v");
}

static const char *page_text(const cJSON *select, int64_t offset, int64_t limit)
{
    static char text[256];
    scoped(store_ids_release) struct store_ids ids = {0};
    const struct store_page page = {offset, limit};
    struct error error;
    int64_t total;

    assert_true(store_select_page(store, select, &page, &ids, &total, &error));
    (void)snprintf(text, sizeof(text), "%lld:", (long long)total);
    for (size_t i = 0; i < ids.n; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " %lld",
                       (long long)ids.item[i]);
    return text;
}

/* The short way to a page of `all` and the long one find the same. */
static void pages_of_all_are_those_of_the_whole_list(void **state)
{
    static const char *const states[] = {"", ",'state':['queued','held']", ",'state':['done']",
                                         ",'state':['failed','running']"};
    static const int64_t pages[][2] = {{0, 3},  {2, 3},  {7, 5},    {9, 1}, {100, 5},
                                       {-3, 3}, {-5, 2}, {-100, 4}, {0, 0}};

    (void)state;
    submit("{" COMMAND ",'experiments':[{},{},{},{},{},{},{'queue':{'hold':true}},{},{},{}]}");
    run_to_end(2, 0);
    run_to_end(9, 0);
    run_to_end(3, 0);
    run_to_running(5);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        char all[80], ids[80];

        (void)snprintf(all, sizeof(all), "{'all':true%s}", states[i]);
        (void)snprintf(ids, sizeof(ids), "{'ids':[[1,10]]%s}", states[i]);
        scoped(json_free) cJSON *by_all = parse_json(all), *by_ids = parse_json(ids);
        for (size_t n = 0; n < sizeof(pages) / sizeof(pages[0]); n++) {
            char expected[256];

            (void)snprintf(expected, sizeof(expected), "%s",
                           page_text(by_ids, pages[n][0], pages[n][1]));
            assert_string_equal(page_text(by_all, pages[n][0], pages[n][1]), expected);
        }
    }
    scoped(json_free) cJSON *waiting = parse_json("{'all':true,'state':['queued','held']}");
    assert_string_equal(page_text(waiting, 1, 3), "6: 4 6 7");
    assert_string_equal(page_text(waiting, -2, 9), "6: 8 10");
}

/* Some are skipped at once; the batch has not ended for that. */
static void batch_with_skipped_experiments_waits_for_the_others(void **state)
{
    scoped(json_free) cJSON *counts = NULL;
    struct store_ended_batch batch = {0};
    struct error error;
    bool found = true;

    (void)state;
    run_to_end(submit("{'base':{'command':['false'],'queue':{'retries':0}}}"), 1);
    submit("{" COMMAND ",'on_finish':'true','experiments':[{'queue':{'after_ok':['1']}},{},"
           "{'queue':{'after_ok':['1']}}]}");
    assert_string_equal(state_of(2), "cancelled");
    assert_string_equal(state_of(3), "queued");
    assert_string_equal(state_of(4), "cancelled");
    assert_true(store_next_finished(store, &batch, &found, &error));
    assert_false(found);
    assert_true(store_counts(store, &counts, &error));
    assert_string_equal(print_json(counts), "{\"queued\":1,\"failed\":1,\"cancelled\":2}");
    run_to_end(3, 0);
    assert_true(store_next_finished(store, &batch, &found, &error));
    assert_true(found);
    assert_int_equal(batch.id, 2);
    assert_int_equal(batch.cancelled, 2);
    store_ended_batch_release(&batch);
}

static void running_row_has_progress_and_time_left(void **state)
{
    scoped(json_free) cJSON *row = NULL;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_running(id);
    now_ms += 3000;
    report(id, 0,
           "{'event':'progress','done':20.5,'total':40,'unit':'epoch'}"); /* it was resumed */
    now_ms += 10000;
    report(id, 100, "{'event':'progress','done':25.5,'total':40,'unit':'epoch'}");
    now_ms += 4000;
    row = row_of(id);
    assert_near(json_number(row, "elapsed_s", 0), 17, 1e-6);
    assert_near(json_number(row, "eta_s", 0), 29 - 4, 1e-6);
    assert_string_equal(json_text(json_member(row, "progress"), "unit", ""), "epoch");
}

static void what_a_run_expects_counts_until_it_has_a_pace(void **state)
{
    scoped(json_free) cJSON *first = NULL;
    scoped(json_free) cJSON *later = NULL;
    scoped(json_free) cJSON *pace = NULL;
    scoped(json_free) cJSON *over = NULL;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_running(id);
    report(id, 0, "{'event':'progress','done':0,'total':10,'unit':'epoch','left':5000}");
    first = row_of(id);
    assert_near(json_number(first, "eta_s", 0), 5000, 1e-6);
    now_ms += 1000000;
    report(id, 100, "{'event':'progress','done':0,'total':10,'unit':'epoch'}");
    later = row_of(id);
    assert_near(json_number(later, "eta_s", 0), 4000, 1e-6);
    report(id, 200, "{'event':'progress','done':1,'total':10,'unit':'epoch'}");
    pace = row_of(id);
    assert_near(json_number(pace, "eta_s", 0), 9000, 1e-6);
    id = submit("{" COMMAND "}");
    run_to_running(id);
    report(id, 0, "{'event':'progress','done':0,'total':10,'unit':'epoch','left':5}");
    now_ms += 6000;
    over = row_of(id);
    assert_true(cJSON_IsNull(json_member(over, "eta_s")));
}

static void first_report_tells_no_time_left(void **state)
{
    scoped(json_free) cJSON *first = NULL;
    scoped(json_free) cJSON *soon = NULL;
    scoped(json_free) cJSON *overdue = NULL;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_running(id);
    report(id, 0, "{'event':'progress','done':0.06,'total':400,'unit':'epoch'}");
    now_ms += 10000;
    first = row_of(id);
    assert_true(cJSON_IsNull(json_member(first, "eta_s")));
    report(id, 100, "{'event':'progress','done':399,'total':400,'unit':'epoch'}");
    soon = row_of(id);
    assert_near(json_number(soon, "eta_s", 0), 10 / 398.94, 1e-6);
    now_ms += 1000;
    overdue = row_of(id);
    assert_true(cJSON_IsNull(json_member(overdue, "eta_s")));
}

static void notes_and_cleaning(void **state)
{
    scoped(json_free) cJSON *note = parse_json("{'id':1,'text':'look here'}");
    scoped(json_free) cJSON *nowhere = parse_json("{'id':9,'text':'x'}");
    scoped(json_free) cJSON *clean = parse_json("{'select':{'all':true},'older_s':5}");
    scoped(memory_free) char *text = NULL;
    scoped(store_ids_release) struct store_ids ids = {0};
    struct error error;
    int64_t today;

    (void)state;
    submit("{'base':{'command':['true']},'experiments':[{},{}]}");
    run_to_end(1, 0);
    assert_true(store_begin(store, &error));
    assert_true(store_note(store, note, now_ms, &today, &error));
    assert_false(store_note(store, nowhere, now_ms, &today, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    assert_true(store_commit(store, &error));
    text = dump(1);
    assert_non_null(strstr(text, "look here"));
    assert_true(store_cleanable(store, clean, now_ms, &ids, &error));
    assert_int_equal(ids.n, 0);
    store_ids_release(&ids);
    now_ms += 5000;
    assert_true(store_cleanable(store, clean, now_ms, &ids, &error));
    assert_int_equal(ids.n, 1);
    assert_int_equal(ids.item[0], 1);
}

static void changes_are_handed_out_once(void **state)
{
    struct store_ids ids;
    int64_t first = submit("{" COMMAND "}"), second = submit_after("after_ok", first);

    (void)state;
    run_to_end(first, 1);
    store_take_changed(store, &ids);
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.item[1], second);
    store_ids_release(&ids);
    store_take_changed(store, &ids);
    assert_int_equal(ids.n, 0);
    store_ids_release(&ids);
}

static void setting_outlives_the_daemon(void **state)
{
    struct error error;
    int64_t slots;

    (void)state;
    assert_true(store_setting(store, "slots", 4, &slots, &error));
    assert_int_equal(slots, 4);
    assert_true(store_begin(store, &error));
    assert_true(store_set_setting(store, "slots", 3, &error));
    assert_true(store_set_setting(store, "slots", 2, &error));
    assert_true(store_commit(store, &error));
    reopen();
    assert_true(store_setting(store, "slots", 4, &slots, &error));
    assert_int_equal(slots, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(selectors_find_what_they_name),
        TEST(list_is_paged_and_counted),
        TEST(pages_of_all_are_those_of_the_whole_list),
        TEST(batch_with_skipped_experiments_waits_for_the_others),
        TEST(running_row_has_progress_and_time_left),
        TEST(what_a_run_expects_counts_until_it_has_a_pace),
        TEST(first_report_tells_no_time_left),
        TEST(notes_and_cleaning),
        TEST(changes_are_handed_out_once),
        TEST(setting_outlives_the_daemon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
