/* The client's tree does what the library does whose interface it has. */
#include <cjson/cJSON.h>
#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/no_memory.h"

#define CHANGES 20000
#define LONGEST 12 /* of the lists that are changed */

/* What changes a tree: a test has both sides' in a table each. */
#define CHANGING(X)                      \
    X(CreateNull)                        \
    X(CreateBool)                        \
    X(CreateNumber)                      \
    X(CreateString)                      \
    X(CreateArray)                       \
    X(CreateObject)                      \
    X(CreateStringArray)                 \
    X(CreateDoubleArray)                 \
    X(AddItemToArray)                    \
    X(AddItemToObject)                   \
    X(AddBoolToObject)                   \
    X(AddNumberToObject)                 \
    X(AddStringToObject)                 \
    X(AddArrayToObject)                  \
    X(AddObjectToObject)                 \
    X(InsertItemInArray)                 \
    X(DetachItemFromArray)               \
    X(DetachItemFromObjectCaseSensitive) \
    X(DeleteItemFromObjectCaseSensitive) \
    X(ReplaceItemViaPointer)             \
    X(Duplicate)                         \
    X(SetValuestring)                    \
    X(SetNumberHelper)                   \
    X(Delete)

struct side {
#define MEMBER(name) __typeof__(cJSON_##name) *name;
    CHANGING(MEMBER)
#undef MEMBER
    cJSON *list, *object; /* owned */
};

static const struct side ours = {
#define MEMBER(name) .name = cJSON_##name,
    CHANGING(MEMBER)
#undef MEMBER
};

static struct side of_library(void)
{
    void *library = dlopen("libcjson.so.1", RTLD_NOW | RTLD_LOCAL);
    struct side side = {0};
    void *symbol;

    if (!library)
        fail_msg("%s", dlerror());
#define MEMBER(name)                             \
    symbol = dlsym(library, "cJSON_" #name);     \
    assert_non_null(symbol);                     \
    memcpy(&side.name, &symbol, sizeof(symbol)); \
    assert_ptr_not_equal(side.name, ours.name);
    CHANGING(MEMBER)
#undef MEMBER
    return side;
}

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33) % below;
}

static cJSON *make(const struct side *side, uint64_t *state)
{
    static const char *const texts[] = {"", "a", "longer than it was"};
    static const double numbers[] = {0, -1.5, 3e9, -3e9, 7};

    switch (draw(state, 8)) {
    case 0:
        return side->CreateNull();
    case 1:
        return side->CreateBool((int)draw(state, 2));
    case 2:
        return side->CreateNumber(numbers[draw(state, 5)]);
    case 3:
        return side->CreateString(texts[draw(state, 3)]);
    case 4:
        return side->CreateArray();
    case 5:
        return side->CreateObject();
    case 6:
        return side->CreateStringArray(texts, (int)draw(state, 4));
    default:
        return side->CreateDoubleArray(numbers, (int)draw(state, 6));
    }
}

static void change_list(const struct side *side, uint64_t *state)
{
    cJSON *list = side->list;
    int n = cJSON_GetArraySize(list), at = (int)draw(state, (uint32_t)n + 2);
    cJSON *found = cJSON_GetArrayItem(list, at), *item;

    if (n >= LONGEST) {
        side->Delete(side->DetachItemFromArray(list, at));
        return;
    }
    item = make(side, state);
    switch (draw(state, 6)) {
    case 0:
        assert_true(side->AddItemToArray(list, item));
        return;
    case 1:
        item->prev = item; /* libcjson 1.7.15-1+deb12u4 looks there whether `list` is damaged */
        assert_true(side->InsertItemInArray(list, at, item));
        return;
    case 2:
        if (side->ReplaceItemViaPointer(list, found, item))
            return;
        assert_null(found);
        break;
    case 3:
        side->Delete(side->DetachItemFromArray(list, at));
        break;
    case 4: /* a copy of all of it within it, while it is short */
        if (n < 4 && side->AddItemToArray(list, side->Duplicate(list, true)))
            found = NULL;
        break;
    default:
        if (found && cJSON_IsString(found))
            assert_non_null(side->SetValuestring(found, "set"));
        if (found && cJSON_IsNumber(found))
            (void)side->SetNumberHelper(found, at * 1e9);
    }
    side->Delete(item);
}

static void change_object(const struct side *side, uint64_t *state)
{
    static const char *const names[] = {"a", "b", "c", "A", ""};
    const char *name = names[draw(state, 5)];
    cJSON *object = side->object;

    if (cJSON_GetArraySize(object) >= LONGEST || draw(state, 3) == 0) {
        if (draw(state, 2))
            side->DeleteItemFromObjectCaseSensitive(object, name);
        else
            side->Delete(side->DetachItemFromObjectCaseSensitive(object, name));
        return;
    }
    switch (draw(state, 6)) {
    case 0:
        assert_true(side->AddItemToObject(object, name, make(side, state)));
        break;
    case 1:
        assert_non_null(side->AddBoolToObject(object, name, (int)draw(state, 2)));
        break;
    case 2:
        assert_non_null(side->AddNumberToObject(object, name, draw(state, 100) - 50.0));
        break;
    case 3:
        assert_non_null(side->AddStringToObject(object, name, name));
        break;
    case 4:
        assert_non_null(side->AddArrayToObject(object, name));
        break;
    default:
        assert_non_null(side->AddObjectToObject(object, name));
    }
}

