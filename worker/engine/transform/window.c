/* Rows become windows of rows; dataset/window.c has what is done with them. */
#include "worker/engine/dataset/window.h"
#include "worker/engine/transform/kinds.h"

static const char *const label_names[] = {"first", "last", "majority", "each", NULL};
static const char *const short_names[] = {"drop", "keep", NULL};
static const char *const edges_names[] = {"drop", "repeat", "mask", NULL};

static const struct setting window_settings[] = {
    SETTING_INTEGER(struct window_config, length, 256, 1, 1e7, "rows", "Rows of a window."),
    SETTING_INTEGER(struct window_config, stride, 1, 1, 1e9, "rows",
                    "From one window of a recording to the next."),
    SETTING_INTEGER(
        struct window_config, offset, 0, 0, 1e9, "rows",
        "The row of a recording where its first window begins, and of each stretch behind "
        "a gap."),
    SETTING_INTEGER(
        struct window_config, horizon, 0, 0, 1e7, "rows",
        "How far behind the window's last row the row lies that is predicted; with a label "
        "for each step, behind the step's."),
    SETTING_CHOICE(
        struct window_config, label, WINDOW_LABEL_LAST, label_names,
        "The row whose target is the window's; majority: the class that most of its rows "
        "have; each: every step predicts its row's, in a network that ends in a sequence."),
    SETTING_CHOICE(struct window_config, edges, WINDOW_EDGES_REPEAT, edges_names,
                   "What predict does for rows that have no whole window: drop leaves them out, "
                   "repeat fills it up with the recording's nearest row, mask makes it shorter."),
    SETTING_CHOICE(struct window_config, shorter, WINDOW_SHORT_DROP, short_names,
                   "What becomes of recordings that are shorter than a window, in all parts: drop "
                   "leaves them out, keep makes a sample of all their rows, which needs edges: "
                   "mask."),
    {0},
};

static bool check(const void *config, const char *path, struct error *error)
{
    const struct window_config *window = config;

    if (window->horizon > 0 && window->label != WINDOW_LABEL_LAST &&
        window->label != WINDOW_LABEL_EACH)
        return error_set_at(error, ERROR_INVALID, path,
                            "a horizon needs the label of the last row, or one for each step");
    if (window->shorter == WINDOW_SHORT_KEEP &&
        (window->edges != WINDOW_EDGES_MASK || window->horizon > 0))
        return error_set_at(error, ERROR_INVALID, path,
                            "shorter: keep needs edges: mask, and no horizon");
    return true;
}

const struct transform_kind transform_window = {
    .kind = {.name = "window",
             .help = "Windows of the rows of a recording, as views, instead of single rows.",
             .config_size = sizeof(struct window_config),
             .settings = window_settings,
             .check = check},
};
