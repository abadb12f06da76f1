/* Matrix products by each library that serves the device: sizes, transposes, what C held, and where
   matrices lie, against sums in double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <bncl/opencl.h>

#include "lib/compare.h"
#include "lib/gemm.h"
#include "lib/generate.h"
#include "lib/harness.h"
#include "lib/tolerance.h"
#include "ops/gemm.h"
#include "runtime/context.h"

enum { A, B, C, MATRICES };

/* A product with its matrices on the host and on the device. */
typedef struct task {
    bncli_product product;
    float beta;
    bncli_gemm_plan plan;
    float *host[MATRICES];
    bncl_tensor at[MATRICES];
} task;

static void release_plan(void *of)
{
    bncli_gemm_plan_release(of);
    free(of);
}

/* A copy of a plan in memory of its own, held: plans may outlive their test. */
static void hold_plan(device *d, bncli_gemm_plan plan)
{
    bncli_gemm_plan *held = malloc(sizeof *held);
    assert_non_null(held);
    *held = plan;
    device_hold(d, held, release_plan);
}

static size_t count_of(const bncli_product *p, int which)
{
    return which == A ? p->m * p->k : which == B ? p->k * p->n : p->m * p->n;
}

/* What a product is given: values for A and B, and for C those to add to, or NaN to overwrite. */
static task *task_of(device *d, bncli_product product, float beta)
{
    task *t = harness_memory(1, sizeof *t);
    generator g = generator_seed(product.m * 1009 + product.n * 31 + product.k);
    t->product = product;
    t->beta = beta;
    for (int i = A; i < MATRICES; ++i) {
        t->host[i] = harness_floats(count_of(&product, i));
        generate_normal(&g, 0.0, 1.0, t->host[i], count_of(&product, i));
    }
    for (size_t i = 0; i < count_of(&product, C) && beta == 0.0f; ++i)
        t->host[C][i] = NAN;
    device_ok(d, bncli_gemm_plan_make(d->context, &product, 1, &t->plan, &d->err), "plan");
    hold_plan(d, t->plan);
    return t;
}

/* Drivers may tell buffers apart by their age: the matrices are made in the order of the digits. */
static task *task_make(device *d, bncli_product product, float beta, const char *order)
{
    task *t = task_of(d, product, beta);
    for (int i = 0; i < MATRICES; ++i) {
        const int which = order[i] - '0';
        t->at[which] = device_vector(d, count_of(&product, which), t->host[which]);
    }
    return t;
}

static void run(device *d, const task *t, bncl_queue *queue)
{
    device_ok(
        d,
        bncli_gemm(&t->plan, queue, &t->product, &t->at[A], &t->at[B], t->beta, &t->at[C], &d->err),
        "bncli_gemm");
}

static void check(device *d, const task *t, const char *name)
{
    const bncli_product *p = &t->product;
    double *expected = harness_doubles(p->m * p->n);
    double *bound = harness_doubles(p->m * p->n);
    for (size_t i = 0; i < p->m; ++i)
        for (size_t j = 0; j < p->n; ++j) {
            const size_t at = i * p->n + j;
            double sum = t->beta != 0.0f ? (double)t->host[C][at] : 0.0, sum_abs = fabs(sum);
            for (size_t l = 0; l < p->k; ++l) {
                const float a = t->host[A][p->transpose_a ? l * p->m + i : i * p->k + l];
                const float b = t->host[B][p->transpose_b ? j * p->k + l : l * p->n + j];
                sum += (double)a * (double)b;
                sum_abs += fabs((double)a * (double)b);
            }
            expected[at] = sum;
            bound[at] = tolerance_sum_any_order(p->k + 2, sum_abs);
        }
    const char *what =
        harness_text("%s: [%zu,%zu]x[%zu,%zu], transposed %d %d, + %g C", name, p->m, p->k, p->k,
                     p->n, p->transpose_a, p->transpose_b, (double)t->beta);
    check_floats(what, device_floats(d, &t->at[C]), expected, bound, p->m * p->n);
}

/* Every transpose of each size, C overwritten and added to. */
static void sizes(void **state)
{
    static const size_t table[][3] = {{1, 1, 1},    {1, 5, 3},     {5, 1, 3},      {3, 5, 1},
                                      {2, 3, 4},    {1, 9, 33},    {9, 1, 33},     {7, 17, 9},
                                      {16, 16, 16}, {33, 8, 65},   {1, 256, 784},  {300, 1, 257},
                                      {1, 1, 901},  {129, 65, 67}, {128, 10, 128}, {64, 257, 100}};
    static const char *const orders[] = {"012", "021", "102", "120", "201", "210"};
    device *d = device_of(state);
    size_t done = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; ++i)
        for (unsigned bits = 0; bits < 8; ++bits)
            for (int who = 0; who < gemm_name_count; ++who) {
                const bncli_product product = {table[i][0], table[i][1], table[i][2],
                                               (bits & 1u) != 0, (bits & 2u) != 0};
                if ((d->small && product.m * product.n * product.k > 200) ||
                    !multiply_by(d, gemm_names[who]))
                    continue;
                const task *t = task_make(d, product, bits & 4u ? 1.0f : 0.0f, orders[done++ % 6]);
                run(d, t, d->queue);
                check(d, t, gemm_names[who]);
                harness_release(NULL);
            }
    assert_true(done > 0);
}

