/*
 * YAML to cJSON in two steps: libyaml's events become a graph of nodes, in which an alias is a
 * second way to the same node; the graph is then unfolded into a tree.
 *
 * An alias can name only a node that is complete, so the graph has no cycles. Unfolding is what an
 * "alias bomb" (nine levels of nine aliases) blows up: nodes and bytes of the tree are counted, and
 * so is what merging (<<) copies. Depth is bounded in both steps.
 *
 * Untagged plain scalars follow the core schema of YAML 1.2: null ~ and nothing; true and false;
 * decimal, 0o and 0x integers; floats. Everything else is text. Specs travel as JSON, which holds
 * no .inf and .nan: they are refused, as are numbers that a double does not hold.
 */
#include "common/spec/yaml.h"

#include "common/owner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define NODE_LIMIT 500000
#define BYTES_LIMIT (32 * 1024 * 1024)
#define ANCHOR_LIMIT 1000
#define PATH_LIMIT 256 /* deeper paths take the line of their parent */
#define INTEGER_LIMIT 9007199254740992.0

enum node_kind { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };
enum node_tag { TAG_NONE, TAG_TEXT, TAG_NUMBER, TAG_BOOLEAN, TAG_NULL, TAG_COLLECTION };

struct node {
    enum node_kind kind;
    enum node_tag tag;
    int line;
    bool plain;          /* a scalar without quotes */
    char *text;          /* owned; a scalar's, ended by NUL */
    size_t size;         /* of text */
    struct node **child; /* items, or keys and values in turn; the array is owned */
    size_t n;
    struct node *next; /* of all nodes, for their release */
};

struct anchor {
    char *name;        /* owned */
    struct node *node; /* borrowed; NULL until it is complete */
};

struct composer {
    yaml_parser_t parser;
    const char *text, *name;
    size_t size;
    struct node *nodes; /* owned, all of them */
    size_t n_nodes;
    struct anchor anchor[ANCHOR_LIMIT];
    size_t n_anchors;
    struct error *error;

    /* unfolding */
    char path[PATH_LIMIT];
    size_t tree_nodes, tree_bytes;
    bool keep_lines;
    struct spec_line *line; /* owned until it is given away */
    size_t n_lines;
};

__attribute__((format(printf, 3, 4))) static bool fail_at(struct composer *composer, int line,
                                                          const char *format, ...)
{
    char message[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    error_set_at(composer->error, ERROR_INVALID, composer->name, "%s", message);
    composer->error->line = line;
    return false;
}

static bool fail_memory(struct composer *composer)
{
    return error_set(composer->error, ERROR_NO_MEMORY, "reading %s", composer->name);
}

/* ---- events ----------------------------------------------------------------------------------*/

static int line_of_offset(const struct composer *composer, size_t offset)
{
    int line = 1;

    for (size_t i = 0; i < offset && i < composer->size; i++)
        line += composer->text[i] == '\n';
    return line;
}

static bool line_begins_with_tab(const struct composer *composer, size_t line)
{
    const char *at = composer->text, *end = composer->text + composer->size;

    while (at && line > 0) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
        line--;
    }
    while (at && at < end && *at == ' ')
        at++;
    return at && at < end && *at == '\t';
}

static bool fail_parser(struct composer *composer)
{
    const yaml_parser_t *parser = &composer->parser;
    size_t line = parser->problem_mark.line;

    if (parser->error == YAML_MEMORY_ERROR)
        return fail_memory(composer);
    if (parser->error == YAML_READER_ERROR)
        return fail_at(composer, line_of_offset(composer, parser->problem_offset), "%s",
                       parser->problem);
    if (line_begins_with_tab(composer, line))
        return fail_at(composer, (int)line + 1, "a tab does not indent in YAML; use spaces");
    if (parser->context)
        return fail_at(composer, (int)line + 1, "%s %s, which began on line %zu", parser->problem,
                       parser->context, parser->context_mark.line + 1);
    return fail_at(composer, (int)line + 1, "%s",
                   parser->problem ? parser->problem : "not understood");
}

static bool next_event(struct composer *composer, yaml_event_t *event)
{
    return yaml_parser_parse(&composer->parser, event) || fail_parser(composer);
}

