/*
 * Settings: one table per thing that a user can configure, the only place where a default, a range
 * or a help text is written. A table drives parsing, validation, defaults, explain, completion,
 * JSON Schema and docs/settings.md.
 *
 *     struct dense_config {
 *         int64_t units;
 *     };
 *     static const struct setting dense_settings[] = {
 *         SETTING_INTEGER(struct dense_config, units, 64, 1, 65536, "", "Number of outputs."),
 *         {0},
 *     };
 *
 * Every type has a C type in the config struct; a field of another type does not compile.
 */
#ifndef NIGHTJAR_COMMON_SPEC_SETTING_H
#define NIGHTJAR_COMMON_SPEC_SETTING_H

#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
    SETTING_TYPE_NONE,       /* ends a table */
    SETTING_TYPE_INTEGER,    /* int64_t */
    SETTING_TYPE_REAL,       /* double */
    SETTING_TYPE_BOOLEAN,    /* bool */
    SETTING_TYPE_TEXT,       /* char *, owned; NULL where unset and without default */
    SETTING_TYPE_CHOICE,     /* int: index into choices */
    SETTING_TYPE_DURATION,   /* double, seconds: 90, "90s", "15m", "3h", "2d", "1h30m" */
    SETTING_TYPE_SIZE,       /* int64_t, bytes: 4096, "512K", "4G", "4GiB" */
    SETTING_TYPE_EXPRESSION, /* char *, owned: a number or a formula such as classes or 131*9 (see
                                expression.h) */
    SETTING_TYPE_INTEGERS,   /* struct setting_integers */
    SETTING_TYPE_REALS,      /* struct setting_reals */
    SETTING_TYPE_TEXTS,      /* struct setting_texts; a single text is a list of one */
    SETTING_TYPE_NESTED,     /* a struct with a table of its own */
    SETTING_TYPE_KIND,       /* struct kind_choice: {type: adam, rate: 0.1}, or just adam */
    SETTING_TYPE_KINDS,      /* struct kind_choices: a list of those */
    SETTING_TYPE_JSON,       /* cJSON *, owned; NULL where unset: whatever stands there */
};

struct setting_integers {
    int64_t *item; /* owned */
    size_t n;
};
struct setting_reals {
    double *item; /* owned */
    size_t n;
};
struct setting_texts {
    char **item; /* owned, each too */
    size_t n;
};

/* Anything that a user names by "type": layer, optimizer, transform, loss, metric, ... Each
 * family's descriptor begins with a struct kind, so that &adam.kind leads back to it. */
struct kind {
    const char *name;               /* "adam" */
    const char *help;               /* one sentence */
    size_t config_size;             /* 0: nothing to configure */
    const struct setting *settings; /* NULL: none */
    /* What no single setting can check; NULL: nothing. `path` is where the object stands. */
    bool (*check)(const void *config, const char *path, struct error *error);
};

struct kind_registry {
    const char *what;                 /* "optimizer" */
    const struct kind *const *kind;   /* alphabetical, ended by NULL */
    const struct kind_registry *more; /* whose kinds may stand there too; NULL: none */
};
const struct kind *kind_find(const struct kind_registry *registry,
                             const char *name); /* NULL: none */

struct kind_choice {
    const struct kind *kind; /* borrowed; NULL: not given */
    void *config;            /* owned; NULL where config_size is 0 */
};
struct kind_choices {
    struct kind_choice *item; /* owned */
    size_t n;
};

enum setting_flag {
    SETTING_REQUIRED = 1, /* missing is an error */
    SETTING_OPEN_LOW = 2, /* the range leaves out its lower end: (0, 10] */
    SETTING_OPEN_HIGH = 4,
    SETTING_SCALAR_OK = 8, /* KINDS, INTEGERS, REALS: a single item stands for a list of one */
};

struct setting {
    const char *name;
    enum setting_type type;
    unsigned flags;
    size_t offset;
    double initial, low, high; /* numbers, booleans, choices (index), list items (range) */
    const char
        *initial_text; /* texts and expressions; KIND: the default's type name; NULL: unset */
    size_t min_items, max_items;  /* lists */
    const char *const *choices;   /* CHOICE: names, ended by NULL */
    const struct setting *nested; /* NESTED */
    const struct kind_registry *kinds;
    const char *unit; /* "" where none: "s", "rows" */
    const char *help; /* one sentence */
};

