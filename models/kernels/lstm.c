/* An LSTM over symbols, forward and backward, all items of a sequence in one call.

   The input of an item is one of a few embeddings. So what it adds to the gates is a row of a
   table that is looked up, and no product is computed for it. One product is left per item, that
   of the state before with the recurrent weights.

   `units` is a multiple of LANES. A row of a table, of gates or of slopes has 4 `units` numbers:
   for LANES units their input gates, then forget, cell and output gates, then the next LANES
   units. Arrays are dense, rows last, but for `states` and their slopes: there two items of a
   sequence are `stride` apart, so that two directions can lie side by side. NaN stays NaN. */

#include <stddef.h>
#include <stdint.h>

enum {
    LANES = 16, /* Units side by side in a register, or in two. */
    GATES = 4,
    ROWS = 5 /* Sequences at a time, so that a weight that is loaded once serves them all. */
};

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t whole __attribute__((vector_size(LANES * sizeof(float))));
typedef lanes unaligned_lanes __attribute__((aligned(sizeof(float))));

/* Inlined, so that loops of constant length unroll, and sums stay in registers. */
#define INLINE static inline __attribute__((always_inline))

INLINE lanes load(const float *from) { return *(const unaligned_lanes *)from; }

INLINE void store(float *to, lanes values) { *(unaligned_lanes *)to = values; }

INLINE lanes all(float value) { return value - (lanes){0}; }

INLINE lanes choose(whole is_first, lanes first, lanes second)
{
    return (lanes)((is_first & (whole)first) | (~is_first & (whole)second));
}

/* e^(factor x), to 8e-8 of itself. Beyond e^25 a gate is saturated to its last digit. */
INLINE lanes exponential(lanes x, float factor)
{
    const float limit = 36; /* 25 / ln 2 */
    lanes y = x * (factor * 1.44269504f);
    y = choose(y > limit, all(limit), y);
    y = choose(y < -limit, all(-limit), y);
    whole n = __builtin_convertvector(y + choose(y < 0, all(-0.5f), all(0.5f)), whole);
    lanes r = y - __builtin_convertvector(n, lanes);
    lanes power = 1.327644094e-3f * r + 9.675541086e-3f;
    power = power * r + 5.550713370e-2f;
    power = power * r + 2.402211973e-1f;
    power = power * r + 6.931469670e-1f;
    power = power * r + 1.000000072f;
    return (lanes)((whole)power + (n << 23)); /* 2^n is added to the exponent. */
}

/* sums[r][c] += rows[r] . weights[:, c] for `columns` times LANES columns. */
INLINE void add_products(lanes sums[ROWS][GATES], int columns, float *const rows[ROWS],
                         ptrdiff_t length, const float *weights, ptrdiff_t width)
{
    for (ptrdiff_t k = 0; k < length; k++, weights += width) {
        lanes w[GATES];
        for (int c = 0; c < columns; c++) w[c] = load(weights + c * LANES);
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < columns; c++) sums[r][c] += rows[r][k] * w[c];
    }
}

/* The sequences of a group. Where fewer are left, the last one is computed again. */
INLINE void group(ptrdiff_t rows[ROWS], ptrdiff_t first, ptrdiff_t batch)
{
    for (int r = 0; r < ROWS; r++) rows[r] = first + r < batch ? first + r : batch - 1;
}

/* states[b, t] and cells[b, t] from table[symbols[b, t]]. With `is_reversed`, t runs backwards.

   weights: for LANES units, their 4 LANES columns, `units` rows; then the next LANES units.
   gates: after their nonlinearities; null if no gradient is wanted.
   Returns 1, and computes nothing, if a symbol has no row in the table. */
