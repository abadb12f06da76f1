/* Faults under folding: the graph that is folded stays as it was, and nothing is made of it. */
#include "fault/graph_world.h"
#include "lib/harness.h"

static bncl_status fold(void *of, bncl_error *err)
{
    graph_world *w = of;
    return bncl_graph_fold(w->graph, w->d->queue, &w->made, err);
}

/* The state dict of what was made, and y of a pass through it. */
static void fold_results(void *of, fault_record *record)
{
    graph_world *w = of;
    bncl_tensor x = w->inputs, y;
    x.dims[0] = w->batch;
    fault_record_state(record, w->d, w->made);
    device_ok(w->d, bncl_graph_forward(w->made, w->d->queue, &x, 1, &y, NULL, &w->d->err),
              "bncl_graph_forward");
    fault_record_tensor(record, "y", w->d, &y);
}

static void destroy_made(void *of)
{
    graph_world *w = of;
    bncl_graph_destroy(w->made);
}

/* Of a batch norm before Flatten and Linear, and one behind that Linear. */
static void folding(void **state)
{
    const fault_operation operation = {.name = "bncl_graph_fold",
                                       .statuses = FAILS(MEMORY) | FAILS(DEVICE_MEMORY) |
                                                   FAILS(BUILD) | FAILS(OPENCL),
                                       .prepare = graph_world_prepare,
                                       .run = fold,
                                       .lasting = graph_world_lasting,
                                       .results = fold_results,
                                       .discard = destroy_made,
                                       .finish = graph_world_destroy_graph};
    graph_world *w = graph_world_make(state);
    w->warm[0] = w->batch;
    w->evaluating = true;
    faults_try(&operation, w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {HARNESS_TEST(folding)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, faults_open, device_close);
}
