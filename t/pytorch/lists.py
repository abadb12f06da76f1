"""PyTorch's own cases of batch norm: every entry of the lists under torch.testing._internal that
have it, as cases of this program; and a check that none was left out.

What those lists are used for beside batch norm's numbers (pickling, printing, TorchScript, vmap,
other devices) is not libbncl's."""
import dataclasses
import pathlib
import re
import sys
import types
import unittest
from typing import Callable

import torch

from offered import NAMES


def import_lists():
    """torch.testing._internal wants expecttest, which Debian has no package of: of it only a base
    class and a switch are used. It also reads sys.argv and seeds torch."""
    if "expecttest" not in sys.modules:
        try:
            __import__("expecttest")
        except ImportError:
            stand_in = types.ModuleType("expecttest")
            stand_in.TestCase = unittest.TestCase
            stand_in.ACCEPT = False
            sys.modules["expecttest"] = stand_in
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        from torch.testing._internal import common_methods_invocations, common_modules, common_nn
        from torch.testing._internal import jit_metaprogramming_utils
    finally:
        sys.argv = arguments
        torch.set_default_dtype(torch.float32)  # which importing them changes
    return common_nn, common_modules, common_methods_invocations, jit_metaprogramming_utils


def noncontiguous(tensor):
    """What ModuleTest.test_noncontig makes of an input."""
    return import_lists()[0].ModuleTest.noncontiguize(None, tensor)


@dataclasses.dataclass
class ModuleCase:
    """A module and its input. `make(dtype, training)` gives both, of a torch dtype."""

    name: str
    make: Callable
    dtypes: tuple
    modes: tuple
    second_order: bool
    forward_mode: bool


@dataclasses.dataclass
class FunctionCase:
    """A call. `make(dtype)` gives input, running_mean, running_var, weight and bias."""

    name: str
    make: Callable
    native: bool  # native_batch_norm, which also gives what it saves
    training: bool
    momentum: float
    eps: float
    dtypes: tuple
    second_order: bool
    forward_mode: bool


BATCH_NORM = re.compile(r"(Lazy)?BatchNorm[123]d")


def from_common_nn(common_nn):
    """module_tests, new_module_tests and criterion_tests. With check_eval each runs in evaluation
    too. They name no dtypes: all floating ones."""
    for list_name in ("module_tests", "new_module_tests", "criterion_tests"):
        for entry in getattr(common_nn, list_name):
            name = entry.get("module_name") or entry.get("fullname") or ""
            if not BATCH_NORM.fullmatch(name):
                continue
            kind = getattr(torch.nn, name)
            rest = {key: value for key, value in entry.items()
                    if key not in ("module_name", "desc")}
            test = common_nn.TestBase(kind, **rest)

            def make(dtype, training, kind=kind, test=test):
                torch.manual_seed(0)
                return kind(*test.constructor_args), test._get_input().to(dtype)

            modes = (True, False) if entry.get("check_eval") else (True,)
            yield ModuleCase("common_nn %s %s" % (name, entry.get("desc", "plain")), make,
                             ("bf16", "f16", "f32", "f64"), modes,
                             entry.get("check_gradgrad", True),
                             entry.get("supports_forward_ad", False))


def from_common_modules(common_modules):
    """module_db."""
    for info in common_modules.module_db:
        if not BATCH_NORM.fullmatch(info.module_cls.__name__):
            continue

        def inputs(dtype, training, info=info):
            torch.manual_seed(0)
            return list(info.module_inputs_func(info, device="cpu", dtype=dtype,
                                                requires_grad=False, training=training))

        for index, _ in enumerate(inputs(torch.float32, True)):
            def make(dtype, training, index=index, info=info, inputs=inputs):
                found = inputs(dtype, training)[index]
                made = found.constructor_input
                return info.module_cls(*made.args, **made.kwargs), found.forward_input.args[0]

            yield ModuleCase("common_modules %s %d" % (info.name, index), make,
                             tuple(sorted(NAMES[dtype] for dtype in info.dtypes)), (True, False),
                             info.supports_gradgrad, False)


def batch_norm_ops(invocations):
    for op in invocations.op_db + invocations.python_ref_db:
        if op.name.split(".")[-1] in ("batch_norm", "native_batch_norm"):
            yield op


def arguments_of(sample, native):
    """running_mean, running_var, weight, bias, training, momentum, eps of a sample."""
    if native:
        weight, bias, mean, var, training, momentum, eps = sample.args
        return (mean, var, weight, bias), training, momentum, eps
    return (sample.args, sample.kwargs.get("training", False), sample.kwargs.get("momentum", 0.1),
            sample.kwargs.get("eps", 1e-5))


