/* The head of a list keeps its last item in `prev`, so that appending is one step. */
#include "common/json_tree.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_LIMIT 1000 /* of what is copied */
#define KIND(item) ((item)->type & 0xff)

/* ---- one value ---- */

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

cJSON *cJSON_CreateBool(bool boolean)
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

double cJSON_SetNumberValue(cJSON *item, double number)
{
    return item ? (item->valuedouble = number) : number;
}

cJSON *cJSON_CreateNumber(double number)
{
    cJSON *item = create(cJSON_Number);

    if (item)
        item->valuedouble = number;
    return item;
}

cJSON *cJSON_CreateString(const char *text)
{
    cJSON *item = text ? create(cJSON_String) : NULL;

    if (item && !(item->valuestring = strdup(text))) {
        free(item);
        return NULL;
    }
    return item;
}

void cJSON_Delete(cJSON *item)
{
    while (item) {
        cJSON *next = item->next;

        if (!(item->type & cJSON_IsReference)) {
            cJSON_Delete(item->child);
            free(item->valuestring);
        }
        free(item->string);
        free(item);
        item = next;
    }
}

static bool is(const cJSON *item, int type)
{
    return item && KIND(item) == type;
}

bool cJSON_IsNull(const cJSON *item)
{
    return is(item, cJSON_NULL);
}

bool cJSON_IsTrue(const cJSON *item)
{
    return is(item, cJSON_True);
}

bool cJSON_IsFalse(const cJSON *item)
{
    return is(item, cJSON_False);
}

bool cJSON_IsBool(const cJSON *item)
{
    return item && (item->type & (cJSON_True | cJSON_False)) != 0;
}

bool cJSON_IsNumber(const cJSON *item)
{
    return is(item, cJSON_Number);
}

bool cJSON_IsString(const cJSON *item)
{
    return is(item, cJSON_String);
}

bool cJSON_IsArray(const cJSON *item)
{
    return is(item, cJSON_Array);
}

bool cJSON_IsObject(const cJSON *item)
{
    return is(item, cJSON_Object);
}

