/*
 * The cells of recurrent layers in vectors, included by vector_kernels.h for each instruction set;
 * the equations stand in plain.c.
 */

INLINE VECTOR gate_of(VECTOR z, bool hard)
{
    if (hard)
        return v_max(v_set(0.0f), v_min(v_set(1.0f), v_add(v_mul(v_set(0.2f), z), v_set(0.5f))));
    return v_div(v_set(1.0f), v_add(v_set(1.0f), exp_of(v_sub(v_set(0.0f), z))));
}

INLINE VECTOR gate_slope_of(VECTOR y, bool hard)
{
    if (hard)
        return v_positive(y, v_positive(v_sub(v_set(1.0f), y), v_set(0.2f), v_set(0.0f)),
                          v_set(0.0f));
    return v_mul(y, v_sub(v_set(1.0f), y));
}

INLINE VECTOR sum_at(const float *z, const float *bias, const float *bias2, MASK mask, bool whole)
{
    VECTOR sum = load(z, mask, whole);

    if (bias)
        sum = v_add(sum, load(bias, mask, whole));
    if (bias2)
        sum = v_add(sum, load(bias2, mask, whole));
    return sum;
}

INLINE VECTOR load_or_zero(const float *from, MASK mask, bool whole)
{
    return from ? load(from, mask, whole) : v_set(0.0f);
}

INLINE const float *offset(const float *from, int64_t n)
{
    return from ? from + n : NULL;
}

INLINE void add_at(float *sum, VECTOR x, MASK mask, bool whole)
{
    store(sum, v_add(load(sum, mask, whole), x), mask, whole);
}

/* ---- LSTM ---- */

INLINE VECTOR lstm_cell_of(const struct lstm_step *step, int64_t at, VECTOR in, VECTOR forget,
                           VECTOR fresh, MASK mask, bool whole)
{
    VECTOR cell = v_mul(in, fresh);

    return step->before ? v_fma(forget, load(step->before + at, mask, whole), cell) : cell;
}

INLINE void lstm_forward_at(const struct lstm_step *step, int64_t row, int64_t i, MASK mask,
                            bool whole, bool hard)
{
    int64_t units = step->units;
    float *z = step->gates + row * 4 * units + i;
    VECTOR gate[4], cell;

    for (int k = 0; k < 4; k++) {
        int64_t at = k * units + i;
        VECTOR sum =
            sum_at(z + k * units, offset(step->bias, at), offset(step->bias2, at), mask, whole);

        gate[k] = k == 2 ? tanh_of(sum) : gate_of(sum, hard);
        store(z + k * units, gate[k], mask, whole);
    }
    cell = lstm_cell_of(step, row * units + i, gate[0], gate[1], gate[2], mask, whole);
    store(step->cell + row * units + i, cell, mask, whole);
    store(step->output + row * step->output_row + i, v_mul(gate[3], tanh_of(cell)), mask, whole);
}

VECTOR_ISA static void vector_lstm_forward(const struct lstm_step *step)
{
    for (int64_t row = 0; row < step->rows; row++)
        if (step->hard)
            FOR_VECTORS(step->units, lstm_forward_at(step, row, i, mask, whole, true));
        else
            FOR_VECTORS(step->units, lstm_forward_at(step, row, i, mask, whole, false));
}

INLINE void lstm_recall_at(const struct lstm_step *step, int64_t row, int64_t i, MASK mask,
                           bool whole)
{
    int64_t units = step->units, at = row * units + i;
    const float *z = step->gates + row * 4 * units + i;

    store(step->cell + at,
          lstm_cell_of(step, at, load(z, mask, whole), load(z + units, mask, whole),
                       load(z + 2 * units, mask, whole), mask, whole),
          mask, whole);
}

VECTOR_ISA static void vector_lstm_recall(const struct lstm_step *step)
{
    for (int64_t row = 0; row < step->rows; row++)
        FOR_VECTORS(step->units, lstm_recall_at(step, row, i, mask, whole));
}

