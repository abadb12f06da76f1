#!/usr/bin/python3
"""Compares libbncl's batch norm with PyTorch: every case of PyTorch's own lists, what both refuse,
and random configurations, against PyTorch in float64, within the bounds that the library promises
(bounds.py). Run by `make check-pytorch`; needs Debian's python3-torch. The last line is
`N passed, N failed, N not offered`. Exits 1 if anything failed, 77 where PyTorch, the library or a
device is missing."""
import argparse
import os
import pathlib
import sys
import warnings

sys.dont_write_bytecode = True  # nothing is left in a source tree
try:
    import torch  # noqa: F401
except ImportError as missing:
    print("skipped: PyTorch is missing (%s): apt-get install python3-torch" % missing)
    sys.exit(77)

import compare
import error_cases
import graph_cases
import list_cases
import lists
import random_cases
from configuration import Configuration
from device import Device
from library import Library, Refused
from offered import DTYPES, stale_signs
from report import Report

HERE = pathlib.Path(__file__).resolve().parent


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", metavar="FILE", default=".libs/libbncl.so",
                        help="libbncl.so, by default that of the build folder one is in")
    parser.add_argument("--headers", metavar="FOLDER", default=HERE.parent.parent / "include",
                        help="the folder of bncl/*.h")
    parser.add_argument("--device", help="as BNCL_DEVICE, which is the default")
    small = os.environ.get("BNCL_TEST_SMALL") == "1"  # a slow device
    parser.add_argument("--count", type=int, default=40 if small else 2000,
                        help="random configurations (%(default)s)")
    parser.add_argument("--seed", type=int, default=1,
                        help="of the random configurations (%(default)s)")
    parser.add_argument("--most", type=int, default=2**9 if small else 2**17,
                        help="elements of a random configuration, at the utmost (%(default)s)")
    parser.add_argument("--case", metavar="LINE", type=Configuration.of_line,
                        help="run this configuration alone")
    parser.add_argument("--only", choices=PARTS, help="run this part alone")
    parser.add_argument("--verbose", action="store_true", help="name every case that passes")
    return parser.parse_args()


def skip(why):
    print("skipped: %s" % why)
    sys.exit(1 if os.environ.get("BNCL_TEST_REQUIRE_DEVICE") == "1" else 77)


def open_device(arguments):
    if not os.path.exists(arguments.library):
        skip("%s is missing: it needs the shared library" % arguments.library)
    library = Library(arguments.library, arguments.headers)
    try:
        return Device(library, arguments.device)
    except Refused as refused:
        if refused.status != "BNCL_ERROR_NO_DEVICE":
            raise
        return skip(str(refused))


def check_table(device, report):
    """offered.py is right."""
    stale = device.stale_dtypes() + stale_signs(device.library.functions)
    report.expect("offered.py says no of nothing that is offered", not stale,
                  ["the library offers it: " + what for what in stale])


def check_lists(device, report, _):
    found = lists.inventory()
    report.expect("no case of PyTorch's lists is left out", not found.left_out, found.left_out)
    for name, what in lists.NO_LISTS.items():
        report.say("not a list of cases: torch.testing._internal's %s (%s)" % (name, what))
    list_cases.run_modules(device, report, found.modules, lists.noncontiguous)
    list_cases.run_functions(device, report, found.functions)


def check_graphs(device, report, _):
    graph_cases.run_all(device, report, lists.inventory().modules)


def check_errors(device, report, _):
    error_cases.run_all(device, report)


def check_random(device, report, arguments):
    """With the checker's own tests, and those of its table."""
    random_cases.check_checker(device, report)
    check_table(device, report)
    dtypes = [name for name in DTYPES if device.gap(name) is None]
    random_cases.run_all(device, report, arguments.seed, arguments.count, dtypes, arguments.most)


PARTS = {"lists": check_lists, "graphs": check_graphs, "errors": check_errors,
         "random": check_random}


def main():
    arguments = parse_arguments()
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    report = Report(arguments.verbose)
    device = open_device(arguments)
    report.say("PyTorch %s, libbncl %s on %s" % (
        torch.__version__, device.call("bncl_version").decode(), device.name))
    if arguments.case is not None:
        random_cases.run_one(device, report, arguments.case)
    else:
        for name, part in PARTS.items():
            if arguments.only in (None, name):
                part(device, report, arguments)
    report.closest(compare.closest)
    device.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