/* On the host's own processor CLBlast has parameters of the library's: a small product goes to the
   kernel that needs a workspace, too. */
static void parameters_of_processors(void **state)
{
    const bncli_product product = {16, 16, 16, false, true};
    device *d = device_of(state);
    if (!bncli_context_facts(d->context)->runs_native)
        skip();
    assert_true(multiply_by(d, "clblast"));
    const task *t = task_make(d, product, 0.0f, "012");
    assert_non_null(t->plan.workspace);
}

/* Nothing to add up: zero, or what C held; and no C at all. */
static void empty(void **state)
{
    device *d = device_of(state);
    for (int who = 0; who < gemm_name_count; ++who) {
        if (!multiply_by(d, gemm_names[who]))
            continue;
        for (unsigned bits = 1; bits < 16; ++bits) {
            const bncli_product product = {bits & 1u ? 0 : 3, bits & 2u ? 0 : 4, bits & 4u ? 0 : 5,
                                           false, true};
            if ((bits & 7u) == 0)
                continue;
            const task *t = task_make(d, product, bits & 8u ? 1.0f : 0.0f, "120");
            run(d, t, d->queue);
            check(d, t, gemm_names[who]);
        }
    }
}

/* All three matrices in one buffer, or two of them, in any order. */
static void shared_buffers(void **state)
{
    const bncli_product product = {5, 7, 6, false, true};
    static const char *const orders[] = {"012", "021", "102", "120", "201", "210"};
    device *d = device_of(state);
    d->before = d->after = 0;
    for (int who = 0; who < gemm_name_count; ++who)
        for (size_t i = 0; i < 12; ++i) {
            if (!multiply_by(d, gemm_names[who]))
                continue;
            const char *order = orders[i / 2];
            task *t = task_make(d, product, 1.0f, order);
            const int apart = i % 2 ? order[0] - '0' : MATRICES; /* stays where it is */
            float *all = harness_floats(200);
            const bncl_tensor one = device_vector(d, 200, all);
            size_t offset = 3;
            for (int j = 0; j < MATRICES; ++j) {
                const int which = order[j] - '0';
                if (which == apart)
                    continue;
                t->at[which].buffer = one.buffer;
                t->at[which].offset = offset;
                memcpy(all + offset, t->host[which], count_of(&product, which) * sizeof *all);
                offset += count_of(&product, which) + 5;
            }
            device_write(d, &one, all);
            run(d, t, d->queue);
            float *after = device_floats(d, &one);
            if (apart != C) {
                t->at[C] = device_vector(d, 35, after + t->at[C].offset);
            }
            check(d, t, gemm_names[who]);
            harness_release(NULL);
        }
}

static void release_mem(void *mem)
{
    clReleaseMemObject(mem);
}

static void release_buffer(void *buffer)
{
    bncl_buffer_destroy(buffer);
}

static bncl_tensor adopted(device *d, cl_mem mem, size_t offset, size_t count)
{
    bncl_buffer *buffer = NULL;
    bncl_tensor tensor;
    device_ok(d, bncl_opencl_buffer(d->context, mem, &buffer, &d->err), "bncl_opencl_buffer");
    device_hold(d, buffer, release_buffer);
    device_ok(d, bncl_tensor_init(&tensor, buffer, offset, BNCL_F32, 1, &count, &d->err),
              "bncl_tensor_init");
    return tensor;
}