INLINE void lstm_backward_at(const struct lstm_step *step, int64_t row, int64_t i, MASK mask,
                             bool whole, bool hard)
{
    int64_t units = step->units, at = row * units + i;
    float *z = step->gates + row * 4 * units + i;
    VECTOR in = load(z, mask, whole), forget = load(z + units, mask, whole);
    VECTOR fresh = load(z + 2 * units, mask, whole), out = load(z + 3 * units, mask, whole);
    VECTOR squashed = tanh_of(load(step->cell + at, mask, whole));
    VECTOR dy = load(step->output_gradient + at, mask, whole);
    VECTOR before = load_or_zero(offset(step->before, at), mask, whole);
    VECTOR one = v_set(1.0f), gradient[4];
    VECTOR dc = v_fma(v_mul(dy, out), v_fnma(squashed, squashed, one),
                      load(step->cell_gradient + at, mask, whole));

    store(step->cell_gradient + at, v_mul(dc, forget), mask, whole);
    gradient[0] = v_mul(v_mul(dc, fresh), gate_slope_of(in, hard));
    gradient[1] = v_mul(v_mul(dc, before), gate_slope_of(forget, hard));
    gradient[2] = v_mul(v_mul(dc, in), v_fnma(fresh, fresh, one));
    gradient[3] = v_mul(v_mul(dy, squashed), gate_slope_of(out, hard));
    for (int k = 0; k < 4; k++) {
        store(z + k * units, gradient[k], mask, whole);
        if (step->bias_gradient)
            add_at(step->bias_gradient + k * units + i, gradient[k], mask, whole);
        if (step->bias2_gradient)
            add_at(step->bias2_gradient + k * units + i, gradient[k], mask, whole);
    }
}

VECTOR_ISA static void vector_lstm_backward(const struct lstm_step *step)
{
    for (int64_t row = 0; row < step->rows; row++)
        if (step->hard)
            FOR_VECTORS(step->units, lstm_backward_at(step, row, i, mask, whole, true));
        else
            FOR_VECTORS(step->units, lstm_backward_at(step, row, i, mask, whole, false));
}

/* ---- GRU ---- */

INLINE void gru_forward_at(const struct gru_step *step, int64_t row, int64_t i, MASK mask,
                           bool whole)
{
    int64_t units = step->units;
    float *z = step->gates + row * 4 * units + i;
    VECTOR before = load_or_zero(offset(step->before, row * units + i), mask, whole);
    VECTOR gate[2], of_state, fresh;

    for (int k = 0; k < 2; k++) {
        int64_t at = k * units + i;

        gate[k] = gate_of(
            sum_at(z + k * units, offset(step->bias, at), offset(step->bias2, at), mask, whole),
            step->hard);
        store(z + k * units, gate[k], mask, whole);
    }
    of_state = sum_at(z + 3 * units, offset(step->bias2, 2 * units + i), NULL, mask, whole);
    fresh = sum_at(z + 2 * units, offset(step->bias, 2 * units + i), NULL, mask, whole);
    fresh = tanh_of(v_fma(gate[0], of_state, fresh));
    store(z + 3 * units, of_state, mask, whole);
    store(z + 2 * units, fresh, mask, whole);
    store(step->state + row * units + i, v_fma(gate[1], v_sub(before, fresh), fresh), mask, whole);
}

VECTOR_ISA static void vector_gru_forward(const struct gru_step *step)
{
    for (int64_t row = 0; row < step->rows; row++)
        FOR_VECTORS(step->units, gru_forward_at(step, row, i, mask, whole));
}

INLINE void gru_backward_at(const struct gru_step *step, int64_t row, int64_t i, MASK mask,
                            bool whole)
{
    int64_t units = step->units, at = row * units + i;
    float *z = step->gates + row * 4 * units + i;
    VECTOR reset = load(z, mask, whole), keep = load(z + units, mask, whole);
    VECTOR fresh = load(z + 2 * units, mask, whole), of_state = load(z + 3 * units, mask, whole);
    VECTOR before = load_or_zero(offset(step->before, at), mask, whole);
    VECTOR dh = load(step->gradient + at, mask, whole), one = v_set(1.0f);
    VECTOR dn = v_mul(v_mul(dh, v_sub(one, keep)), v_fnma(fresh, fresh, one));
    VECTOR gradient[4] = {
        v_mul(v_mul(dn, of_state), gate_slope_of(reset, step->hard)),
        v_mul(v_mul(dh, v_sub(before, fresh)), gate_slope_of(keep, step->hard)),
        dn,
        v_mul(dn, reset),
    };

    store(step->gradient + at, v_mul(dh, keep), mask, whole);
    for (int k = 0; k < 4; k++)
        store(z + k * units, gradient[k], mask, whole);
    for (int k = 0; step->bias_gradient && k < 3; k++)
        add_at(step->bias_gradient + k * units + i, gradient[k], mask, whole);
    for (int k = 0; step->bias2_gradient && k < 3; k++)
        add_at(step->bias2_gradient + k * units + i, gradient[k < 2 ? k : 3], mask, whole);
}

VECTOR_ISA static void vector_gru_backward(const struct gru_step *step)
{
    for (int64_t row = 0; row < step->rows; row++)
        FOR_VECTORS(step->units, gru_backward_at(step, row, i, mask, whole));
}

/* ---- GRU whose reset gate comes before the state's weights ---- */

