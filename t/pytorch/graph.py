"""A batch norm module as a graph of one layer: its state dict by way of files, in PyTorch's keys;
forward, backward, counter."""
import ctypes
import pathlib
import tempfile

import torch

import safetensors
from norm import CHANNEL

LAYER = "bn1"


class Graph:
    """Within `with device.case():`. `options`: fields of bncl_graph_batch_norm_options and of its
    norm."""

    def __init__(self, device, layout, shape, momentum=0.1, eps=1e-5, **options):
        self.device = device
        self.graph = device.create("bncl_graph_create", "bncl_graph_destroy", device.context)
        x, y = ctypes.c_int(), ctypes.c_int()
        sample = (ctypes.c_size_t * max(1, len(shape) - 1))(*shape[1:])
        self.call("bncl_graph_input", len(shape) - 1, sample, True, ctypes.byref(x))
        made = device.call("bncl_graph_batch_norm_options_default")
        made.norm.eps = eps
        made.norm.cumulative = momentum is None
        made.norm.momentum = 0.0 if momentum is None else momentum
        made.channels_last = CHANNEL[layout] != 1
        for name, value in options.items():
            setattr(made, name, value)
        kind = "bncl_graph_batch_norm2d" if len(layout) == 4 else "bncl_graph_batch_norm"
        self.call(kind, LAYER.encode(), x, ctypes.byref(made), ctypes.byref(y))
        self.call("bncl_graph_plan", y, 1, device.queue)

    @classmethod
    def of_module(cls, device, layout, shape, module, state):
        """As the module, with the values of a state dict that is loaded from a file."""
        made = cls(device, layout, shape, module.momentum, module.eps, gamma=module.affine,
                   beta=module.affine, track_running_stats=module.track_running_stats)
        if state:
            made.load(state)
        made.call("bncl_graph_train" if module.training else "bncl_graph_eval")
        return made

    def call(self, name, *arguments):
        return self.device.call(name, self.graph, *arguments)

    def load(self, state):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "state.safetensors")
            safetensors.save(path, {"%s.%s" % (LAYER, name): values
                                    for name, values in state.items()})
            self.call("bncl_graph_load", self.device.queue, str(path).encode())

    def saved(self):
        """What PyTorch reads from the file that the graph saves."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "state.safetensors")
            self.call("bncl_graph_save", self.device.queue, str(path).encode())
            return safetensors.load(path)

    def keys(self):
        """The state dict's entries in the graph's order: name, dtype, dims."""
        found = []
        for index in range(self.call("bncl_graph_state_count")):
            entry = self.device.library.new("bncl_state_entry")
            self.call("bncl_graph_state_entry", index, ctypes.byref(entry))
            dtype = self.device.call("bncl_dtype_name", entry.dtype).decode()
            found.append((ctypes.string_at(entry.name).decode(), dtype,
                          tuple(entry.dims[:entry.rank])))
        return found

    def _read(self, tensor):
        values = torch.empty(tuple(tensor.dims[:tensor.rank]))
        self.device.read(tensor, values)
        return values.double()

    def forward(self, x):
        self.x = self.device.place(x)
        y = self.device.library.new("bncl_tensor")
        self.call("bncl_graph_forward", self.device.queue, ctypes.byref(self.x.tensor), 1,
                  ctypes.byref(y), None)
        return self._read(y)

    def backward(self, dy):
        """dx, dgamma and dbeta, those that there are."""
        placed = self.device.place(dy)
        self.call("bncl_graph_backward", self.device.queue, ctypes.byref(placed.tensor), None)
        dx = self.device.library.new("bncl_tensor")
        self.call("bncl_graph_input_gradient", 0, ctypes.byref(dx))
        found = {"dx": self._read(dx)}
        names = {LAYER + ".weight": "dgamma", LAYER + ".bias": "dbeta"}
        for index in range(self.call("bncl_graph_parameter_count")):
            info = self.device.library.new("bncl_graph_parameter_info")
            self.call("bncl_graph_parameter", index, ctypes.byref(info))
            found[names[ctypes.string_at(info.name).decode()]] = self._read(info.gradient)
        return found


def running_of(state):
    """running_mean, running_var and the counter of a state dict, as norm.run names them."""
    found = {name: state["%s.%s" % (LAYER, name)].double()
             for name in ("running_mean", "running_var") if "%s.%s" % (LAYER, name) in state}
    counter = state.get(LAYER + ".num_batches_tracked")
    return found if counter is None else dict(found, counter=int(counter))


def run(graph, norm):
    """As norm.run, of a graph that is the norm."""
    for batch in norm.batches:
        results = {"y": graph.forward(batch)}
    if norm.dy is not None:
        results.update(graph.backward(norm.dy))
    results.update(running_of(graph.saved()))
    return results
