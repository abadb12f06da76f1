/* Softmax cross entropy.

     logits, dlogits  [rows][classes], classes fastest
     labels           [rows]
     row_loss         [rows]  -log softmax(logits)[label]
     row_correct      [rows]  1 where the first largest logit is the label's

   Vectors of VEC classes. */
#define HAS_CORRECT 1
#define HAS_DLOGITS 2

/* The row's largest logit, a NaN before all; *at is its index, the first of equals. */
float largest_of(__global const float *z, uint classes, uint *at)
{
    float largest = z[0];
    *at = 0;
    for (uint i = 1; i < classes; ++i)
        if (z[i] > largest || (isnan(z[i]) && !isnan(largest))) {
            largest = z[i];
            *at = i;
        }
    return largest;
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
    for (uint i = 0; i < classes; i += VEC) {
        const accv e = exp(load_some(z + i, classes - i) - largest);
        float part[VEC];
        VSTORE(e, part);
        for (uint k = 0; k < min((uint)VEC, classes - i); ++k)
            sum += part[k];
        if (flags & HAS_DLOGITS)
            store_some(e, dz + i, classes - i);
    }
    row_loss[row_loss_at + row] = log(sum) - chosen;
    row_correct[row_correct_at + row] = known && best == (uint)label;
    if (!(flags & HAS_DLOGITS))
        return;
    for (uint i = 0; i < classes; i += VEC) {
        const accv p = load_some(dz + i, classes - i) / sum;
        store_some(known ? p / (float)rows : (accv)(0.0f), dz + i, classes - i);
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
        for (uint i = r; i < min(r + 32, rows); ++i) {
            leaf += row_loss[i];
            hits += row_correct[i];
        }
        sum = twofold_add(sum, (accv)(leaf), (accv)(0.0f));
    }
    float total[VEC];
    VSTORE(sum.hi, total);
    loss[loss_at] = divide(total[0], (float)rows);
    if (flags & HAS_CORRECT)
        correct[correct_at] = hits;
}
