/*
 * Pictures of curves, as SVG: a grid of panels with axes, lines in colours, a legend. Panels of one
 * row of the grid share their y axis, those of one column their x axis. Want of memory shows when a
 * picture is printed.
 */
#ifndef NIGHTJAR_CLIENT_PICTURE_H
#define NIGHTJAR_CLIENT_PICTURE_H

#include "common/buffer.h"
#include "common/error.h"

#include <stddef.h>

#define PICTURE_NO_COLOR (-1) /* grey */

struct picture;
/* Rows and columns of panels: 1 .. 64. NULL: no memory. */
struct picture *picture_new(const char *title, int rows, int columns);
void picture_free(struct picture **picture);

/* What stands beside a row, above a column, and under all. */
void picture_name_row(struct picture *picture, int row, const char *name);
void picture_name_column(struct picture *picture, int column, const char *name);
void picture_name_x(struct picture *picture, const char *name);
/* A colour's meaning. */
void picture_name_color(struct picture *picture, int color, const char *name);

/* Height of each panel in pixels, where it is not 150. */
void picture_set_height(struct picture *picture, double height);

/* A line through n points; it is broken where a value is NAN, or 1e300 or more. `color`: [n], of
 * each point, or NULL: all have `same`. Everything is copied. `faint`: it stands behind others.
 * `dots`: the points alone, all of them. */
struct picture_line {
    const double *x, *y;
    const int *color;
    int same;
    bool faint, dots;
    size_t n;
};
void picture_add(struct picture *picture, int row, int column, const struct picture_line *line);

/* As many points as there are pixels are told apart: of more the extremes stay. */
bool picture_print(const struct picture *picture, struct buffer *ret, struct error *error);

#endif
