/*
 * What a person sees: tables that fit the terminal, bars, numbers and durations with sensible
 * digits. Colours and block characters only where the output can show them. Texts that come from
 * elsewhere (names, messages) lose their control characters here, so that none can play tricks on a
 * terminal.
 */
#ifndef NIGHTJAR_CLIENT_RENDER_H
#define NIGHTJAR_CLIENT_RENDER_H

#include "common/buffer.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct render {
    FILE *out; /* borrowed */
    bool terminal;
    bool colour;  /* a terminal, NO_COLOR unset, TERM not dumb */
    bool unicode; /* the locale is UTF-8 */
    int width;    /* columns; 0: no limit (not a terminal) */
    int height;   /* rows; 0 where not a terminal */
};
void render_open(struct render *ret, FILE *out);

enum render_style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_RED,
    STYLE_GREEN,
    STYLE_YELLOW,
    STYLE_BLUE,
    STYLE_CYAN,
};
/* The escape sequence, or "" where there are no colours. */
const char *render_style(const struct render *render, enum render_style style);
const char *render_reset(const struct render *render, enum render_style style);
/* How a state is shown. */
enum render_style render_state_style(const char *state);

/* Columns that the text takes on a terminal. */
int render_width(const char *text);
/* The text without control characters, cut to `width` columns with an ellipsis (0: not cut). */
bool render_clean(const struct render *render, const char *text, int width, struct buffer *ret,
                  struct error *error);

/* Columns for prose: at most 92, fewer on a narrow terminal. */
int render_prose_width(const struct render *render);
/* The clean text in lines that are indented and, on a terminal, broken between words. */
bool render_paragraph(const struct render *render, const char *text, int indent,
                      struct error *error);

#define RENDER_NUMBER_SIZE 64
/* 12, 0.4737, 1.234e-05: five significant digits, no idle zeros. Returns `buffer`, as all below. */
const char *render_number(double value, char buffer[RENDER_NUMBER_SIZE]);
/* Decimals that show two digits of a deviation; 0 and NAN: 0. At most 6. */
int render_decimals(double deviation);
/* 0.473 +- 0.012 with so many decimals; without a deviation (NAN: one value) the mean alone. */
const char *render_mean(const struct render *render, double mean, double deviation, int decimals,
                        char buffer[RENDER_NUMBER_SIZE]);
const char *render_bytes(double bytes, char buffer[RENDER_NUMBER_SIZE]); /* 512 B, 1.5 MiB */
/* 42ms, 0.42s, 42s, 3m 20s; "-" where negative or not finite. */
const char *render_duration(double seconds, char buffer[RENDER_NUMBER_SIZE]);
/* Local time: 23:04 today, else Nov 21 23:04; with the year where it is another one. */
const char *render_time(double seconds, double now, char buffer[RENDER_NUMBER_SIZE]);

/* A bar of `cells` columns. `buffer` holds at least 3 * cells + 1 bytes. */
const char *render_bar(const struct render *render, double fraction, int cells, char *buffer,
                       size_t size);

/* Tables. Cells are added row by row, column by column; want of memory shows when it is printed. */
struct table_column {
    const char *title;
    bool right;   /* numbers */
    bool shrinks; /* is cut where the terminal is too narrow */
    bool drops;   /* is left out whole there, before any is cut */
};
struct table;
struct table *table_new(const struct table_column *columns,
                        size_t n); /* borrowed; NULL: no memory */
void table_free(struct table **table);
__attribute__((format(printf, 3, 4))) void table_cell(struct table *table, enum render_style style,
                                                      const char *format, ...);
size_t table_rows(const struct table *table);
void table_indent(struct table *table, int columns);
/* For a person: titles, columns aligned; a column with nothing in it is left out. Where the
 * terminal is too narrow for all, columns are left out from the right, and a line says so. */
bool table_print(const struct table *table, const struct render *render, struct error *error);
/* For a program: no titles, one tab between cells. */
bool table_print_tabs(const struct table *table, const struct render *render, struct error *error);

#endif
