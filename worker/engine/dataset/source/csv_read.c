/*
 * Each thread takes the next block of the file, parses it into columns, waits until it is known how
 * many rows the blocks before it have, and gives its chunk to the sink.
 *
 * A block of plain ASCII without quotes is read in place, a column of some records after the other;
 * a field that is no simple number goes through cell_store(). From the first record on that is not
 * plain (and in the first block, for its header) the reader of dataset/csv.h takes over, which
 * knows all of the format and names what is wrong. The first error of the file is the one that is
 * told.
 */
#include "worker/engine/dataset/source/csv_read.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/number.h"
#include "worker/engine/dataset/source/batch.h"
#include "worker/engine/dataset/source/cell.h"
#include "worker/engine/dataset/source/csv_blocks.h"
#include "worker/engine/dataset/source/csv_fields.h"

#define THREADS_MAX 256
#define RECENT_SLOTS 16
#define RECENT_SIZE 22
#define RECORDS_AT_A_TIME NUMBER_COLUMN_MAX

struct reading {
    struct source *source;
    const enum column_form *form;
    const struct source_sink *sink;
    struct missing_texts missing;
    bool numbers_are_missing; /* some missing text may begin like a number */
    char delimiter;
    struct csv_blocks *blocks;

    pthread_mutex_t lock; /* of what follows, and of blocks */
    pthread_cond_t turn;
    int64_t next;   /* the block whose rows are numbered next */
    int64_t n_rows; /* of the blocks before it */
    int64_t failed; /* the first block that failed; INT64_MAX: none */
    struct error *error;
};

struct recent {   /* a text of a column that came lately */
    uint8_t size; /* 0: none */
    char text[RECENT_SIZE];
    int32_t code;
};

struct missing_count {
    int64_t n, line;
};

struct worker {
    struct reading *reading;
    struct csv_block block;
    struct csv_fields fields;
    struct batch batch;
    struct recent (*recent)[RECENT_SLOTS]; /* owned, of each column */
    struct missing_count *missing;         /* owned, of each column */
    struct error error;
};

char csv_delimiter(const struct source *source)
{
    bool tabs = source_name_ends(source->path, ".tsv");

    return (char)(source->format.delimiter ? source->format.delimiter : tabs ? '\t' : ',');
}

/* ---- records that are not simple --------------------------------------------------------------*/

static void count_missing(struct worker *worker, int64_t column, int64_t line)
{
    if (worker->missing[column].n++ == 0)
        worker->missing[column].line = line;
}

static bool store_cell(struct worker *worker, int64_t i, int64_t row, const char *text, size_t size,
                       int64_t line, struct error *error)
{
    const struct reading *reading = worker->reading;
    struct cell cell = {text, size};
    char date[CELL_DATE_SIZE];
    const struct cell_place place = {.path = reading->source->path, .line = line};
    struct column *column = &worker->batch.column[i];

    if (column->form == FORM_SKIP)
        return true;
    if (cell_is_missing(&cell, &reading->missing))
        count_missing(worker, i, line);
    else if (reading->source->profile.column[i].date &&
             !cell_read_date(&cell, &place, column->name, date, error))
        return false;
    return cell_store(&cell, &reading->missing, &place, column, row, error);
}

static bool store_records(struct worker *worker, struct csv_reader *reader, struct error *error)
{
    const struct source *source = worker->reading->source;
    const struct csv_record *record;

    for (;;) {
        if (!csv_next(reader, &record, error))
            return false;
        if (!record)
            return true;
        if (record->n_fields != source->profile.n_columns)
            return source_changed(source, error);
        for (int64_t i = 0; i < record->n_fields; i++)
            if (!store_cell(worker, i, worker->batch.n_rows, record->field[i].text,
                            record->field[i].size, record->line, error))
                return false;
        worker->batch.n_rows++;
    }
}

static bool parse_slowly(struct worker *worker, const char *from, int64_t line, struct error *error)
{
    const struct reading *reading = worker->reading;
    const struct source *source = reading->source;
    size_t size = (size_t)(worker->block.data + worker->block.size - from);
    scoped(csv_free) struct csv_reader *reader = NULL;

    return csv_open_part(from, size, source->path, reading->delimiter, line,
                         source->profile.n_columns, &reader, error) &&
           store_records(worker, reader, error);
}

