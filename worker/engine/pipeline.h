/*
 * The pipeline: import, prepare, train, evaluate, predict.
 *
 * pipeline_run.c goes through all of it, pipeline_check.c as far as it goes without training,
 * pipeline_predict.c takes up a stored model.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PIPELINE_H
#define NIGHTJAR_WORKER_ENGINE_PIPELINE_H

#include "common/buffer.h"
#include "common/compute.h"
#include "common/error.h"
#include "common/json.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/samples.h"
#include "worker/engine/dataset/split/split.h"
#include "worker/engine/dataset/warning.h"
#include "worker/engine/engine_spec.h"
#include "worker/engine/model/model.h"
#include "worker/engine/prepared/paces.h"
#include "worker/engine/transform/preparation.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PIPELINE_STOPPED 75 /* exit status: a checkpoint is written, go on later */

/* Rows that are ready to train on. All-zero is a valid empty one; owns what it points to. */
struct prepared_rows {
    struct split_plan split;
    struct split training;    /* what training goes through; borrows all but `balanced` */
    struct row_list balanced; /* owned: training rows, all classes as often; empty: not asked for */
    double *weight;           /* owned: of the samples, in the loss; NULL: not asked for */
    struct buffer sampling;   /* owned: what training sees of its part, in words; "" all of it */
    struct preparation *preparation;
    struct samples *samples; /* borrow the data set */
};
void prepared_rows_release(struct prepared_rows *rows);
bool prepared_rows_make(const struct engine_spec *spec, const char *cwd,
                        const struct dataset *dataset, uint64_t seed,
                        struct prepared_rows *ret_rows, struct warning_list *warnings,
                        struct error *error);

/* Leaves at most n samples of each part, from all over it. */
bool prepared_rows_sample(struct prepared_rows *rows, int64_t n, struct error *error);

/* Does as data.unseen_classes says about rows of validation and test whose class no training row
 * has; a warning is preparation_fit()'s. */
bool pipeline_unseen_classes(const struct data_config *config, const struct samples *samples,
                             struct split_plan *plan, struct error *error);

/* What a model is built from; borrows all of it. `for_training`: with an optimizer and its batch.
 */
struct model_plan pipeline_plan(const struct engine_spec *spec,
                                const struct preparation *preparation, uint64_t seed,
                                bool for_training);

/* What decides how long its epochs take; rows: of the training part. */
bool pipeline_work(const struct engine_spec *spec, const struct preparation *preparation,
                   int64_t rows, int64_t parameters, struct pace_work *ret, struct error *error);
/* Seconds that a training may take, at most, and whatever comes before and after it. */
double pipeline_expected_s(const struct train_config *config, const struct pace_guess *guess);

/* What the loss is used for. */
struct loss_task pipeline_loss_task(const struct preparation *preparation);

/* Runs the experiment whose spec.json lies in `folder`. *ret_stopped: it was asked to stop and can
 * go on later. Results go to reported.jsonl and artifacts/. */
bool pipeline_run(const char *folder, const volatile sig_atomic_t *stop, bool *ret_stopped,
                  struct error *error);

/* The same with a few samples of each part, for who only tries; `runs`: the folder of all
 * experiments' runs, NULL: beside the folder. */
bool pipeline_run_sample(const char *folder, const char *runs, int64_t samples,
                         struct error *error);

/* Goes through all of a spec once, from import to predictions, with two batches and a few samples,
 * in a folder that vanishes; only prepared data stay. A line of JSON in, {"spec", "cwd", "runs",
 * "folder" of prepared data}, and one out: {"seconds"}. Errors are those that a run would have. */
bool pipeline_try(FILE *in, FILE *out, struct error *error);

/* INVALID at sweep.goal where a run of the spec will not report the metric of that name. `rows`
 * NULL: the data were not read, and much is believed. `watched`: what decides when training stops;
 * NULL: nothing. */
bool pipeline_check_goal(const struct engine_spec *spec, const struct prepared_rows *rows,
                         const struct distribution_shape *shape, const char *watched,
                         const char *name, struct error *error);

