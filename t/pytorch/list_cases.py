"""Runs the cases of lists.py by the operators: each in the layouts that its rank has, with the
parameters as PyTorch makes them and with random ones, and with the strides that PyTorch's own tests
give them. Inputs of five dims run as three, with the last ones folded."""
import copy

import torch

import double_backward
import expect
import forward_mode
import reference
from library import Refused
from norm import CHANNEL, Norm, Place, from_channels_second, run
from offered import DOUBLE_BACKWARD, DOUBLE_BACKWARD_DTYPES, DTYPES

LAYOUTS = {2: ("NC",), 3: ("NCL", "NLC"), 4: ("NCHW", "NHWC")}
MODES = {True: "train", False: "eval"}


def folded(x):
    return x if x.dim() <= 4 else x.flatten(2)


def random_module(module):
    """A copy with parameters and buffers that hide no mistake."""
    module = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, values in (*module.named_parameters(), *module.named_buffers()):
            if name == "num_batches_tracked":
                values.fill_(7)
            elif name in ("weight", "running_var"):
                values.uniform_(0.25, 2.25, generator=generator)
            else:
                values.normal_(generator=generator)
    return module


def detached(tensor, dtype):
    return None if tensor is None else tensor.detach().to(dtype).clone()


def norm_of_module(module, x, dy, layout, dtype):
    """Two calls on the same input, as PyTorch's tests make several, then the gradients."""
    parameters = DTYPES[DTYPES[dtype].parameters].torch
    vectors = {name: detached(values, parameters) for name, values in (
        ("gamma", module.weight), ("beta", module.bias), ("running_mean", module.running_mean),
        ("running_var", module.running_var))}
    tracked = module.num_batches_tracked is not None
    x = from_channels_second(x, layout).contiguous()
    return Norm(layout, dtype, [x, x], from_channels_second(dy, layout).contiguous(), **vectors,
                counter=int(module.num_batches_tracked) if tracked else None, eps=module.eps,
                momentum=module.momentum, training=module.training,
                gradients=("dx", "dgamma", "dbeta") if module.affine else ("dx",))


def place_of(strided):
    """Where PyTorch has a tensor that is not contiguous."""
    return Place(strided.stride(), strided.storage_offset(), 3)


def check(device, report, name, norm, expected):
    try:
        found = expect.differences(norm, run(device, norm), expected)
    except (Refused, AssertionError) as error:
        found = ["%s: %s" % (type(error).__name__, error)]
    report.expect(name, not found, found)


def stride_variants(x, dy, noncontiguous):
    """As ModuleTest.test_noncontig has them."""
    for name, pair in (("x", (x, None)), ("dy", (None, dy)), ("x and dy", (x, dy))):
        places = {key: place_of(folded(noncontiguous(values)))
                  for key, values in zip(("x", "dy"), pair) if values is not None}
        yield name, places


def check_derivatives(device, report, name, case, norm, of, *arguments):
    """Those of the case besides the first: `of` names the maker, of_module or of_function, that the
    arguments are for."""
    wanted = (("double backward", case.second_order, double_backward),
              ("forward mode", case.forward_mode, forward_mode))
    for what, is_wanted, kind in wanted:
        if not is_wanted or norm.dtype not in DOUBLE_BACKWARD_DTYPES:
            continue
        try:
            found = kind.differences(device, norm, getattr(kind, of)(*arguments))
        except (Refused, AssertionError) as error:
            found = ["%s: %s" % (type(error).__name__, error)]
        report.expect("%s, %s" % (name, what), not found, found)


def dtype_runs(device, report, case, name):
    """The dtypes of a case that it runs with; counts the others."""
    for dtype in case.dtypes:
        gap = device.gap(dtype)
        if gap:
            report.not_offered(name, gap)
            continue
        if (case.second_order or case.forward_mode) and dtype not in DOUBLE_BACKWARD_DTYPES:
            report.not_offered("%s, %s" % (name, dtype), DOUBLE_BACKWARD)
        yield dtype


def run_module_case(device, report, case, training, dtype, noncontiguous):
    row = DTYPES[dtype]
    module, x = case.make(row.torch, training)
    module = module.to(DTYPES[row.parameters].torch).train(training)
    dy = torch.randn(x.shape, generator=torch.Generator().manual_seed(3)).to(x.dtype)
    for label, made in (("as made", module), ("random", random_module(module))):
        for layout in LAYOUTS[folded(x).dim()]:
            norm = norm_of_module(made, folded(x), folded(dy), layout, dtype)
            expected = reference.by_module(norm, made, x.shape)
            name = "%s, %s, %s, %s, %s" % (case.name, MODES[training], label, dtype, layout)
            check(device, report, name, norm, expected)
            check_derivatives(device, report, name, case, norm, "of_module", made, x.shape)
            if layout != LAYOUTS[folded(x).dim()][0]:
                continue
            for which, places in stride_variants(x, dy, noncontiguous):
                norm.places = places
                check(device, report, "%s, %s not contiguous" % (name, which), norm, expected)


