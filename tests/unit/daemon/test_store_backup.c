/* A copy of the store while it is used, and what run folders add to a store. */
#include "store_fixture.h"

#include <sys/stat.h>

#include "daemon/backup.h"
#include "daemon/store/backup.h"
#include "daemon/store/recover.h"

static char path[128], name[128];

/* Lets `between` happen after each piece. */
static void copy_store(void (*between)(void))
{
    scoped(store_backup_free) struct store_backup *backup = NULL;
    struct error error;
    bool done = false;

    (void)snprintf(path, sizeof(path), "%s/copy.new", home);
    (void)snprintf(name, sizeof(name), "%s/copy", home);
    assert_true(file_make_folders(name, &error));
    (void)snprintf(name, sizeof(name), "%s/copy/queue.db", home);
    assert_true(store_backup_begin(store, path, &backup, &error));
    while (!done) {
        if (!store_backup_step(backup, &done, &error))
            fail_msg("%s", error.message);
        if (between)
            between();
    }
    if (!store_backup_seal(backup, name, &error))
        fail_msg("%s", error.message);
}

static void open_copy(void)
{
    char folder[128];
    struct error error;

    (void)snprintf(folder, sizeof(folder), "%s/copy", home);
    store_free(&store);
    if (!store_open(folder, &store, &error))
        fail_msg("%s", error.message);
}

static void copy_is_one_whole_file_that_opens(void **state)
{
    int64_t id = submit("{'base':{'command':['x'],'name':'kept'}}");
    char folder[160];
    struct stat status;

    (void)state;
    copy_store(NULL);
    assert_int_not_equal(stat(path, &status), 0);
    (void)snprintf(folder, sizeof(folder), "%s-wal", name);
    assert_int_not_equal(stat(folder, &status), 0);
    open_copy();
    assert_string_equal(state_of(id), "queued");
}

static int64_t last_id;

static void submit_one(void)
{
    last_id = submit("{'base':{'command':['x']}}");
}

static void what_is_committed_meanwhile_is_in_the_copy(void **state)
{
    (void)state;
    /* more than one piece */
    submit("{'base':{'command':['x','{a}']},'sweep':{'method':'random','trials':8000,"
           "'parameters':{'a':{'low':0,'high':1}}}}");
    last_id = 0;
    copy_store(submit_one);
    assert_true(last_id > 8001);
    open_copy();
    /* the last submission came after the last piece */
    assert_string_equal(state_of(last_id - 1), "queued");
}

static void make_backup(const char *day, int64_t made_s)
{
    const struct timespec times[2] = {{.tv_sec = made_s}, {.tv_sec = made_s}};
    char file[256];
    struct error error;

    (void)snprintf(file, sizeof(file), "%s/backup", home);
    assert_true(file_make_folders(file, &error));
    (void)snprintf(file, sizeof(file), "%s/backup/queue-%s.db", home, day);
    assert_true(file_replace_fast(AT_FDCWD, file, "x", 1, &error));
    assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
}

static void newest_backups_come_first(void **state)
{
    static const char *const day[] = {"mon", "thu", "sun"};
    static const int64_t made_s[] = {2000, 4000, 3000};
    static const char *const expected[] = {"queue-thu.db", "queue-sun.db", "queue-mon.db"};
    char found[256];
    int64_t ms;

    (void)state;
    assert_false(backup_newest(home, 0, found, sizeof(found), &ms));
    for (int i = 0; i < 3; i++)
        make_backup(day[i], made_s[i]);
    for (int i = 0; i < 3; i++) {
        assert_true(backup_newest(home, i, found, sizeof(found), &ms));
        assert_string_equal(strrchr(found, '/') + 1, expected[i]);
    }
    assert_false(backup_newest(home, 3, found, sizeof(found), &ms));
}

static int n_done;
static bool was_good;

static void on_done(void *context, const char *file, const struct error *error)
{
    (void)context, (void)file;
    n_done++;
    was_good = !error;
}

static int64_t clock_ms(void *context)
{
    (void)context;
    return now_ms;
}