/* Item by item, and that every list is closed backwards. */
static void expect_equal(const cJSON *ours_item, const cJSON *theirs_item)
{
    const cJSON *a = ours_item->child, *b = theirs_item->child;

    assert_int_equal(ours_item->type, theirs_item->type);
    assert_int_equal(ours_item->valueint, theirs_item->valueint);
    assert_true(ours_item->valuedouble == theirs_item->valuedouble);
    assert_int_equal(!ours_item->string, !theirs_item->string);
    if (ours_item->string)
        assert_string_equal(ours_item->string, theirs_item->string);
    assert_int_equal(!ours_item->valuestring, !theirs_item->valuestring);
    if (ours_item->valuestring)
        assert_string_equal(ours_item->valuestring, theirs_item->valuestring);
    for (; a && b; a = a->next, b = b->next) {
        expect_equal(a, b);
        assert_ptr_equal(a->next ? a->next->prev : ours_item->child->prev, a);
    }
    assert_null(a);
    assert_null(b);
}

static void tree_changes_as_the_librarys_does(void **unused)
{
    struct side side[2] = {ours, of_library()};
    uint64_t state[2] = {1, 1};

    (void)unused;
    for (int i = 0; i < 2; i++) {
        side[i].list = side[i].CreateArray();
        side[i].object = side[i].CreateObject();
    }
    for (int change = 0; change < CHANGES; change++) {
        for (int i = 0; i < 2; i++)
            (change % 2 ? change_object : change_list)(&side[i], &state[i]);
        assert_true(state[0] == state[1]);
        expect_equal(side[0].list, side[1].list);
        expect_equal(side[0].object, side[1].object);
    }
    for (int i = 0; i < 2; i++) {
        side[i].Delete(side[i].list);
        side[i].Delete(side[i].object);
    }
}

static void what_an_item_is(void **unused)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *text = cJSON_AddStringToObject(object, "text", "x");
    cJSON *number = cJSON_AddNumberToObject(object, "number", 2.5);

    (void)unused;
    assert_true(cJSON_IsObject(object) && !cJSON_IsArray(object) && !cJSON_IsNull(object));
    assert_true(cJSON_IsString(text) && !cJSON_IsNumber(text) && cJSON_IsNumber(number));
    assert_string_equal(cJSON_GetStringValue(text), "x");
    assert_null(cJSON_GetStringValue(number));
    assert_true(cJSON_GetNumberValue(number) == 2.5 && isnan(cJSON_GetNumberValue(text)));
    assert_ptr_equal(cJSON_GetObjectItemCaseSensitive(object, "number"), number);
    assert_null(cJSON_GetObjectItemCaseSensitive(object, "Number"));
    assert_ptr_equal(cJSON_GetArrayItem(object, 1), number);
    assert_null(cJSON_GetArrayItem(object, 2));
    assert_null(cJSON_GetArrayItem(object, -1));
    cJSON_Delete(object);
}

static void nothing_is_made_of_nothing(void **unused)
{
    cJSON *list = cJSON_CreateArray();

    (void)unused;
    assert_false(cJSON_AddItemToArray(list, NULL));
    assert_false(cJSON_AddItemToArray(NULL, list));
    assert_false(cJSON_AddItemToArray(list, list));
    assert_false(cJSON_AddItemToObject(list, NULL, list));
    assert_false(cJSON_InsertItemInArray(list, -1, NULL));
    assert_false(cJSON_ReplaceItemViaPointer(list, NULL, NULL));
    assert_null(cJSON_DetachItemViaPointer(list, NULL));
    assert_null(cJSON_DetachItemFromArray(list, 0));
    assert_null(cJSON_CreateString(NULL));
    assert_null(cJSON_Duplicate(NULL, true));
    assert_null(cJSON_SetValuestring(list, "x"));
    assert_null(cJSON_GetObjectItemCaseSensitive(NULL, "x"));
    assert_int_equal(cJSON_GetArraySize(NULL), 0);
    assert_false(cJSON_IsNull(NULL));
    cJSON_Delete(NULL);
    cJSON_Delete(list);
}

/* LeakSanitizer sees what is left behind. */
static bool build_and_copy(struct error *error)
{
    static const char *const words[] = {"a", "b"};
    cJSON *object = cJSON_CreateObject();
    cJSON *inner = cJSON_AddObjectToObject(object, "inner");
    cJSON *list = cJSON_CreateStringArray(words, 2);
    bool good = inner && cJSON_AddStringToObject(inner, "text", "x") &&
                cJSON_AddItemToObject(inner, "list", list);
    cJSON *copy = good ? cJSON_Duplicate(object, true) : NULL;

    if (!good && list && !cJSON_GetObjectItemCaseSensitive(inner, "list"))
        cJSON_Delete(list);
    cJSON_Delete(object);
    if (!copy)
        return error_set(error, ERROR_NO_MEMORY, "a copy");
    cJSON_Delete(copy);
    return true;
}

static void want_of_memory_leaves_nothing_behind(void **unused)
{
    (void)unused;
    assert_int_equal(fail_every_allocation(build_and_copy), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_changes_as_the_librarys_does),
        cmocka_unit_test(what_an_item_is),
        cmocka_unit_test(nothing_is_made_of_nothing),
        cmocka_unit_test(want_of_memory_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
