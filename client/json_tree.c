/*
 * What nj uses of cJSON's interface (cjson/cJSON.h says what each function does). That library has
 * no archive, and to load it, the mathematical library that it needs and the C library took a sixth
 * of a submission: with the tree here nj is one file that needs none of them. Reading and printing
 * are common/json's.
 *
 * Every list is closed backwards: the first item's `prev` is the last item, its `next` is NULL at
 * the end. Items do not refer to others' children, so that cJSON_IsReference is never set.
 */
#include <cjson/cJSON.h>

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_BITS 0xff /* the flags lie above */

/* ---- memory ---- */

void *cJSON_malloc(size_t size)
{
    return malloc(size);
}

void cJSON_free(void *object)
{
    free(object);
}

void cJSON_Delete(cJSON *item)
{
    while (item) {
        cJSON *next = item->next;

        cJSON_Delete(item->child);
        free(item->valuestring);
        if (!(item->type & cJSON_StringIsConst))
            free(item->string);
        free(item);
        item = next;
    }
}

/* ---- items ---- */

static cJSON *create(int type)
{
    cJSON *item = calloc(1, sizeof(*item));

    if (item)
        item->type = type;
    return item;
}

cJSON *cJSON_CreateNull(void)
{
    return create(cJSON_NULL);
}

cJSON *cJSON_CreateTrue(void)
{
    return create(cJSON_True);
}

cJSON *cJSON_CreateFalse(void)
{
    return create(cJSON_False);
}

cJSON *cJSON_CreateBool(cJSON_bool boolean)
{
    return create(boolean ? cJSON_True : cJSON_False);
}

cJSON *cJSON_CreateArray(void)
{
    return create(cJSON_Array);
}

cJSON *cJSON_CreateObject(void)
{
    return create(cJSON_Object);
}

double cJSON_SetNumberHelper(cJSON *object, double number)
{
    if (number >= INT_MAX)
        object->valueint = INT_MAX;
    else if (number <= INT_MIN)
        object->valueint = INT_MIN;
    else
        object->valueint = isnan(number) ? 0 : (int)number;
    return object->valuedouble = number;
}

cJSON *cJSON_CreateNumber(double number)
{
    cJSON *item = create(cJSON_Number);

    if (item)
        cJSON_SetNumberHelper(item, number);
    return item;
}

cJSON *cJSON_CreateString(const char *string)
{
    cJSON *item = string ? create(cJSON_String) : NULL;

    if (item && !(item->valuestring = strdup(string))) {
        free(item);
        return NULL;
    }
    return item;
}

char *cJSON_SetValuestring(cJSON *object, const char *valuestring)
{
    char *copy = cJSON_IsString(object) && valuestring ? strdup(valuestring) : NULL;

    if (!copy)
        return NULL;
    free(object->valuestring);
    return object->valuestring = copy;
}

static bool copy_texts(const cJSON *item, cJSON *copy)
{
    bool is_const = item->type & cJSON_StringIsConst;

    if (item->valuestring && !(copy->valuestring = strdup(item->valuestring)))
        return false;
    if (item->string)
        copy->string = is_const ? item->string : strdup(item->string);
    return !item->string || copy->string;
}

static bool copy_children(const cJSON *item, cJSON *copy)
{
    for (const cJSON *child = item->child; child; child = child->next)
        if (!cJSON_AddItemToArray(copy, cJSON_Duplicate(child, true)))
            return false;
    return true;
}

cJSON *cJSON_Duplicate(const cJSON *item, cJSON_bool recurse)
{
    cJSON *copy = item ? create(item->type) : NULL;

    if (!copy)
        return NULL;
    copy->valueint = item->valueint;
    copy->valuedouble = item->valuedouble;
    if (copy_texts(item, copy) && (!recurse || copy_children(item, copy)))
        return copy;
    cJSON_Delete(copy);
    return NULL;
}

/* ---- what an item is ---- */

static bool is(const cJSON *item, int type)
{
    return item && (item->type & TYPE_BITS) == type;
}

cJSON_bool cJSON_IsNull(const cJSON *const item)
{
    return is(item, cJSON_NULL);
}

cJSON_bool cJSON_IsTrue(const cJSON *const item)
{
    return is(item, cJSON_True);
}

cJSON_bool cJSON_IsBool(const cJSON *const item)
{
    return is(item, cJSON_True) || is(item, cJSON_False);
}

cJSON_bool cJSON_IsNumber(const cJSON *const item)
{
    return is(item, cJSON_Number);
}

cJSON_bool cJSON_IsString(const cJSON *const item)
{
    return is(item, cJSON_String);
}

cJSON_bool cJSON_IsArray(const cJSON *const item)
{
    return is(item, cJSON_Array);
}

cJSON_bool cJSON_IsObject(const cJSON *const item)
{
    return is(item, cJSON_Object);
}

