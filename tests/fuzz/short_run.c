/*
 * A fuzz target's short run, without clang: first over the files of its corpus, so that what once
 * broke it stays mended, then over MUTATIONS inputs made from them by blind changes: bytes turned,
 * pieces removed, repeated, taken from another file, words of the dictionary put in.
 *
 *     short_run FOLDER DICTIONARY [FIRST]
 *
 * The n-th mutation is the same at every run: of one that breaks, the last line printed tells the
 * number, and FIRST begins there. Fails where the folder or the dictionary holds nothing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/owner.h"
#include "common/random.h"

#define INPUT_LIMIT (4 * 1024 * 1024)
#define MUTATIONS 10000
#define CHANGES_MAX 6
#define PIECES_MAX 1000
#define SIZE_MAX_OF_MUTATION 65536 /* doubled pieces do not grow without end */
#define SEED 1

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct piece {
    char *data;
    size_t size;
};

struct pieces {
    struct piece at[PIECES_MAX];
    size_t n;
};

/* The numbers of one mutation, in order. */
struct dice {
    uint64_t mutation, step;
};

static size_t throw(struct dice * dice, size_t n)
{
    return n == 0 ? 0 : (size_t)random_below(SEED, dice->mutation, dice->step++, 0, n);
}

static bool add(struct pieces *pieces, char *data, size_t size)
{
    if (pieces->n == PIECES_MAX)
        return false;
    pieces->at[pieces->n++] = (struct piece){data, size};
    return true;
}

static int by_content(const void *left, const void *right)
{
    const struct piece *a = left, *b = right;
    size_t shorter = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->data, b->data, shorter);

    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* In an order that no file system decides. */
static bool load_corpus(const char *path, struct pieces *corpus)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    bool loaded = folder != NULL;

    while (loaded && (entry = readdir(folder))) {
        struct error error;
        char *data = NULL;
        size_t size;

        if (entry->d_name[0] == '.')
            continue;
        loaded = file_read(dirfd(folder), entry->d_name, INPUT_LIMIT, &data, &size, &error) &&
                 add(corpus, data, size);
    }
    if (folder)
        closedir(folder);
    qsort(corpus->at, corpus->n, sizeof(corpus->at[0]), by_content);
    return loaded && corpus->n > 0;
}

/* "text" with \xAB, \\ and \": decoded where it stands. Returns its size. */
static size_t decode(char *text)
{
    size_t size = 0;

    for (const char *from = text; *from && *from != '"'; from++) {
        char hex[3] = {0};

        if (*from == '\\' && from[1] == 'x' && from[2] && from[3]) {
            hex[0] = from[2];
            hex[1] = from[3];
            text[size++] = (char)strtoul(hex, NULL, 16);
            from += 3;
        } else {
            from += *from == '\\' && from[1];
            text[size++] = *from;
        }
    }
    return size;
}

static bool load_dictionary(const char *path, char **text, struct pieces *words)
{
    struct error error;
    size_t size;
    char *rest = NULL;

    if (!file_read(AT_FDCWD, path, INPUT_LIMIT, text, &size, &error))
        return false;
    for (char *line = strtok_r(*text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] == '"' && !add(words, line + 1, decode(line + 1)))
            return false;
    }
    return words->n > 0;
}

/* `removed` bytes at `at` give place to `piece`. */
static bool put(struct buffer *input, size_t at, size_t removed, struct piece piece)
{
    scoped(buffer_release) struct buffer changed = {0};
    struct error error;
    struct buffer old;

    if (!buffer_append(&changed, input->data, at, &error) ||
        !buffer_append(&changed, piece.data, piece.size, &error) ||
        !buffer_append(&changed, input->data + at + removed, input->size - at - removed, &error))
        return false;
    old = *input;
    *input = changed;
    changed = old;
    return true;
}

static struct piece part_of(struct piece piece, struct dice *dice)
{
    size_t from = throw(dice, piece.size);

    return (struct piece){piece.data + from, throw(dice, piece.size - from + 1)};
}

static bool change(struct buffer *input, const struct pieces *corpus, const struct pieces *words,
                   struct dice *dice)
{
    size_t at = throw(dice, input->size + 1), behind = input->size - at;
    struct piece whole = {input->data, input->size};

    switch (throw(dice, 6)) {
    case 0: /* a bit turned */
        if (behind > 0)
            input->data[at] = (char)(input->data[at] ^ (1 << throw(dice, 8)));
        return true;
    case 1: /* any byte */
        if (behind > 0)
            input->data[at] = (char) throw(dice, 256);
        return true;
    case 2:
        return put(input, at, throw(dice, behind + 1), (struct piece){0});
    case 3:
        return put(input, at, 0, part_of(whole, dice));
    case 4:
        return put(input, at, throw(dice, behind + 1),
                   part_of(corpus->at[throw(dice, corpus->n)], dice));
    default:
        return put(input, at, 0, words->at[throw(dice, words->n)]);
    }
}

/* From memory of just that size, so that a byte read beyond it is noticed. */
static bool feed(struct piece piece)
{
    scoped(memory_free) uint8_t *input = malloc(piece.size > 0 ? piece.size : 1);

    if (!input)
        return false;
    memcpy(input, piece.data, piece.size);
    LLVMFuzzerTestOneInput(input, piece.size);
    return true;
}

static bool run_mutation(const struct pieces *corpus, const struct pieces *words, uint64_t number)
{
    scoped(buffer_release) struct buffer input = {0};
    struct dice dice = {.mutation = number};
    const struct piece *origin = &corpus->at[throw(&dice, corpus->n)];
    size_t n_changes = 1 + throw(&dice, CHANGES_MAX);
    struct error error;

    if (!buffer_append(&input, origin->data, origin->size, &error))
        return false;
    while (n_changes-- > 0 && input.size <= SIZE_MAX_OF_MUTATION) {
        if (!change(&input, corpus, words, &dice))
            return false;
    }
    return feed((struct piece){input.data, input.size});
}

int main(int argc, char **argv)
{
    static struct pieces corpus, words;
    char *text = NULL;
    uint64_t first = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
    bool ran = true;

    if (argc < 3 || !load_corpus(argv[1], &corpus) || !load_dictionary(argv[2], &text, &words)) {
        fprintf(stderr, "usage: short_run FOLDER DICTIONARY [FIRST], neither of them empty\n");
        return 2;
    }
    for (size_t i = 0; ran && i < corpus.n; i++) {
        printf("file %zu, %zu bytes\n", i, corpus.at[i].size);
        fflush(stdout); /* the number of the one that crashes is seen */
        ran = feed(corpus.at[i]);
    }
    for (uint64_t i = first; ran && i < MUTATIONS; i++) {
        printf("mutation %llu\n", (unsigned long long)i);
        fflush(stdout);
        ran = run_mutation(&corpus, &words, i);
    }
    for (size_t i = 0; i < corpus.n; i++)
        memory_free(&corpus.at[i].data);
    memory_free(&text);
    return ran ? 0 : 1;
}
