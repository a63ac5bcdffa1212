/*
 * All separators are found before any field is read, 64 bytes at a time as a mask of bits (Langdale
 * and Lemire, "Parsing gigabytes of JSON per second", VLDB Journal 2019): where one field begins
 * then does not depend on how long the one before it took to read, and the processor reads several
 * at once.
 */
#include "worker/engine/dataset/source/csv_fields.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define WIDE __attribute__((target("avx512f,avx512bw,popcnt")))
#endif

#define STEP 16 /* separators that are written at a time, wanted or not */

void csv_fields_release(struct csv_fields *fields)
{
    free(fields->separator);
    free(fields->line);
    *fields = (struct csv_fields){0};
}

/* ---- any processor ----------------------------------------------------------------------------*/

/* Bit i: byte i is c. */
#ifdef __SSE2__
static inline __m128i load_16(const char *text, int i)
{
    return _mm_loadu_si128((const __m128i *)(const void *)(text + 16 * (ptrdiff_t)i));
}

/* The highest bit of each byte, the i-th sixteen of 64. */
static inline uint64_t highest(__m128i bytes, int i)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(bytes) << 16 * i;
}

static uint64_t find_in_64(const char *text, char c)
{
    const __m128i wanted = _mm_set1_epi8(c);
    uint64_t found = 0;

    for (int i = 0; i < 4; i++)
        found |= highest(_mm_cmpeq_epi8(load_16(text, i), wanted), i);
    return found;
}

/* Quotes, NULs and what is not ASCII. */
static uint64_t find_others(const char *text)
{
    const __m128i quote = _mm_set1_epi8('"');
    uint64_t found = 0;

    for (int i = 0; i < 4; i++) {
        __m128i bytes = load_16(text, i), none = _mm_cmpeq_epi8(bytes, _mm_setzero_si128());

        found |= highest(_mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), none), bytes), i);
    }
    return found;
}
#else
static uint64_t find_in_64(const char *text, char c)
{
    uint64_t found = 0;

    for (int i = 0; i < 64; i++)
        found |= (uint64_t)(text[i] == c) << i;
    return found;
}

static uint64_t find_others(const char *text)
{
    uint64_t found = 0;

    for (int i = 0; i < 64; i++)
        found |= (uint64_t)(text[i] == '"' || text[i] == 0 || (text[i] & 0x80) != 0) << i;
    return found;
}
#endif

/* Which of the bytes at `at` belong to the text. */
static uint64_t inside(size_t at, size_t size)
{
    return size - at < 64 ? ((uint64_t)1 << (size - at)) - 1 : UINT64_MAX;
}

static void find_plain(struct csv_fields *fields, const char *text, size_t size, char delimiter)
{
    uint32_t n = 0, n_lines = 0;

    for (size_t at = 0; at < size; at += 64) {
        uint64_t ends = find_in_64(text + at, '\n');
        uint64_t left = (ends | find_in_64(text + at, delimiter)) & inside(at, size);

        for (; left; left &= left - 1) {
            fields->separator[++n] = (uint32_t)at + (uint32_t)__builtin_ctzll(left);
            if (ends & left & (0 - left))
                fields->line[++n_lines] = n;
        }
    }
    fields->n_fields = n;
    fields->n_lines = n_lines;
}

static struct csv_census count_plain(const char *text, size_t size)
{
    struct csv_census census = {0};
    uint64_t others = 0;

    for (size_t at = 0; at < size; at += 64) {
        uint64_t ours = inside(at, size), ends = find_in_64(text + at, '\n') & ours;

        for (; ends; ends &= ends - 1)
            census.n_newlines++;
        census.returns |= (find_in_64(text + at, '\r') & ours) != 0;
        others |= find_others(text + at) & ours;
    }
    census.others = others != 0;
    return census;
}

/* ---- wide vectors -----------------------------------------------------------------------------*/

#if defined(__x86_64__)

