"""Tensors on a device: values of torch tensors put into buffers of the library, with strides and
margins, and read back."""
import contextlib
import ctypes

import torch

from library import Refused
from offered import DTYPES, NAMES

# What lies between and around a tensor's elements: a NaN in every dtype, whoever reads it shows it.
# (A mask's are bits without a pattern.)
MARGIN = {1: 0xA5, 2: 0x7FC1, 4: 0x7FC0DEAD, 8: 0x7FF8DEAD0000BEEF}
INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
CODES = {**NAMES, torch.uint8: "u8"}


def words_of(tensor):
    """The tensor's elements as integers: equal where the bits are."""
    return tensor.view(INTEGERS[tensor.element_size()])


class Placed:
    """A tensor in a buffer of its own."""

    def __init__(self, device, values, strides=None, before=0, after=0):
        self.device = device
        self.shape = tuple(values.shape)
        self.strides = tuple(values.contiguous().stride() if strides is None else strides)
        self.before = before
        steps = [(size - 1) * step for size, step in zip(self.shape, self.strides)]
        extent = 0 if 0 in self.shape else 1 + sum(steps)
        size = values.element_size()
        margin = torch.full((before + extent + after,), MARGIN[size], dtype=INTEGERS[size])
        self.host = margin.view(values.dtype)
        self._elements(self.host).copy_(values)
        code = device.dtype_code(CODES[values.dtype])
        self.buffer = device.buffer(self.host.numel() * size)
        self.tensor = device.tensor(self.buffer, before, code, self.shape, strides)
        self.whole = device.tensor(self.buffer, 0, code, self.host.shape)
        device.write(self.whole, self.host)

    def _elements(self, host):
        return host.as_strided(self.shape, self.strides, self.before)

    def read(self):
        """The elements, and that nothing beside them was written."""
        found = torch.empty_like(self.host)
        self.device.read(self.whole, found)
        values = self._elements(found).clone()
        expected = self.host.clone()
        self._elements(expected).copy_(self._elements(found))
        stray = (words_of(expected) != words_of(found)).nonzero()
        if stray.numel():
            raise AssertionError("element %d of the buffer, which is none of the tensor, was "
                                 "written" % stray[0].item())
        return values


class Device:
    """A context and a queue. Everything made within `with device.case():` ends with it."""

    def __init__(self, library, name):
        self.library = library
        self.context = ctypes.c_void_p()
        self.call("bncl_context_create", name and name.encode(), ctypes.byref(self.context))
        self.queue = ctypes.c_void_p()
        self.call("bncl_queue_create", self.context, ctypes.byref(self.queue))
        self.stack = contextlib.ExitStack()
        info = library.new("bncl_device_info")
        self.call("bncl_context_device", self.context, ctypes.byref(info))
        self.name = "%s (%s)" % (info.name.decode(), info.platform.decode())

    def call(self, name, *arguments):
        return self.library.call(name, *arguments)

    def close(self):
        self.call("bncl_queue_destroy", self.queue)
        self.call("bncl_context_destroy", self.context)

    @contextlib.contextmanager
    def case(self):
        with self.stack:
            yield
            self.call("bncl_queue_finish", self.queue)

    def create(self, name, destroy, *arguments):
        """Calls a …_create whose last argument before the error is **out."""
        made = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(made))
        self.stack.callback(self.call, destroy, made)
        return made

    def buffer(self, size):
        return self.create("bncl_buffer_create", "bncl_buffer_destroy", self.context, size)

    def dtype_code(self, name):
        """The enumerator of a dtype; a number that is none where the headers know none."""
        constants = self.library.constants
        return constants.get("BNCL_" + name.upper(), constants["BNCL_DTYPE_COUNT"])

    def tensor(self, buffer, offset, code, shape, strides=None):
        tensor = self.library.new("bncl_tensor")
        arguments = [ctypes.byref(tensor), buffer, offset, code, len(shape)]
        arguments.append((ctypes.c_size_t * max(1, len(shape)))(*shape))
        if strides is None:
            self.call("bncl_tensor_init", *arguments)
        else:
            steps = (ctypes.c_size_t * len(shape))(*strides)
            self.call("bncl_tensor_init_strided", *arguments, steps)
        return tensor

    def write(self, tensor, values):
        pointer = ctypes.c_void_p(values.data_ptr())
        self.call("bncl_tensor_write", self.queue, ctypes.byref(tensor), pointer, None)
        self.call("bncl_queue_finish", self.queue)

    def read(self, tensor, values):
        pointer = ctypes.c_void_p(values.data_ptr())
        self.call("bncl_tensor_read", self.queue, ctypes.byref(tensor), pointer, None)

    def place(self, values, strides=None, before=0, after=0):
        return Placed(self, values, strides, before, after)

    def layout(self, name):
        return self.library.constants["BNCL_LAYOUT_" + name]

    def plan(self, layout, dtype, shape, options=None):
        dims = (ctypes.c_size_t * max(1, len(shape)))(*shape)
        return self.create("bncl_batch_norm_create", "bncl_batch_norm_destroy", self.context,
                           self.layout(layout), self.dtype_code(dtype), len(shape), dims, options)

    def _refusal(self, dtype):
        """The status that the library refuses a dtype with, or None."""
        with self.case():
            try:
                self.plan("NC", dtype, (4, 3))
            except Refused as refused:
                return refused.status
        return None

    def stale_dtypes(self):
        """Dtypes that the library takes and offered.py says it does not."""
        return [name for name, row in DTYPES.items()
                if not row.offered and self._refusal(name) is None]

    def gap(self, dtype):
        """Why cases of a dtype are not run, or None. f64 may be offered, but not on this device;
        any other refusal is for the cases to show."""
        if not DTYPES[dtype].offered:
            return "dtype %s" % dtype
        if dtype == "f64" and self._refusal(dtype) == "BNCL_ERROR_UNSUPPORTED":
            return "dtype f64, on this device"
        return None
