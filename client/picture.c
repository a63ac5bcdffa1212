/*
 * A line is drawn as runs of points of one colour, each a polyline; a run begins with the last
 * point of the one before it, so that nothing is torn.
 */
#include "client/picture.h"

#include "common/owner.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRID_MAX 64
#define COLORS_MAX 64
#define TICKS_MAX 24

/* Pixels. */
#define WIDTH 1000.0
#define LEFT 86.0
#define RIGHT 16.0
#define TOP 58.0
#define BOTTOM 46.0
#define GAP 12.0
#define PANEL_HEIGHT 150.0

/* Okabe and Ito's, which colour-blind people tell apart; then some more. */
static const char *const palette[] = {
    "#d55e00", "#009e73", "#0072b2", "#56b4e9", "#e69f00", "#cc79a7",
    "#000000", "#8c564b", "#7f7f7f", "#bcbd22", "#9467bd", "#17becf",
};
#define GREY "#777777"

struct line {
    double *x, *y; /* owned, [n] */
    int *color;    /* owned, [n] */
    size_t n;
    int row, column;
    bool faint, dots;
};

struct range {
    double low, high; /* low > high: of nothing */
};

struct picture {
    int rows, columns;
    double height; /* of a panel */
    char *title, *x_name;
    char *row_name[GRID_MAX], *column_name[GRID_MAX], *color_name[COLORS_MAX];
    struct line *line; /* owned */
    size_t n_lines, capacity;
    struct range x[GRID_MAX], y[GRID_MAX]; /* of a column, of a row */
    bool no_memory;
};

/* ---- making one -------------------------------------------------------------------------------*/

static void set_name(struct picture *picture, char **name, const char *text)
{
    if (!picture)
        return;
    free(*name);
    *name = strdup(text);
    picture->no_memory = picture->no_memory || !*name;
}

struct picture *picture_new(const char *title, int rows, int columns)
{
    struct picture *picture = calloc(1, sizeof(*picture));

    if (!picture)
        return NULL;
    picture->rows = rows;
    picture->columns = columns;
    picture->height = PANEL_HEIGHT;
    for (int i = 0; i < GRID_MAX; i++)
        picture->x[i] = picture->y[i] = (struct range){(double)INFINITY, -(double)INFINITY};
    set_name(picture, &picture->title, title);
    return picture;
}

void picture_free(struct picture **picture)
{
    struct picture *gone = *picture;

    if (!gone)
        return;
    for (size_t i = 0; i < gone->n_lines; i++) {
        free(gone->line[i].x);
        free(gone->line[i].y);
        free(gone->line[i].color);
    }
    for (int i = 0; i < GRID_MAX; i++) {
        free(gone->row_name[i]);
        free(gone->column_name[i]);
    }
    for (int i = 0; i < COLORS_MAX; i++)
        free(gone->color_name[i]);
    free(gone->line);
    free(gone->title);
    free(gone->x_name);
    free(take(picture));
}

void picture_set_height(struct picture *picture, double height)
{
    picture->height = height;
}

void picture_name_row(struct picture *picture, int row, const char *name)
{
    set_name(picture, &picture->row_name[row], name);
}

void picture_name_column(struct picture *picture, int column, const char *name)
{
    set_name(picture, &picture->column_name[column], name);
}

void picture_name_x(struct picture *picture, const char *name)
{
    set_name(picture, &picture->x_name, name);
}

void picture_name_color(struct picture *picture, int color, const char *name)
{
    if (color >= 0 && color < COLORS_MAX)
        set_name(picture, &picture->color_name[color], name);
}

/* Larger ones have no differences that a double could hold. */
#define LARGEST 1e300

static bool is_drawn(double value)
{
    return fabs(value) < LARGEST; /* and no NAN */
}

static void widen(struct range *range, double value)
{
    if (!is_drawn(value))
        return;
    range->low = value < range->low ? value : range->low;
    range->high = value > range->high ? value : range->high;
}

static bool copy_line(const struct picture_line *from, struct line *to)
{
    to->x = malloc((from->n + 1) * sizeof(*to->x));
    to->y = malloc((from->n + 1) * sizeof(*to->y));
    to->color = malloc((from->n + 1) * sizeof(*to->color));
    if (!to->x || !to->y || !to->color)
        return false;
    for (size_t i = 0; i < from->n; i++) {
        to->x[i] = from->x[i];
        to->y[i] = from->y[i];
        to->color[i] = from->color ? from->color[i] : from->same;
    }
    to->n = from->n;
    return true;
}

