# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios in which what was interrupted is done again, as people would."""
import os

from home import having, sealed
from scenarios import Killed


class Again(Killed):
    """
    In each state: what has to hold while it is half done (halfway); the
    commands again, from the first that did not end; then what has to hold when
    all is done (whole). Nothing of what was purged may be in any file, ever.
    """
    reruns = True
    wide = True
    once_more = False  # that which ended well, too

    def prepare(self):
        self.gone = set()  # sealed keys of what was purged
        self.make()

    def record_purged(self):
        self.record_more(100, 1, 7)
        self.purge()

    def record_two_days(self):
        self.record()
        self.record_more(1, 1, 5)

    def purge(self):
        before = sealed(self.home.archive)
        self.home.must("spanrec", "purge")
        self.gone |= before - sealed(self.home.archive)
        assert self.gone

    def look(self, checker, where, ended):
        rows = checker.check(where)
        self.halfway(checker, where, ended)
        if ended:
            self.nothing_due(checker, where)
        self.nothing_gone(checker, where, self.home.root)
        if self.once_more:
            ended = min(ended, len(self.planned) - 1)
        for words, _ in self.planned[ended:]:
            self.went_well(checker, where, f"{' '.join(words[:3])} again",
                           self.again(words))
        where += ", again"
        checker.check(where, brief=True)
        self.nothing_gone(checker, where, self.home.root)
        self.whole(checker, where)
        self.nothing_due(checker, where)
        return rows

    def again(self, words):
        return self.home.run(*words)

    @staticmethod
    def went_well(checker, where, what, run):
        if run.returncode:
            checker.complain(where, f"{what}: {run.returncode}: {run.stdout}"
                             f"{run.stderr}")
        return run.returncode == 0

    def nothing_left(self, checker, where, *endings):
        left = [name for name in os.listdir(self.home.path)
                if name.endswith(endings)]
        if left:
            checker.complain(where, f"{left} are left")

    def nothing_gone(self, checker, where, path, but=frozenset()):
        found = having(path, self.gone - but)
        if found:
            checker.complain(where, f"what was purged has a key in {found}")

    def done_disk(self, disk):
        # Files that were removed, too: their bytes are on the disk yet.
        return self.nameless(disk, "what was purged has a key", self.gone)

    @staticmethod
    def nameless(disk, what, secrets):
        return [f"{what} in a file without a name" for file in disk.files
                if any(secret in file.safe for secret in secrets)]

    def halfway(self, checker, where, ended):
        """What holds all the time. @param ended so many commands ended well"""

    def whole(self, checker, where):
        """What holds when all commands were done."""

    def nothing_due(self, checker, where):
        """What holds as soon as the first command has ended well."""
