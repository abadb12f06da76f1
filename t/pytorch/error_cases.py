"""What PyTorch refuses, libbncl must refuse, in PyTorch's words and order. (Its lists have no such
cases of batch norm; these are what its sources check.) The words are taken from PyTorch as it runs.
Where PyTorch speaks of its own machinery instead, libbncl must name what was wrong."""
import re
from typing import NamedTuple, Optional

import torch

import expect
import reference
from graph import LAYER, Graph
from library import Refused
from norm import CHANNEL, Norm, run
from offered import DTYPES


class Row(NamedTuple):
    name: str
    norm: Norm
    words: Optional[str] = None  # None: PyTorch's


def pytorch_words(action):
    """What PyTorch says, a shape written as [1, 5]; None where it does not refuse."""
    try:
        action()
    except (RuntimeError, ValueError, IndexError) as error:
        return re.sub(r"torch\.Size\((\[[^]]*\])\)", r"\1", str(error))
    return None


def compare(report, name, theirs, action, words=None):
    """Both refuse, in the same words, or in those given."""
    if theirs is None:
        report.fail(name, ["PyTorch does not refuse this"])
        return
    try:
        action()
        said = "nothing: it was taken"
    except Refused as refused:
        said = refused.text
    wanted = theirs if words is None else words
    report.expect(name, wanted in said, ["said: " + said, "wanted: " + wanted])


def vectors(**lengths):
    """gamma, beta, running_mean and running_var of 5 elements, but for those named."""
    names = ("gamma", "beta", "running_mean", "running_var")
    sizes = {name: lengths.get(name, 5) for name in names}
    return {name: None if size is None else torch.ones(size) for name, size in sizes.items()}


def norm_of(layout, shape, training=True, **lengths):
    x = torch.arange(1.0, 1.0 + torch.Size(shape).numel()).reshape(shape)
    made = Norm(layout, "f32", [x], training=training, **vectors(**lengths))
    if made.running_mean is not None:
        made.counter = 0
    return made


def rows():
    for layout, shape in (("NC", (1, 5)), ("NCL", (1, 5, 1)), ("NCHW", (1, 5, 1, 1))):
        yield Row("one value per channel, %s" % layout, norm_of(layout, shape))
        absent = {"running_mean": None, "running_var": None}
        yield Row("one value per channel without buffers, %s" % layout,
                  norm_of(layout, shape, False, **absent))
        yield Row("one value per channel, and a wrong length, %s" % layout,
                  norm_of(layout, shape, running_mean=4))
    wrong = {}
    for name in ("beta", "gamma", "running_var", "running_mean"):
        wrong = dict(wrong, **{name: 4})  # all that come later in PyTorch's order are wrong as well
        for training in (True, False):
            for layout, shape in (("NC", (6, 5)), ("NCL", (3, 5, 2)), ("NCHW", (3, 5, 2, 2))):
                yield Row("length of %s, %s, training %d" % (name, layout, training),
                          norm_of(layout, shape, training, **wrong))
    for name in ("running_mean", "running_var"):
        yield Row("evaluation without %s" % name, norm_of("NC", (6, 5), False, **{name: None}))
    none = dict.fromkeys(("gamma", "beta", "running_mean", "running_var"), 0)
    for layout, shape in (("NC", (6, 0)), ("NCL", (6, 0, 2))):
        yield Row("no channels, %s" % layout, norm_of(layout, shape, **none),
                  "expected at least 1 channel, got 0")  # PyTorch: an index out of range


def run_rows(device, report):
    for row in rows():
        theirs = pytorch_words(lambda: reference.by_module(row.norm))
        compare(report, "refused: " + row.name, theirs, lambda: run(device, row.norm), row.words)


def ranks(device, report):
    wrong = {torch.nn.BatchNorm1d: (0, 1, 4, 5), torch.nn.BatchNorm2d: (2, 3, 5)}
    for layout in CHANNEL:
        kind = torch.nn.BatchNorm2d if len(layout) == 4 else torch.nn.BatchNorm1d
        for rank in wrong[kind]:
            shape = (3, 5, 2, 2, 2)[:rank]
            theirs = pytorch_words(lambda: kind(5)(torch.zeros(shape)))

            def plan():
                with device.case():
                    device.plan(layout, "f32", shape)

            compare(report, "refused: rank %d, %s" % (rank, layout), theirs, plan)
    for layout, kind, shape in (("NCL", torch.nn.BatchNorm1d, (3, 5, 2, 2)),
                                ("NCHW", torch.nn.BatchNorm2d, (3, 5)),
                                ("NCHW", torch.nn.BatchNorm2d, (3, 5, 2))):
        theirs = pytorch_words(lambda: kind(5)(torch.zeros(shape)))

        def graph():
            with device.case():
                Graph(device, layout, shape)

        compare(report, "refused: rank %d of a graph, %s" % (len(shape), layout), theirs, graph)