char *cJSON_GetStringValue(const cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

double cJSON_GetNumberValue(const cJSON *item)
{
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

/* ---- lists ---- */

int cJSON_GetArraySize(const cJSON *array)
{
    int size = 0;

    for (const cJSON *item = array ? array->child : NULL; item; item = item->next)
        size++;
    return size;
}

cJSON *cJSON_GetArrayItem(const cJSON *array, int index)
{
    cJSON *item = array && index >= 0 ? array->child : NULL;

    while (item && index-- > 0)
        item = item->next;
    return item;
}

bool cJSON_AddItemToArray(cJSON *array, cJSON *item)
{
    cJSON *first = array ? array->child : NULL;

    if (!array || !item || array == item)
        return false;
    item->next = NULL;
    item->prev = first ? first->prev : item;
    if (first)
        first->prev = first->prev->next = item;
    else
        array->child = item;
    return true;
}

bool cJSON_InsertItemInArray(cJSON *array, int index, cJSON *item)
{
    cJSON *after = cJSON_GetArrayItem(array, index);

    if (index < 0 || !item)
        return false;
    if (!after)
        return cJSON_AddItemToArray(array, item);
    item->next = after;
    item->prev = after->prev;
    after->prev = item;
    if (after == array->child)
        array->child = item;
    else
        item->prev->next = item;
    return true;
}

cJSON *cJSON_DetachItemViaPointer(cJSON *parent, cJSON *item)
{
    if (!parent || !item || (item != parent->child && !item->prev))
        return NULL;
    if (item == parent->child) {
        parent->child = item->next;
        if (item->next)
            item->next->prev = item->prev;
    } else {
        item->prev->next = item->next;
        (item->next ? item->next : parent->child)->prev = item->prev;
    }
    item->next = item->prev = NULL;
    return item;
}

cJSON *cJSON_DetachItemFromArray(cJSON *array, int index)
{
    return cJSON_DetachItemViaPointer(array, cJSON_GetArrayItem(array, index));
}

void cJSON_DeleteItemFromArray(cJSON *array, int index)
{
    cJSON_Delete(cJSON_DetachItemFromArray(array, index));
}

/* Takes the name of neither; the caller has given the new one its own. */
bool cJSON_ReplaceItemViaPointer(cJSON *parent, cJSON *item, cJSON *replacement)
{
    bool first = parent && item == parent->child;

    if (!parent || !item || !replacement || !parent->child)
        return false;
    if (replacement == item)
        return true;
    replacement->next = item->next;
    replacement->prev = item->prev == item ? replacement : item->prev;
    if (item->next)
        item->next->prev = replacement;
    else if (!first)
        parent->child->prev = replacement;
    if (first)
        parent->child = replacement;
    else
        replacement->prev->next = replacement;
    item->next = item->prev = NULL;
    cJSON_Delete(item);
    return true;
}

cJSON *cJSON_CreateDoubleArray(const double *number, int n)
{
    cJSON *array = number && n >= 0 ? cJSON_CreateArray() : NULL;

    for (int i = 0; array && i < n; i++) {
        if (cJSON_AddItemToArray(array, cJSON_CreateNumber(number[i])))
            continue;
        cJSON_Delete(array);
        return NULL;
    }
    return array;
}

/* ---- objects ---- */

cJSON *cJSON_GetObjectItemCaseSensitive(const cJSON *object, const char *name)
{
    cJSON *item = object && name ? object->child : NULL;

    while (item && item->string && strcmp(item->string, name) != 0)
        item = item->next;
    return item && item->string ? item : NULL;
}

bool cJSON_AddItemToObject(cJSON *object, const char *name, cJSON *item)
{
    char *own = object && name && item && object != item ? strdup(name) : NULL;

    if (!own)
        return false;
    free(item->string);
    item->string = own;
    return cJSON_AddItemToArray(object, item);
}

/* The item's content is borrowed by the one that is added. */
bool cJSON_AddItemReferenceToObject(cJSON *object, const char *name, const cJSON *item)
{
    cJSON *reference = object && name && item ? create(0) : NULL;

    if (!reference)
        return false;
    *reference = *item;
    reference->string = NULL;
    reference->type |= cJSON_IsReference;
    if (cJSON_AddItemToObject(object, name, reference))
        return true;
    cJSON_Delete(reference);
    return false;
}

cJSON *cJSON_DetachItemFromObjectCaseSensitive(cJSON *object, const char *name)
{
    return cJSON_DetachItemViaPointer(object, cJSON_GetObjectItemCaseSensitive(object, name));
}

void cJSON_DeleteItemFromObjectCaseSensitive(cJSON *object, const char *name)
{
    cJSON_Delete(cJSON_DetachItemFromObjectCaseSensitive(object, name));
}

/* Adds what was just made, or deletes it. */
static cJSON *add(cJSON *object, const char *name, cJSON *item)
{
    if (cJSON_AddItemToObject(object, name, item))
        return item;
    cJSON_Delete(item);
    return NULL;
}

cJSON *cJSON_AddNullToObject(cJSON *object, const char *name)
{
    return add(object, name, cJSON_CreateNull());
}

cJSON *cJSON_AddBoolToObject(cJSON *object, const char *name, bool boolean)
{
    return add(object, name, cJSON_CreateBool(boolean));
}

cJSON *cJSON_AddNumberToObject(cJSON *object, const char *name, double number)
{
    return add(object, name, cJSON_CreateNumber(number));
}

cJSON *cJSON_AddStringToObject(cJSON *object, const char *name, const char *text)
{
    return add(object, name, cJSON_CreateString(text));
}

cJSON *cJSON_AddObjectToObject(cJSON *object, const char *name)
{
    return add(object, name, cJSON_CreateObject());
}

cJSON *cJSON_AddArrayToObject(cJSON *object, const char *name)
{
    return add(object, name, cJSON_CreateArray());
}

/* ---- whole trees ---- */

static cJSON *duplicate(const cJSON *item, bool recurse, int depth);

static bool duplicate_children(const cJSON *item, cJSON *copy, int depth)
{
    for (const cJSON *child = item->child; child; child = child->next) {
        if (!cJSON_AddItemToArray(copy, duplicate(child, true, depth + 1)))
            return false;
    }
    return true;
}

static cJSON *duplicate(const cJSON *item, bool recurse, int depth)
{
    cJSON *copy = item && depth < DEPTH_LIMIT ? create(KIND(item)) : NULL;

    if (!copy)
        return NULL;
    copy->valuedouble = item->valuedouble;
    if ((!item->valuestring || (copy->valuestring = strdup(item->valuestring))) &&
        (!item->string || (copy->string = strdup(item->string))) &&
        (!recurse || duplicate_children(item, copy, depth)))
        return copy;
    cJSON_Delete(copy);
    return NULL;
}

cJSON *cJSON_Duplicate(const cJSON *item, bool recurse)
{
    return duplicate(item, recurse, 0);
}

static bool same_number(double a, double b)
{
    double larger = fmax(fabs(a), fabs(b));

    return fabs(a - b) <= larger * DBL_EPSILON;
}

static bool same_list(const cJSON *a, const cJSON *b)
{
    const cJSON *x = a->child, *y = b->child;

    while (x && y && cJSON_Compare(x, y, true)) {
        x = x->next;
        y = y->next;
    }
    return !x && !y;
}

static bool has_members_of(const cJSON *a, const cJSON *b)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, b)
    {
        if (!cJSON_Compare(cJSON_GetObjectItemCaseSensitive(a, item->string), item, true))
            return false;
    }
    return true;
}

/* Always with regard to the case of names. */
bool cJSON_Compare(const cJSON *a, const cJSON *b, bool case_sensitive)
{
    (void)case_sensitive;
    if (!a || !b || KIND(a) != KIND(b))
        return false;
    switch (KIND(a)) {
    case cJSON_Number:
        return same_number(a->valuedouble, b->valuedouble);
    case cJSON_String:
        return a->valuestring && b->valuestring && strcmp(a->valuestring, b->valuestring) == 0;
    case cJSON_Array:
        return same_list(a, b);
    case cJSON_Object:
        return has_members_of(a, b) && has_members_of(b, a);
    default:
        return true;
    }
}
