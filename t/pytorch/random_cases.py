"""Random configurations against PyTorch; and that wrong results would be found, and shrunk."""
import dataclasses

import expect
import reference
from configuration import Configuration, Data, configurations, shrink
from library import Refused
from norm import run


def words_of(error):
    """What an error of PyTorch's says, without the shape: in its own order it is another."""
    return str(error).split(", got input size")[0]


def differences(device, configuration, spoil=None):
    """Lines that say what differs; `spoil` changes the library's results first."""
    norm = Data(configuration).norm()
    expected = refusal = None
    try:
        expected = reference.by_module(norm, shifted=True)
    except (RuntimeError, ValueError) as error:
        refusal = words_of(error)
    try:
        results = run(device, norm)
    except Refused as refused:
        if refusal is None:
            return ["refused: %s" % refused]
        return [] if refusal in refused.text else ["%s; PyTorch says: %s" % (refused, refusal)]
    except AssertionError as error:
        return [str(error)]
    if refusal is not None:
        return ["not refused; PyTorch says: %s" % refusal]
    if spoil is not None:
        spoil(norm, results)
    return expect.differences(norm, results, expected, shifted=True)


def explain(device, configuration, spoil=None):
    """The smallest failing configuration, and what differs in it."""
    def fails(other):
        return bool(differences(device, other, spoil))
    smallest = shrink(configuration, fails)
    return smallest, differences(device, smallest, spoil)


def run_all(device, report, seed, count, dtypes, most):
    for index, configuration in enumerate(configurations(seed, count, dtypes, most)):
        if differences(device, configuration):
            smallest, found = explain(device, configuration)
            report.fail("random %d" % index, [*found, "from: " + configuration.line(),
                                              "again with: --case " + smallest.line()])
        else:
            report.ok("random %d: %s" % (index, configuration.line()))
        report.progress("random configurations", index + 1, count)


def run_one(device, report, configuration):
    found = differences(device, configuration)
    report.expect(configuration.line(), not found, found)


# ---- the checker itself ----


def spoil_y(norm, results):
    """Wrong in one element, of large tensors only."""
    if norm.channels >= 3 and norm.per_channel >= 7:
        results["y"].view(-1)[-1] += 1e-5 * (1.0 + results["y"].view(-1)[-1].abs())


def spoil_nan(norm, results):
    results["y"].view(-1)[0] = float("nan")


def spoil_counter(norm, results):
    if "counter" in results:
        results["counter"] += 1


def spoil_unwritten(norm, results):
    results["dgamma"] = results["dgamma"] * 0.0 + 12345.0


def check_checker(device, report):
    """Results spoiled on purpose must be found; the first shrinks to the least that still shows."""
    start = Configuration.of_line("layout=NCHW,samples=3,channels=5,height=2,width=3,seed=4,"
                                  "gamma=1,beta=1,running=tracked,offset=1000.0,"
                                  "gradients=dx+dgamma+dbeta,x_padding=3,y_offset=5")
    whole = differences(device, start)
    report.expect("a configuration that is right passes", not whole, whole)
    for spoil in (spoil_nan, spoil_counter, spoil_unwritten):
        found = differences(device, start, spoil)
        report.expect("found: %s" % spoil.__name__, len(found) == 1, found)
    smallest, found = explain(device, start, spoil_y)
    values = smallest.samples * smallest.height * smallest.width
    sizes = {"layout": "NC", "samples": 2, "channels": 1, "height": 1, "width": 1}
    rest = dataclasses.replace(smallest, **sizes)
    report.expect("shrunk to what matters", rest == Configuration() and smallest.channels == 3
                  and 7 <= values < 14, [smallest.line(), *found])
    again = Configuration.of_line(smallest.line())
    report.expect("a line gives its configuration", again == smallest, [again.line()])
