/*
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC
 * 2011): a keyed function of a counter and no state, so that any number can be had again at any
 * time, in any order, by any process.
 *
 * Convention of the whole program: key = seed, counter = (element, step, hash of purpose and name).
 * The element is the id of a row or the index of a weight, never a position in a batch.
 */
#ifndef NIGHTJAR_COMMON_RANDOM_H
#define NIGHTJAR_COMMON_RANDOM_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

/* For who computes many blocks at once: what all of them have in common. */
#define PHILOX_ROUNDS 10
#define PHILOX_FIRST 0xd2511f53
#define PHILOX_SECOND 0xcd9e8d57
#define PHILOX_KEY_FIRST 0x9e3779b9  /* golden ratio */
#define PHILOX_KEY_SECOND 0xbb67ae85 /* sqrt(3) - 1 */

struct philox_block {
    uint32_t word[4];
};

struct philox_block philox(const uint32_t counter[4], const uint32_t key[2]);

/* What a stream of numbers is for: "dropout", "hidden1" -> 32 bits. */
uint32_t random_purpose(const char *purpose, const char *name);

/* The block at (element: 64 bits, step: low 32 bits, purpose) under `seed`. */
struct philox_block random_block(uint64_t seed, uint64_t element, uint64_t step, uint32_t purpose);
double random_uniform(uint64_t seed, uint64_t element, uint64_t step,
                      uint32_t purpose); /* [0, 1), 53 bits */
double random_normal(uint64_t seed, uint64_t element, uint64_t step,
                     uint32_t purpose); /* Box-Muller */
/* Uniform in [0, n) without bias (rejection); n > 0. */
uint64_t random_below(uint64_t seed, uint64_t element, uint64_t step, uint32_t purpose, uint64_t n);

/* The `index`-th element of a permutation of 0..n-1 that (seed, step, purpose) names: a keyed
 * Feistel network with cycle walking, so that a shuffle of any size needs no memory and its cursor
 * is two numbers. 0 <= index < n <= 2^62. */
uint64_t random_permute(uint64_t seed, uint64_t step, uint32_t purpose, uint64_t n, uint64_t index);

/* The same permutation, of which many elements are asked: 16 sqrt(n) numbers are drawn, and from
 * there on its elements are looked up. */
#define PERMUTATION_ROUNDS 8
#define PERMUTATION_LANES 64
struct index_lanes { /* indices left b + right */
    uint32_t left[PERMUTATION_LANES], right[PERMUTATION_LANES];
};
struct permutation {
    uint64_t n;
    uint32_t a, b;   /* left < a, right < b; up to 2^31 */
    uint32_t *angle; /* owned, of each round in turn */
    /* All rounds of each lane: permutation_rounds(), or another one that gives the same. */
    void (*rounds)(const struct permutation *permutation, struct index_lanes *lanes);
};
/* Room for permutations of 0..n-1; none is there yet. */
bool permutation_init(struct permutation *ret_permutation, uint64_t n, struct error *error);
void permutation_release(struct permutation *permutation); /* all-zero is fine */
/* The one that (seed, step, purpose) names is there from here on. */
void permutation_draw(struct permutation *permutation, uint64_t seed, uint64_t step,
                      uint32_t purpose);
void permutation_rounds(const struct permutation *permutation, struct index_lanes *lanes);
/* Its elements first .. first + count - 1. */
void permutation_range(const struct permutation *permutation, uint64_t first, size_t count,
                       uint64_t *ret_index);

#endif
