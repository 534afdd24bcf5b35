# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that change: a rotation, an escrow key, a passphrase."""
import glob
import os
import time

from again import Again
from home import BIN, capture, having, read, sealed


class Rotate(Again):
    """Recordings of two days, one that was purged, and an escrow key."""
    states = ["purged"] + ["stored"] * 4

    def make(self):
        self.escrow = os.path.join(self.tmp, "escrow.key")
        self.record_purged()
        self.record_two_days()
        self.home.must("spanrec", "key", "new", self.escrow)
        self.home.must("spanrec", "key", "escrow", "--public-key",
                       self.escrow + ".pub", "--existing")
        self.before = sealed(self.home.archive)
        self.later = os.path.join(self.tmp, "later.pcap")
        capture(self.later, 0, 1, 9)

    def commands(self):
        return [("spanrec", "key", "rotate")]

    def excused(self, findings):
        # halfway() looks for one that opens it.
        return all(": for another key: " in line for line in findings)

    def key_files(self):
        return [self.escrow] + [
            path for path in glob.glob(self.home.path + "/vault.key*")
            if not path.endswith(".pub")]

    def wanted(self):
        return {id for id, row in self.home.rows().items()
                if row["state"] in ("stored", "interrupted", "damaged")}

    def opened(self, path):
        """@return ids that this key opens; None: it is no key"""
        run = self.home.run("spanrec", "verify", "--all", "--key", path)
        if "checked" not in run.stdout:
            return None
        return self.wanted() - {line.split(":")[0]
                                for line in run.stdout.splitlines()}

    def halfway(self, checker, where, ended):
        wanted = self.wanted()
        found = self.opened_by_each()
        lacking = wanted.difference(*found.values())
        if lacking:
            checker.complain(where, f"no key here opens {lacking}: {found}")
        if ended == len(self.planned):
            self.finished(checker, where, found)

    def whole(self, checker, where):
        # Beside what was there, what comes now.
        self.home.must("spanrecd", "-q", "--read", self.later)
        self.finished(checker, where, self.opened_by_each())

    def opened_by_each(self):
        found = {path: self.opened(path) for path in self.key_files()}
        return {path: ids for path, ids in found.items() if ids is not None}

    def finished(self, checker, where, found):
        wanted = self.wanted()
        new = self.home.path + "/vault.key"
        for path, ids in found.items():
            if path in (new, self.escrow) and ids != wanted:
                checker.complain(where, f"{path} opens {ids} of {wanted}")
            if path not in (new, self.escrow) and ids:
                checker.complain(where, f"{path} still opens {ids}")
        self.nothing_left(checker, where, ".new", ".part", ".pub")
        found = having(self.home.archive, self.before)
        if found:
            checker.complain(where, f"{found} has keys as they were before")


class RotateRecover(Rotate):
    """A rotation that was killed when some of the keys were sealed anew: a
    recorder that starts finishes that step."""

    first = False

    def make(self):
        super().make()
        self.before_kill()
        self.kill("write", "keyring", lambda home: os.path.getsize(
            home.archive + "/reseal") > 0, "spanrec", "key", "rotate",
            first=self.first)

    def before_kill(self):
        pass

    def commands(self):
        return [("spanrecd", "-q", "--again", "--read", self.nothing),
                ("spanrec", "key", "rotate")]


class RotatePurge(RotateRecover):
    """The same, and then one is due of those whose keys are under way: what the
    rotation has of it is destroyed as well."""
    first = True
    states = ["purged"] * 2 + ["stored"] * 3

    def before_kill(self):
        self.home.shorten("1 day", 1)

    def make(self):
        super().make()
        day, = {row["start"][:10] for row in self.home.rows().values()
                if row["state"] == "stored"} - {time.strftime(
                    "%Y-%m-%d", time.gmtime())}
        self.due = sealed(self.home.archive + "/keyring", day=day) | \
            sealed(self.home.archive + "/reseal", day=day)
        assert len(self.due) == 2

    def commands(self):
        return [("spanrec", "purge"), ("spanrec", "key", "rotate")]

    def nothing_due(self, checker, where):
        found = having(self.home.root, self.due)
        if found:
            checker.complain(where, f"what was due has a key in {found}")

    def done_disk(self, disk):
        return super().done_disk(disk) + self.nameless(
            disk, "what was due has a key", self.due)


class Passphrase(Again):
    """A plain key gets a passphrase, and another one."""
    count = 1

    def make(self):
        self.record_purged()
        self.record()
        self.words = []
        for n in range(2):
            self.words.append(os.path.join(self.tmp, f"words-{n}"))
            with open(self.words[-1], "w") as file:
                file.write(f"passphrase {n}\n")
            os.chmod(self.words[-1], 0o600)
        self.plain = self.home.private_key()

    def commands(self):
        change = "spanrec", "key", "passphrase", "--new-passphrase-file"
        return [(*change, self.words[0]),
                (*change, self.words[1], "--passphrase-file", self.words[0])]

    def opens(self, words):
        """Is it the passphrase? Then this key needs less work from now on."""
        return self.home.run(BIN + "/cmd/testing/sealkey",
                             self.home.path + "/vault.key",
                             words).returncode == 0

    def halfway(self, checker, where, ended):
        # Before the first it has none, before the second that of the first.
        self.now = None
        if self.plain in read(self.home.path + "/vault.key"):
            self.now = ""
        if self.now is None:
            self.now = next((words for words in self.words[max(ended - 1, 0):]
                             if self.opens(words)), None)
        if self.now is None or (ended and not self.now):
            checker.complain(where, "vault.key cannot be opened, or is plain: "
                             + repr(self.now))
        if ended:
            self.no_plain(checker, where)

    def again(self, words):
        words = [word for word in words]
        if "--passphrase-file" in words:
            del words[-2:]
        if self.now:
            words += ["--passphrase-file", self.now]
        run = self.home.run(*words)
        self.now = words[4]
        return run

    def whole(self, checker, where):
        if not self.opens(self.words[1]):
            checker.complain(where, "the new passphrase does not open it")
        self.no_plain(checker, where)
        self.nothing_left(checker, where, ".part")
        self.went_well(checker, where, "verify", self.home.run(
            "spanrec", "verify", "--all", "--passphrase-file", self.words[1]))

    def no_plain(self, checker, where):
        found = having(self.home.root, [self.plain])
        if found:
            checker.complain(where, f"the key is plain in {found}")

    def done_disk(self, disk):
        return super().done_disk(disk) + self.nameless(
            disk, "the key is plain", [self.plain])


SCENARIOS = {"rotate": Rotate, "rotate-recover": RotateRecover,
             "rotate-purge": RotatePurge, "passphrase": Passphrase}