static int event_line(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

/* ---- the graph -------------------------------------------------------------------------------*/

static struct node *add_node(struct composer *composer, enum node_kind kind, int line)
{
    struct node *node;

    if (composer->n_nodes >= NODE_LIMIT) {
        fail_at(composer, line, "more than %d values", NODE_LIMIT);
        return NULL;
    }
    node = calloc(1, sizeof(*node));
    if (!node) {
        fail_memory(composer);
        return NULL;
    }
    node->kind = kind;
    node->line = line;
    node->next = composer->nodes;
    composer->nodes = node;
    composer->n_nodes++;
    return node;
}

static bool add_child(struct composer *composer, struct node *node, struct node *child)
{
    if ((node->n & (node->n - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        size_t capacity = node->n ? 2 * node->n : 1;
        struct node **children = realloc(node->child, capacity * sizeof(struct node *));

        if (!children)
            return fail_memory(composer);
        node->child = children;
    }
    node->child[node->n++] = child;
    return true;
}

static bool read_tag(struct composer *composer, const yaml_char_t *tag, struct node *node)
{
    static const struct {
        const char *name;
        enum node_kind kind;
        enum node_tag tag;
    } known[] = {
        {"!", NODE_SCALAR, TAG_TEXT},
        {"tag:yaml.org,2002:str", NODE_SCALAR, TAG_TEXT},
        {"tag:yaml.org,2002:int", NODE_SCALAR, TAG_NUMBER},
        {"tag:yaml.org,2002:float", NODE_SCALAR, TAG_NUMBER},
        {"tag:yaml.org,2002:bool", NODE_SCALAR, TAG_BOOLEAN},
        {"tag:yaml.org,2002:null", NODE_SCALAR, TAG_NULL},
        {"tag:yaml.org,2002:seq", NODE_SEQUENCE, TAG_COLLECTION},
        {"tag:yaml.org,2002:map", NODE_MAPPING, TAG_COLLECTION},
    };

    if (!tag)
        return true;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].kind == node->kind && strcmp(known[i].name, (const char *)tag) == 0) {
            node->tag = known[i].tag;
            return true;
        }
    }
    return fail_at(composer, node->line, "a tag that has no meaning here: '%.60s'",
                   (const char *)tag);
}

/* Reserves the name before the node is read, so that an alias inside of it is seen as a cycle. */
static bool open_anchor(struct composer *composer, const yaml_char_t *name, int line,
                        size_t *ret_index)
{
    *ret_index = ANCHOR_LIMIT;
    if (!name)
        return true;
    if (composer->n_anchors == ANCHOR_LIMIT)
        return fail_at(composer, line, "more than %d anchors", ANCHOR_LIMIT);
    composer->anchor[composer->n_anchors].name = strdup((const char *)name);
    if (!composer->anchor[composer->n_anchors].name)
        return fail_memory(composer);
    *ret_index = composer->n_anchors++;
    return true;
}

static struct node *find_alias(struct composer *composer, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;

    for (size_t i = composer->n_anchors; i-- > 0;) {
        if (strcmp(composer->anchor[i].name, name) != 0)
            continue;
        if (!composer->anchor[i].node)
            fail_at(composer, event_line(event), "*%.60s stands inside of what it names", name);
        return composer->anchor[i].node;
    }
    fail_at(composer, event_line(event), "*%.60s: no anchor of that name before it", name);
    return NULL;
}

static struct node *compose_node(struct composer *composer, yaml_event_t *event, int depth);

static struct node *compose_scalar(struct composer *composer, const yaml_event_t *event)
{
    struct node *node = add_node(composer, NODE_SCALAR, event_line(event));
    size_t size = event->data.scalar.length;

    if (!node || !read_tag(composer, event->data.scalar.tag, node))
        return NULL;
    if (memchr(event->data.scalar.value, '\0', size)) {
        fail_at(composer, node->line, "a text with a NUL in it");
        return NULL;
    }
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->size = size;
    node->text = strdup((const char *)event->data.scalar.value);
    if (!node->text) {
        fail_memory(composer);
        return NULL;
    }
    return node;
}

static int compare_keys(const void *a, const void *b)
{
    const struct node *const *first = a;
    const struct node *const *second = b;
    int order = strcmp((*first)->text, (*second)->text);

    return order ? order : (*first)->line - (*second)->line;
}

