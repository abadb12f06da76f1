/* Softmax cross entropy.

     logits, dlogits  [rows][classes], classes fastest
     labels           [rows]
     row_loss         [rows]  -log softmax(logits)[label]
     row_correct      [rows]  1 where the first largest logit is the label's

   Vectors of VEC classes. Loops take many logits, or rows, a round: llvmpipe, and it alone, leaves
   a work-item's loops after 65535 rounds in all. */
#define HAS_CORRECT 1
#define HAS_DLOGITS 2
#define LOGITS 32 /* a round */
#define VECTORS (VEC < 8 ? 8 / VEC : 1)

#define TAKE_LARGER(i)                                                                             \
    if (z[i] > largest || (isnan(z[i]) && !isnan(largest))) {                                      \
        largest = z[i];                                                                            \
        *at = i;                                                                                   \
    }

/* The row's largest logit, a NaN before all; *at is its index, the first of equals. */
float largest_of(__global const float *z, uint classes, uint *at)
{
    float largest = z[0];
    *at = 0;
    uint i = 1;
#if VEC == 1
    for (; i + LOGITS <= classes; i += LOGITS) {
#pragma unroll
        for (uint k = 0; k < LOGITS; ++k)
            TAKE_LARGER(i + k);
    }
#endif
    for (; i < classes; ++i)
        TAKE_LARGER(i);
    return largest;
}

/* sum and, in order, exp(z - largest) of min(have, VEC) logits; they go to dz if `keep`. */
float add_exponentials(float sum, __global const float *z, float largest, uint have, uint keep,
                       __global float *dz)
{
    const accv e = exp(load_some(z, have) - largest);
#if VEC == 1
    sum += e;
#else
    float part[VEC];
    VSTORE(e, part);
    for (uint i = 0; i < min((uint)VEC, have); ++i)
        sum += part[i];
#endif
    if (keep)
        store_some(e, dz, have);
    return sum;
}

/* One work-item a row. loss = log sum exp(z - max) - (z[label] - max). A label that is no class
   gives NaN and a zero gradient. The exponentials, VEC at a time, wait in dlogits for their sum,
   which adds them in order. Traffic per element: 12 bytes read, 8 written (mostly in cache). */
__kernel void cross_entropy_rows(__global const float *logits, ulong logits_at,
                                 __global const int *labels, ulong labels_at,
                                 __global float *row_loss, ulong row_loss_at,
                                 __global int *row_correct, ulong row_correct_at,
                                 __global float *dlogits, ulong dlogits_at, uint flags, uint rows,
                                 uint classes)
{
    const uint row = (uint)get_global_id(0);
    if (row >= rows)
        return;
    __global const float *z = logits + logits_at + (size_t)row * classes;
    __global float *dz = dlogits + dlogits_at + (size_t)row * classes;
    const int label = labels[labels_at + row];
    const int known = label >= 0 && (uint)label < classes;
    uint best;
    const float largest = largest_of(z, classes, &best);
    const float chosen = known ? z[label] - largest : NAN;
    float sum = 0.0f;
    for (uint from = 0; from < classes; from += VECTORS * VEC) {
#pragma unroll
        for (uint k = 0; k < VECTORS; ++k) {
            const uint i = from + k * VEC;
            if (i < classes)
                sum = add_exponentials(sum, z + i, largest, classes - i, flags & HAS_DLOGITS,
                                       dz + i);
        }
    }
    row_loss[row_loss_at + row] = log(sum) - chosen;
    row_correct[row_correct_at + row] = known && best == (uint)label;
    if (!(flags & HAS_DLOGITS))
        return;
    for (uint from = 0; from < classes; from += VECTORS * VEC) {
#pragma unroll
        for (uint k = 0; k < VECTORS; ++k) {
            const uint i = from + k * VEC;
            const accv p = load_some(dz + i, left(classes, i)) / sum;
            store_some(known ? p / (float)rows : (accv)(0.0f), dz + i, left(classes, i));
        }
    }
    if (known)
        dz[label] = (exp(chosen) / sum - 1.0f) / (float)rows;
}

/* loss = sum row_loss/rows and correct = sum row_correct, by one work-item: rows add in order
   within leaves of 32, leaves in order as sums of two floats (of a vector's elements, which are all
   the same: the program has one width). Traffic: 8 bytes read per row. */
__kernel void cross_entropy_mean(__global const float *row_loss, ulong row_loss_at,
                                 __global const int *row_correct, ulong row_correct_at,
                                 __global float *loss, ulong loss_at, __global int *correct,
                                 ulong correct_at, uint flags, uint rows)
{
    if (get_global_id(0) != 0)
        return;
    row_loss += row_loss_at;
    row_correct += row_correct_at;
    twofold sum;
    sum.hi = sum.lo = 0.0f;
    int hits = 0;
    for (uint r = 0; r < rows; r += 32) {
        float leaf = 0.0f;
#pragma unroll
        for (uint k = 0; k < 32; ++k) {
            const uint row = min(r + k, rows - 1);
            leaf += r + k < rows ? row_loss[row] : 0.0f;
            hits += r + k < rows ? row_correct[row] : 0;
        }
        sum = twofold_add(sum, (accv)(leaf), (accv)(0.0f));
    }
    float total[VEC];
    VSTORE(sum.hi, total);
    loss[loss_at] = divide(total[0], (float)rows);
    if (flags & HAS_CORRECT)
        correct[correct_at] = hits;
}
