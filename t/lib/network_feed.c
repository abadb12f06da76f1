/* A source of batches: see network_feed.h. */
#include "lib/network_feed.h"

#include <string.h>

#include "lib/harness.h"

network_feed network_feed_make(device *d, const network *net, const size_t *sizes, size_t count)
{
    network_feed f = {.d = d, .net = net, .count = count};
    for (size_t i = 0; i < count; ++i) {
        f.batches[i] = network_data_make(net, sizes[i], 40 + i);
        f.order[i] = i;
    }
    return f;
}

static bncl_status give(void *user, bncl_tensor *inputs, size_t count, bool *more, bncl_error *err)
{
    network_feed *f = user;
    assert_int_equal(count, (size_t)f->net->input_count);
    if (f->fails_at > 0 && f->given == f->fails_at) {
        if (err != NULL && f->text != NULL)
            strcpy(err->text, f->text);
        return BNCL_ERROR_IO;
    }
    *more = f->given < f->count;
    for (size_t i = 0; *more && i < count; ++i) {
        const network_data *data = &f->batches[f->order[f->given]];
        const network_input *in = &f->net->inputs[i];
        const size_t dims[] = {data->n, in->dims[0], in->dims[1], in->dims[2]};
        inputs[i] = device_tensor(f->d, BNCL_F32, in->rank + 1, dims, data->inputs[i]);
    }
    f->given += *more;
    return BNCL_OK;
}

bncl_status network_feed_try(network_graph *g, network_feed *f)
{
    f->given = 0;
    return bncl_graph_recalibrate(g->graph, g->d->queue, give, f, &g->d->err);
}

void network_feed_recalibrate(network_graph *g, network_feed *f)
{
    device_ok(g->d, network_feed_try(g, f), "bncl_graph_recalibrate");
    assert_int_equal(f->given, f->count);
}