INLINE VECTOR times_mask(VECTOR x, const float *mask_values, int64_t at, MASK mask, bool whole)
{
    return mask_values ? v_mul(x, load(mask_values + at, mask, whole)) : x;
}

INLINE void gru_reset_at(const struct gru_step *step, int64_t row, int64_t i, MASK mask, bool whole)
{
    int64_t units = step->units, at = row * units + i;
    float *z = step->gates + row * 4 * units + i;
    VECTOR before = load_or_zero(offset(step->before, at), mask, whole), gate[2];

    for (int k = 0; k < 2; k++) {
        int64_t of = k * units + i;

        gate[k] = gate_of(
            sum_at(z + k * units, offset(step->bias, of), offset(step->bias2, of), mask, whole),
            step->hard);
        store(z + k * units, gate[k], mask, whole);
    }
    before = times_mask(before, step->reset_mask, at, mask, whole);
    store(z + 3 * units, v_mul(gate[0], before), mask, whole);
}

VECTOR_ISA static void vector_gru_reset(const struct gru_step *step)
{
    for (int64_t row = 0; row < step->rows; row++)
        FOR_VECTORS(step->units, gru_reset_at(step, row, i, mask, whole));
}

INLINE void gru_blend_at(const struct gru_step *step, int64_t row, int64_t i, MASK mask, bool whole)
{
    int64_t units = step->units, of = 2 * units + i;
    float *z = step->gates + row * 4 * units + i;
    VECTOR before = load_or_zero(offset(step->before, row * units + i), mask, whole);
    VECTOR keep = load(z + units, mask, whole);
    VECTOR fresh = tanh_of(
        sum_at(z + 2 * units, offset(step->bias, of), offset(step->bias2, of), mask, whole));

    store(z + 2 * units, fresh, mask, whole);
    store(step->state + row * units + i, v_fma(keep, v_sub(before, fresh), fresh), mask, whole);
}

VECTOR_ISA static void vector_gru_blend(const struct gru_step *step)
{
    for (int64_t row = 0; row < step->rows; row++)
        FOR_VECTORS(step->units, gru_blend_at(step, row, i, mask, whole));
}

INLINE void gru_blend_backward_at(const struct gru_step *step, int64_t row, int64_t i, MASK mask,
                                  bool whole)
{
    int64_t units = step->units, at = row * units + i;
    float *z = step->gates + row * 4 * units + i;
    VECTOR keep = load(z + units, mask, whole), fresh = load(z + 2 * units, mask, whole);
    VECTOR before = load_or_zero(offset(step->before, at), mask, whole);
    VECTOR dh = load(step->gradient + at, mask, whole), one = v_set(1.0f);
    VECTOR gradient[3] = {
        one,
        v_mul(v_mul(dh, v_sub(before, fresh)), gate_slope_of(keep, step->hard)),
        v_mul(v_mul(dh, v_sub(one, keep)), v_fnma(fresh, fresh, one)),
    };

    store(step->gradient + at, v_mul(dh, keep), mask, whole);
    for (int k = 1; k < 3; k++) {
        store(z + k * units, gradient[k], mask, whole);
        if (step->bias_gradient)
            add_at(step->bias_gradient + k * units + i, gradient[k], mask, whole);
        if (step->bias2_gradient)
            add_at(step->bias2_gradient + k * units + i, gradient[k], mask, whole);
    }
}

VECTOR_ISA static void vector_gru_blend_backward(const struct gru_step *step)
{
    for (int64_t row = 0; row < step->rows; row++)
        FOR_VECTORS(step->units, gru_blend_backward_at(step, row, i, mask, whole));
}

INLINE void gru_reset_backward_at(const struct gru_step *step, int64_t row, int64_t i, MASK mask,
                                  bool whole)
{
    int64_t units = step->units, at = row * units + i;
    float *z = step->gates + row * 4 * units + i;
    VECTOR before = load_or_zero(offset(step->before, at), mask, whole);
    VECTOR reset = load(z, mask, whole), gradient;
    VECTOR d =
        times_mask(load(step->reset_gradient + at, mask, whole), step->reset_mask, at, mask, whole);

    add_at(step->gradient + at, v_mul(d, reset), mask, whole);
    gradient = v_mul(v_mul(d, before), gate_slope_of(reset, step->hard));
    store(z, gradient, mask, whole);
    if (step->bias_gradient)
        add_at(step->bias_gradient + i, gradient, mask, whole);
    if (step->bias2_gradient)
        add_at(step->bias2_gradient + i, gradient, mask, whole);
}

VECTOR_ISA static void vector_gru_reset_backward(const struct gru_step *step)
{
    for (int64_t row = 0; row < step->rows; row++)
        FOR_VECTORS(step->units, gru_reset_backward_at(step, row, i, mask, whole));
}