def from_common_methods_invocations(invocations):
    """op_db and python_ref_db, for the dtypes of CPU and CUDA together."""
    for op in batch_norm_ops(invocations):
        native = op.name.endswith("native_batch_norm")

        def samples(dtype, op=op):
            torch.manual_seed(0)
            return list(op.sample_inputs("cpu", dtype, requires_grad=False))

        name = " ".join(filter(None, (op.name, op.variant_test_name)))
        dtypes = tuple(sorted(NAMES[dtype] for dtype in op.dtypes | op.dtypesIfCUDA))
        for index, sample in enumerate(samples(torch.float32)):
            _, training, momentum, eps = arguments_of(sample, native)

            def make(dtype, index=index, samples=samples, native=native):
                found = samples(dtype)[index]
                return (found.input, *arguments_of(found, native)[0])

            yield FunctionCase("common_methods_invocations %s %d" % (name, index), make, native,
                               training, momentum, eps, dtypes, op.supports_gradgrad,
                               op.supports_forward_ad)


def from_jit(utils):
    """nn_functional_tests."""
    for entry in utils.nn_functional_tests:
        name, shape, args = entry[:3]
        if name != "batch_norm":
            continue

        def make(dtype, shape=shape, args=args):
            generator = torch.Generator().manual_seed(0)
            x = torch.randn(shape, generator=generator, dtype=torch.float64)
            vectors = [None if value is None else value.tensor for value in args[:4]]
            return tuple(None if value is None else value.to(dtype) for value in (x, *vectors))

        training = args[4] if len(args) > 4 else False
        yield FunctionCase("jit_metaprogramming_utils batch_norm %s" % entry[3], make, False,
                           training, 0.1, 1e-5, ("f32", "f64"), True, False)


# Files that name batch norm and list no cases of it.
NO_LISTS = {
    "common_fsdp.py": "a network with one, for several processes",
    "common_quantization.py": "networks with one, for quantization",
    "distributed/distributed_test.py": "networks with one, for several processes",
    "generated/annotated_fn_args.py": "signatures",
}


@dataclasses.dataclass
class Inventory:
    modules: list
    functions: list
    left_out: list  # lines; empty where all was found


def written_in(module, pattern):
    """How many entries of batch norm a module's text has."""
    return len(re.findall(pattern, pathlib.Path(module.__file__).read_text(encoding="utf-8")))


def uncounted(tables):
    """Lists of which not every entry was found: rows of module, entry's pattern, number found."""
    for module, pattern, found in tables:
        written = written_in(module, pattern)
        if written != found or found == 0:
            yield "%s has %d entries of batch norm, found were %d" % (
                module.__name__, written, found)


def unread(modules):
    """Files beside the modules that name batch norm, too."""
    root = pathlib.Path(modules[0].__file__).parent
    read = {pathlib.Path(module.__file__) for module in modules}
    for path in sorted(root.rglob("*.py")):
        name = str(path.relative_to(root))
        if path not in read and name not in NO_LISTS and re.search(
                r"BatchNorm[123]d|\bbatch_norm\b", path.read_text(encoding="utf-8")):
            yield "%s names batch norm and is not read" % name


def inventory():
    """All cases; `left_out` compares their number with what the lists' own texts say."""
    modules = import_lists()
    common_nn, common_modules, invocations, utils = modules
    by_module = {module: list(cases) for module, cases in (
        (common_nn, from_common_nn(common_nn)),
        (common_modules, from_common_modules(common_modules)),
        (invocations, from_common_methods_invocations(invocations)),
        (utils, from_jit(utils)))}
    ops = list(batch_norm_ops(invocations))
    entries = len({case.name.rsplit(" ", 1)[0] for case in by_module[common_modules]})
    left_out = list(uncounted((
        (common_nn, r"(?:module_|full)name='(?:Lazy)?BatchNorm", len(by_module[common_nn])),
        (common_modules, r"ModuleInfo\(torch\.nn\.(?:Lazy)?BatchNorm", entries),
        (invocations, r"(?:Op|PythonRef)Info\(\s*[\"'][\w.]*batch_norm[\"']", len(ops)),
        (utils, r"\n    \('batch_norm',", len(by_module[utils])))))
    left_out += ["%s has %s, which are not run" % (op.name, kind) for op in ops
                 for kind in ("error_inputs_func", "reference_inputs_func")
                 if getattr(op, kind, None) is not None]
    left_out += unread(modules)
    return Inventory([*by_module[common_nn], *by_module[common_modules]],
                     [*by_module[invocations], *by_module[utils]], left_out)
