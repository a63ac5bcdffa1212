/* Trees: what every item of a list knows of its neighbours, and who owns what. */
#include "common/json_tree.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/owner.h"
#include "tests/support/json_text.h"
#include "tests/support/no_memory.h"

/* Prints as `expected`, forwards; backwards it is the same list. */
static void assert_list(const cJSON *array, const char *expected)
{
    scoped(buffer_release) struct buffer text = {0};
    const cJSON *last = NULL;
    struct error error;

    assert_true(json_print(array, &text, &error));
    assert_string_equal(text.data, expected);
    for (const cJSON *item = array->child; item; item = item->next) {
        if (last)
            assert_ptr_equal(item->prev, last);
        last = item;
    }
    if (array->child)
        assert_ptr_equal(array->child->prev, last);
}

static void items_go_to_any_place_of_a_list(void **state)
{
    scoped(json_free) cJSON *array = json_of("[1]");

    (void)state;
    assert_true(cJSON_InsertItemInArray(array, 0, cJSON_CreateNumber(0)));
    assert_list(array, "[0,1]");
    assert_true(cJSON_InsertItemInArray(array, 1, cJSON_CreateString("a")));
    assert_list(array, "[0,\"a\",1]");
    assert_true(cJSON_InsertItemInArray(array, 9, cJSON_CreateNull()));
    assert_list(array, "[0,\"a\",1,null]");
    assert_true(cJSON_AddItemToArray(array, cJSON_CreateBool(false)));
    assert_list(array, "[0,\"a\",1,null,false]");
    assert_false(cJSON_AddItemToArray(array, NULL));
    assert_false(cJSON_AddItemToArray(array, array));
    assert_int_equal(cJSON_GetArraySize(array), 5);
    assert_null(cJSON_GetArrayItem(array, 5));
    assert_null(cJSON_GetArrayItem(array, -1));
}

static void items_leave_from_any_place_of_a_list(void **state)
{
    scoped(json_free) cJSON *array = json_of("[0,1,2,3]");
    scoped(json_free) cJSON *middle = NULL;

    (void)state;
    middle = cJSON_DetachItemFromArray(array, 1);
    assert_null(middle->next);
    assert_null(middle->prev);
    assert_list(array, "[0,2,3]");
    cJSON_DeleteItemFromArray(array, 2);
    assert_list(array, "[0,2]");
    cJSON_DeleteItemFromArray(array, 0);
    assert_list(array, "[2]");
    cJSON_DeleteItemFromArray(array, 0);
    assert_list(array, "[]");
    assert_null(cJSON_DetachItemFromArray(array, 0));
    assert_null(cJSON_DetachItemViaPointer(array, middle));
}

static void an_item_is_replaced_in_its_place(void **state)
{
    static const char *const expected[] = {"[9,1,2]", "[0,9,2]", "[0,1,9]"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        scoped(json_free) cJSON *array = json_of("[0,1,2]");

        assert_true(cJSON_ReplaceItemViaPointer(array, cJSON_GetArrayItem(array, i),
                                                cJSON_CreateNumber(9)));
        assert_list(array, expected[i]);
    }
    scoped(json_free) cJSON *one = json_of("[0]");
    assert_true(cJSON_ReplaceItemViaPointer(one, one->child, cJSON_CreateNumber(9)));
    assert_list(one, "[9]");
}

static void names_are_found_as_they_are_written(void **state)
{
    scoped(json_free) cJSON *object = json_of("{\"a\":1,\"A\":2}");

    (void)state;
    assert_true(cJSON_GetObjectItemCaseSensitive(object, "A")->valuedouble == 2);
    assert_null(cJSON_GetObjectItemCaseSensitive(object, "b"));
    assert_null(cJSON_GetObjectItemCaseSensitive(NULL, "a"));
    cJSON_DeleteItemFromObjectCaseSensitive(object, "a");
    assert_non_null(cJSON_AddStringToObject(object, "b", "text"));
    assert_null(cJSON_AddStringToObject(object, "c", NULL));
    assert_list(object, "{\"A\":2,\"b\":\"text\"}");
}

static void a_copy_shares_nothing(void **state)
{
    scoped(json_free) cJSON *json = json_of("{\"a\":[1,{\"b\":\"x\"}],\"c\":true}");
    scoped(json_free) cJSON *copy = cJSON_Duplicate(json, true);
    scoped(json_free) cJSON *shallow = cJSON_Duplicate(json, false);

    (void)state;
    json_free(&json);
    assert_list(copy, "{\"a\":[1,{\"b\":\"x\"}],\"c\":true}");
    assert_list(shallow, "{}");
}

static void a_reference_leaves_the_content_to_its_owner(void **state)
{
    scoped(json_free) cJSON *json = json_of("{\"a\":[1,2]}");
    scoped(json_free) cJSON *other = cJSON_CreateObject();

    (void)state;
    assert_true(cJSON_AddItemReferenceToObject(other, "b", json->child));
    assert_list(other, "{\"b\":[1,2]}");
    json_free(&other);
    assert_list(json, "{\"a\":[1,2]}");
}

static void equal_trees_may_order_their_members_otherwise(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", false},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,2]", false},
        {"\"a\"", "\"b\"", false},
        {"0.1", "0.10000000000000001", true},
        {"0.1", "0.1000001", false},
        {"true", "false", false},
        {"null", "null", true},
        {"0", "null", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        scoped(json_free) cJSON *a = json_of(cases[i].a), *b = json_of(cases[i].b);

        assert_int_equal(cJSON_Compare(a, b, true), cases[i].equal);
    }
    assert_false(cJSON_Compare(NULL, NULL, true));
}

static const cJSON *original;

static bool copy_original(struct error *error)
{
    scoped(json_free) cJSON *copy = cJSON_Duplicate(original, true);

    return copy ? cJSON_Compare(original, copy, true)
                : error_set(error, ERROR_NO_MEMORY, "copying");
}

static void without_memory_nothing_is_half_copied(void **state)
{
    scoped(json_free) cJSON *json = json_of("{\"a\":[1,{\"b\":\"x\"}],\"c\":true}");

    (void)state;
    original = json;
    assert_int_equal(fail_every_allocation(copy_original), 10);
}

static void what_is_not_there_is_of_no_kind(void **state)
{
    (void)state;
    assert_false(cJSON_IsNull(NULL) || cJSON_IsBool(NULL) || cJSON_IsObject(NULL));
    assert_null(cJSON_GetStringValue(NULL));
    assert_true(isnan(cJSON_GetNumberValue(NULL)));
    assert_int_equal(cJSON_GetArraySize(NULL), 0);
    cJSON_Delete(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_go_to_any_place_of_a_list),
        cmocka_unit_test(items_leave_from_any_place_of_a_list),
        cmocka_unit_test(an_item_is_replaced_in_its_place),
        cmocka_unit_test(names_are_found_as_they_are_written),
        cmocka_unit_test(a_copy_shares_nothing),
        cmocka_unit_test(a_reference_leaves_the_content_to_its_owner),
        cmocka_unit_test(equal_trees_may_order_their_members_otherwise),
        cmocka_unit_test(without_memory_nothing_is_half_copied),
        cmocka_unit_test(what_is_not_there_is_of_no_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
