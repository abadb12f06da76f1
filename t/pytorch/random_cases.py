"""Random configurations against PyTorch; and that wrong results would be found, and shrunk."""
import dataclasses
import functools

import bounds
import expect
import reference
from activation import Activation
from configuration import Configuration, Data, configurations, shrink
from library import Refused
from norm import channels_second, run


def words_of(error):
    """What an error of PyTorch's says, without the shape: in its own order it is another."""
    return str(error).split(", got input size")[0]


def differences(device, configuration, spoil=None):
    """Lines that say what differs; `spoil` changes the library's results first."""
    norm = Data(configuration).norm()
    results = refused = settle = None
    try:
        results = run(device, norm)
    except Refused as error:
        refused = error
    except AssertionError as error:
        return [str(error)]
    if results is not None:
        if spoil is not None:
            spoil(norm, results)
        settle = functools.partial(expect.settle, norm, results, shifted=True)
    try:
        expected = reference.by_module(norm, shifted=True, settle=settle)
    except (RuntimeError, ValueError) as error:
        refusal = words_of(error)
        if refused is None:
            return ["not refused; PyTorch says: %s" % refusal]
        return [] if refusal in refused.text else ["%s; PyTorch says: %s" % (refused, refusal)]
    if refused is not None:
        return ["refused: %s" % refused]
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
    report.say("activations: %(elements)d elements, %(undecided)d of them so near a kink that "
               "either side is right" % expect.seen)


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


def spoil_mask(norm, results):
    results["mask"].view(-1)[0] = 1.0 - results["mask"].view(-1)[0]


def spoil_side(norm, results):
    """The other side of a kink, where y and the mask say the same."""
    spoil_mask(norm, results)
    results["y"].view(-1)[0] = results["mask"].view(-1)[0] * 1e-9


def spoil_gated(norm, results):
    """As if the gradient passed the activation everywhere."""
    results["dresidual"] = norm.dy.double()


def spoil_sum(norm, results):
    sums = channels_second(norm.dy, norm.layout).double().transpose(0, 1).flatten(1).sum(1)
    results["dbeta"] = sums


def check_fusions(device, report):
    """Likewise of what follows the norm."""
    start = Configuration.of_line("layout=NLC,samples=3,channels=11,width=4,seed=6,gamma=1,beta=1,"
                                  "residual=1,activation=relu,gradients=dx+dresidual+dgamma+dbeta")
    for kind in Activation.KINDS:
        made = dataclasses.replace(start, activation=kind)
        whole = differences(device, made)
        report.expect("%s that is right passes" % kind, not whole, whole)
        for spoil in (spoil_mask, spoil_gated, spoil_sum, spoil_unwritten):
            found = differences(device, made, spoil)
            report.expect("found: %s of %s" % (spoil.__name__, kind), len(found) == 1, found)
    near = Configuration.of_line("samples=9,seed=6,eps=0.6,scale=1e-07,activation=relu,gradients=")
    for spoil, count in ((None, 0), (spoil_side, 0), (spoil_mask, 1)):
        found = differences(device, near, spoil)
        report.expect("at a kink, %s" % (spoil and spoil.__name__), len(found) == count, found)
    bounds.Y, kept = 1e5 * bounds.Y, bounds.Y
    found = differences(device, start)
    bounds.Y = kept
    report.expect("found: a bound that leaves too much undecided",
                  len(found) == 1 and "beside a kink" in found[0], found)


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
    check_fusions(device, report)