void picture_add(struct picture *picture, int row, int column, const struct picture_line *line)
{
    struct line *to;

    if (picture->n_lines == picture->capacity) {
        size_t capacity = picture->capacity > 0 ? 2 * picture->capacity : 16;
        struct line *grown = realloc(picture->line, capacity * sizeof(*grown));

        picture->no_memory = picture->no_memory || !grown;
        if (!grown)
            return;
        picture->line = grown;
        picture->capacity = capacity;
    }
    to = &picture->line[picture->n_lines++];
    *to = (struct line){.row = row, .column = column, .faint = line->faint, .dots = line->dots};
    if (!copy_line(line, to)) {
        picture->no_memory = true;
        return;
    }
    for (size_t i = 0; i < line->n; i++) {
        widen(&picture->x[column], line->x[i]);
        widen(&picture->y[row], line->y[i]);
    }
}

/* ---- axes -------------------------------------------------------------------------------------*/

/* 1, 2 or 5 times a power of ten, so that about `wanted` of them make the range. (pow and its kin
 * would have every nj load the mathematical library.) */
static double tick_step(double range, int wanted)
{
    double rough = range / wanted, power = 1, digit;

    while (power * 10 <= rough)
        power *= 10;
    while (power > rough)
        power /= 10;
    digit = rough / power;
    return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

/* What is drawn: never of no width. */
static struct range shown(const struct range *range)
{
    double middle = (range->low + range->high) / 2, margin;

    if (range->low > range->high)
        return (struct range){0, 1};
    if (range->high - range->low > 1e-300)
        return *range;
    margin = middle != 0 ? fabs(middle) / 10 : 1;
    return (struct range){middle - margin, middle + margin};
}

struct panel { /* where, in pixels, and of what */
    double left, top, width, height;
    struct range x, y;
};

static struct panel panel_at(const struct picture *picture, int row, int column)
{
    double width = (WIDTH - LEFT - RIGHT - GAP * (picture->columns - 1)) / picture->columns;
    struct range y = shown(&picture->y[row]);
    double margin = (y.high - y.low) * 0.05;

    return (struct panel){.left = LEFT + column * (width + GAP),
                          .top = TOP + row * (picture->height + GAP),
                          .width = width,
                          .height = picture->height,
                          .x = shown(&picture->x[column]),
                          .y = {y.low - margin, y.high + margin}};
}

static double pixel_x(const struct panel *panel, double x)
{
    return panel->left + panel->width * (x - panel->x.low) / (panel->x.high - panel->x.low);
}

static double pixel_y(const struct panel *panel, double y)
{
    return panel->top + panel->height * (panel->y.high - y) / (panel->y.high - panel->y.low);
}

/* ---- SVG --------------------------------------------------------------------------------------*/

struct drawing {
    const struct picture *picture;
    struct buffer *out;
    struct error *error;
};

static bool write_escaped(const struct drawing *at, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                                            : NULL;

        /* no control character is allowed */
        if (!(entity ? buffer_append_text(at->out, entity, at->error)
                     : buffer_append_format(at->out, at->error, "%c",
                                            (unsigned char)*text < ' ' ? ' ' : *text)))
            return false;
    }
    return true;
}

static bool write_text(const struct drawing *at, double x, double y, const char *style,
                       const char *text)
{
    return !text ||
           (buffer_append_format(at->out, at->error, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y,
                                 style) &&
            write_escaped(at, text) && buffer_append_text(at->out, "</text>\n", at->error));
}

#define MIDDLE "text-anchor=\"middle\""
#define END "text-anchor=\"end\""

/* Labels of neighbours would run into one another. */
static bool has_room(const struct panel *panel, double x)
{
    double right = panel->left + panel->width;

    return right > WIDTH - RIGHT - 1 || x < right - 16;
}