static bool check_keys(struct composer *composer, const struct node *mapping)
{
    size_t n = mapping->n / 2;
    scoped(memory_free) const struct node **keys = calloc(n ? n : 1, sizeof(const struct node *));

    if (!keys)
        return fail_memory(composer);
    for (size_t i = 0; i < n; i++) {
        keys[i] = mapping->child[2 * i];
        if (keys[i]->kind != NODE_SCALAR)
            return fail_at(composer, keys[i]->line, "a key has to be a text");
        if (keys[i]->size == 0)
            return fail_at(composer, keys[i]->line, "an empty key");
    }
    qsort(keys, n, sizeof(const struct node *), compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(keys[i]->text, keys[i - 1]->text) == 0)
            return fail_at(composer, keys[i]->line, "'%.60s' is here twice; first on line %d",
                           keys[i]->text, keys[i - 1]->line);
    }
    return true;
}

static bool compose_children(struct composer *composer, struct node *node, yaml_event_type_t end,
                             int depth)
{
    bool done = false;

    while (!done) {
        yaml_event_t event;
        struct node *child = NULL;
        bool good;

        if (!next_event(composer, &event))
            return false;
        done = event.type == end;
        if (!done)
            child = compose_node(composer, &event, depth + 1);
        good = done || (child && add_child(composer, node, child));
        yaml_event_delete(&event);
        if (!good)
            return false;
    }
    return node->kind != NODE_MAPPING || check_keys(composer, node);
}

static struct node *compose_collection(struct composer *composer, const yaml_event_t *event,
                                       int depth)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    struct node *node =
        add_node(composer, mapping ? NODE_MAPPING : NODE_SEQUENCE, event_line(event));
    const yaml_char_t *tag =
        mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag;

    if (!node || !read_tag(composer, tag, node))
        return NULL;
    if (depth >= SPEC_DEPTH_LIMIT) {
        fail_at(composer, node->line, "nested more than %d deep", SPEC_DEPTH_LIMIT);
        return NULL;
    }
    if (!compose_children(composer, node,
                          mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT, depth))
        return NULL;
    return node;
}

static struct node *compose_node(struct composer *composer, yaml_event_t *event, int depth)
{
    const yaml_char_t *name = NULL;
    struct node *node;
    size_t anchor;

    if (event->type == YAML_ALIAS_EVENT)
        return find_alias(composer, event);
    if (event->type == YAML_SCALAR_EVENT)
        name = event->data.scalar.anchor;
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        name = event->data.sequence_start.anchor;
    else if (event->type == YAML_MAPPING_START_EVENT)
        name = event->data.mapping_start.anchor;
    if (!open_anchor(composer, name, event_line(event), &anchor))
        return NULL;
    node = event->type == YAML_SCALAR_EVENT ? compose_scalar(composer, event)
                                            : compose_collection(composer, event, depth);
    if (anchor < ANCHOR_LIMIT)
        composer->anchor[anchor].node = node;
    return node;
}

/* *ret_root NULL: an empty document. */
static bool compose_document(struct composer *composer, struct node **ret_root)
{
    *ret_root = NULL;
    for (;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        bool good = true;

        if (!next_event(composer, &event))
            return false;
        type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT && *ret_root)
            good = fail_at(composer, event_line(&event), "a second document; give one a file");
        else if (type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT ||
                 type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT)
            good = (*ret_root = compose_node(composer, &event, 0)) != NULL;
        yaml_event_delete(&event);
        if (!good || type == YAML_STREAM_END_EVENT)
            return good;
    }
}

/* ---- scalars ---------------------------------------------------------------------------------*/

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(*words, text) == 0)
            return true;
    }
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};

    return is_one_of(text, words);
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_decimal(const char *text, bool *ret_integer)
{
    size_t whole, fraction = 0;

    text += *text == '-' || *text == '+';
    whole = strspn(text, "0123456789");
    text += whole;
    *ret_integer = *text == '\0';
    if (*text == '.') {
        fraction = strspn(++text, "0123456789");
        text += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        if (strspn(text, "0123456789") == 0)
            return false;
        text += strspn(text, "0123456789");
    }
    return *text == '\0';
}

static bool is_infinity_or_nan(const char *text)
{
    static const char *const infinity[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL};
    bool has_sign = *text == '-' || *text == '+';

    return is_one_of(text + has_sign, infinity) || is_one_of(text, nan);
}