/* What stands before the first record is passed over as it was for the profile. */
static bool parse_first(struct worker *worker, struct error *error)
{
    const struct source *source = worker->reading->source;
    scoped(csv_free) struct csv_reader *reader = NULL;
    const struct csv_record *record;

    if (!csv_open_memory(worker->block.data, worker->block.size, source->path,
                         worker->reading->delimiter, source->format.skip, &reader, error))
        return false;
    if (source->profile.header && !csv_next(reader, &record, error))
        return false;
    return store_records(worker, reader, error);
}

/* ---- simple records ---------------------------------------------------------------------------*/

struct field {
    const char *text;
    size_t size;
    int64_t row, line; /* of the batch, of the file */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Of any kind, blanks round it dropped. */
static bool parse_any(struct worker *worker, int64_t i, const struct field *field,
                      struct error *error)
{
    const char *from = field->text, *to = from + field->size;

    while (from < to && is_blank(*from))
        from++;
    while (to > from && is_blank(to[-1]))
        to--;
    if (to - from > CSV_FIELD_LIMIT)
        return error_set(error, ERROR_INVALID, "%s: line %lld, column %lld: a field of over %d KiB",
                         worker->reading->source->path, (long long)field->line, (long long)i + 1,
                         CSV_FIELD_LIMIT >> 10);
    return store_cell(worker, i, field->row, from, (size_t)(to - from), field->line, error);
}

static bool parse_text(struct worker *worker, int64_t i, const struct field *field,
                       struct error *error)
{
    int32_t *code = &worker->batch.column[i].code[field->row];
    size_t size = field->size;
    struct recent *recent;

    if (size == 0 || size > RECENT_SIZE)
        return parse_any(worker, i, field, error);
    recent = &worker->recent[i][(unsigned char)field->text[size - 1] % RECENT_SLOTS];
    if (recent->size == size && memcmp(recent->text, field->text, size) == 0) {
        *code = recent->code;
        return true;
    }
    if (!parse_any(worker, i, field, error))
        return false;
    if (*code >= 0) { /* missing ones are counted each time */
        recent->size = (uint8_t)size;
        recent->code = *code;
        memcpy(recent->text, field->text, size);
    }
    return true;
}

static bool parse_field(struct worker *worker, int64_t i, const struct field *field,
                        struct error *error)
{
    const struct reading *reading = worker->reading;
    struct column *column = &worker->batch.column[i];

    if (column->form == FORM_SKIP)
        return field->size <= CSV_FIELD_LIMIT || parse_any(worker, i, field, error);
    if (reading->source->profile.column[i].date)
        return parse_any(worker, i, field, error);
    if (column->form == FORM_TEXT)
        return parse_text(worker, i, field, error);
    if (!reading->numbers_are_missing &&
        (column->form == FORM_REAL
             ? number_read_real(field->text, field->size, &column->real[field->row])
             : number_read_integer(field->text, field->size, &column->integer[field->row])))
        return true;
    return parse_any(worker, i, field, error);
}

static bool parse_nth(struct worker *worker, int64_t i, int64_t line, int64_t k,
                      struct error *error)
{
    int64_t width = worker->batch.n_columns;
    const uint32_t *separator =
        &worker->fields.separator[worker->fields.line[line] + k * width + i];
    uint32_t from = separator[0] + 1, to = separator[1];
    struct field field = {worker->block.data + from, to - from, worker->batch.n_rows + k,
                          worker->block.line + line + k};

    field.size -= i == width - 1 && to > from && field.text[field.size - 1] == '\r';
    return parse_field(worker, i, &field, error);
}

/* Which of n fields were no simple numbers. */
static uint64_t parse_numbers(struct worker *worker, int64_t i, int64_t line, int64_t n)
{
    const struct reading *reading = worker->reading;
    const struct column *column = &worker->batch.column[i];
    const struct number_column fields = {
        .text = worker->block.data,
        .separator = &worker->fields.separator[worker->fields.line[line] + i],
        .stride = worker->batch.n_columns};

    if (column->form != FORM_REAL || reading->numbers_are_missing ||
        reading->source->profile.column[i].date)
        return UINT64_MAX >> (RECORDS_AT_A_TIME - n);
    return number_read_reals(&fields, n, &column->real[worker->batch.n_rows]);
}

/* Of records line .. line + *n - 1 of the block; false: the one that *n is now failed. */
static bool parse_column(struct worker *worker, int64_t i, int64_t line, int64_t *n,
                         struct error *error)
{
    uint64_t left = *n > 0 ? parse_numbers(worker, i, line, *n) : 0;

