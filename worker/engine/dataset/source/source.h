/*
 * Where columns come from: files in some format. One descriptor a format, one file each, listed in
 * registry.c.
 *
 * A source is opened, profiled (a pass over everything: names, types, counts), and read, as often
 * as one likes, in chunks of rows of typed columns. A format of whole recordings (.ts, a folder of
 * text files) has series too: consecutive rows that belong together, and columns that hold one
 * value for each series ("of_series") instead of one for each row.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_SOURCE_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_SOURCE_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns as in the profile; those of FORM_SKIP are empty. Everything is borrowed for one call. */
struct source_chunk {
    int64_t first_row, n_rows;
    int64_t first_series, n_series; /* whole ones only; 0 where the format knows none */
    const int64_t *length;          /* [n_series], rows: their sum is n_rows */
    /* [n_rows] values each, of_series: [n_series]. Codes of texts are those of the chunk's own
     * dictionary: another chunk numbers them differently. */
    const struct column *column;
};

/* Gets every chunk once: from several threads at a time and in any order where the source has
 * threads, else in order. */
struct source_sink {
    void *context;
    bool (*take)(void *context, const struct source_chunk *chunk, struct error *error);
};

/* What a format reads of the settings that data has for all of them. */
enum source_reads {
    SOURCE_READS_LAYOUT = 1, /* header, delimiter, skip */
    SOURCE_READS_MISSING = 2,
    SOURCE_READS_NAMES = 4,
    SOURCE_READS_DATES = 8,
};

struct source; /* below */

struct source_kind {
    struct kind kind;     /* "type" in data.format */
    unsigned reads;       /* bits of enum source_reads */
    const char *row_name; /* what a place in the file is counted in: "line", "row" */
    /* By name or first bytes (unpacked where gzip; NULL: a folder). NULL: never. */
    bool (*recognise)(const char *path, const void *head, size_t size);
    bool (*open)(struct source *source, struct error *error); /* NULL: nothing to prepare */
    bool (*profile)(struct source *source, struct table_profile *profile, struct error *error);
    /* A profile of the first rows, which the values of a file as a rule bear out; sets
     * source->guessed where it is not of all. NULL: as profile. */
    bool (*guess)(struct source *source, struct table_profile *profile, struct error *error);
    /* `form`: one for each column of the profile. INVALID, with file, place and column, for values
     * that do not fit into it. Where the profile is guessed, its number of rows and what it says of
     * missing values are those of the whole file afterwards. */
    bool (*read)(struct source *source, const enum column_form *form,
                 const struct source_sink *sink, struct error *error);
    void (*close)(struct source *source); /* NULL: nothing to free */
};

extern const struct kind_registry source_registry;

struct source_request {
    const char *path;
    struct table_format format; /* borrows */
    struct kind_choice kind;    /* borrowed; kind NULL: recognised, else csv */
    bool features_only;         /* new rows: labels may not be there */
    int threads;                /* at most so many; 0: one */
};

struct source {
    const struct source_kind *kind;
    struct table_format format; /* borrows from the request */
    int threads;
    bool features_only;
    char *path;                   /* owned; of several files what messages call them */
    int64_t bytes;                /* of all files */
    const void *config;           /* of the kind; borrowed from the request, or own_config */
    void *own_config;             /* owned: defaults of a recognised kind */
    void *state;                  /* the kind's */
    struct table_profile profile; /* owned; empty before source_profile() or source_guess() */
    bool guessed;                 /* the profile is not of all rows */
};

bool source_open(const struct source_request *request, struct source **ret, struct error *error);
void source_free(struct source **source);
bool source_profile(struct source *source, struct error *error);
/* Fast: what the first rows say. Where reading then fails, or shows something else, the profile
 * tells. */
bool source_guess(struct source *source, struct error *error);
bool source_read(struct source *source, const enum column_form *form,
                 const struct source_sink *sink, struct error *error);
/* The same for a sink that knows no series: their values stand in each of their rows. */
bool source_read_rows(struct source *source, const enum column_form *form,
                      const struct source_sink *sink, struct error *error);
/* All rows at once; values of series stand in each of their rows. *ret_length (owned by the caller;
 * NULL: not wanted): rows of each series. */
bool source_load(struct source *source, const enum column_form *form, struct table *ret_table,
                 int64_t **ret_length, struct error *error);

/* For the kinds. */
bool source_name_ends(const char *path, const char *end);              /* or in .gz behind that */
bool source_changed(const struct source *source, struct error *error); /* fails */
/* A path in the kind's settings, as seen from the folder where the source lies. NULL: no memory.
 * Caller owns. */
char *source_sibling(const struct source *source, const char *path);

#endif