/* Answers each line {"spec":{...}, "cwd":"...", "runs":"...", "seed":1, "goal":"valid.loss"} of
 * `in` (goal: the metric of the spec's sweep) with a line of `out`:
 * {"diagnostics":[{path,message}], "warnings":["..."], "hints":["..."], "sources":["..."],
 * "summary":{...}}.
 * *ret_good: no line had a diagnostic. */
bool pipeline_check(FILE *in, FILE *out, bool *ret_good, struct error *error);

#define PREDICT_BATCH 1024

struct predict_request {
    const char *model;  /* a run's folder, which may be of a run under way, or a model file */
    const char *data;   /* a file with the model's features */
    const char *output; /* .csv, .h5; "-": CSV to standard output */
    int64_t batch;      /* rows at a time; 0: PREDICT_BATCH; -1: the fastest, by trying */
    int64_t cpus;       /* threads that predict; 0: as many as there are */
    enum compute compute;
};
/* Every row once, in the order of the file; counts and how long it takes go to standard error. */
bool pipeline_predict(const struct predict_request *request, struct error *error);

/* What products are computed with; NULL: in float. A warning goes to standard error where more was
 * asked for than there is. */
const struct bf16x3_kernel *pipeline_compute(enum compute compute);

#define EVALUATE_METRICS_MAX 64

struct evaluate_request {
    const char *model; /* as in struct predict_request */
    const char *data;  /* a file with the model's features and target; NULL: the run's own data and
                          parts, which needs a run's folder */
    const char *metric[EVALUATE_METRICS_MAX]; /* names; none: the task's defaults */
    size_t n_metrics;
    bool json;
    enum compute compute;
};
/* Figures of a stored model, without training: a line each ("test.accuracy 0.97"), or one of JSON.
 */
bool pipeline_evaluate(const struct evaluate_request *request, FILE *out, struct error *error);

/* Writes the samples that a spec prepares to a file (sample_output.h). A line of JSON in,
 *   {"spec", "cwd", "folder" of prepared data, "output", "part": "train"|"valid"|"test"|"all",
 *    "shuffle": whether in an order of the seed instead of the file's}
 * and one out: {"output", "samples", "train", "valid", "test", "inputs":{"x":[steps,width]},
 * "bytes"}. A spec without a model will do. Memory does not grow with the data. */
bool pipeline_export(FILE *in, FILE *out, struct error *error);

/* Metrics by their names; all-zero is a valid empty one. */
struct metric_choices {
    struct kind_choices metrics;
};
bool metric_choices_read(struct metric_choices *ret, const char *const *name, size_t n,
                         struct error *error);
void metric_choices_release(struct metric_choices *choices);

#define SCORE_FILES_MAX 16

struct score_request {
    const char *file[SCORE_FILES_MAX];        /* as predictions.csv */
    size_t n_files;                           /* at least 1 */
    const char *metric[EVALUATE_METRICS_MAX]; /* names; none: the task's defaults */
    size_t n_metrics;
    const char
        *mean; /* the file that pipeline_merge() makes of them, measured beside; NULL: none */
};
/* Files of predictions by what they say is true: a line a figure, a column a file. */
bool pipeline_score(const struct score_request *request, FILE *out, struct error *error);

/* The mean of files of predictions, row by row, as a file like them at `output`. INVALID where they
 * have not the same rows, in the same order. *ret_actual: they say what is true. */
bool pipeline_merge(const char *const *file, size_t n_files, const char *output, bool *ret_actual,
                    struct error *error);

/* How predictions lie beside the truth, for a picture. A line of JSON in, {"files":[...],
 * "target"}, and one out:
 * {"rows", "outputs":[name], "classes", "actual":{"mean":[], "sd":[]},
 *  "files":[{"mean":[], "sd":[], "rmse":[]}]}, a number for each output (of classes the share of
 * those that are it, and its probability); where there is but one, or "target" names it, also
 * "points":[[actual, predicted]...] of each file, of so many rows at most, evenly taken. */
#define SCORE_POINTS_MAX 4000
bool pipeline_score_outputs(FILE *in, FILE *out, struct error *error);

