"""The modules of PyTorch's lists as graphs: results, state dicts, and what is beside the operators:
channels taken from the first input, layers that are frozen or stop tracking."""
import copy

import torch

import expect
import reference
from graph import LAYER, Graph, run
from library import Refused
from list_cases import LAYOUTS, MODES, folded, norm_of_module, random_module
from offered import GRAPH_DTYPE


def keys_of(module):
    """As Graph.keys."""
    names = {torch.float32: "f32", torch.int64: "i64"}
    return [("%s.%s" % (LAYER, name), names[values.dtype], tuple(values.shape))
            for name, values in module.state_dict().items()]


def state_differences(graph, module, expected):
    """Keys in PyTorch's order; the saved file loads into a module, strictly, and holds what the
    graph holds."""
    found = []
    keys = graph.keys()
    if keys != keys_of(module):
        found.append("state dict: %s, PyTorch has %s" % (keys, keys_of(module)))
    saved = graph.saved()
    if sorted(saved) != sorted(name for name, _, _ in keys):
        found.append("saved: %s" % sorted(saved))
    other = copy.deepcopy(module)
    other.load_state_dict({name[len(LAYER) + 1:]: values for name, values in saved.items()})
    for name in ("weight", "bias"):
        values = getattr(module, name)
        if values is not None and not torch.equal(getattr(other, name), values):
            found.append("%s is not what was loaded" % name)
    if "counter" in expected and int(other.num_batches_tracked) != expected["counter"]:
        found.append("num_batches_tracked: %d" % int(other.num_batches_tracked))
    return found


def check(device, report, name, module, norm, expected):
    """The module's state dict goes in by way of a file."""
    try:
        with device.case():
            graph = Graph.of_module(device, norm.layout, norm.batches[0].shape, module,
                                    module.state_dict())
            found = expect.differences(norm, run(graph, norm), expected)
            found += state_differences(graph, module, expected)
    except (Refused, AssertionError, RuntimeError) as error:
        found = ["%s: %s" % (type(error).__name__, error)]
    report.expect(name, not found, found)


def run_modules(device, report, cases):
    for case in cases:
        for training in case.modes:
            module, x = case.make(torch.float32, training)
            module = random_module(module.to(torch.float32).train(training))
            dy = torch.randn(x.shape, generator=torch.Generator().manual_seed(3))
            for layout in LAYOUTS[folded(x).dim()]:
                norm = norm_of_module(module, folded(x), folded(dy), layout, "f32")
                name = "graph: %s, %s, %s" % (case.name, MODES[training], layout)
                check(device, report, name, module, norm,
                      reference.by_module(norm, module, x.shape))
            for dtype in case.dtypes:
                if dtype != "f32":
                    name = "%s, %s, %s" % (case.name, MODES[training], dtype)
                    report.not_offered(name, GRAPH_DTYPE)


# ---- beside the lists ----


def simple_inputs():
    generator = torch.Generator().manual_seed(9)
    return torch.randn(6, 5, 4, generator=generator), torch.randn(6, 5, 4, generator=generator)


def lazy(device, report):
    """LazyBatchNorm1d takes its channels from the first input, as a layer of a graph does."""
    x, dy = simple_inputs()
    for options in ({}, {"affine": False}, {"track_running_stats": False}, {"momentum": None}):
        module = torch.nn.LazyBatchNorm1d(**options)
        module(x)
        module.reset_running_stats()
        norm = norm_of_module(module, x, dy, "NCL", "f32")
        check(device, report, "LazyBatchNorm1d %s" % options, module, norm,
              reference.by_module(norm, module))


def step_differences(graph, module, x):
    """A forward of the graph beside one of the module, which begins with the graph's state."""
    state = {name[len(LAYER) + 1:]: values for name, values in graph.saved().items()}
    module.load_state_dict(state)
    norm = norm_of_module(module, x, x, "NCL", "f32")
    norm.batches, norm.dy, norm.updates = [x], None, module.track_running_stats
    return expect.differences(norm, run(graph, norm), reference.by_module(norm, module))


def modes_and_tracking(device, report):
    """A module whose mode and tracking change, as an assignment to track_running_stats does; and a
    layer that stays in evaluation while the network trains."""
    x, _ = simple_inputs()
    module = random_module(torch.nn.BatchNorm1d(5))

    def track(value):
        return (lambda graph: graph.call("bncl_graph_track_running_stats", LAYER.encode(), value),
                lambda made: setattr(made, "track_running_stats", value))

    def freeze(value):
        return (lambda graph: graph.call("bncl_graph_freeze", LAYER.encode(), value),
                lambda made: made.train(not value))

    train = (lambda graph: graph.call("bncl_graph_train"), lambda made: made.train())
    evaluate = (lambda graph: graph.call("bncl_graph_eval"), lambda made: made.eval())
    plans = {
        "train, eval, train": (train, evaluate, train),
        "tracking off, in training": (track(False), train),
        "tracking off, in evaluation": (track(False), evaluate),
        "tracking off and on again": (track(False), track(True)),
        "frozen while training": (freeze(True),),
        "frozen and let go": (freeze(True), freeze(False)),
    }
    for name, steps in plans.items():
        made, found = copy.deepcopy(module), []
        with device.case():
            graph = Graph.of_module(device, "NCL", x.shape, module, module.state_dict())
            for index, (on_graph, on_module) in enumerate(steps):
                on_graph(graph)
                on_module(made)
                found += ["step %d: %s" % (index, line)
                          for line in step_differences(graph, made, x)]
        report.expect(name, not found, found)


def run_all(device, report, cases):
    run_modules(device, report, cases)
    lazy(device, report)
    modes_and_tracking(device, report)