static void day_old_backup_is_made_anew_and_a_fresh_one_is_not(void **state)
{
    const int64_t hour_ms = 3600000;
    const struct clock by_hand = {.wall_ms = clock_ms, .monotonic_ms = clock_ms};
    struct backup backup = {.store = store, .clock = &by_hand, .home = home, .done = on_done};
    char found[256];
    uv_loop_t loop;
    int64_t ms;

    (void)state;
    n_done = 0;
    submit_one();
    assert_int_equal(uv_loop_init(&loop), 0);
    backup_open(&backup, &loop);
    /* none yet: soon, but not before work has ended */
    backup_consider(&backup, false);
    assert_false(uv_is_active((uv_handle_t *)&backup.timer));
    backup_consider(&backup, true);
    assert_true(uv_timer_get_due_in(&backup.timer) > 1000);
    backup_consider(&backup, false);
    assert_false(uv_is_active((uv_handle_t *)&backup.timer));
    now_ms += 24 * hour_ms;
    backup_consider(&backup, false);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(n_done, 1);
    assert_true(was_good);
    assert_true(backup_newest(home, 0, found, sizeof(found), &ms));
    now_ms += 19 * hour_ms;
    backup_consider(&backup, true);
    assert_false(uv_is_active((uv_handle_t *)&backup.timer));
    now_ms += 2 * hour_ms;
    backup_consider(&backup, true);
    assert_true(uv_is_active((uv_handle_t *)&backup.timer));
    backup_close(&backup);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static bool is_due(struct backup *backup, bool idle)
{
    backup_consider(backup, idle);
    return uv_is_active((uv_handle_t *)&backup->timer);
}

static void clock_that_was_ahead_puts_off_no_backup(void **state)
{
    const int64_t hour_ms = 3600000, day_ms = 24 * hour_ms;
    const struct clock by_hand = {.wall_ms = clock_ms, .monotonic_ms = clock_ms};
    struct backup backup = {.store = store, .clock = &by_hand, .home = home, .done = on_done};
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    make_backup("mon", (now_ms - hour_ms) / 1000);
    make_backup("tue", (now_ms + 300 * day_ms) / 1000);
    backup_open(&backup, &loop); /* an hour ago, and not what is to come */
    assert_false(is_due(&backup, true));
    now_ms += 20 * hour_ms;
    assert_true(is_due(&backup, true));
    assert_false(is_due(&backup, false));

    /* made by this daemon before the clock was set back */
    backup.newest_ms = now_ms + 300 * day_ms;
    backup.begun_ms = now_ms + 300 * day_ms;
    assert_true(is_due(&backup, true));
    assert_false(is_due(&backup, false));
    now_ms += day_ms;
    assert_true(is_due(&backup, false));
    backup_close(&backup);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static bool add(const char *text, struct error *error)
{
    scoped(json_free) cJSON *document = parse_json(text);
    bool good;

    assert_true(store_begin(store, error));
    good = store_recover_add(store, document, now_ms, error) &&
           store_recover_adopt(store, json_integer(document, "id", 0), 1, error);
    if (good)
        assert_true(store_commit(store, error));
    else
        store_rollback(store);
    return good;
}

static void recovered_experiment_has_its_spec_and_its_batch(void **state)
{
    scoped(json_free) cJSON *shown = NULL;
    struct error error;

    (void)state;
    if (!add("{'v':1,'id':12,'run':1,'batch':4,'name':'vowel/3','seed':7,'replicate':0,"
             "'parameters':{'rate':0.5},'cwd':'/tmp','fingerprints':[],'spec':{'name':'vowel/3',"
             "'seed':7,'command':['x','{y}'],'queue':{'retries':2,'priority':5}}}",
             &error))
        fail_msg("%s", error.message);
    assert_true(store_show(store, 12, now_ms, &shown, &error));
    assert_string_equal(json_text(shown, "state", ""), "starting");
    assert_string_equal(json_text(shown, "batch_name", ""), "vowel");
    assert_int_equal(json_integer(shown, "batch", 0), 4);
    assert_int_equal(json_integer(shown, "retries_left", 0), 2);
    assert_int_equal(json_integer(shown, "priority", 0), 5);
    assert_string_equal(print_json(json_member(json_member(shown, "spec"), "command")),
                        "[\"x\",\"{y}\"]");
    assert_int_equal(submit("{'base':{'command':['x']}}"), 13);
}

static void document_that_tells_too_little_is_refused(void **state)
{
    struct error error;

    (void)state;
    assert_false(add("{'v':1,'id':12,'spec':{'command':['x']}}", &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_false(
        add("{'v':1,'id':12,'batch':1,'spec':{'command':['x'],'queue':{'retries':-1}}}", &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void reserved_ids_are_not_given_out(void **state)
{
    struct error error;
    int64_t largest;

    (void)state;
    assert_true(store_begin(store, &error));
    assert_true(store_recover_reserve(store, 41, &error));
    assert_true(store_recover_reserve(store, 7, &error));
    assert_true(store_commit(store, &error));
    assert_true(store_recover_largest(store, &largest, &error));
    assert_int_equal(largest, 41);
    assert_int_equal(submit("{'base':{'command':['x']}}"), 42);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(copy_is_one_whole_file_that_opens),
        TEST(what_is_committed_meanwhile_is_in_the_copy),
        TEST(newest_backups_come_first),
        TEST(day_old_backup_is_made_anew_and_a_fresh_one_is_not),
        TEST(clock_that_was_ahead_puts_off_no_backup),
        TEST(recovered_experiment_has_its_spec_and_its_batch),
        TEST(document_that_tells_too_little_is_refused),
        TEST(reserved_ids_are_not_given_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
