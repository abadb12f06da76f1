"""What of PyTorch's batch norm libbncl offers, and what not yet: a row each. A case that needs what
is not offered is counted and named as such. A row that says no while the library says yes is itself
a failure (check_pytorch.check_table): whoever adds the feature turns its row, and every case of it
runs."""
import dataclasses
import re

import torch


@dataclasses.dataclass(frozen=True)
class Dtype:
    """A dtype of x, y and their gradients."""

    torch: torch.dtype
    parameters: str  # the dtype of gamma, beta and all statistics
    offered: bool
    unit: float  # of the arithmetic: half the distance from 1 to the next number
    storage: float  # the unit of a rounding at the store; 0: none but the arithmetic's own
    tiny: float  # half the least subnormal number of the storage
    overflow: float  # what is rounded to infinity from here on


DTYPES = {
    "f32": Dtype(torch.float32, "f32", True, 2.0**-24, 0.0, 0.0, 2.0**128 - 2.0**103),
    "f64": Dtype(torch.float64, "f64", True, 2.0**-53, 0.0, 0.0, float("inf")),
    "f16": Dtype(torch.float16, "f32", True, 2.0**-24, 2.0**-11, 2.0**-25, 65520.0),
    "bf16": Dtype(torch.bfloat16, "f32", True, 2.0**-24, 2.0**-8, 2.0**-134,
                  2.0**128 - 2.0**119),
}

NAMES = {row.torch: name for name, row in DTYPES.items()}

# The dtypes that double backward is offered for.
DOUBLE_BACKWARD_DTYPES = ("f32", "f64", "f16", "bf16")

# What else of PyTorch is known not to be offered.
DOUBLE_BACKWARD = "double backward"
GRAPH_DTYPE = "a graph of another dtype than f32"

# Public functions by whose names it would be offered; this module must then be told.
SIGNS = {DOUBLE_BACKWARD: "double_backward"}


def stale_signs(functions):
    """Features that the headers seem to offer and this module says are not."""
    return [what for what, pattern in SIGNS.items()
            if any(re.search(pattern, name) for name in functions)
            and not (what == DOUBLE_BACKWARD and DOUBLE_BACKWARD_DTYPES)]