static cl_mem part_of(device *d, cl_mem whole, size_t begin, size_t count)
{
    const cl_buffer_region region = {begin * sizeof(float), count * sizeof(float)};
    cl_int code = CL_SUCCESS;
    cl_mem mem =
        clCreateSubBuffer(whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    assert_int_equal(code, CL_SUCCESS);
    return device_hold(d, mem, release_mem);
}

/* A caller's buffer, in which B lies, and sub-buffers of it, in which A and C lie. */
static void sub_buffers(void **state)
{
    enum { part = 4096, count = 4 * part, a_begin = 3 * part, c_begin = part, offset = 7 };
    const bncli_product product = {6, 5, 9, true, false};
    device *d = device_of(state);
    cl_int code = CL_SUCCESS;
    cl_mem whole = clCreateBuffer(bncl_opencl_get_context(d->context), CL_MEM_READ_WRITE,
                                  count * sizeof(float), NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    device_hold(d, whole, release_mem);
    const bncl_tensor all = adopted(d, whole, 0, count);
    for (int who = 0; who < gemm_name_count; ++who) {
        if (!multiply_by(d, gemm_names[who]))
            continue;
        task *t = task_of(d, product, 1.0f);
        const size_t begins[MATRICES] = {a_begin + offset, 100, c_begin + offset};
        float *values = harness_floats(count);
        for (int i = A; i < MATRICES; ++i)
            memcpy(values + begins[i], t->host[i], count_of(&product, i) * sizeof *values);
        device_write(d, &all, values);
        t->at[A] = adopted(d, part_of(d, whole, a_begin, part), offset, count_of(&product, A));
        t->at[B] = adopted(d, whole, begins[B], count_of(&product, B));
        t->at[C] = adopted(d, part_of(d, whole, c_begin, part), offset, count_of(&product, C));
        run(d, t, d->queue);
        t->at[C] = device_vector(d, count_of(&product, C), device_floats(d, &all) + begins[C]);
        check(d, t, gemm_names[who]);
    }
}

static void release_queue(void *queue)
{
    bncl_queue_destroy(queue);
}

/* Rounds of C += A·B on each queue, in turn or one queue after the other; held copies of each C. */
static void run_rounds(device *d, bool at_once, float *out[2])
{
    enum { rounds = 6, edge = 150 };
    const bncli_product product = {edge, edge, edge, false, false};
    bncl_queue *queue[2];
    task *t[2];
    for (int q = 0; q < 2; ++q) {
        t[q] = task_make(d, product, 1.0f, "201");
        device_ok(d, bncl_queue_create(d->context, &queue[q], &d->err), "queue");
        harness_hold(queue[q], release_queue);
    }
    for (int i = 0; i < 2 * rounds; ++i) {
        const int q = at_once ? i % 2 : i / rounds;
        run(d, t[q], queue[q]);
        device_ok(
            d, at_once ? bncl_queue_flush(queue[q], &d->err) : bncl_queue_finish(queue[q], &d->err),
            "flush or finish");
    }
    for (int q = 0; q < 2; ++q) {
        device_ok(d, bncl_queue_finish(queue[q], &d->err), "finish");
        out[q] = device_floats(d, &t[q]->at[C]);
    }
}

/* OpenBLAS is called by two of the driver's threads at once: each product has the bits that it has
   alone. (CLBlast is not asked: on rusticl 22.3 its products on two queues at once come out
   wrong.) */
static void two_queues_at_once(void **state)
{
    device *d = device_of(state);
    float *alone[2], *at_once[2];
    if (!multiply_by(d, "cblas"))
        skip();
    run_rounds(d, false, alone);
    run_rounds(d, true, at_once);
    for (int q = 0; q < 2; ++q)
        check_float_bits("C", at_once[q], alone[q], 150 * 150);
}

/* On a caller's out-of-order queue, too, one call comes after the other: of a product that takes
   long, a short one reads the last row, of canaries before. (It is so short that OpenBLAS gives it
   one thread: else it would wait there for the other's end.) */
static void out_of_order(void **state)
{
    device *d = device_of(state);
    const size_t edge = d->small ? 5 : 300;
    cl_int code = CL_SUCCESS;
    cl_command_queue cl = clCreateCommandQueue(bncl_opencl_get_context(d->context),
                                               bncl_opencl_get_device(d->context),
                                               CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (code != CL_SUCCESS)
        skip(); /* the device has none */
    bncl_queue *queue = NULL;
    bncl_status status = bncl_opencl_queue(d->context, cl, &queue, &d->err);
    clReleaseCommandQueue(cl);
    device_ok(d, status, "bncl_opencl_queue");
    harness_hold(queue, release_queue);
    for (int who = 0; who < gemm_name_count; ++who) {
        if (!multiply_by(d, gemm_names[who]))
            continue;
        const bncli_product all = {edge, edge, edge, false, true}, row = {1, 5, edge, false, true};
        task *slow = task_make(d, all, 0.0f, "210"), *quick = task_make(d, row, 0.0f, "210");
        quick->at[A] = slow->at[C];
        quick->at[A].offset += (edge - 1) * edge;
        run(d, slow, queue);
        run(d, quick, queue);
        device_ok(d, bncl_queue_finish(queue, &d->err), "finish");
        quick->host[A] = device_floats(d, &slow->at[C]) + (edge - 1) * edge;
        check(d, slow, gemm_names[who]);
        check(d, quick, gemm_names[who]);
    }
}

/* CBLAS counts in int. */
static void too_large(void **state)
{
    device *d = device_of(state);
    if (!multiply_by(d, "cblas"))
        skip();
    for (int i = 0; i < 3; ++i) {
        size_t size[] = {2, 2, 2};
        size[i] = (size_t)INT32_MAX + 1;
        const bncli_product product = {size[0], size[1], size[2], false, false};
        bncli_gemm_plan plan = {NULL, NULL};
        device_refused(d, bncli_gemm_plan_make(d->context, &product, 1, &plan, &d->err),
                       BNCL_ERROR_SHAPE, "2147483648");
        assert_null(plan.provider);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(sizes),
        HARNESS_TEST(parameters_of_processors),
        HARNESS_TEST(empty),
        HARNESS_TEST(shared_buffers),
        HARNESS_TEST(sub_buffers),
        HARNESS_TEST(two_queues_at_once),
        HARNESS_TEST(out_of_order),
        HARNESS_TEST(too_large),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, device_open, device_close);
}