/* What a stored model is made of: lines for a person, or one of JSON. */
bool pipeline_inspect(const char *model, bool json, FILE *out, struct error *error);

/* The model file that a folder or a file's name means: artifacts/model.h5, or of a run that has
 * none yet what its last checkpoint holds, written to *ret_temporary (owned by the caller, who
 * unlinks it; else NULL). */
bool pipeline_stored_model(const char *given, char **ret_path, char **ret_temporary,
                           struct error *error);
/* From where the paths of the run's spec are seen; NULL where `given` is no run's folder. Owned by
 * the caller. */
bool pipeline_run_cwd(const char *given, char **ret_cwd, struct error *error);
/* The best weights so far of the run in `folder`, as a model file at `path`. NOT_FOUND: it has no
 * checkpoint. */
bool pipeline_recall(const char *folder, const char *path, struct error *error);

/* A table of predictions: a header, then each row once. `actual`: with what is true beside. Of a
 * predicted distribution there are mean, sd and the quantiles 0.05, 0.25, 0.5, 0.75 and 0.95, or
 * those that are predicted. */
bool pipeline_write_header(const struct samples *samples, const struct distribution_shape *shape,
                           bool actual, struct buffer *out, struct error *error);
bool pipeline_write_rows(const struct model *model, const struct samples *samples,
                         const int64_t *row, int64_t n, const double *prediction, bool actual,
                         struct buffer *out, struct error *error);
bool pipeline_write_predictions(struct model *model, const struct samples *samples,
                                const struct row_list *list, const int64_t *row, int64_t n,
                                int64_t batch, bool actual, struct buffer *out,
                                struct error *error);

/* The same with a classifier's outputs before they become probabilities: ids, "logit[A]", ... */
bool pipeline_write_logits(struct model *model, const struct samples *samples,
                           const struct row_list *list, const int64_t *row, int64_t n,
                           struct buffer *out, struct error *error);

/* Predictions of the rows, [n][outputs], owned by the caller. `list`: the samples that tell them,
 * as for model_predict_rows(). The loss is added to *sum, which may be NULL. */
bool pipeline_predict_rows(struct model *model, const struct samples *samples,
                           const struct row_list *list, const int64_t *row, int64_t n,
                           int64_t batch, double **ret_prediction, struct loss_sum *sum,
                           struct error *error);

/* "feature,share,gain,splits", by gain; of a model whose kind can tell. */
bool pipeline_write_importances(struct model *model, const struct samples *samples,
                                struct buffer *out, struct error *error);

/* ---- the model file: model.h5 -----------------------------------------------------------------
 *   /format        "nightjar-model 2"
 *   /spec          JSON: what the engine reads of the spec
 *   /preparation   JSON: features, transforms, classes, targets as fitted
 *   /provenance    JSON: experiment, run, seed, source, version, machine
 *   /weights/<layer>/<parameter>   float32 or float64, as train.precision has it, [rows][columns]
 *   /pieces/<number>               bytes: of boosted trees a booster each, in XGBoost's UBJSON
 */
bool model_file_write(const char *path, struct model *model, const cJSON *spec,
                      const struct preparation *preparation, const cJSON *provenance,
                      struct error *error);

/* Fills the parameters of a model whose names match from another one's file, which has to have them
 * in the same shape. *ret_taken of *ret_all parameters were filled. */
bool model_file_take(const char *path, const struct start_config *start, struct model *model,
                     int64_t *ret_taken, int64_t *ret_all, struct error *error);

/* What a stored model is computed in; as in struct predict_request. */
bool model_file_precision(const char *given, enum train_precision *ret, struct error *error);

/* INVALID where the data set has not what the model knows by its place. */
bool pipeline_check_features(const struct preparation *preparation, const struct dataset *dataset,
                             struct error *error);

/* A model that a spec names at `place`, as in train.start.model: a model file, the folder of a run
 * or of an experiment, or an experiment's number. `runs`: the folder of all experiments' runs. */
bool pipeline_find_model(const char *given, const char *cwd, const char *runs, const char *place,
                         struct buffer *ret, struct error *error);
