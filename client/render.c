#include "client/render.h"

#include "common/bytes.h"
#include "common/clock.h"
#include "common/owner.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PROSE_WIDTH 92

/* The locale as the environment names it: setlocale() would read files for one bit of knowledge. */
static bool locale_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

static int environment_number(const char *name, int fallback)
{
    const char *text = getenv(name);
    long number = text ? strtol(text, NULL, 10) : 0;

    return number > 0 && number < 10000 ? (int)number : fallback;
}

void render_open(struct render *ret, FILE *out)
{
    const char *term = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    struct winsize size = {0};

    memset(ret, 0, sizeof(*ret));
    ret->out = out;
    ret->terminal = isatty(fileno(out));
    ret->unicode = locale_is_utf8();
    if (!ret->terminal)
        return;
    ret->colour = !(no_colour && *no_colour) && !(term && strcmp(term, "dumb") == 0);
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0)
        size.ws_col = size.ws_row = 0;
    ret->width = environment_number("COLUMNS", size.ws_col ? size.ws_col : 80);
    ret->height = environment_number("LINES", size.ws_row ? size.ws_row : 24);
}

const char *render_style(const struct render *render, enum render_style style)
{
    static const char *const codes[] = {
        [STYLE_PLAIN] = "",        [STYLE_BOLD] = "\033[1m",   [STYLE_DIM] = "\033[2m",
        [STYLE_RED] = "\033[31m",  [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
        [STYLE_BLUE] = "\033[34m", [STYLE_CYAN] = "\033[36m",
    };

    return render->colour ? codes[style] : "";
}

const char *render_reset(const struct render *render, enum render_style style)
{
    return render->colour && style != STYLE_PLAIN ? "\033[0m" : "";
}

enum render_style render_state_style(const char *state)
{
    static const struct {
        const char *state;
        enum render_style style;
    } styles[] = {
        {"running", STYLE_CYAN},  {"starting", STYLE_CYAN}, {"stopping", STYLE_YELLOW},
        {"queued", STYLE_PLAIN},  {"held", STYLE_YELLOW},   {"done", STYLE_GREEN},
        {"cancelled", STYLE_DIM}, {"skipped", STYLE_DIM},   {"paused", STYLE_YELLOW},
    };

    for (size_t i = 0; i < sizeof(styles) / sizeof(*styles); i++)
        if (strcmp(styles[i].state, state) == 0)
            return styles[i].style;
    return STYLE_RED;
}

/* ---- texts ------------------------------------------------------------------------------------
 */

/* One code point of UTF-8; a byte that fits nowhere is taken alone, as U+FFFD. */
static uint32_t next_rune(const char **text)
{
    const unsigned char *byte = (const unsigned char *)*text;
    int more = byte[0] < 0x80   ? 0
               : byte[0] < 0xC2 ? -1
               : byte[0] < 0xE0 ? 1
               : byte[0] < 0xF0 ? 2
               : byte[0] < 0xF5 ? 3
                                : -1;
    uint32_t rune = more <= 0 ? byte[0] : byte[0] & (0x3Fu >> more);

    for (int i = 1; i <= more; i++) {
        if ((byte[i] & 0xC0) != 0x80) {
            more = -1;
            break;
        }
        rune = rune << 6 | (byte[i] & 0x3Fu);
    }
    *text += more < 0 ? 1 : more + 1;
    return more < 0 ? 0xFFFD : rune;
}

static bool in_ranges(uint32_t rune, const uint32_t (*range)[2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rune >= range[i][0] && rune <= range[i][1])
            return true;
    return false;
}

static int rune_width(uint32_t rune)
{
    static const uint32_t wide[][2] = {{0x1100, 0x115F},   {0x2E80, 0xA4CF},   {0xAC00, 0xD7A3},
                                       {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
                                       {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF},
                                       {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
    static const uint32_t none[][2] = {{0x300, 0x36F}, {0x200B, 0x200F}, {0xFE00, 0xFE0F}};

    if (rune < 0x300)
        return 1;
    if (in_ranges(rune, none, sizeof(none) / sizeof(*none)))
        return 0;
    return in_ranges(rune, wide, sizeof(wide) / sizeof(*wide)) ? 2 : 1;
}

/* Control characters of ASCII, C1, and what turns the direction of writing. */
static bool rune_is_control(uint32_t rune)
{
    return rune < 0x20 || (rune >= 0x7F && rune < 0xA0) || (rune >= 0x202A && rune <= 0x202E) ||
           (rune >= 0x2066 && rune <= 0x2069);
}

int render_width(const char *text)
{
    int width = 0;

    while (*text)
        width += rune_width(next_rune(&text));
    return width;
}

bool render_clean(const struct render *render, const char *text, int width, struct buffer *ret,
                  struct error *error)
{
    const char *ellipsis = render->unicode ? "\u2026" : "~";
    bool cut = width > 0 && render_width(text) > width;
    int used = 0;

    while (*text) {
        const char *from = text;
        uint32_t rune = next_rune(&text);
        int columns = rune_width(rune);

        if (cut && used + columns > width - 1)
            return buffer_append_text(ret, ellipsis, error);
        used += columns;
        if (rune_is_control(rune) || rune == 0xFFFD) {
            if (!buffer_append_text(ret, rune == '\t' || rune == '\n' ? " " : "?", error))
                return false;
        } else if (!buffer_append(ret, from, (size_t)(text - from), error)) {
            return false;
        }
    }
    return true;
}

int render_prose_width(const struct render *render)
{
    return render->width > 0 && render->width < PROSE_WIDTH ? render->width : PROSE_WIDTH;
}

bool render_paragraph(const struct render *render, const char *text, int indent,
                      struct error *error)
{
    scoped(buffer_release) struct buffer clean = {0};
    char *word, *rest = NULL;
    int column = 0;

    if (!render_clean(render, text, 0, &clean, error))
        return false;
    for (word = clean.data ? strtok_r(clean.data, " ", &rest) : NULL; word;
         word = strtok_r(NULL, " ", &rest)) {
        int width = render_width(word);

        if (column > 0 && render->width > 0 && column + 1 + width > render->width) {
            fputc('\n', render->out);
            column = 0;
        }
        fprintf(render->out, "%*s%s", column ? 1 : indent, "", word);
        column += (column ? 1 : indent) + width;
    }
    fputc('\n', render->out);
    return true;
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static const char *set_text(char buffer[RENDER_NUMBER_SIZE], const char *text)
{
    snprintf(buffer, RENDER_NUMBER_SIZE, "%s", text);
    return buffer;
}

const char *render_number(double value, char buffer[RENDER_NUMBER_SIZE])
{
    if (isnan(value))
        return set_text(buffer, "nan");
    if (value == floor(value) && fabs(value) < 1e9)
        snprintf(buffer, RENDER_NUMBER_SIZE, "%.0f", value);
    else
        snprintf(buffer, RENDER_NUMBER_SIZE, "%.5g", value);
    return buffer;
}

int render_decimals(double deviation)
{
    char scientific[32];
    long decimals;

    if (!isfinite(deviation) || deviation <= 0)
        return 0;
    snprintf(scientific, sizeof(scientific), "%.1e", deviation); /* 1.2e-02 */
    decimals = 1 - strtol(strchr(scientific, 'e') + 1, NULL, 10);
    return decimals < 0 ? 0 : decimals > 6 ? 6 : (int)decimals;
}

const char *render_mean(const struct render *render, double mean, double deviation, int decimals,
                        char buffer[RENDER_NUMBER_SIZE])
{
    const char *sign = render->unicode ? "±" : "+-";
    bool scientific = fabs(mean) >= 1e6 || (deviation > 0 && deviation < 1e-6);

    if (!isfinite(mean) || (!isfinite(deviation) && (decimals == 0 || fabs(mean) >= 1e6)))
        return render_number(mean, buffer);
    if (deviation == 0 && decimals == 0)
        snprintf(buffer, RENDER_NUMBER_SIZE, "%.5g %s 0", mean, sign);
    else if (!isfinite(deviation))
        snprintf(buffer, RENDER_NUMBER_SIZE, "%.*f", decimals, mean);
    else if (scientific)
        snprintf(buffer, RENDER_NUMBER_SIZE, "%.5g %s %.2g", mean, sign, deviation);
    else
        snprintf(buffer, RENDER_NUMBER_SIZE, "%.*f %s %.*f", decimals, mean, sign, decimals,
                 deviation);
    return buffer;
}

const char *render_bytes(double bytes, char buffer[RENDER_NUMBER_SIZE])
{
    return bytes_text(bytes, buffer, RENDER_NUMBER_SIZE);
}

const char *render_duration(double seconds, char buffer[RENDER_NUMBER_SIZE])
{
    if (!isfinite(seconds) || seconds < 0)
        return set_text(buffer, "-");
    if (seconds < 0.1)
        snprintf(buffer, RENDER_NUMBER_SIZE, "%.0fms", seconds * 1000);
    else if (seconds < 10)
        snprintf(buffer, RENDER_NUMBER_SIZE, seconds < 1 ? "%.2fs" : "%.1fs", seconds);
    else
        clock_format_duration((int64_t)((seconds < 1e12 ? seconds : 1e12) * 1000), buffer);
    return buffer;
}

const char *render_time(double seconds, double now, char buffer[RENDER_NUMBER_SIZE])
{
    time_t when = (time_t)seconds, today = (time_t)now;
    struct tm local, reference;
    size_t size;

    if (!isfinite(seconds) || seconds <= 0 || !localtime_r(&when, &local) ||
        !localtime_r(&today, &reference))
        return set_text(buffer, "-");
    if (local.tm_year != reference.tm_year)
        size = strftime(buffer, RENDER_NUMBER_SIZE, "%Y-%m-%d %H:%M", &local);
    else if (local.tm_yday != reference.tm_yday)
        size = strftime(buffer, RENDER_NUMBER_SIZE, "%b %e %H:%M", &local);
    else
        size = strftime(buffer, RENDER_NUMBER_SIZE, "%H:%M", &local);
    return size ? buffer : set_text(buffer, "-");
}

const char *render_bar(const struct render *render, double fraction, int cells, char *buffer,
                       size_t size)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double filled;
    int whole, column;
    size_t used = 0;

    fraction = fraction > 0 ? (fraction < 1 ? fraction : 1) : 0;
    filled = fraction * cells;
    whole = (int)filled;
    buffer[0] = '\0';
    for (column = 0; column < whole && used < size; column++)
        used += (size_t)snprintf(buffer + used, size - used, "%s", render->unicode ? "█" : "#");
    if (render->unicode && column < cells && (int)((filled - whole) * 8) > 0 && used < size) {
        used += (size_t)snprintf(buffer + used, size - used, "%s",
                                 eighths[(int)((filled - whole) * 8)]);
        column++;
    }
    for (; column < cells && used < size; column++)
        used += (size_t)snprintf(buffer + used, size - used, "%s", render->unicode ? "░" : ".");
    return buffer;
}

/* ---- tables -----------------------------------------------------------------------------------
 */

struct cell {
    char *text; /* owned */
    enum render_style style;
};

struct table {
    const struct table_column *column; /* borrowed */
    size_t n_columns;
    struct cell *cell; /* owned */
    size_t n_cells, capacity;
    int indent;
    bool failed; /* no memory for a cell */
};

struct table *table_new(const struct table_column *columns, size_t n)
{
    struct table *table = calloc(1, sizeof(*table));

    if (table) {
        table->column = columns;
        table->n_columns = n;
    }
    return table;
}

void table_free(struct table **table)
{
    if (!*table)
        return;
    for (size_t i = 0; i < (*table)->n_cells; i++)
        free((*table)->cell[i].text);
    free((*table)->cell);
    memory_free(table);
}

void table_cell(struct table *table, enum render_style style, const char *format, ...)
{
    char *text = NULL;
    va_list list;

    if (table->n_cells == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        struct cell *cell = realloc(table->cell, capacity * sizeof(*cell));

        if (!cell) {
            table->failed = true;
            return;
        }
        table->cell = cell;
        table->capacity = capacity;
    }
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0) {
        text = NULL;
        table->failed = true;
    }
    va_end(list);
    table->cell[table->n_cells++] = (struct cell){.text = text, .style = style};
}

size_t table_rows(const struct table *table)
{
    return table->n_cells / table->n_columns;
}

void table_indent(struct table *table, int columns)
{
    table->indent = columns;
}

static bool check_table(const struct table *table, struct error *error)
{
    return !table->failed || error_set(error, ERROR_NO_MEMORY, "printing a table");
}

/* Columns that each one needs; 0: nothing is in it. */
static void measure(const struct table *table, int *width)
{
    size_t n = table->n_columns;

    for (size_t i = 0; i < table->n_cells; i++) {
        int columns = render_width(table->cell[i].text);

        width[i % n] = columns > width[i % n] ? columns : width[i % n];
    }
    for (size_t i = 0; i < n; i++) {
        int title = render_width(table->column[i].title);

        if (width[i] > 0 && title > width[i])
            width[i] = title;
    }
}

/* The last ones that may go, until the others fit. Returns how many; *total: columns in use. */
static int drop_columns(const struct table *table, int *width, int limit, int *total)
{
    int left_out = 0;

    for (size_t i = table->n_columns; i-- > 0 && limit > 0 && *total > limit;) {
        if (!table->column[i].drops || width[i] == 0)
            continue;
        *total -= width[i] + 2;
        width[i] = 0;
        left_out++;
    }
    return left_out;
}

/* What does not fit then is taken from the columns that may shrink, the widest first; where that
 * is not enough they are left out, the last first. Returns how many. */
static int fit_widths(const struct table *table, int *width, int limit)
{
    int total = table->indent - 2, left_out;

    for (size_t i = 0; i < table->n_columns; i++)
        total += width[i] ? width[i] + 2 : 0;
    left_out = drop_columns(table, width, limit, &total);
    while (limit > 0 && total > limit) {
        size_t widest = table->n_columns, last = table->n_columns;

        for (size_t i = 0; i < table->n_columns; i++) {
            if (!table->column[i].shrinks || width[i] == 0)
                continue;
            last = i;
            if (width[i] > 8 && (widest == table->n_columns || width[i] > width[widest]))
                widest = i;
        }
        if (last == table->n_columns)
            break;
        if (widest < table->n_columns) {
            width[widest]--;
            total--;
        } else {
            total -= width[last] + 2;
            width[last] = 0;
            left_out++;
        }
    }
    return left_out;
}

/* What stands before a cell, and the cell; blanks that end a line are not written. */
static bool print_cell(const struct render *render, const struct table_column *column,
                       const char *text, enum render_style style, int width, int *pending,
                       struct error *error)
{
    scoped(buffer_release) struct buffer clean = {0};
    int pad;

    if (!render_clean(render, text, width, &clean, error))
        return false;
    text = clean.data ? clean.data : "";
    pad = width - render_width(text);
    if (column->right)
        *pending += pad;
    if (*text) {
        fprintf(render->out, "%*s%s%s%s", *pending, "", render_style(render, style), text,
                render_reset(render, style));
        *pending = 0;
    }
    *pending += (column->right ? 0 : pad) + 2;
    return true;
}

/* `cell` NULL: the titles. */
static bool print_row(const struct table *table, const struct render *render, const int *width,
                      const struct cell *cell, struct error *error)
{
    int pending = table->indent;

    for (size_t i = 0; i < table->n_columns; i++)
        if (width[i] > 0 &&
            !print_cell(render, &table->column[i], cell ? cell[i].text : table->column[i].title,
                        cell ? cell[i].style : STYLE_DIM, width[i], &pending, error))
            return false;
    fputc('\n', render->out);
    return true;
}

bool table_print(const struct table *table, const struct render *render, struct error *error)
{
    scoped(memory_free) int *width = calloc(table->n_columns, sizeof(*width));
    int left_out;

    if (!width)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    if (!check_table(table, error))
        return false;
    measure(table, width);
    left_out = fit_widths(table, width, render->width);
    if (!print_row(table, render, width, NULL, error))
        return false;
    for (size_t row = 0; row < table_rows(table); row++)
        if (!print_row(table, render, width, table->cell + row * table->n_columns, error))
            return false;
    if (left_out)
        fprintf(render->out, "%s%*s%d column%s here; --json has %s%s\n",
                render_style(render, STYLE_DIM), table->indent, "", left_out,
                left_out == 1 ? " does not fit" : "s do not fit", left_out == 1 ? "it" : "them",
                render_reset(render, STYLE_DIM));
    return true;
}

bool table_print_tabs(const struct table *table, const struct render *render, struct error *error)
{
    if (!check_table(table, error))
        return false;
    for (size_t i = 0; i < table->n_cells; i++) {
        scoped(buffer_release) struct buffer clean = {0};

        if (!render_clean(render, table->cell[i].text, 0, &clean, error))
            return false;
        fprintf(render->out, "%s%c", clean.data ? clean.data : "",
                (i + 1) % table->n_columns ? '\t' : '\n');
    }
    return true;
}