def dtypes(device, report):
    """PyTorch names scalar types of its own choice; libbncl the one it was given."""
    theirs = pytorch_words(lambda: torch.nn.BatchNorm1d(5)(torch.zeros(6, 5, dtype=torch.int32)))

    def plan():
        with device.case():
            device.plan("NC", "i32", (6, 5))

    compare(report, "refused: x of i32", theirs, plan, "got i32")
    for x, parameters, expected in (("f64", "f32", "f64"), ("f32", "f64", "f32")):
        name = "refused: x of %s with parameters of %s" % (x, parameters)
        if device.gap("f64"):
            report.not_offered(name, device.gap("f64"))
            continue
        norm, kind = norm_of("NC", (6, 5)), DTYPES[parameters].torch
        norm.dtype = x
        norm.batches = [batch.to(DTYPES[x].torch) for batch in norm.batches]
        for field in ("gamma", "beta", "running_mean", "running_var"):
            setattr(norm, field, getattr(norm, field).to(kind))
        theirs = pytorch_words(lambda: torch.nn.BatchNorm1d(5).to(kind)(norm.batches[0]))
        compare(report, name, theirs, lambda: run(device, norm),
                "running_mean: expected %s, got %s" % (expected, parameters))


def one_buffer(device, report):
    """PyTorch updates the one that is there."""
    for name in ("running_mean", "running_var"):
        norm = norm_of("NC", (6, 5), True, **{name: None})
        label = "training without %s" % name
        found = expect.differences(norm, run(device, norm), reference.by_module(norm))
        report.expect(label, not found, found)


# ---- graphs ----


def one_value_in_graph(device, report):
    """The layer's name goes before PyTorch's words. A refused batch is not counted, which PyTorch
    does: a difference that is documented."""
    module, x = torch.nn.BatchNorm1d(5), torch.zeros(1, 5)
    theirs = pytorch_words(lambda: module(x))
    with device.case():
        graph = Graph.of_module(device, "NC", x.shape, module, torch.nn.BatchNorm1d(5).state_dict())
        compare(report, "refused: one value per channel in a graph", theirs,
                lambda: graph.forward(x))
        counter = int(graph.saved()[LAYER + ".num_batches_tracked"])
        report.expect("a refused batch is not counted", counter == 0, [str(counter)])


def changed(**changes):
    """A state dict of BatchNorm1d(5), with keys added, replaced or, with None, left out."""
    state = dict(torch.nn.BatchNorm1d(5).state_dict())
    for name, values in changes.items():
        if values is None:
            del state[name]
        else:
            state[name] = values
    return state


def load_into_module(state, **options):
    """Strictly, from a plain dict, which has no version: as a safetensors file is."""
    torch.nn.BatchNorm1d(options.pop("channels", 5), **options).load_state_dict(dict(state))


def load_into_graph(device, state, channels=5, affine=True, track_running_stats=True):
    with device.case():
        graph = Graph(device, "NC", (6, channels), gamma=affine, beta=affine,
                      track_running_stats=track_running_stats)
        graph.load(state)
        return int(graph.saved().get(LAYER + ".num_batches_tracked", -1))


def state_dicts(device, report):
    """PyTorch lists all keys that are wrong at once; libbncl names the first."""
    full = changed()
    wrong = {name: (changed(**{name: None}), {}, name)
             for name in ("weight", "bias", "running_mean", "running_var")}
    wrong["unexpected"] = (changed(other=torch.zeros(5)), {}, "other")
    wrong["affine into not affine"] = (full, {"affine": False}, None)
    wrong["tracked into untracked"] = (full, {"track_running_stats": False}, None)
    wrong["another length"] = (full, {"channels": 4}, None)
    for name, (state, options, key) in wrong.items():
        theirs = pytorch_words(lambda: load_into_module(state, **options))
        named = re.findall(r'"(\w+)"|mismatch for (\w+)', theirs or "")
        keys = ["".join(pair) for pair in named]
        report.expect("PyTorch names a key: %s" % name, (key or keys[0]) in keys, [str(theirs)])
        compare(report, "refused: state dict, %s" % name, theirs,
                lambda: load_into_graph(device, state, **options), "%s.%s" % (LAYER, keys[0]))
    load_into_module(changed(num_batches_tracked=None))
    report.expect("a missing counter is 0", load_into_graph(
        device, changed(num_batches_tracked=None)) == 0)


def other_dtype(device, report):
    """PyTorch's load_state_dict converts."""
    values = torch.tensor([1.0 + 2.0**-24, -3.0, 2.0**-20, 0.1, 6e4], dtype=torch.float64)
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        state = changed(weight=values.to(dtype))
        module = torch.nn.BatchNorm1d(5)
        module.load_state_dict(dict(state))
        with device.case():
            graph = Graph(device, "NC", (6, 5))
            graph.load(state)
            found = graph.saved()[LAYER + ".weight"]
        report.expect("a state dict of %s into f32" % dtype, torch.equal(found, module.weight),
                      [str(found), str(module.weight)])


def run_all(device, report):
    run_rows(device, report)
    ranks(device, report)
    dtypes(device, report)
    one_buffer(device, report)
    one_value_in_graph(device, report)
    state_dicts(device, report)
    other_dtype(device, report)
