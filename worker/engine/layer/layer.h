/*
 * Layers: what a network is made of. One file a kind, one descriptor a file, listed in registry.c.
 *
 * Only build() may fail. It checks shapes, declares parameters and buffers, and may keep numbers in
 * the layer's own memory (layer_memory). prepare, forward and backward neither allocate nor fail.
 * Everything that a batch leaves behind belongs to its pass, and is gone when the next batch is
 * gathered, be it for training or for validation. Parameter gradients accumulate, and the optimizer
 * clears them; dx is overwritten. Randomness follows the row's id, never its place in a batch.
 * Where rows have lengths of their own, x, y, dy and dx hold zeros beyond them: the network sees to
 * it, and a layer may leave anything finite there.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_LAYER_LAYER_H
#define NIGHTJAR_WORKER_ENGINE_LAYER_LAYER_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/kernel/bf16x3.h"
#include "worker/engine/kernel/kernel.h"
#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYER_NAME_SIZE 32
#define LAYER_INPUTS_MAX 16
#define LAYER_PARAMETERS_MAX 8
#define LAYER_BUFFERS_MAX 32

struct parameter {
    char name[64];   /* "dense1.weight" */
    real *value;     /* [rows][columns], a slice of the network's arena */
    real *gradient;  /* alike; NULL: frozen. Tied parameters share both pointers */
    int64_t offset;  /* of the slice in the arena, in elements */
    int64_t rows;    /* outputs of the layer, as a rule */
    int64_t columns; /* inputs; 1 for a vector */
    int64_t fan_in, fan_out;
    struct kind_choice initializer; /* borrowed; kind NULL: zeros */
    bool is_vector; /* a bias, gain or moment for each output: no matrix, not even of one column */
    bool is_state;  /* not learnt but kept with the weights; it has no gradient */
};

enum buffer_life {
    BUFFER_SAVED,   /* for backward: NULL in a pass that only predicts */
    BUFFER_SCRATCH, /* in every pass, from prepare to the end of the trip; `fixed` ones to the next
                       trip, where that finds the same weights */
    BUFFER_CARRIED, /* in every pass: what each row begins with, left by the sample before; or 0 */
    BUFFER_LEFT,    /* its twin: what forward leaves for the sample after */
};
struct layer_buffer {
    enum buffer_life life;
    int64_t per_row; /* elements for each row of a batch */
    int64_t fixed;   /* elements whatever the batch */
};

struct layer; /* below */

struct pass { /* one trip of a batch through a network; owned by whoever made it */
    bool training;
    bool same_weights;      /* as the trip before had: what it packed of them is still there */
    int64_t rows;           /* of this batch */
    int64_t capacity;       /* most rows that the buffers hold */
    uint64_t seed, step;    /* randomness is a function of (seed, step, row id, layer name) */
    const uint64_t *row_id; /* [rows], borrowed; NULL where no layer draws */
    const struct kernel *kernel;
    real *const *buffer;                /* of the layer at work: [its buffer number] */
    const struct bf16x3_kernel *bf16x3; /* NULL: all is computed in float, as in training */
    uint16_t *room;                     /* with bf16x3: what layers asked for, lost */
};

enum layer_role {
    LAYER_CHAINS,   /* takes what the layer before it gives */
    LAYER_JOINS,    /* takes several branches: its config is a struct layer_join_config */
    LAYER_BRANCHES, /* a place in the list; struct layer_branch_config; has no functions */
    LAYER_REPEATS,  /* alike; struct layer_repeat_config */
};
struct layer_join_config {
    struct setting_texts of;
};
struct layer_branch_config {
    char *name, *from;
};
struct layer_repeat_config {
    int64_t layers, times;
};

struct layer_kind {
    struct kind kind; /* "type" in a spec */
    enum layer_role role;
    size_t memory;  /* bytes of layer->memory, zeroed before build() */
    bool in_place;  /* dx[0] may be dy: each element of it comes of the one in its place */
    bool activates; /* an activation: what is always 0 in it has died */
    bool draws;     /* random numbers for each row, by pass->row_id */
    bool whole;     /* a batch's rows go through together: what they give depends on the others, or
                       fewer of them are slower */
    bool (*build)(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                  struct error *error);
    /* Steps of y that a row of `length` steps of x has; NULL: as many, where y has as many steps as
     * x, else all. */
    int64_t (*length)(const struct layer *layer, int64_t length);
    /* For predictions in bfloat16 tiles: elements of the weights when they are packed, and of the
     * room that a trip of so many rows takes. NULL: it does without. */
    void (*measure_packed)(const struct layer *layer, int64_t rows, int64_t *ret_packed,
                           int64_t *ret_room);
    void (*pack)(const struct layer *layer, uint16_t *ret_packed); /* once, not per step */
    /* Once a trip, before forward: pack weights, draw masks. NULL: nothing. */
    void (*prepare)(const struct layer *layer, struct pass *pass);
    void (*forward)(const struct layer *layer, struct pass *pass, const struct tensor *const x[],
                    struct tensor *y);
    /* dx[i] NULL: not needed. dy may be used as scratch. */
    void (*backward)(const struct layer *layer, struct pass *pass, const struct tensor *const x[],
                     const struct tensor *y, const struct tensor *dy, struct tensor *const dx[]);
};

extern const struct kind_registry layer_registry;

struct layer {
    const struct layer_kind *kind;
    char name[LAYER_NAME_SIZE]; /* "dense2": the kind and its number, from 1 */
    char path[64];              /* "model[2]" */
    const void *config;         /* borrowed from the spec */
    const struct kernel *kernel;
    void *memory; /* owned; kind->memory bytes */
    struct parameter parameter[LAYER_PARAMETERS_MAX];
    int n_parameters;
    struct layer_buffer buffer[LAYER_BUFFERS_MAX];
    int n_buffers;
    struct shape out;
    const uint16_t *packed;                     /* borrowed; NULL: it computes in float */
    const struct expression_variable *variable; /* borrowed: classes, features, ... */
    size_t n_variables;
};

/* For build(): each returns the number under which forward and backward find it. */
int layer_add_parameter(struct layer *layer, const char *name, int64_t rows, int64_t columns,
                        const struct kind_choice *initializer);
/* A bias or gain: what l1 and l2 leave alone. */
int layer_add_vector(struct layer *layer, const char *name, int64_t rows,
                     const struct kind_choice *initializer);
/* A vector that no optimizer touches: the layer changes it itself, in training passes. */
int layer_add_state(struct layer *layer, const char *name, int64_t rows,
                    const struct kind_choice *initializer);
/* For add_parameter: an initialiser of the registry, with a config that outlives the layer. */
struct kind_choice layer_initializer(const char *name, const void *config);
int layer_add_buffer(struct layer *layer, enum buffer_life life, int64_t per_row, int64_t fixed);
/* The buffer under the returned number is of BUFFER_CARRIED, the one after it its twin. */
int layer_add_carried(struct layer *layer, int64_t per_row);
/* A setting that is a formula over classes, features, targets, steps. INVALID at
 * "model[n].<setting>". */
bool layer_size(const struct layer *layer, const char *setting, const char *text, int64_t *ret,
                struct error *error);
/* [steps][rows][width] as [rows][steps][width], and back. */
void layer_rows_of_steps(const struct tensor *tensor, real *ret_rows);
void layer_steps_of_rows(const real *rows, struct tensor *tensor);

#endif