int lstm_forward(const float *table, const int64_t *symbols, const float *weights,
                 const float *first_states, const float *first_cells, float *states,
                 float *cells, float *gates, ptrdiff_t symbols_known, ptrdiff_t batch,
                 ptrdiff_t time, ptrdiff_t units, ptrdiff_t stride, ptrdiff_t is_reversed)
{
    for (ptrdiff_t item = 0; item < batch * time; item++)
        if (symbols[item] < 0 || symbols[item] >= symbols_known) return 1;
    ptrdiff_t width = GATES * units, step_size = is_reversed ? -1 : 1;
    for (ptrdiff_t first = 0; first < batch; first += ROWS) {
        ptrdiff_t rows[ROWS];
        group(rows, first, batch);
        for (ptrdiff_t step = 0; step < time; step++) {
            ptrdiff_t t = is_reversed ? time - 1 - step : step;
            ptrdiff_t item[ROWS];
            float *state[ROWS];
            const float *cell[ROWS], *input[ROWS];
            for (int r = 0; r < ROWS; r++) {
                item[r] = rows[r] * time + t;
                input[r] = table + symbols[item[r]] * width;
                state[r] = step ? states + (item[r] - step_size) * stride
                                : (float *)first_states + rows[r] * units;
                cell[r] = step ? cells + (item[r] - step_size) * units
                               : first_cells + rows[r] * units;
            }
            for (ptrdiff_t u = 0; u < units; u += LANES) {
                lanes sums[ROWS][GATES];
                for (int r = 0; r < ROWS; r++)
                    for (int g = 0; g < GATES; g++)
                        sums[r][g] = load(input[r] + GATES * u + g * LANES);
                add_products(sums, GATES, state, units, weights + GATES * u * units,
                             GATES * LANES);
                for (int r = 0; r < ROWS; r++) {
                    /* Sigmoids are 1 / a, and tanh is (e - 1) / (e + 1). One division serves
                       three of them, and another one the two that are left. */
                    lanes a = 1 + exponential(sums[r][0], -1), b = 1 + exponential(sums[r][1], -1);
                    lanes e = exponential(sums[r][2], 2), ab = a * b;
                    lanes part = 1 / (ab * (e + 1));
                    lanes in = part * (b * (e + 1)), forget = part * (a * (e + 1));
                    lanes new = part * (ab * (e - 1));
                    lanes c = forget * load(cell[r] + u) + in * new;
                    a = 1 + exponential(sums[r][3], -1), e = exponential(c, 2);
                    part = 1 / (a * (e + 1));
                    lanes out = part * (e + 1);
                    store(cells + item[r] * units + u, c);
                    store(states + item[r] * stride + u, part * a * (e - 1) * out);
                    if (gates) {
                        float *gate = gates + item[r] * width + GATES * u;
                        store(gate, in), store(gate + LANES, forget);
                        store(gate + 2 * LANES, new), store(gate + 3 * LANES, out);
                    }
                }
            }
        }
    }
    return 0;
}

/* gate_slopes: before the nonlinearities. table_slopes are added to.

   weights: 4 `units` rows in the order of a row of gates, `units` columns.
   state_slopes, cell_slopes: those of the last step, which become those of the first states. */
void lstm_backward(const int64_t *symbols, const float *weights, const float *first_cells,
                   const float *cells, const float *gates, const float *slopes,
                   float *gate_slopes, float *state_slopes, float *cell_slopes,
                   float *table_slopes, ptrdiff_t batch, ptrdiff_t time, ptrdiff_t units,
                   ptrdiff_t stride, ptrdiff_t is_reversed)
{
    ptrdiff_t width = GATES * units, step_size = is_reversed ? -1 : 1;
    for (ptrdiff_t first = 0; first < batch; first += ROWS) {
        ptrdiff_t rows[ROWS];
        group(rows, first, batch);
        for (ptrdiff_t step = time - 1; step >= 0; step--) {
            ptrdiff_t t = is_reversed ? time - 1 - step : step;
            float *of_gates[ROWS];
            for (int r = 0; r < ROWS; r++) {
                ptrdiff_t item = rows[r] * time + t;
                of_gates[r] = gate_slopes + item * width;
                if (first + r >= batch) continue; /* Computed already. */
                const float *cell = step ? cells + (item - step_size) * units
                                         : first_cells + rows[r] * units;
                float *of_table = table_slopes + symbols[item] * width;
                for (ptrdiff_t u = 0; u < units; u += LANES) {
                    const float *g = gates + item * width + GATES * u;
                    float *of_cell = cell_slopes + rows[r] * units + u;
                    lanes in = load(g), forget = load(g + LANES), new = load(g + 2 * LANES);
                    lanes out = load(g + 3 * LANES);
                    lanes e = exponential(load(cells + item * units + u), 2);
                    lanes tanh_c = 1 - 2 / (e + 1);
                    lanes of_state = load(state_slopes + rows[r] * units + u) +
                                     load(slopes + item * stride + u);
                    lanes of_c = load(of_cell) + of_state * out * (1 - tanh_c * tanh_c);
                    lanes slope[GATES] = {of_c * new * in * (1 - in),
                                          of_c * load(cell + u) * forget * (1 - forget),
                                          of_c * in * (1 - new * new),
                                          of_state * tanh_c * out * (1 - out)};
                    store(of_cell, of_c * forget);
                    for (int k = 0; k < GATES; k++) {
                        ptrdiff_t column = GATES * u + k * LANES;
                        store(of_gates[r] + column, slope[k]);
                        store(of_table + column, load(of_table + column) + slope[k]);
                    }
                }
            }
            for (ptrdiff_t u = 0; u < units;) {
                /* As many columns as are left. The compiler needs to know how many. */
                int columns = units - u >= 4 * LANES ? 4 : units - u >= 2 * LANES ? 2 : 1;
                lanes sums[ROWS][GATES] = {0};
                if (columns == 4) add_products(sums, 4, of_gates, width, weights + u, units);
                else if (columns == 2) add_products(sums, 2, of_gates, width, weights + u, units);
                else add_products(sums, 1, of_gates, width, weights + u, units);
                for (int r = 0; r < ROWS; r++)
                    for (int c = 0; c < columns; c++)
                        store(state_slopes + rows[r] * units + u + c * LANES, sums[r][c]);
                u += columns * LANES;
            }
        }
    }
}