char *cJSON_GetStringValue(const cJSON *const item)
{
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

double cJSON_GetNumberValue(const cJSON *const item)
{
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

/* ---- lists ---- */

int cJSON_GetArraySize(const cJSON *array)
{
    int n = 0;

    for (const cJSON *child = array ? array->child : NULL; child; child = child->next)
        n++;
    return n;
}

cJSON *cJSON_GetArrayItem(const cJSON *array, int index)
{
    cJSON *child = array && index >= 0 ? array->child : NULL;

    for (; child && index > 0; index--)
        child = child->next;
    return child;
}

cJSON_bool cJSON_AddItemToArray(cJSON *array, cJSON *item)
{
    if (!array || !item || array == item)
        return false;
    item->next = NULL;
    if (array->child) {
        item->prev = array->child->prev;
        item->prev->next = item;
    } else {
        array->child = item;
    }
    array->child->prev = item;
    return true;
}

cJSON_bool cJSON_InsertItemInArray(cJSON *array, int which, cJSON *newitem)
{
    cJSON *after = cJSON_GetArrayItem(array, which);

    if (which < 0 || !newitem)
        return false;
    if (!after)
        return cJSON_AddItemToArray(array, newitem);
    newitem->next = after;
    newitem->prev = after->prev;
    if (after == array->child)
        array->child = newitem;
    else
        newitem->prev->next = newitem;
    after->prev = newitem;
    return true;
}

cJSON *cJSON_DetachItemViaPointer(cJSON *parent, cJSON *const item)
{
    if (!parent || !item)
        return NULL;
    if (item->next)
        item->next->prev = item->prev;
    else
        parent->child->prev = item->prev;
    if (item == parent->child)
        parent->child = item->next;
    else
        item->prev->next = item->next;
    item->prev = item->next = NULL;
    return item;
}

cJSON *cJSON_DetachItemFromArray(cJSON *array, int which)
{
    return cJSON_DetachItemViaPointer(array, cJSON_GetArrayItem(array, which));
}

cJSON_bool cJSON_ReplaceItemViaPointer(cJSON *const parent, cJSON *const item, cJSON *replacement)
{
    if (!parent || !item || !replacement)
        return false;
    if (item == replacement)
        return true;
    replacement->next = item->next;
    replacement->prev = item->prev == item ? replacement : item->prev;
    if (item == parent->child)
        parent->child = replacement;
    else
        replacement->prev->next = replacement;
    (item->next ? item->next : parent->child)->prev = replacement;
    item->prev = item->next = NULL;
    cJSON_Delete(item);
    return true;
}

cJSON *cJSON_CreateDoubleArray(const double *numbers, int count)
{
    cJSON *array = cJSON_CreateArray();

    for (int i = 0; array && i < count; i++)
        if (!cJSON_AddItemToArray(array, cJSON_CreateNumber(numbers[i]))) {
            cJSON_Delete(array);
            return NULL;
        }
    return array;
}

cJSON *cJSON_CreateStringArray(const char *const *strings, int count)
{
    cJSON *array = cJSON_CreateArray();

    for (int i = 0; array && i < count; i++)
        if (!cJSON_AddItemToArray(array, cJSON_CreateString(strings[i]))) {
            cJSON_Delete(array);
            return NULL;
        }
    return array;
}

/* ---- members ---- */

cJSON *cJSON_GetObjectItemCaseSensitive(const cJSON *const object, const char *const string)
{
    cJSON *child = object && string ? object->child : NULL;

    while (child && (!child->string || strcmp(child->string, string) != 0))
        child = child->next;
    return child;
}

cJSON_bool cJSON_AddItemToObject(cJSON *object, const char *string, cJSON *item)
{
    char *name = object && string && item && object != item ? strdup(string) : NULL;

    if (!name)
        return false;
    if (!(item->type & cJSON_StringIsConst))
        free(item->string);
    item->string = name;
    item->type &= ~cJSON_StringIsConst;
    return cJSON_AddItemToArray(object, item);
}

/* Takes the item. */
static cJSON *add(cJSON *object, const char *name, cJSON *item)
{
    if (cJSON_AddItemToObject(object, name, item))
        return item;
    cJSON_Delete(item);
    return NULL;
}

cJSON *cJSON_AddBoolToObject(cJSON *const object, const char *const name, const cJSON_bool boolean)
{
    return add(object, name, cJSON_CreateBool(boolean));
}

cJSON *cJSON_AddNumberToObject(cJSON *const object, const char *const name, const double number)
{
    return add(object, name, cJSON_CreateNumber(number));
}

cJSON *cJSON_AddStringToObject(cJSON *const object, const char *const name,
                               const char *const string)
{
    return add(object, name, cJSON_CreateString(string));
}

cJSON *cJSON_AddArrayToObject(cJSON *const object, const char *const name)
{
    return add(object, name, cJSON_CreateArray());
}

cJSON *cJSON_AddObjectToObject(cJSON *const object, const char *const name)
{
    return add(object, name, cJSON_CreateObject());
}

cJSON *cJSON_DetachItemFromObjectCaseSensitive(cJSON *object, const char *string)
{
    return cJSON_DetachItemViaPointer(object, cJSON_GetObjectItemCaseSensitive(object, string));
}

void cJSON_DeleteItemFromObjectCaseSensitive(cJSON *object, const char *string)
{
    cJSON_Delete(cJSON_DetachItemFromObjectCaseSensitive(object, string));
}
