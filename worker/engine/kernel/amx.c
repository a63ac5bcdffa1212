/*
 * Products in tiles of sixteen rows of 64 bytes.
 *
 *   c[32][32] (+)= sum over taps and blocks of k of  a' b" + a' b' + a" b'
 *
 * Four tiles of c stay in registers, two of a and two of b pass by: each block takes eight loads
 * for twelve products. Four sums in turn hide how long one takes.
 *
 * The macros of GCC 12's amxtileintrin.h do not tell the compiler what memory a tile is loaded
 * from: a fence stands before the first one.
 */
#include "worker/engine/kernel/amx.h"

#include <stddef.h>

#if defined(__x86_64__) && !defined(NIGHTJAR_DOUBLE)

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AMX_ISA \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16")))

/* ---- whether there is one ---- */

#define REQUEST_PERMISSION 0x1023 /* ARCH_REQ_XCOMP_PERM of asm/prctl.h, as of Linux 5.16 */
#define TILE_DATA 18              /* its state component */
#define TILE_STATES (3ULL << 17)  /* that and the configuration's, in XCR0 */
#define CPUID_AMX_BF16 (1U << 22) /* leaf 7, edx */
#define CPUID_AMX_TILE (1U << 24)

__attribute__((target("xsave"))) static bool system_saves_tiles(void)
{
    return (_xgetbv(0) & TILE_STATES) == TILE_STATES;
}

static bool processor_has_tiles(void)
{
    unsigned a, b, c, d, wanted = CPUID_AMX_BF16 | CPUID_AMX_TILE;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !system_saves_tiles())
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & wanted) == wanted &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- numbers ---- */

AMX_ISA static inline __m512 floats_of(__m256i bits)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

AMX_ISA static inline void put(__m512 x0, __m512 x1, uint16_t *to, uint16_t *low)
{
    __m512i high = (__m512i)_mm512_cvtne2ps_pbh(x1, x0);
    __m512 rest0 = _mm512_sub_ps(x0, floats_of(_mm512_castsi512_si256(high)));
    __m512 rest1 = _mm512_sub_ps(x1, floats_of(_mm512_extracti64x4_epi64(high, 1)));

    _mm512_storeu_si512(to, high);
    _mm512_storeu_si512(low, (__m512i)_mm512_cvtne2ps_pbh(rest1, rest0));
}

enum { SIDE = 16 }; /* rows of a tile */

static __mmask16 mask_of(int64_t left)
{
    return (__mmask16)(left >= 16 ? 0xffff : left <= 0 ? 0 : (1U << left) - 1);
}

AMX_ISA static void amx_split(const float *x, int64_t x_row, int64_t m, int64_t k,
                              const struct bf16x3_layout *layout, uint16_t *to)
{
    int64_t whole = k / BF16X3_TERMS * BF16X3_TERMS;

    for (int64_t row = 0; row < m; row++, x += x_row) {
        uint16_t *at = to + row / SIDE * layout->group + row % SIDE * layout->row;

        for (int64_t i = 0; i < whole; i += BF16X3_TERMS, at += layout->block) {
            /* of a row that is longer its next part is wanted soon; else it does no harm */
            _mm_prefetch((const char *)(x + i + k), _MM_HINT_T1);
            _mm_prefetch((const char *)(x + i + k + 16), _MM_HINT_T1);
            put(_mm512_loadu_ps(x + i), _mm512_loadu_ps(x + i + 16), at, at + layout->low);
        }
        if (whole < k)
            put(_mm512_maskz_loadu_ps(mask_of(k - whole), x + whole),
                _mm512_maskz_loadu_ps(mask_of(k - whole - 16), x + whole + 16), at,
                at + layout->low);
    }
}

/* ---- tiles ---- */

#define LINE 64 /* bytes of a row of a tile, and of a cache's line */
enum { HALF = BF16X3_BLOCK / 2, TILE = HALF / 2 };

