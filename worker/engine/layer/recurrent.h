/*
 * What lstm, gru and simple_rnn share: everything but the cell.
 *
 *   sums[t] = x[t] Wx' + h[t-1] Wh'      h[t] = cell(sums[t] + biases, ...)      h[-1] = 0
 *
 *   x [steps][rows][in]   Wx [gates*units][in]   Wh [gates*units][units]   sums [rows][kept*units]
 *
 * A cell says in blocks which rows of the weights give which columns of its sums, and does the rest
 * of a step; after its backward the sums hold their gradients. Weights are packed once a trip (for
 * the backward trip too), gradients of the weights are taken for many steps at once.
 *
 * Of long sequences only some cells are kept: the trip back has the others recalled from the gates.
 *
 * Dropout is Keras': a mask for the inputs and one for h, drawn once a trip for each row, the same
 * at every step; one for all gates or one for each. A backward direction reads every row from its
 * own end. Steps beyond a row's length are computed and looked at by nobody; their gradients are 0.
 *
 * A stateful layer begins with the state that the sample before a row's left (BUFFER_CARRIED), and
 * takes it as given: no gradient goes back to that sample.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_LAYER_RECURRENT_H
#define NIGHTJAR_WORKER_ENGINE_LAYER_RECURRENT_H

#include "worker/engine/initializer/initializer.h"
#include "worker/engine/layer/layer.h"

enum recurrent_mask { RECURRENT_MASK_SHARED, RECURRENT_MASK_PER_GATE };
enum recurrent_convention { RECURRENT_KERAS, RECURRENT_PYTORCH };
enum recurrent_gate { RECURRENT_SIGMOID, RECURRENT_HARD_SIGMOID };
enum recurrent_merge {
    RECURRENT_CONCAT,
    RECURRENT_SUM,
    RECURRENT_MUL,
    RECURRENT_AVE,
};
extern const char *const recurrent_merge_name[];
extern const char *const recurrent_mask_name[];
extern const char *const recurrent_convention_name[];
extern const char *const recurrent_gate_name[];

struct recurrent_config {
    char *units;
    bool sequences, bidirectional, bias, reset_after, stateful;
    double dropout, recurrent_dropout;
    int mask, convention, recurrent_activation, activation, merge;
    struct kind_choice initializer, recurrent_initializer, bias_initializer;
};

#define RECURRENT_SETTINGS                                                                         \
    SETTING_EXPRESSION(struct recurrent_config, units, NULL, 1, 1 << 16, SETTING_REQUIRED,         \
                       "Number of outputs: a number or a formula over classes, targets, features " \
                       "and steps."),                                                              \
        SETTING_BOOLEAN(struct recurrent_config, sequences, false,                                 \
                        "Whether every step's output goes on; else the last step's."),             \
        SETTING_BOOLEAN(struct recurrent_config, bidirectional, false,                             \
                        "Whether a second set of weights reads from the end."),                    \
        SETTING_CHOICE(struct recurrent_config, merge, RECURRENT_CONCAT, recurrent_merge_name,     \
                       "What becomes of both directions' outputs: the second's follow the "        \
                       "first's, or their sum, product or average."),                              \
        SETTING_BOOLEAN(struct recurrent_config, stateful, false,                                  \
                        "Whether a window begins with the state that the window before it in its " \
                        "recording left; needs windows as far apart as they are long, and "        \
                        "train.shuffle: false."),                                                  \
        SETTING_BOOLEAN(struct recurrent_config, bias, true, "Whether biases are added."),         \
        SETTING_REAL(struct recurrent_config, dropout, 0, 0, 1, SETTING_OPEN_HIGH, "",             \
                     "Share of the inputs that is zeroed in training, the same at every step."),   \
        SETTING_REAL(struct recurrent_config, recurrent_dropout, 0, 0, 1, SETTING_OPEN_HIGH, "",   \
                     "Share of the state that is zeroed in training on its way to the next "       \
                     "step, the same at every step."),                                             \
        SETTING_CHOICE(struct recurrent_config, convention, RECURRENT_KERAS,                       \
                       recurrent_convention_name,                                                  \
                       "Whose first values and biases: keras has one bias, pytorch two and "       \
                       "uniform values within 1 / sqrt(units)."),                                  \
        SETTING_KIND(struct recurrent_config, initializer, &initializer_registry, NULL, 0,         \
                     "First values of the inputs' weights; left out: as the convention has it."),  \
        SETTING_KIND(struct recurrent_config, recurrent_initializer, &initializer_registry, NULL,  \
                     0, "First values of the state's weights; alike."),                            \
        SETTING_KIND(struct recurrent_config, bias_initializer, &initializer_registry, NULL, 0,    \
                     "First values of the bias; alike.")
#define RECURRENT_GATE_SETTINGS                                                               \
    SETTING_CHOICE(struct recurrent_config, mask, RECURRENT_MASK_SHARED, recurrent_mask_name, \
                   "Whether all gates share the dropped values, or each has its own."),       \
        SETTING_CHOICE(struct recurrent_config, recurrent_activation, 0, recurrent_gate_name, \
                       "What gates pass through; hard_sigmoid is 0.2 x + 0.5 within 0 and 1.")

#define RECURRENT_NONE (-1)
#define RECURRENT_BLOCKS_MAX 4
#define RECURRENT_GATES_MAX 4
#define RECURRENT_DIRECTIONS 2
#define RECURRENT_EVERY 8                           /* steps from one saved cell to the next */
#define RECURRENT_CHUNK_BYTES ((int64_t)512 * 1024) /* of sums: they stay in the second cache */