static bool draw_tick(const struct drawing *at, const struct panel *panel, double value, bool along,
                      bool labelled)
{
    double x = along ? pixel_x(panel, value) : panel->left;
    double y = along ? panel->top + panel->height : pixel_y(panel, value);
    char text[32];

    (void)snprintf(text, sizeof(text), "%.6g", fabs(value) < 1e-300 ? 0 : value);
    return buffer_append_format(at->out, at->error,
                                "<path d=\"M%.1f %.1f%s%.1f\" stroke=\"#e4e4e4\"/>\n", x, y,
                                along ? "v" : "h", along ? -panel->height : panel->width) &&
           (!labelled || (along && !has_room(panel, x)) ||
            write_text(at, along ? x : x - 6, along ? y + 15 : y + 4, along ? MIDDLE : END, text));
}

static bool draw_axis(const struct drawing *at, const struct panel *panel, bool along,
                      bool labelled)
{
    const struct range *range = along ? &panel->x : &panel->y;
    double step = tick_step(range->high - range->low, along && panel->width > 400 ? 8 : 4);
    double first = (double)(int64_t)(range->low / step); /* towards 0 */

    first += first < range->low / step - 1e-9;

    for (int i = 0; i < TICKS_MAX && (first + i) * step <= range->high * (1 + 1e-12); i++)
        if (!draw_tick(at, panel, (first + i) * step, along, labelled))
            return false;
    return true;
}

static const char *color_of(int color)
{
    int n = (int)(sizeof(palette) / sizeof(palette[0]));

    return color < 0 ? GREY : palette[color % n];
}

/* The extremes of points that would fall on one pixel column, in their order. */
struct thinning {
    int pixel;
    size_t first, low, high, last; /* points */
    bool any;
};

static bool put_point(const struct drawing *at, const struct panel *panel, const struct line *line,
                      size_t i, size_t *put)
{
    if (*put == i + 1)
        return true;
    *put = i + 1;
    return buffer_append_format(at->out, at->error, "%.1f,%.1f ", pixel_x(panel, line->x[i]),
                                pixel_y(panel, line->y[i]));
}

static bool put_column(const struct drawing *at, const struct panel *panel, const struct line *line,
                       const struct thinning *thin, size_t *put)
{
    size_t early = thin->low < thin->high ? thin->low : thin->high;
    size_t late = thin->low < thin->high ? thin->high : thin->low;

    return !thin->any ||
           (put_point(at, panel, line, thin->first, put) &&
            put_point(at, panel, line, early, put) && put_point(at, panel, line, late, put) &&
            put_point(at, panel, line, thin->last, put));
}

/* Points from .. to, both included, all of them values. */
static bool draw_run(const struct drawing *at, const struct panel *panel, const struct line *line,
                     size_t from, size_t to)
{
    struct thinning thin = {0};
    size_t put = 0;

    if (!buffer_append_format(at->out, at->error,
                              "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.2\"%s "
                              "points=\"",
                              color_of(line->color[to]), line->faint ? " opacity=\"0.35\"" : ""))
        return false;
    for (size_t i = from; i <= to; i++) {
        int pixel = (int)pixel_x(panel, line->x[i]);

        if (!thin.any || pixel != thin.pixel) {
            if (!put_column(at, panel, line, &thin, &put))
                return false;
            thin = (struct thinning){pixel, i, i, i, i, true};
        }
        thin.low = line->y[i] < line->y[thin.low] ? i : thin.low;
        thin.high = line->y[i] > line->y[thin.high] ? i : thin.high;
        thin.last = i;
    }
    return put_column(at, panel, line, &thin, &put) &&
           (from < to ||
            buffer_append_format(at->out, at->error, "%.1f,%.1f", pixel_x(panel, line->x[to]) + 1,
                                 pixel_y(panel, line->y[to]))) &&
           buffer_append_text(at->out, "\"/>\n", at->error);
}

static bool is_value(const struct line *line, size_t i)
{
    return is_drawn(line->x[i]) && is_drawn(line->y[i]);
}

#define DOT_SIZE 2.4

static bool draw_dots(const struct drawing *at, const struct line *line)
{
    struct panel panel = panel_at(at->picture, line->row, line->column);

    for (size_t i = 0; i < line->n; i++)
        if (is_value(line, i) &&
            !buffer_append_format(at->out, at->error,
                                  "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                                  "fill=\"%s\"%s/>\n",
                                  pixel_x(&panel, line->x[i]) - DOT_SIZE / 2,
                                  pixel_y(&panel, line->y[i]) - DOT_SIZE / 2, DOT_SIZE, DOT_SIZE,
                                  color_of(line->color[i]), line->faint ? " opacity=\"0.35\"" : ""))
            return false;
    return true;
}

