/* Where spans of time get their memory: apart where they meet, and not much more of it than is
   needed at once. */
#include <stdint.h>

#include "graph/liveness.h"
#include "lib/generate.h"
#include "lib/harness.h"

static bool meet_in_time(const bncli_span *a, const bncli_span *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static bool meet_in_memory(const bncli_span *a, const bncli_span *b)
{
    return a->offset < b->offset + b->elements && b->offset < a->offset + a->elements;
}

/* What is needed at the time at which most is needed: no placing takes less. */
static size_t most_at_once(const bncli_span *spans, size_t count)
{
    size_t most = 0;
    for (size_t i = 0; i < count; ++i) {
        size_t sum = 0;
        for (size_t j = 0; j < count; ++j)
            if (spans[j].first <= spans[i].first && spans[i].first <= spans[j].last)
                sum += spans[j].elements;
        most = sum > most ? sum : most;
    }
    return most;
}

static void check_placed(const bncli_span *spans, size_t count, size_t total)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; ++i) {
        sum += spans[i].elements;
        assert_true(spans[i].offset + spans[i].elements <= total);
        for (size_t j = 0; j < i; ++j)
            if (meet_in_time(&spans[i], &spans[j]) && meet_in_memory(&spans[i], &spans[j]))
                harness_fail("spans %zu and %zu of %zu overlap", j, i, count);
    }
    assert_true(total <= sum && total >= most_at_once(spans, count));
}

static void any_spans(void **state)
{
    (void)state;
    enum { most = 40 };
    bncli_span spans[most];
    generator g = generator_seed(11);
    for (size_t round = 0; round < 300; ++round) {
        const size_t count = round % most;
        size_t total;
        for (size_t i = 0; i < count; ++i) {
            const size_t first = generator_word(&g) % 30;
            spans[i] = (bncli_span){
                .first = first,
                .last = generator_word(&g) % 9 == 0 ? SIZE_MAX : first + generator_word(&g) % 6,
                .elements = generator_word(&g) % 7 * 64};
        }
        assert_true(bncli_spans_place(spans, count, &total));
        check_placed(spans, count, total);
    }
}

/* A chain, each needed until the next one but one is made: two places do. */
static void a_chain_takes_two_places(void **state)
{
    (void)state;
    bncli_span spans[10];
    size_t total;
    for (size_t i = 0; i < 10; ++i)
        spans[i] = (bncli_span){.first = i, .last = i + 1, .elements = 64};
    assert_true(bncli_spans_place(spans, 10, &total));
    check_placed(spans, 10, total);
    assert_int_equal(total, 2 * 64);
}

static void what_overflows_is_told(void **state)
{
    (void)state;
    size_t total;
    bncli_span at_once[] = {{0, 3, SIZE_MAX / 2, 0}, {1, 2, SIZE_MAX / 2, 0}, {2, 2, 64, 0}};
    bncli_span in_turn[] = {{0, 1, SIZE_MAX / 2, 0}, {2, 3, SIZE_MAX / 2, 0}, {4, 4, 64, 0}};
    assert_false(bncli_spans_place(at_once, 3, &total));
    assert_true(bncli_spans_place(in_turn, 3, &total));
    assert_true(total == SIZE_MAX / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(any_spans),
        HARNESS_TEST(a_chain_takes_two_places),
        HARNESS_TEST(what_overflows_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
