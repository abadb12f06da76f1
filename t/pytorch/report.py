"""Counts what passed, failed and is not offered, and says how far the run is."""
import sys
import time


class Report:
    def __init__(self, verbose):
        self.verbose = verbose
        self.passed = 0
        self.failed = 0
        self.missing = {}  # what is not offered -> the names of the cases that need it
        self.begin = self.said = time.monotonic()

    def say(self, text):
        print(text, flush=True)

    def ok(self, name):
        self.passed += 1
        if self.verbose:
            self.say("ok: %s" % name)

    def fail(self, name, lines):
        self.failed += 1
        self.say("FAILED: %s" % name)
        for line in lines:
            self.say("    %s" % line)

    def expect(self, name, holds, lines=()):
        if holds:
            self.ok(name)
        else:
            self.fail(name, lines)

    def not_offered(self, name, what):
        self.missing.setdefault(what, []).append(name)

    def progress(self, what, done, count):
        """A line every ten seconds, and at the end."""
        now = time.monotonic()
        if done == count or now - self.said >= 10.0:
            self.said = now
            self.say("%s: %d of %d, %d failed, %.0f s" % (what, done, count, self.failed,
                                                        now - self.begin))

    def closest(self, ratios):
        """The largest errors that passed, in units of what was allowed."""
        kinds = {}
        for kind, ratio in sorted(ratios.items()):
            dtype, name = kind.split(" ", 1)
            kinds.setdefault(dtype, []).append("%s %.2g" % (name, ratio))
        for dtype, words in kinds.items():
            self.say("largest error of %s, of what is allowed: %s" % (dtype, ", ".join(words)))

    def finish(self):
        """The list of what is not offered, and the count: the exit status."""
        for what, names in sorted(self.missing.items()):
            self.say("not offered: %s (%d cases)" % (what, len(names)))
            for name in names:
                self.say("    %s" % name)
        missing = sum(len(names) for names in self.missing.values())
        self.say("%d passed, %d failed, %d not offered" % (self.passed, self.failed, missing))
        sys.stdout.flush()
        return 0 if self.failed == 0 and self.passed > 0 else 1
