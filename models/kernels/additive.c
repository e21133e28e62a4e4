/* The sums of additive attention over pairs of a query and a key, without the pairs in memory.

   With E = e^2a of a query and G = e^2b of a key, r = 1 / (1 + E G) = (1 - tanh(a + b)) / 2.
   Arrays are dense, rows last; `hidden` is a multiple of LANES. Division is exact IEEE division:
   an infinite product gives r = 0, and NaN stays NaN. */

#include <stddef.h>
#include <string.h>

enum {
    LANES = 16, /* Hidden units side by side in a register, or in two. */
    BLOCK = 4   /* Pairs at a time, so that a row that is loaded once serves them all. */
};

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef lanes unaligned_lanes __attribute__((aligned(sizeof(float))));

/* Inlined, so that `block` is a constant, loops over it unroll, and sums stay in registers. */
#define INLINE static inline __attribute__((always_inline))

INLINE lanes load(const float *from) { return *(const unaligned_lanes *)from; }

INLINE void store(float *to, lanes values) { *(unaligned_lanes *)to = values; }

INLINE float sum_of(lanes values)
{
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += values[lane];
    return sum;
}

/* One query and `block` keys. */
INLINE void score_block(int block, const float *query, const float *key, const float *v,
                        float *scores, ptrdiff_t hidden)
{
    lanes sum[BLOCK] = {0};
    for (ptrdiff_t h = 0; h < hidden; h += LANES) {
        lanes e = load(query + h), weight = load(v + h);
        for (int i = 0; i < block; i++) sum[i] += weight / (1 + e * load(key + i * hidden + h));
    }
    for (int i = 0; i < block; i++) scores[i] = sum_of(sum[i]);
}

/* scores[b, t, s] = sum over h of v[h] r. */
void additive_scores(const float *query, const float *key, const float *v, float *scores,
                     ptrdiff_t batch, ptrdiff_t target, ptrdiff_t source, ptrdiff_t hidden)
{
    for (ptrdiff_t b = 0; b < batch; b++, key += source * hidden)
        for (ptrdiff_t t = 0; t < target; t++, query += hidden, scores += source) {
            ptrdiff_t s = 0;
            for (; s + BLOCK <= source; s += BLOCK)
                score_block(BLOCK, query, key + s * hidden, v, scores + s, hidden);
            for (; s < source; s++)
                score_block(1, query, key + s * hidden, v, scores + s, hidden);
        }
}

/* `block` queries and all keys of their sequence, for the LANES hidden units pointed at. */
INLINE void slope_block(int block, const float *query, const float *key, const float *grad,
                        float *query_slopes, float *key_slopes, lanes *r_sum,
                        ptrdiff_t source, ptrdiff_t hidden)
{
    lanes e[BLOCK], sum[BLOCK] = {0};
    for (int i = 0; i < block; i++) e[i] = load(query + i * hidden);
    for (ptrdiff_t s = 0; s < source; s++, key += hidden, key_slopes += hidden) {
        lanes g = load(key), of_key = load(key_slopes);
        for (int i = 0; i < block; i++) {
            lanes r = 1 / (1 + e[i] * g), grad_r = grad[i * source + s] * r;
            lanes slope = grad_r - grad_r * r;
            *r_sum += grad_r;
            sum[i] += slope;
            of_key += slope;
        }
        store(key_slopes, of_key);
    }
    for (int i = 0; i < block; i++) store(query_slopes + i * hidden, sum[i]);
}

/* query_slopes[b, t, h] = sum over s, key_slopes[b, s, h] = sum over t of grad r (1 - r), and
   r_sum[b, h] = sum over t and s of grad r. */
void additive_slopes(const float *query, const float *key, const float *grad,
                     float *query_slopes, float *key_slopes, float *r_sum,
                     ptrdiff_t batch, ptrdiff_t target, ptrdiff_t source, ptrdiff_t hidden)
{
    memset(key_slopes, 0, batch * source * hidden * sizeof(float));
    for (ptrdiff_t b = 0; b < batch; b++) {
        for (ptrdiff_t h = 0; h < hidden; h += LANES) {
            lanes total = {0};
            ptrdiff_t t = 0;
            for (; t + BLOCK <= target; t += BLOCK)
                slope_block(BLOCK, query + t * hidden + h, key + h, grad + t * source,
                            query_slopes + t * hidden + h, key_slopes + h, &total, source, hidden);
            for (; t < target; t++)
                slope_block(1, query + t * hidden + h, key + h, grad + t * source,
                            query_slopes + t * hidden + h, key_slopes + h, &total, source, hidden);
            store(r_sum + h, total);
        }
        query += target * hidden, query_slopes += target * hidden;
        key += source * hidden, key_slopes += source * hidden;
        grad += target * source, r_sum += hidden;
    }
}