struct model_files { /* all-zero is a valid empty one */
    char **path;     /* owned, each too */
    int64_t n;
};
void model_files_release(struct model_files *files);
bool model_files_add(struct model_files *files, const char *name, struct error *error);
/* The model files of an experiment's last run that has some, of a run, or in a folder, in the order
 * in which they were taken. INVALID where there is none. */
bool pipeline_list_snapshots(const char *given, const char *cwd, const char *runs,
                             struct model_files *ret_list, struct error *error);

/* Gives a fresh model the weights that train.start names, and notes how many. */
bool pipeline_start(const struct train_config *config, const char *cwd, const char *runs,
                    struct model *model, struct error *error);

/* ---- what other models have seen --------------------------------------------------------------*/

/* Adds the model files that the spec takes something from: weights, snapshots (the first one),
 * members of an ensemble. INVALID where one is not there. `root`: the whole spec, of one that has
 * not run, whose models may be such as it still waits for: those are passed over, and so are
 * numbers where `runs` is NULL (not known). */
bool pipeline_find_others(const struct engine_spec *spec, const cJSON *root, const char *cwd,
                          const char *runs, struct model_files *files, struct error *error);
/* The setting that names them. */
const char *pipeline_others_place(const struct engine_spec *spec);

/* Warns where features, classes or targets of the model that a spec begins with or measures have
 * not the places that they have here, so that its weights are about others. Of an ensemble nothing:
 * it goes by names itself. */
bool pipeline_compare_names(const struct engine_spec *spec, const struct model_files *others,
                            const struct preparation *preparation, struct warning_list *warnings,
                            struct error *error);

enum seen_answer { SEEN_KNOWN, SEEN_OTHER_DATA, SEEN_UNKNOWN };

/* Marks the rows of the data set that the model of a file had, by the bit 1 << enum split_part of
 * their part there; of windows the rows that they predict and, with `looked_at`, all that they see.
 * What the models had that it was made from counts with it, where that is known. `path` NULL: it is
 * not known which file. */
bool pipeline_mark_seen(const char *path, const struct dataset *dataset, bool looked_at,
                        int8_t *seen, enum seen_answer *ret, struct error *error);

/* A file of the run that a model file lies in, beside its folder of artifacts or within. */
bool pipeline_read_beside(const char *path, const char *name, char **ret, size_t *ret_size,
                          struct error *error);

struct seen_counts {
    int64_t tested;    /* test rows that they were trained on or chosen by */
    int64_t validated; /* validation rows that they were trained on; 0 of an ensemble, whose members
                          may be folds */
    int64_t chosen;    /* test rows by whose figures they are weighed or chosen */
    int64_t n_test, n_valid; /* of how many */
    int64_t n_other;         /* models of other data, with which one may well begin */
    int64_t n_unknown;       /* models whose rows are not known; members of other data, too */
};
bool pipeline_count_seen(const struct engine_spec *spec, const struct samples *samples,
                         const struct split *split, const struct model_files *others,
                         struct seen_counts *ret, struct error *error);
/* INVALID where there is a leak and data.allow_leak gives no reason. */
bool pipeline_refuse_seen(const struct engine_spec *spec, const struct seen_counts *counts,
                          struct error *error);
static inline int64_t seen_leaks(const struct seen_counts *counts)
{
    return counts->tested + counts->validated + counts->chosen;
}

struct stored_model { /* all-zero is a valid empty one */
    struct engine_spec spec;
    struct preparation *preparation;
    struct model *model; /* borrows from the other two */
};
void stored_model_release(struct stored_model *stored);
/* All but the model, and the path of the data set that it was made from; owned by the caller. */
bool model_file_read_origin(const char *path, struct stored_model *ret_stored, char **ret_source,
                            struct error *error);
/* INVALID in the float build where it is float64's. */
bool model_file_read(const char *path, struct stored_model *ret_stored, struct error *error);
/* The same of a model file in memory; `name`: what messages call it. */
bool model_bytes_read(const char *name, const void *data, uint64_t size,
                      struct stored_model *ret_stored, struct error *error);

#endif