static bool draw_line(const struct drawing *at, const struct line *line)
{
    struct panel panel = panel_at(at->picture, line->row, line->column);

    if (line->dots)
        return draw_dots(at, line);
    for (size_t i = 0; i < line->n;) {
        bool joined = i > 0 && is_value(line, i - 1);
        size_t end = i;

        if (!is_value(line, i)) {
            i++;
            continue;
        }
        while (end + 1 < line->n && is_value(line, end + 1) &&
               line->color[end + 1] == line->color[i])
            end++;
        if (!draw_run(at, &panel, line, joined ? i - 1 : i, end))
            return false;
        i = end + 1;
    }
    return true;
}

/* ---- the whole --------------------------------------------------------------------------------*/

static bool draw_panel(const struct drawing *at, int row, int column)
{
    const struct picture *picture = at->picture;
    struct panel panel = panel_at(picture, row, column);

    return draw_axis(at, &panel, true, row == picture->rows - 1) &&
           draw_axis(at, &panel, false, column == 0) &&
           buffer_append_format(at->out, at->error,
                                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                                "fill=\"none\" stroke=\"#888888\"/>\n",
                                panel.left, panel.top, panel.width, panel.height);
}

static bool draw_names(const struct drawing *at)
{
    const struct picture *picture = at->picture;

    for (int row = 0; row < picture->rows; row++) {
        struct panel panel = panel_at(picture, row, 0);
        double y = panel.top + panel.height / 2;
        char style[96];

        (void)snprintf(style, sizeof(style),
                       "font-weight=\"bold\" transform=\"rotate(-90 16 %.1f)\" " MIDDLE, y);
        if (!write_text(at, 16, y, style, picture->row_name[row]))
            return false;
    }
    for (int column = 0; column < picture->columns; column++) {
        struct panel panel = panel_at(picture, 0, column);

        if (!write_text(at, panel.left + panel.width / 2, TOP - 6, "font-weight=\"bold\" " MIDDLE,
                        picture->column_name[column]))
            return false;
    }
    return true;
}

/* From the left, as wide as the texts may be. */
static bool draw_legend(const struct drawing *at)
{
    double x = LEFT;

    for (int i = 0; i < COLORS_MAX && x < WIDTH - RIGHT; i++) {
        const char *name = at->picture->color_name[i];

        if (!name)
            continue;
        if (!buffer_append_format(at->out, at->error,
                                  "<rect x=\"%.1f\" y=\"28\" width=\"14\" height=\"8\" "
                                  "fill=\"%s\"/>\n",
                                  x, color_of(i)) ||
            !write_text(at, x + 18, 36, "", name))
            return false;
        x += 34 + 6.6 * (double)strlen(name);
    }
    return true;
}

static bool draw_frame(const struct drawing *at, double height)
{
    const struct picture *picture = at->picture;

    return buffer_append_format(
               at->out, at->error,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
               "viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"12\" "
               "fill=\"#222222\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
               WIDTH, height, WIDTH, height) &&
           write_text(at, LEFT, 18, "font-size=\"14\"", picture->title) &&
           write_text(at, LEFT + (WIDTH - LEFT - RIGHT) / 2, height - 8, MIDDLE, picture->x_name);
}

bool picture_print(const struct picture *picture, struct buffer *ret, struct error *error)
{
    double height = TOP + BOTTOM + picture->rows * (picture->height + GAP) - GAP;
    const struct drawing at = {.picture = picture, .out = ret, .error = error};

    if (picture->no_memory)
        return error_set(error, ERROR_NO_MEMORY, "drawing");
    if (!draw_frame(&at, height) || !draw_names(&at) || !draw_legend(&at))
        return false;
    for (int row = 0; row < picture->rows; row++)
        for (int column = 0; column < picture->columns; column++)
            if (!draw_panel(&at, row, column))
                return false;
    for (int faint = 1; faint >= 0; faint--)
        for (size_t i = 0; i < picture->n_lines; i++)
            if (picture->line[i].faint == (faint == 1) && !draw_line(&at, &picture->line[i]))
                return false;
    return buffer_append_text(ret, "</svg>\n", error);
}