def run_modules(device, report, cases, noncontiguous):
    for done, case in enumerate(cases):
        for training in case.modes:
            name = "%s, %s" % (case.name, MODES[training])
            for dtype in dtype_runs(device, report, case, name):
                run_module_case(device, report, case, training, dtype, noncontiguous)
        report.progress("modules of PyTorch's lists", done + 1, len(cases))


# ---- functions ----


def function_of(case):
    """F.batch_norm or native_batch_norm, as reference.by_function calls it."""
    def functional(x, mean, var, weight, bias):
        return torch.nn.functional.batch_norm(x, mean, var, weight, bias, case.training,
                                              case.momentum, case.eps)

    def native(x, mean, var, weight, bias):
        return torch.native_batch_norm(x, weight, bias, mean, var, case.training, case.momentum,
                                       case.eps)

    return native if case.native else functional


def norm_of_function(case, dtype, layout):
    x, mean, var, weight, bias = case.make(DTYPES[dtype].torch)
    dy = torch.randn(x.shape, generator=torch.Generator().manual_seed(3)).to(x.dtype)
    parameters = DTYPES[DTYPES[dtype].parameters].torch
    vectors = [detached(values, parameters) for values in (weight, bias, mean, var)]
    gradients = ["dx"]
    gradients += ["dgamma"] if weight is not None else []
    gradients += ["dbeta"] if bias is not None else []
    x, dy = (from_channels_second(values, layout).contiguous() for values in (x, dy))
    return Norm(layout, dtype, [x], dy, *vectors, eps=case.eps, momentum=case.momentum,
                training=case.training, gradients=tuple(gradients))


def refused_as_by_module(device, report, name, dtype, x):
    """A rank that the function takes, empty as it is, and the module does not: its words."""
    try:
        torch.nn.BatchNorm1d(1)(x)
        words = None
    except ValueError as error:
        words = str(error)
    with device.case():
        try:
            device.plan("NC", dtype, tuple(x.shape))
            said = "it was taken"
        except Refused as refused:
            said = refused.text
    report.expect(name + ", refused", words is not None and words in said, [said, str(words)])


LOOSE = ("x: expected neighbours along the fastest dim, got a stride of 2; "
         "bncl_copy makes such a tensor")


def refused_as_loose(device, report, name, norm):
    try:
        run(device, norm)
        said = "it was taken"
    except Refused as refused:
        said = str(refused)
    report.expect(name + ", refused", said == "BNCL_ERROR_UNSUPPORTED: " + LOOSE,
                  [said, "wanted: " + LOOSE])


def run_loose(device, report, name, norm, expected):
    """As SampleInput.noncontiguous() has it: every second element of the fastest dim. Batch norm
    refuses it and says what to do, which is then done. (Empty, or with one channel and position, it
    has no such dim.)"""
    x = norm.batches[0]
    steps = tuple(2 * step for step in x.stride())
    norm.places = {"x": Place(steps, 1, 2)}
    name += ", x not contiguous"
    if x.numel() > 0 and any(size > 1 for size in x.shape[CHANNEL[norm.layout]:]):
        refused_as_loose(device, report, name, norm)
        norm.copied = True
    check(device, report, name, norm, expected)


def run_function_case(device, report, case, dtype):
    x = case.make(DTYPES[dtype].torch)[0]
    name = "%s, %s" % (case.name, dtype)
    if x.dim() < 2:
        refused_as_by_module(device, report, name, dtype, x)
        return
    for layout in LAYOUTS[x.dim()]:
        norm = norm_of_function(case, dtype, layout)
        expected = reference.by_function(norm, function_of(case))
        check(device, report, "%s, %s" % (name, layout), norm, expected)
        check_derivatives(device, report, "%s, %s" % (name, layout), case, norm, "of_function",
                          norm, function_of(case))
    norm = norm_of_function(case, dtype, LAYOUTS[x.dim()][0])
    run_loose(device, report, name, norm, reference.by_function(norm, function_of(case)))


def run_functions(device, report, cases):
    for done, case in enumerate(cases):
        for dtype in dtype_runs(device, report, case, case.name):
            run_function_case(device, report, case, dtype)
        report.progress("functions of PyTorch's lists", done + 1, len(cases))
