/*
 * The spec file: YAML or JSON in, one cJSON tree out, with the line on which each path stands.
 *
 * Top-level keys have owners, and only the owner reads them:
 *     common   name question expectation tags seed command queue resources on_finish
 *     daemon   sweep experiments
 *     engine   data prepare model train evaluate
 * An experiment is either a command or a pipeline (data, model and what goes with them). A file
 * that is a list of specs means {experiments: [...]}.
 */
#ifndef NIGHTJAR_COMMON_SPEC_SPEC_H
#define NIGHTJAR_COMMON_SPEC_SPEC_H

#include "common/error.h"
#include "common/json.h"
#include "common/spec/setting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEC_VERSION 1
#define SPEC_SIZE_LIMIT (8 * 1024 * 1024)
#define SPEC_DEPTH_LIMIT 48 /* less than JSON_DEPTH_LIMIT: specs travel in messages */

struct spec_line {
    char *path; /* owned: model[0].units */
    int line;   /* from 1 */
};
struct spec_file {
    cJSON *root;            /* owned */
    char *name;             /* owned: as the user gave it; "<stdin>" */
    struct spec_line *line; /* owned, sorted by path */
    size_t n_lines;
};

void spec_file_free(struct spec_file **file);
/* YAML (anchors, aliases and << merges; bounded depth, size and expansion) or JSON, told apart by
 * content. Scalars follow YAML's core schema (null, booleans true/false only, integers, floats), so
 * that `no` and `on` are texts. */
bool spec_file_read(const char *path, struct spec_file **ret_file,
                    struct error *error); /* "-": standard input */
bool spec_file_parse(const char *text, size_t size, const char *name, struct spec_file **ret_file,
                     struct error *error);
/* The line of `path` or of its nearest parent that has one; 0: none. */
int spec_file_line(const struct spec_file *file, const char *path);
/* --set train.epochs=5: the value is read as YAML. */
bool spec_file_set(struct spec_file *file, const char *assignment, struct error *error);

enum spec_owner { SPEC_OWNER_NONE, SPEC_OWNER_COMMON, SPEC_OWNER_DAEMON, SPEC_OWNER_ENGINE };
enum spec_owner spec_owner_of(const char *top_level_key); /* NONE: unknown key */
/* "unknown setting; did you mean ..." for every unknown top-level key; false if there was one. */
bool spec_check_keys(const cJSON *root, struct diagnostics *diagnostics);
/* One experiment, sweeps and deltas resolved: either a command or a pipeline, and one of them. */
bool spec_check_experiment(const cJSON *root, struct diagnostics *diagnostics);
/* A copy of the top-level keys of one owner, to be parsed by its tables. NULL: no memory. */
cJSON *spec_select(const cJSON *root, enum spec_owner owner);

/* The last part of a parameter's path (rate of train.optimizer.rate), where none of the other names
 * has the same; `names`: a list of texts, or an object with these keys. Borrowed from `name`. */
const char *spec_short_name(const cJSON *names, const char *name);

/* What common owns. Lives in spec/queue.c. */
struct queue_config {
    int64_t priority;           /* higher starts first */
    int64_t retries;            /* how often a failed experiment is run again */
    bool hold;                  /* wait for `nj release` */
    bool requeue;               /* run again after a lost run */
    int64_t breaker;            /* configurations that may fail alike; 0: any number */
    struct setting_texts after; /* what to wait for (spec_reference), however it ends */
    struct setting_texts after_ok;
};
struct resources_config {
    double cpus;    /* 0.1 .. 1024; also the threads a run may use, rounded up */
    int64_t memory; /* bytes; 0: not said */
    int64_t gpus;
    double time;  /* seconds of run time without suspend; 0: no limit */
    int64_t log;  /* bytes kept of the log: half from the head, half from the tail */
    double grace; /* seconds between SIGTERM and SIGKILL */
};
struct common_config {
    char *name;
    char *question, *expectation;
    struct setting_texts tags;
    int64_t seed;
    struct setting_texts command; /* n == 0: a pipeline */
    struct queue_config queue;
    struct resources_config resources;
    char *on_finish; /* a shell command, run when the batch has ended */
};
extern const struct setting common_settings[];
/* One item of queue.after: "12", "3-9", "batch:4", "last". */
struct spec_reference {
    bool batch, last;       /* last: the newest experiment that there is; first is 0 */
    int64_t first, last_id; /* a closed range; a batch has first == last_id */
};
bool spec_reference_parse(const char *text, struct spec_reference *ret_reference);

/* settings_parse with common_settings for the keys that common owns; others are passed over. To be
 * released with settings_release(common_settings, config) in any case. */
bool spec_parse_common(const cJSON *root, struct common_config *config,
                       struct diagnostics *diagnostics);

/* json_set_at() on a spec. A short form on the way is written out first, so that
 * train.optimizer.rate has a place where the spec says `optimizer: adam`. Takes *value in any case.
 */
bool spec_set_at(cJSON *root, const char *path, cJSON **value, struct error *error);

/* The same configuration under another seed has the same key: hash of the spec less name, question,
 * expectation, tags, seed, queue, resources, on_finish. */
bool spec_configuration_key(const cJSON *spec, char ret_key[33], struct error *error);

#endif