static bool radix_number(const char *text, double *ret_number)
{
    bool octal = text[0] == '0' && text[1] == 'o';
    bool hexadecimal = text[0] == '0' && text[1] == 'x';
    const char *digits = octal ? "01234567" : "0123456789abcdefABCDEF";
    size_t n = octal || hexadecimal ? strspn(text + 2, digits) : 0;

    if (n == 0 || text[2 + n])
        return false;
    /* 16 digits of either base fit in 64 bits; more of them are past 2^53 anyway */
    *ret_number = n > 16 ? INFINITY : (double)strtoull(text + 2, NULL, octal ? 8 : 16);
    return true;
}

/* *ret_good false: it is one that cannot be held. */
static bool is_number(const char *text, double *ret_number, bool *ret_good)
{
    bool integer = false;

    *ret_good = false;
    if (is_infinity_or_nan(text))
        return true;
    if (radix_number(text, ret_number)) {
        integer = true;
    } else {
        if (!is_decimal(text, &integer))
            return false;
        *ret_number = strtod(text, NULL);
    }
    *ret_good = integer ? fabs(*ret_number) < INTEGER_LIMIT : isfinite(*ret_number);
    return true;
}

/* Beside its value a number keeps how it was written (valuestring): as a word, 1.10 is not 1.1. */
static cJSON *number_json(const char *text, double number)
{
    scoped(json_free) cJSON *value = cJSON_CreateNumber(number);
    size_t size = strlen(text) + 1;

    if (value)
        value->valuestring = cJSON_malloc(size);
    if (!value || !value->valuestring)
        return NULL;
    memcpy(value->valuestring, text, size);
    return take(&value);
}

static cJSON *plain_json(struct composer *composer, const struct node *node)
{
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    enum node_tag tag = node->tag;
    double number;
    bool good;

    if (is_null(node->text) && (tag == TAG_NONE || tag == TAG_NULL))
        return cJSON_CreateNull();
    if (is_one_of(node->text, yes) && (tag == TAG_NONE || tag == TAG_BOOLEAN))
        return cJSON_CreateTrue();
    if (is_one_of(node->text, no) && (tag == TAG_NONE || tag == TAG_BOOLEAN))
        return cJSON_CreateFalse();
    if ((tag == TAG_NONE || tag == TAG_NUMBER) && is_number(node->text, &number, &good)) {
        if (good)
            return number_json(node->text, number);
        fail_at(composer, node->line,
                "%.40s is no number that a spec can hold; quote it if it is a text", node->text);
        return NULL;
    }
    if (tag == TAG_NONE)
        return cJSON_CreateString(node->text);
    fail_at(composer, node->line, "'%.40s' is not what its tag says", node->text);
    return NULL;
}

static cJSON *scalar_json(struct composer *composer, const struct node *node)
{
    bool text = node->tag == TAG_TEXT || (node->tag == TAG_NONE && !node->plain);
    cJSON *value = text ? cJSON_CreateString(node->text) : plain_json(composer, node);

    if (!value && composer->error->kind == ERROR_NONE)
        fail_memory(composer);
    return value;
}

/* ---- merging (<<) ------------------------------------------------------------------------------
 * The keys of a mapping, then those of what it merges, in the order that decides: the first wins.
 */

struct pair {
    const struct node *key, *value;
    size_t order;
};
struct pairs {
    struct pair *item; /* owned */
    size_t n, capacity;
};

static void pairs_release(struct pairs *pairs)
{
    free(pairs->item);
}

static bool count_node(struct composer *composer, int line, size_t bytes)
{
    composer->tree_nodes++;
    composer->tree_bytes += bytes;
    if (composer->tree_nodes <= NODE_LIMIT && composer->tree_bytes <= BYTES_LIMIT)
        return true;
    return fail_at(composer, line, "too large once its aliases are unfolded");
}

static bool add_pair(struct composer *composer, struct pairs *pairs, const struct node *key,
                     const struct node *value)
{
    if (pairs->n == pairs->capacity) {
        size_t capacity = pairs->capacity ? 2 * pairs->capacity : 8;
        struct pair *item = realloc(pairs->item, capacity * sizeof(*item));

        if (!item)
            return fail_memory(composer);
        pairs->item = item;
        pairs->capacity = capacity;
    }
    pairs->item[pairs->n] = (struct pair){.key = key, .value = value, .order = pairs->n};
    pairs->n++;
    return true;
}

static bool is_merge(const struct node *key)
{
    return key->plain && key->tag == TAG_NONE && strcmp(key->text, "<<") == 0;
}

static bool collect_pairs(struct composer *composer, const struct node *mapping,
                          struct pairs *pairs, int depth);