WIDE static inline __m512i load(const char *text, size_t at, size_t size)
{
    return _mm512_maskz_loadu_epi8(inside(at, size), text + at);
}

WIDE static void find_wide(struct csv_fields *fields, const char *text, size_t size, char delimiter)
{
    const __m512i end = _mm512_set1_epi8('\n'), between = _mm512_set1_epi8(delimiter);
    const __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    uint32_t n = 0, n_lines = 0;

    for (size_t at = 0; at < size; at += 64) {
        __m512i bytes = load(text, at, size);
        uint64_t ends = _mm512_cmpeq_epi8_mask(bytes, end);
        uint64_t found = (ends | _mm512_cmpeq_epi8_mask(bytes, between)) & inside(at, size);

        for (; ends; ends &= ends - 1)
            fields->line[++n_lines] = n + (uint32_t)_mm_popcnt_u64(found & (ends ^ (ends - 1)));
        for (int i = 0; i < 64; i += STEP) { /* no branch that depends on how many there are */
            __mmask16 here = (__mmask16)(found >> i);
            __m512i place = _mm512_add_epi32(order, _mm512_set1_epi32((int)at + i));

            _mm512_storeu_si512(fields->separator + 1 + n,
                                _mm512_maskz_compress_epi32(here, place));
            n += (uint32_t)_mm_popcnt_u32(here);
        }
    }
    fields->n_fields = n;
    fields->n_lines = n_lines;
}

WIDE static struct csv_census count_wide(const char *text, size_t size)
{
    const __m512i end = _mm512_set1_epi8('\n'), back = _mm512_set1_epi8('\r');
    const __m512i quote = _mm512_set1_epi8('"');
    struct csv_census census = {0};
    uint64_t returns = 0, others = 0;

    for (size_t at = 0; at < size; at += 64) {
        __m512i bytes = load(text, at, size);

        census.n_newlines += _mm_popcnt_u64(_mm512_cmpeq_epi8_mask(bytes, end));
        returns |= _mm512_cmpeq_epi8_mask(bytes, back);
        others |= _mm512_cmpeq_epi8_mask(bytes, quote) | _mm512_movepi8_mask(bytes) |
                  (_mm512_testn_epi8_mask(bytes, bytes) & inside(at, size));
    }
    census.returns = returns != 0;
    census.others = others != 0;
    return census;
}

static bool is_wide(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("popcnt");
}
#endif

/* ---- whichever there is -----------------------------------------------------------------------*/

/* At most one separator a byte, and what is written beyond. */
static bool make_room(struct csv_fields *fields, size_t size)
{
    if (size + 1 + STEP <= fields->room)
        return true;
    csv_fields_release(fields);
    fields->separator = malloc((size + 1 + STEP) * sizeof(*fields->separator));
    fields->line = malloc((size + 1 + STEP) * sizeof(*fields->line));
    if (!fields->separator || !fields->line)
        return false;
    fields->room = size + 1 + STEP;
    return true;
}

static bool find(struct csv_fields *fields, const char *text, size_t size, char delimiter,
                 bool wide)
{
    if (!make_room(fields, size))
        return false;
    fields->separator[0] = UINT32_MAX;
    fields->line[0] = 0;
#if defined(__x86_64__)
    if (wide && is_wide())
        find_wide(fields, text, size, delimiter);
    else
#endif
        find_plain(fields, text, size, delimiter);
    return true;
}

bool csv_fields_find(struct csv_fields *fields, const char *text, size_t size, char delimiter)
{
    return find(fields, text, size, delimiter, true);
}

bool csv_fields_find_plain(struct csv_fields *fields, const char *text, size_t size, char delimiter)
{
    return find(fields, text, size, delimiter, false);
}

struct csv_census csv_fields_count(const char *text, size_t size)
{
#if defined(__x86_64__)
    if (is_wide())
        return count_wide(text, size);
#endif
    return count_plain(text, size);
}

struct csv_census csv_fields_count_plain(const char *text, size_t size)
{
    return count_plain(text, size);
}