struct recurrent_block { /* columns of the sums and rows of the weights, in units */
    int column, n;
    int input_row, state_row; /* RECURRENT_NONE: nothing comes from there */
    int gate;                 /* whose masks; 0 where they are shared */
    bool reset;               /* the state reaches it through reset(), after the other blocks */
};

struct recurrent_step { /* what a cell sees of a step; rows are the batch's */
    const struct recurrent_config *config;
    const struct kernel *kernel;
    int64_t rows, units;
    real *sums;                           /* [rows][kept * units] */
    const real *bias, *bias2;             /* NULL: none */
    const real *before, *cell_before;     /* the states a step ago; NULL: zeros */
    real *state, *cell;                   /* [rows][units] */
    real *gradient, *cell_gradient;       /* backward: of state and cell */
    real *bias_gradient, *bias2_gradient; /* NULL: not needed */
    const real *reset_mask; /* [rows][units]: of the reset block's state; NULL: none */
    real *reset_gradient;   /* backward, likewise: of what reset() gave */
};

struct recurrent_cell {
    int gates;                    /* rows of the weights, in units */
    int kept;                     /* columns of the sums, in units */
    bool has_cell;                /* a second state */
    bool straight;                /* part of the state goes to the next without a sum */
    bool two_biases;              /* whatever the convention */
    const char *bias_initializer; /* Keras'; NULL: zeros */
    const struct recurrent_block *shared, *per_gate; /* ended by n == 0; NULL: there are no gates */
    void (*forward)(const struct recurrent_step *step);
    /* sums become their gradients; gradient what goes straight to the step before, cell_gradient
     * that of cell_before */
    void (*backward)(const struct recurrent_step *step);
    /* cell once more, of the sums that forward left and of cell_before. NULL: there is no cell. */
    void (*recall)(const struct recurrent_step *step);
    /* Between the sums of the other blocks and those of the reset block: what of the state the
     * latter sees, into column `reset` of the sums. NULL: there is no such block. */
    void (*reset)(const struct recurrent_step *step);
    void (*reset_backward)(const struct recurrent_step *step); /* after backward() */
    int reset_column;
};

struct recurrent_steps { /* a buffer with a place for each step, or for the last few */
    int64_t width, span;
    int64_t every; /* 1; else only the last of so many steps is saved, and the trip back has the
                      others recalled */
    int saved, recalled, scratch; /* numbers of buffers */
};

struct recurrent_weights {         /* of a direction */
    int input, state, bias, bias2; /* parameters; RECURRENT_NONE: none */
    struct recurrent_steps sums, cell, states;
    int x, input_mask, state_mask, packed_input, packed_state; /* buffers */
};

struct recurrent { /* a layer's memory */
    const struct recurrent_cell *cell;
    const struct kernel *kernel;
    const struct recurrent_block *block;
    int n_blocks, n_masks; /* masks: 1, or one for each gate */
    int n_directions;
    int64_t in, units, steps;
    int64_t chunk; /* most steps whose gradients are taken at once */
    uint32_t input_purpose, state_purpose;
    struct recurrent_weights direction[RECURRENT_DIRECTIONS];
    /* buffers of either direction */
    int packed_back, gradient, cell_gradient, reset_gradient, part, masked, dx;
    int carried, carried_cell; /* RECURRENT_NONE: not stateful; it has no such state */
    struct initializer_uniform_config bound; /* of PyTorch's first values */
};

/* Whether it is a recurrent layer that is stateful. */
bool recurrent_is_stateful(const struct kind_choice *layer);

bool recurrent_build(const struct recurrent_cell *cell, struct layer *layer, const struct shape *in,
                     struct shape *ret_out, struct error *error);
void recurrent_prepare(const struct layer *layer, struct pass *pass);
void recurrent_forward(const struct layer *layer, struct pass *pass, const struct tensor *const x[],
                       struct tensor *y);
void recurrent_backward(const struct layer *layer, struct pass *pass,
                        const struct tensor *const x[], const struct tensor *y,
                        const struct tensor *dy, struct tensor *const dx[]);

#endif
