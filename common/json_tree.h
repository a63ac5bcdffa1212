/*
 * Trees of JSON, with the names and the meaning that cJSON gave them, so that whoever knows that
 * library knows this one; json.h adds what it lacks (bounds, paths, exact numbers). The code is
 * ours: Debian has no archive of cJSON, and the client and the worker, of which each start counts,
 * are static programs. Look-ups are case-sensitive, names are always owned.
 *
 * Whoever makes an item owns it until it is added to an array or an object; NULL means that there
 * was no memory. Functions take NULL for any item and then answer as if it was not there.
 */
#ifndef NIGHTJAR_COMMON_JSON_TREE_H
#define NIGHTJAR_COMMON_JSON_TREE_H

#include <stdbool.h>

#define cJSON_False (1 << 0)
#define cJSON_True (1 << 1)
#define cJSON_NULL (1 << 2)
#define cJSON_Number (1 << 3)
#define cJSON_String (1 << 4)
#define cJSON_Array (1 << 5)
#define cJSON_Object (1 << 6)
#define cJSON_IsReference (1 << 8) /* child and valuestring belong to another item */

struct cJSON {
    struct cJSON *next, *prev; /* the first one's `prev` is the last one */
    struct cJSON *child;       /* the first item of an array or object; owned, as all after it */
    int type;
    char *valuestring; /* owned */
    double valuedouble;
    char *string; /* its name in an object; owned */
};
typedef struct cJSON cJSON;

#define cJSON_ArrayForEach(element, array) \
    for ((element) = (array) ? (array)->child : NULL; (element); (element) = (element)->next)

/* ---- one value ---- */

cJSON *cJSON_CreateNull(void);
cJSON *cJSON_CreateTrue(void);
cJSON *cJSON_CreateFalse(void);
cJSON *cJSON_CreateBool(bool boolean);
cJSON *cJSON_CreateNumber(double number);
cJSON *cJSON_CreateString(const char *text);
cJSON *cJSON_CreateArray(void);
cJSON *cJSON_CreateObject(void);
cJSON *cJSON_CreateDoubleArray(const double *number, int n);
/* The item, all below it and all that follow it. */
void cJSON_Delete(cJSON *item);

bool cJSON_IsNull(const cJSON *item);
bool cJSON_IsTrue(const cJSON *item);
bool cJSON_IsFalse(const cJSON *item);
bool cJSON_IsBool(const cJSON *item);
bool cJSON_IsNumber(const cJSON *item);
bool cJSON_IsString(const cJSON *item);
bool cJSON_IsArray(const cJSON *item);
bool cJSON_IsObject(const cJSON *item);
char *cJSON_GetStringValue(const cJSON *item);  /* NULL: no text */
double cJSON_GetNumberValue(const cJSON *item); /* NaN: no number */
double cJSON_SetNumberValue(cJSON *item, double number);

/* ---- arrays, and objects as lists ---- */

int cJSON_GetArraySize(const cJSON *array);
cJSON *cJSON_GetArrayItem(const cJSON *array, int index); /* borrowed; NULL: none */
/* They take the item; false, and it is not taken, where one of the two is NULL. */
bool cJSON_AddItemToArray(cJSON *array, cJSON *item);
bool cJSON_InsertItemInArray(cJSON *array, int index, cJSON *item); /* behind the end: appended */
/* The caller owns what they return. */
cJSON *cJSON_DetachItemViaPointer(cJSON *parent, cJSON *item);
cJSON *cJSON_DetachItemFromArray(cJSON *array, int index);
void cJSON_DeleteItemFromArray(cJSON *array, int index);
/* Takes `replacement`, deletes `item`; names stay where they are. */
bool cJSON_ReplaceItemViaPointer(cJSON *parent, cJSON *item, cJSON *replacement);

/* ---- objects ---- */

cJSON *cJSON_GetObjectItemCaseSensitive(const cJSON *object, const char *name); /* borrowed */
/* Takes the item, whose own name is replaced; false, and it is not taken: no memory. */
bool cJSON_AddItemToObject(cJSON *object, const char *name, cJSON *item);
bool cJSON_AddItemReferenceToObject(cJSON *object, const char *name, const cJSON *item);
cJSON *cJSON_DetachItemFromObjectCaseSensitive(cJSON *object, const char *name);
void cJSON_DeleteItemFromObjectCaseSensitive(cJSON *object, const char *name);
/* What was added, borrowed. */
cJSON *cJSON_AddNullToObject(cJSON *object, const char *name);
cJSON *cJSON_AddBoolToObject(cJSON *object, const char *name, bool boolean);
cJSON *cJSON_AddNumberToObject(cJSON *object, const char *name, double number);
cJSON *cJSON_AddStringToObject(cJSON *object, const char *name, const char *text);
cJSON *cJSON_AddObjectToObject(cJSON *object, const char *name);
cJSON *cJSON_AddArrayToObject(cJSON *object, const char *name);

/* ---- whole trees ---- */

cJSON *cJSON_Duplicate(const cJSON *item, bool recurse);
/* The order of members does not count; numbers may differ in their last bit. Names are compared
 * with regard to case whatever the last argument says. */
bool cJSON_Compare(const cJSON *a, const cJSON *b, bool case_sensitive);

#endif