#define SETTING_OFFSET(config, field, expected) \
    (offsetof(config, field) + 0 * sizeof(char[_Generic(((config *)0)->field, expected : 1)]))

#define SETTING_INTEGER(config, field, initial_, low_, high_, unit_, help_)                     \
    {                                                                                           \
        .name = #field, .type = SETTING_TYPE_INTEGER,                                           \
        .offset = SETTING_OFFSET(config, field, int64_t), .initial = (initial_), .low = (low_), \
        .high = (high_), .unit = (unit_), .help = (help_)                                       \
    }
#define SETTING_REAL(config, field, initial_, low_, high_, flags_, unit_, help_)                   \
    {                                                                                              \
        .name = #field, .type = SETTING_TYPE_REAL,                                                 \
        .offset = SETTING_OFFSET(config, field, double), .flags = (flags_), .initial = (initial_), \
        .low = (low_), .high = (high_), .unit = (unit_), .help = (help_)                           \
    }
#define SETTING_BOOLEAN(config, field, initial_, help_)                                   \
    {                                                                                     \
        .name = #field, .type = SETTING_TYPE_BOOLEAN,                                     \
        .offset = SETTING_OFFSET(config, field, bool), .initial = (initial_), .unit = "", \
        .help = (help_)                                                                   \
    }
#define SETTING_TEXT(config, field, initial_, flags_, help_)                \
    {                                                                       \
        .name = #field, .type = SETTING_TYPE_TEXT,                          \
        .offset = SETTING_OFFSET(config, field, char *), .flags = (flags_), \
        .initial_text = (initial_), .unit = "", .help = (help_)             \
    }
#define SETTING_CHOICE(config, field, initial_, choices_, help_)                                   \
    {                                                                                              \
        .name = #field, .type = SETTING_TYPE_CHOICE, .offset = SETTING_OFFSET(config, field, int), \
        .initial = (initial_), .choices = (choices_), .unit = "", .help = (help_)                  \
    }
#define SETTING_DURATION(config, field, initial_, low_, high_, help_)                          \
    {                                                                                          \
        .name = #field, .type = SETTING_TYPE_DURATION,                                         \
        .offset = SETTING_OFFSET(config, field, double), .initial = (initial_), .low = (low_), \
        .high = (high_), .unit = "s", .help = (help_)                                          \
    }
#define SETTING_SIZE(config, field, initial_, low_, high_, help_)                               \
    {                                                                                           \
        .name = #field, .type = SETTING_TYPE_SIZE,                                              \
        .offset = SETTING_OFFSET(config, field, int64_t), .initial = (initial_), .low = (low_), \
        .high = (high_), .unit = "bytes", .help = (help_)                                       \
    }
#define SETTING_EXPRESSION(config, field, initial_, low_, high_, flags_, help_)                 \
    {                                                                                           \
        .name = #field, .type = SETTING_TYPE_EXPRESSION,                                        \
        .offset = SETTING_OFFSET(config, field, char *), .flags = (flags_),                     \
        .initial_text = (initial_), .low = (low_), .high = (high_), .unit = "", .help = (help_) \
    }
#define SETTING_INTEGERS(config, field, low_, high_, min_, max_, help_)                        \
    {                                                                                          \
        .name = #field, .type = SETTING_TYPE_INTEGERS,                                         \
        .offset = SETTING_OFFSET(config, field, struct setting_integers), .low = (low_),       \
        .high = (high_), .min_items = (min_), .max_items = (max_), .unit = "", .help = (help_) \
    }
#define SETTING_REALS(config, field, low_, high_, min_, max_, help_)                           \
    {                                                                                          \
        .name = #field, .type = SETTING_TYPE_REALS,                                            \
        .offset = SETTING_OFFSET(config, field, struct setting_reals), .low = (low_),          \
        .high = (high_), .min_items = (min_), .max_items = (max_), .unit = "", .help = (help_) \
    }