static bool collect_merged(struct composer *composer, const struct node *value, int line,
                           struct pairs *pairs, int depth)
{
    if (depth >= SPEC_DEPTH_LIMIT)
        return fail_at(composer, line, "merged more than %d deep", SPEC_DEPTH_LIMIT);
    if (value->kind == NODE_MAPPING)
        return collect_pairs(composer, value, pairs, depth + 1);
    if (value->kind != NODE_SEQUENCE)
        return fail_at(composer, line, "<< merges a mapping or a list of mappings");
    for (size_t i = 0; i < value->n; i++) {
        if (value->child[i]->kind != NODE_MAPPING)
            return fail_at(composer, line, "<< merges a mapping or a list of mappings");
        if (!collect_pairs(composer, value->child[i], pairs, depth + 1))
            return false;
    }
    return true;
}

static bool collect_pairs(struct composer *composer, const struct node *mapping,
                          struct pairs *pairs, int depth)
{
    const struct node *merged = NULL;
    int line = mapping->line;

    if (!count_node(composer, line, 0))
        return false;
    for (size_t i = 0; i + 1 < mapping->n; i += 2) {
        const struct node *key = mapping->child[i];

        if (is_merge(key)) {
            merged = mapping->child[i + 1];
            line = key->line;
        } else if (!add_pair(composer, pairs, key, mapping->child[i + 1]) ||
                   (depth > 0 && !count_node(composer, key->line, 0))) {
            return false;
        }
    }
    return !merged || collect_merged(composer, merged, line, pairs, depth);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *first = a, *second = b;
    int order = strcmp(first->key->text, second->key->text);

    return order ? order : (first->order > second->order) - (first->order < second->order);
}

static int compare_order(const void *a, const void *b)
{
    const struct pair *first = a, *second = b;

    return (first->order > second->order) - (first->order < second->order);
}

static void drop_overridden(struct pairs *pairs)
{
    size_t kept = 0;

    if (pairs->n == 0)
        return;
    qsort(pairs->item, pairs->n, sizeof(*pairs->item), compare_pairs);
    for (size_t i = 1; i < pairs->n; i++) {
        if (strcmp(pairs->item[i].key->text, pairs->item[kept].key->text) != 0)
            pairs->item[++kept] = pairs->item[i];
    }
    pairs->n = kept + 1;
    qsort(pairs->item, pairs->n, sizeof(*pairs->item), compare_order);
}

/* ---- the tree --------------------------------------------------------------------------------*/

static cJSON *unfold(struct composer *composer, const struct node *node, size_t path_size,
                     int depth);

static bool record_line(struct composer *composer, int line, size_t path_size)
{
    size_t n = composer->n_lines;

    if (!composer->keep_lines || path_size == 0 || path_size >= PATH_LIMIT)
        return true;
    if ((n & (n - 1)) == 0) {
        struct spec_line *lines =
            realloc(composer->line, (n ? 2 * n : 1) * sizeof(struct spec_line));

        if (!lines)
            return fail_memory(composer);
        composer->line = lines;
    }
    composer->line[n] =
        (struct spec_line){.path = strndup(composer->path, path_size), .line = line};
    if (!composer->line[n].path)
        return fail_memory(composer);
    composer->n_lines++;
    return true;
}

/* The new length of the path; PATH_LIMIT or more: too long to keep. */
__attribute__((format(printf, 3, 4))) static size_t
extend_path(struct composer *composer, size_t path_size, const char *format, ...)
{
    va_list arguments;
    int added;

    if (path_size >= PATH_LIMIT)
        return PATH_LIMIT;
    va_start(arguments, format);
    added = vsnprintf(composer->path + path_size, PATH_LIMIT - path_size, format, arguments);
    va_end(arguments);
    return path_size + (size_t)(added > 0 ? added : 0);
}

static bool unfold_pair(struct composer *composer, const struct pair *pair, size_t path_size,
                        int depth, cJSON *object)
{
    size_t size = extend_path(composer, path_size, "%s%s", path_size ? "." : "", pair->key->text);
    cJSON *value;

    if (!count_node(composer, pair->key->line, pair->key->size + (size < PATH_LIMIT ? size : 0)) ||
        !record_line(composer, pair->key->line, size))
        return false;
    value = unfold(composer, pair->value, size, depth + 1);
    if (!value)
        return false;
    return json_add_item(object, pair->key->text, &value) || fail_memory(composer);
}