    for (; left; left &= left - 1) {
        int64_t k = __builtin_ctzll(left);

        if (!parse_nth(worker, i, line, k, error)) {
            *n = k;
            return false;
        }
    }
    return true;
}

/* Later columns are read up to the record that failed, so that the first error of the file is the
 * one that stays. */
static bool parse_columns(struct worker *worker, int64_t line, int64_t n, struct error *error)
{
    bool good = true;

    for (int64_t i = 0; i < worker->batch.n_columns; i++)
        good = parse_column(worker, i, line, &n, error) && good;
    worker->batch.n_rows += n;
    return good;
}

static const char *line_text(const struct worker *worker, int64_t line)
{
    return worker->block.data + (worker->fields.separator[worker->fields.line[line]] + 1);
}

/* Not one that csv.h passes over, nor of another number of fields than the others. */
static bool is_simple(const struct worker *worker, int64_t line)
{
    const uint32_t *first = &worker->fields.line[line];
    char c = *line_text(worker, line);

    return first[1] - first[0] == worker->batch.n_columns && c != '\n' && c != '\r' && !is_blank(c);
}

static bool parse_plainly(struct worker *worker, struct error *error)
{
    const struct csv_block *block = &worker->block;
    int64_t line = 0, n;

    if (!csv_fields_find(&worker->fields, block->data, block->size, worker->reading->delimiter))
        return error_set(error, ERROR_NO_MEMORY, "reading %s", worker->reading->source->path);
    for (; line < worker->fields.n_lines; line += n) {
        for (n = 0; n < RECORDS_AT_A_TIME && line + n < worker->fields.n_lines;)
            if (is_simple(worker, line + n))
                n++;
            else
                break;
        if (n == 0)
            return parse_slowly(worker, line_text(worker, line), block->line + line, error);
        if (!parse_columns(worker, line, n, error))
            return false;
    }
    return true;
}

/* ---- blocks -----------------------------------------------------------------------------------*/

/* Every record takes at least a byte a column. */
static bool make_batch(struct worker *worker, struct error *error)
{
    const struct source *source = worker->reading->source;
    int64_t room = (int64_t)worker->block.size / source->profile.n_columns + 2;

    if (room <= worker->batch.room)
        return true;
    batch_release(&worker->batch);
    return batch_init(&worker->batch, source, worker->reading->form, room, 0, error);
}

static bool parse_block(struct worker *worker, struct error *error)
{
    memset(worker->recent, 0, (size_t)worker->batch.n_columns * sizeof(*worker->recent));
    if (worker->block.number == 0)
        return parse_first(worker, error);
    if (!worker->block.plain)
        return parse_slowly(worker, worker->block.data, worker->block.line, error);
    return parse_plainly(worker, error);
}

/* Numbers the rows of the block, once those of all blocks before it are. False: one of them has
 * failed. */
static bool wait_for_turn(struct worker *worker)
{
    struct reading *reading = worker->reading;
    int64_t number = worker->block.number;
    bool mine;

    (void)pthread_mutex_lock(&reading->lock);
    while (reading->next != number && reading->failed > number)
        (void)pthread_cond_wait(&reading->turn, &reading->lock);
    mine = reading->next == number;
    if (mine) {
        worker->batch.first_row = reading->n_rows;
        reading->n_rows += worker->batch.n_rows;
        reading->next++;
        (void)pthread_cond_broadcast(&reading->turn);
    }
    (void)pthread_mutex_unlock(&reading->lock);
    return mine;
}

static bool take_block(struct worker *worker, bool *ret_end, struct error *error)
{
    struct reading *reading = worker->reading;
    bool good;

    (void)pthread_mutex_lock(&reading->lock);
    worker->block.number = INT64_MAX; /* of no block that is read */
    *ret_end = reading->failed < INT64_MAX;
    good = *ret_end || csv_blocks_next(reading->blocks, &worker->block, error);
    *ret_end = *ret_end || (good && worker->block.size == 0);
    if (!good)
        worker->block.number = INT64_MAX - 1;
    (void)pthread_mutex_unlock(&reading->lock);
    return good;
}

static bool read_block(struct worker *worker, bool *ret_end, struct error *error)
{
    if (!take_block(worker, ret_end, error))
        return false;
    if (*ret_end)
        return true;
    if (!make_batch(worker, error) || !parse_block(worker, error))
        return false;
    if (!wait_for_turn(worker)) {
        *ret_end = true;
        return true;
    }
    return batch_flush(&worker->batch, worker->reading->sink, error);
}

/* The error that stands first in the file is the one that counts. */
static void fail(struct worker *worker)
{
    struct reading *reading = worker->reading;

    (void)pthread_mutex_lock(&reading->lock);
    if (worker->block.number < reading->failed) {
        reading->failed = worker->block.number;
        *reading->error = worker->error;
    }
    (void)pthread_cond_broadcast(&reading->turn);
    (void)pthread_mutex_unlock(&reading->lock);
}

static void *run_worker(void *context)
{
    struct worker *worker = context;
    bool end = false;

    while (!end)
        if (!read_block(worker, &end, &worker->error)) {
            fail(worker);
            break;
        }
    return NULL;
}

/* ---- threads ----------------------------------------------------------------------------------*/

static void worker_release(struct worker *worker)
{
    csv_block_release(&worker->block);
    csv_fields_release(&worker->fields);
    batch_release(&worker->batch);
    free(worker->recent);
    free(worker->missing);
}

static bool worker_init(struct worker *worker, struct reading *reading, struct error *error)
{
    size_t n = (size_t)reading->source->profile.n_columns;

    worker->reading = reading;
    worker->recent = calloc(n, sizeof(*worker->recent));
    worker->missing = calloc(n, sizeof(*worker->missing));
    if (!worker->recent || !worker->missing)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", reading->source->path);
    return batch_init(&worker->batch, reading->source, reading->form, 0, 0, error);
}

/* A guessed profile learns what all rows have shown. */
static void complete_profile(const struct reading *reading, const struct worker *worker, int n)
{
    struct table_profile *profile = &reading->source->profile;

    profile->n_rows = reading->n_rows;
    for (int64_t i = 0; i < profile->n_columns; i++) {
        struct column_profile *column = &profile->column[i];

        if (reading->form[i] == FORM_SKIP)
            continue;
        column->n_missing = 0;
        for (int k = 0; k < n; k++) {
            const struct missing_count *count = &worker[k].missing[i];

            if (count->n > 0 && (column->n_missing == 0 || count->line < column->missing_line))
                column->missing_line = count->line;
            column->n_missing += count->n;
        }
    }
}

static bool run_workers(struct reading *reading, struct worker *worker, int n)
{
    pthread_t thread[THREADS_MAX];
    int started = 0;

    for (; started < n - 1; started++)
        if (pthread_create(&thread[started], NULL, run_worker, &worker[started + 1]) != 0)
            break; /* fewer do as well */
    (void)run_worker(&worker[0]);
    for (int i = 0; i < started; i++)
        (void)pthread_join(thread[i], NULL);
    return reading->failed == INT64_MAX;
}

static bool read_blocks(struct reading *reading, struct error *error)
{
    struct source *source = reading->source;
    int n = source->threads < THREADS_MAX ? source->threads : THREADS_MAX;
    struct worker *worker = calloc((size_t)n, sizeof(*worker));
    bool good = worker != NULL;

    if (!worker)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
    for (int i = 0; i < n && good; i++)
        good = worker_init(&worker[i], reading, error);
    good = good && run_workers(reading, worker, n);
    if (good && source->guessed)
        complete_profile(reading, worker, n);
    for (int i = 0; i < n; i++)
        worker_release(&worker[i]);
    free(worker);
    if (good && reading->n_rows != source->profile.n_rows)
        return source_changed(source, error);
    return good;
}

static bool begins_like_a_number(const struct missing_texts *missing)
{
    for (const char *c = "0123456789-."; *c; c++)
        if (missing->begins[(unsigned char)*c])
            return true;
    return false;
}

bool csv_read(struct source *source, const enum column_form *form, const struct source_sink *sink,
              struct error *error)
{
    scoped(csv_blocks_free) struct csv_blocks *blocks = NULL;
    struct reading reading = {.source = source,
                              .form = form,
                              .sink = sink,
                              .missing = missing_texts_of(&source->format),
                              .delimiter = csv_delimiter(source),
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .turn = PTHREAD_COND_INITIALIZER,
                              .failed = INT64_MAX,
                              .error = error};

    reading.numbers_are_missing = begins_like_a_number(&reading.missing);
    if (!csv_blocks_open(source->path, source->format.skip + 2, &blocks, error))
        return false;
    reading.blocks = blocks;
    return read_blocks(&reading, error);
}