#define SETTING_TEXTS(config, field, min_, max_, help_)                                     \
    {                                                                                       \
        .name = #field, .type = SETTING_TYPE_TEXTS,                                         \
        .offset = SETTING_OFFSET(config, field, struct setting_texts), .min_items = (min_), \
        .max_items = (max_), .unit = "", .help = (help_)                                    \
    }
#define SETTING_NESTED(config, field, type_, table_, help_)                             \
    {                                                                                   \
        .name = #field, .type = SETTING_TYPE_NESTED,                                    \
        .offset = SETTING_OFFSET(config, field, type_), .nested = (table_), .unit = "", \
        .help = (help_)                                                                 \
    }
#define SETTING_KIND(config, field, registry_, initial_, flags_, help_)                 \
    {                                                                                   \
        .name = #field, .type = SETTING_TYPE_KIND,                                      \
        .offset = SETTING_OFFSET(config, field, struct kind_choice), .flags = (flags_), \
        .initial_text = (initial_), .kinds = (registry_), .unit = "", .help = (help_)   \
    }
#define SETTING_KINDS(config, field, registry_, min_, max_, flags_, help_)               \
    {                                                                                    \
        .name = #field, .type = SETTING_TYPE_KINDS,                                      \
        .offset = SETTING_OFFSET(config, field, struct kind_choices), .flags = (flags_), \
        .min_items = (min_), .max_items = (max_), .kinds = (registry_), .unit = "",      \
        .help = (help_)                                                                  \
    }
#define SETTING_JSON(config, field, flags_, help_)                                       \
    {                                                                                    \
        .name = #field, .type = SETTING_TYPE_JSON,                                       \
        .offset = SETTING_OFFSET(config, field, cJSON *), .flags = (flags_), .unit = "", \
        .help = (help_)                                                                  \
    }

/* All that is wrong with a spec, not just the first thing. */
struct diagnostic {
    char path[128];
    char message[512]; /* without the path */
};
struct diagnostics {
    struct diagnostic *item; /* owned */
    size_t n;
    bool overflow; /* beyond DIAGNOSTICS_LIMIT, or no memory: the rest is not listed */
};
#define DIAGNOSTICS_LIMIT 100
void diagnostics_release(struct diagnostics *diagnostics);
__attribute__((format(printf, 3, 4))) void
diagnostics_add(struct diagnostics *diagnostics, const char *path, const char *format, ...);
/* [{"path": "train.rate", "message": "..."}]; NULL: no memory. Caller owns. */
cJSON *diagnostics_json(const struct diagnostics *diagnostics);

/* Fills *config (zeroed or released before) from `object` (NULL: all defaults) found at `path` (""
 * for the root). Every complaint goes to `diagnostics`; false if there was one, or no memory. The
 * config is to be released in any case. Messages: "0 is outside [1, 65536]", "unknown setting; did
 * you mean 'units'?", "expected a number, not text". */
bool settings_parse(const struct setting *table, const cJSON *object, const char *path,
                    void *config, struct diagnostics *diagnostics);
/* Frees what the fields own and zeroes them. */
void settings_release(const struct setting *table, void *config);
/* Every value in force, defaults included, as JSON that parses to the same config. NULL: no memory.
 * Caller owns. */
cJSON *settings_json(const struct setting *table, const void *config);

/* The table itself, for explain, schema, completion and docs: a list of
 * {name, type, default, low, high, open_low, open_high, required, unit, help, choices, settings,
 * kinds:[{name, help, settings}]}. Tables that nest themselves are cut at depth 8. NULL: no memory.
 * Caller owns. */
cJSON *settings_describe(const struct setting *table);

/* The nearest of `names` (n of them) to a misspelt one, within an edit distance of a third of its
 * length; else NULL. */
const char *setting_suggest(const char *name, const char *const *names, size_t n);

bool setting_parse_duration(const char *text, double *ret_seconds); /* "1h30m" */
bool setting_parse_size(const char *text, int64_t *ret_bytes);      /* "4G": 1024s */

#endif
