/*
 * Data with the schemas, statistics and quirks of what users have, at any scale, from a seed: for
 * tests and benchmarks. The same arguments make the same bytes.
 */
#ifndef NIGHTJAR_TESTS_GENERATE_GENERATE_H
#define NIGHTJAR_TESTS_GENERATE_GENERATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* ---- chance: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) ------------------------------------*/

struct chance {
    uint64_t state;
};

static inline uint64_t chance_bits(struct chance *chance)
{
    uint64_t z = chance->state += 0x9e3779b97f4a7c15U;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

/* One for each (seed, what it is for). */
static inline struct chance chance_for(uint64_t seed, uint64_t purpose)
{
    struct chance chance = {seed * 0x2545f4914f6cdd1dU ^ purpose};

    chance.state = chance_bits(&chance);
    return chance;
}

static inline double chance_uniform(struct chance *chance)
{
    return (double)(chance_bits(chance) >> 11) * 0x1p-53;
}

static inline double chance_between(struct chance *chance, double low, double high)
{
    return low + (high - low) * chance_uniform(chance);
}

static inline int64_t chance_below(struct chance *chance, int64_t n)
{
    return (int64_t)(chance_uniform(chance) * (double)n);
}

/* Mean 0, variance 1: four uniform numbers added, near enough to normal and fast. */
static inline double chance_normal(struct chance *chance)
{
    uint64_t bits = chance_bits(chance);
    double sum = (double)(bits & 0xffff) + (double)(bits >> 16 & 0xffff) +
                 (double)(bits >> 32 & 0xffff) + (double)(bits >> 48);

    return (sum / 65536 - 2) * 1.7320508075688772;
}

/* ---- what there is ---------------------------------------------------------------------------*/

struct generate_options {
    int64_t rows;         /* 0: as many as the original has */
    int64_t planets;      /* of the exoplanet folder */
    int64_t spots, draws; /* of each */
    uint64_t seed;
    const char *output; /* a file, or the folder */
};

/* Each ends the program where it cannot write. */
void generate_pilots(const struct generate_options *options, FILE *out);
void generate_operations(const struct generate_options *options, FILE *out);
void generate_exoplanets(const struct generate_options *options);

#endif