/* palette 1: eight tiles of sixteen rows of 64 bytes */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};
static const struct tile_config config = {.palette = 1,
                                          .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                          .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

struct square { /* 32 rows of a panel */
    const uint16_t *a, *b;
    float *c;
    int64_t c_row;
    const char *soon; /* asked of the memory meanwhile, `lines` of it at each block */
    int64_t lines;
};

AMX_ISA static void square_of_two(const struct bf16x3_product *product, struct square at)
{
    int64_t blocks = bf16x3_width(product->k) / (2 * BF16X3_TERMS);
    int64_t a_bytes = product->layout.row * (int64_t)sizeof(*at.a);
    int64_t c_bytes = at.c_row * (int64_t)sizeof(*at.c);
    float *under = at.c + SIDE * at.c_row;

    atomic_signal_fence(memory_order_seq_cst);
    if (product->add) {
        _tile_loadd(0, at.c, c_bytes);
        _tile_loadd(1, at.c + SIDE, c_bytes);
        _tile_loadd(2, under, c_bytes);
        _tile_loadd(3, under + SIDE, c_bytes);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t tap = 0; tap < product->taps; tap++) {
        const uint16_t *a = at.a + tap * product->a_tap, *a2 = a + product->layout.group;

        for (int64_t i = 0; i < blocks; i++) {
            for (int64_t k = 0; k < at.lines; k++, at.soon += LINE)
                _mm_prefetch(at.soon, _MM_HINT_T1);
            _tile_loadd(4, a, a_bytes);
            _tile_loadd(6, at.b + TILE, LINE);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(7, at.b + HALF + TILE, LINE);
            _tile_dpbf16ps(1, 4, 7);
            _tile_loadd(5, a2, a_bytes);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            _tile_loadd(6, at.b, LINE);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(7, at.b + HALF, LINE);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            _tile_loadd(4, a + product->layout.low, a_bytes);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_loadd(5, a2 + product->layout.low, a_bytes);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            a += product->layout.block;
            a2 += product->layout.block;
            at.b += BF16X3_BLOCK;
        }
    }
    _tile_stored(0, at.c, c_bytes);
    _tile_stored(1, at.c + SIDE, c_bytes);
    _tile_stored(2, under, c_bytes);
    _tile_stored(3, under + SIDE, c_bytes);
    atomic_signal_fence(memory_order_seq_cst);
}

/* Where the panel's second half has no columns. */
AMX_ISA static void square_of_one(const struct bf16x3_product *product, struct square at)
{
    int64_t blocks = bf16x3_width(product->k) / (2 * BF16X3_TERMS);
    int64_t a_bytes = product->layout.row * (int64_t)sizeof(*at.a);
    int64_t c_bytes = at.c_row * (int64_t)sizeof(*at.c);
    float *under = at.c + SIDE * at.c_row;

    atomic_signal_fence(memory_order_seq_cst);
    if (product->add) {
        _tile_loadd(0, at.c, c_bytes);
        _tile_loadd(2, under, c_bytes);
    } else {
        _tile_zero(0);
        _tile_zero(2);
    }
    for (int64_t tap = 0; tap < product->taps; tap++) {
        const uint16_t *a = at.a + tap * product->a_tap, *a2 = a + product->layout.group;

        for (int64_t i = 0; i < blocks; i++) {
            _tile_loadd(4, a, a_bytes);
            _tile_loadd(6, at.b + TILE, LINE);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(5, a2, a_bytes);
            _tile_dpbf16ps(2, 5, 6);
            _tile_loadd(7, at.b, LINE);
            _tile_dpbf16ps(0, 4, 7);
            _tile_dpbf16ps(2, 5, 7);
            _tile_loadd(4, a + product->layout.low, a_bytes);
            _tile_dpbf16ps(0, 4, 7);
            _tile_loadd(5, a2 + product->layout.low, a_bytes);
            _tile_dpbf16ps(2, 5, 7);
            a += product->layout.block;
            a2 += product->layout.block;
            at.b += BF16X3_BLOCK;
        }
    }
    _tile_stored(0, at.c, c_bytes);
    _tile_stored(2, under, c_bytes);
    atomic_signal_fence(memory_order_seq_cst);
}

static void copy(const float *from, int64_t from_row, int64_t rows, int64_t columns, float *to,
                 int64_t to_row)
{
    for (int64_t row = 0; row < rows; row++)
        memcpy(to + row * to_row, from + row * from_row, (size_t)columns * sizeof(*to));
}

/* Of `rows` rows and `columns` columns; those of an edge go by way of a square of their own. */
static void square(const struct bf16x3_product *product, struct square at, int64_t rows,
                   int64_t columns)
{
    float whole[2 * SIDE * BF16X3_PANEL], *c = at.c;
    int64_t c_row = at.c_row;
    bool edge = rows < (int64_t)2 * SIDE || columns < BF16X3_PANEL;

    if (edge) {
        at.c = whole;
        at.c_row = BF16X3_PANEL;
        if (product->add) {
            memset(whole, 0, sizeof(whole));
            copy(c, c_row, rows, columns, whole, BF16X3_PANEL);
        }
    }
    if (columns > SIDE)
        square_of_two(product, at);
    else
        square_of_one(product, at);
    if (edge)
        copy(whole, BF16X3_PANEL, rows, columns, c, c_row);
}

AMX_ISA static void amx_product(const struct bf16x3_product *product)
{
    int64_t blocks = product->taps * bf16x3_width(product->k) / (2 * BF16X3_TERMS);
    int64_t panel_lines = blocks * BF16X3_BLOCK * (int64_t)sizeof(uint16_t) / LINE;
    int64_t squares = (product->m + 2 * SIDE - 1) / (2 * SIDE), steps = squares * blocks;

    _tile_loadconfig(&config);
    for (int64_t column = 0; column < product->n; column += BF16X3_PANEL) {
        const uint16_t *b = product->b + column / BF16X3_PANEL * blocks * BF16X3_BLOCK;
        struct square at = {.b = b,
                            .c_row = product->c_row,
                            .soon = (const char *)(b + blocks * BF16X3_BLOCK),
                            .lines = squares > 1 ? (panel_lines + steps - 1) / steps : 0};

        for (int64_t row = 0; row < product->m; row += (int64_t)2 * SIDE) {
            at.a = product->a + row / SIDE * product->layout.group;
            at.c = product->c + row * product->c_row + column / BF16X3_PANEL * product->c_panel;
            square(product, at, smaller(2 * SIDE, product->m - row),
                   smaller(BF16X3_PANEL, product->n - column));
            at.soon += at.lines * blocks * LINE;
        }
    }
    _tile_release();
}

static const struct bf16x3_kernel bf16x3_amx = {"amx", amx_split, amx_product};

const struct bf16x3_kernel *amx_kernel(void)
{
    if (!processor_has_tiles() || syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) != 0)
        return NULL;
    return &bf16x3_amx;
}

#else

const struct bf16x3_kernel *amx_kernel(void)
{
    return NULL;
}

#endif
