# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios in which what was interrupted is done again, as people would."""
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

    def purge(self):
        before = sealed(self.home.archive)
        self.home.must("spanrec", "purge")
        self.gone |= before - sealed(self.home.archive)
        assert self.gone

    def look(self, checker, where, ended):
        rows = checker.check(where)
        self.halfway(checker, where, ended)
        self.nothing_gone(checker, where, self.home.root)
        if self.once_more:
            ended = min(ended, len(self.planned) - 1)
        for words, _ in self.planned[ended:]:
            run = self.again(words)
            if run.returncode:
                checker.complain(where, f"{' '.join(words[:3])} again: "
                                 f"{run.returncode}: {run.stderr}{run.stdout}")
        where += ", again"
        checker.check(where, brief=True)
        self.nothing_gone(checker, where, self.home.root)
        self.whole(checker, where)
        return rows

    def again(self, words):
        return self.home.run(*words)

    def nothing_gone(self, checker, where, path, but=frozenset()):
        found = having(path, self.gone - but)
        if found:
            checker.complain(where, f"what was purged has a key in {found}")

    def done_disk(self, disk):
        # Files that were removed, too: their bytes are on the disk yet.
        return ["what was purged has a key in a file without a name"
                for file in disk.files
                if any(secret in file.safe for secret in self.gone)]

    def halfway(self, checker, where, ended):
        """What holds all the time. @param ended so many commands ended well"""

    def whole(self, checker, where):
        """What holds when all commands were done."""