static bool unfold_mapping(struct composer *composer, const struct node *node, size_t path_size,
                           int depth, cJSON *object)
{
    scoped(pairs_release) struct pairs pairs = {0};

    if (!collect_pairs(composer, node, &pairs, 0))
        return false;
    drop_overridden(&pairs);
    for (size_t i = 0; i < pairs.n; i++) {
        if (!unfold_pair(composer, &pairs.item[i], path_size, depth, object))
            return false;
    }
    return true;
}

static bool unfold_sequence(struct composer *composer, const struct node *node, size_t path_size,
                            int depth, cJSON *list)
{
    for (size_t i = 0; i < node->n; i++) {
        size_t size = extend_path(composer, path_size, "[%zu]", i);
        cJSON *value;

        if (!count_node(composer, node->line, size < PATH_LIMIT ? size : 0) ||
            !record_line(composer, node->child[i]->line, size))
            return false;
        value = unfold(composer, node->child[i], size, depth + 1);
        if (!value)
            return false;
        if (!cJSON_AddItemToArray(list, value)) {
            cJSON_Delete(value);
            return fail_memory(composer);
        }
    }
    return true;
}

static cJSON *unfold(struct composer *composer, const struct node *node, size_t path_size,
                     int depth)
{
    bool mapping = node->kind == NODE_MAPPING;
    cJSON *value;
    bool good;

    if (node->kind == NODE_SCALAR)
        return count_node(composer, node->line, node->size) ? scalar_json(composer, node) : NULL;
    if (depth >= SPEC_DEPTH_LIMIT) {
        fail_at(composer, node->line, "nested more than %d deep", SPEC_DEPTH_LIMIT);
        return NULL;
    }
    value = mapping ? cJSON_CreateObject() : cJSON_CreateArray();
    if (!value) {
        fail_memory(composer);
        return NULL;
    }
    good = mapping ? unfold_mapping(composer, node, path_size, depth, value)
                   : unfold_sequence(composer, node, path_size, depth, value);
    if (!good)
        json_free(&value);
    return value;
}

/* ---- the whole -------------------------------------------------------------------------------*/

void spec_lines_free(struct spec_line *line, size_t n)
{
    for (size_t i = 0; line && i < n; i++)
        free(line[i].path);
    free(line);
}

static int compare_lines(const void *a, const void *b)
{
    const struct spec_line *first = a, *second = b;

    return strcmp(first->path, second->path);
}

static void composer_free(struct composer **composer)
{
    if (!*composer)
        return;
    yaml_parser_delete(&(*composer)->parser);
    for (struct node *node = (*composer)->nodes, *next; node; node = next) {
        next = node->next;
        free(node->text);
        free(node->child);
        free(node);
    }
    for (size_t i = 0; i < (*composer)->n_anchors; i++)
        free((*composer)->anchor[i].name);
    spec_lines_free((*composer)->line, (*composer)->n_lines);
    memory_free(composer);
}

static bool composer_new(const char *text, size_t size, const char *name,
                         struct composer **ret_composer, struct error *error)
{
    struct composer *composer = calloc(1, sizeof(*composer));

    *error = (struct error){0};
    if (!composer || !yaml_parser_initialize(&composer->parser)) {
        free(composer);
        return error_set(error, ERROR_NO_MEMORY, "reading %s", name);
    }
    composer->text = text;
    composer->size = size;
    composer->name = name;
    composer->error = error;
    yaml_parser_set_input_string(&composer->parser, (const unsigned char *)text, size);
    *ret_composer = composer;
    return true;
}

bool yaml_read(const char *text, size_t size, const char *name, cJSON **ret_root,
               struct spec_line **ret_line, size_t *ret_n_lines, struct error *error)
{
    scoped(composer_free) struct composer *composer = NULL;
    struct node *root;
    cJSON *tree;

    if (!composer_new(text, size, name, &composer, error))
        return false;
    composer->keep_lines = ret_line != NULL;
    if (!compose_document(composer, &root))
        return false;
    tree = root ? unfold(composer, root, 0, 0) : cJSON_CreateNull();
    if (!tree)
        return error->kind == ERROR_NONE ? fail_memory(composer) : false;
    if (ret_line) {
        if (composer->n_lines)
            qsort(composer->line, composer->n_lines, sizeof(*composer->line), compare_lines);
        *ret_line = take(&composer->line);
        *ret_n_lines = composer->n_lines;
    }
    *ret_root = tree;
    return true;
}
