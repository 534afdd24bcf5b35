# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording, purging, holding, scrubbing, and what a kill left of these."""
import os
import re
import struct
import time

from disk import read_log
from home import Home, capture


class Scenario:
    """
    A scenario makes a home (prepare), and names the commands whose every step
    is looked at (commands: words, or words and the user who runs them). What
    is known after each of them is that a reader saw it.
    """
    days_ago, count = 0, 3
    inside, wide = "", False
    reruns = False  # look() gives the commands again
    states = None  # of all rows, when all commands are through; None: any

    def __init__(self, tmp):
        self.tmp = tmp
        self.home = Home(os.path.join(tmp, "made"), self.inside, self.wide)
        os.makedirs(self.home.root, exist_ok=True)
        self.nothing = os.path.join(tmp, "nothing.pcap")
        self.pcap = os.path.join(tmp, "in.pcap")
        with open(self.nothing, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535,
                                   1))
        self.home.must("spanrec", "init", "-q", self.home.path)
        self.more = os.path.join(tmp, "more.pcap")
        capture(self.pcap, self.days_ago, self.count)
        self.prepare()

    def record(self):
        self.home.must("spanrecd", "-q", "--read", self.pcap)

    def record_more(self, *calls):
        """@param calls as capture has them"""
        capture(self.more, *calls)
        self.home.must("spanrecd", "-q", "--read", self.more)

    def prepare(self):
        self.record()

    def done(self, rows):
        """What is wrong when all commands are through."""
        found = sorted(row["state"] for row in rows.values())
        return [] if self.states in (None, found) else [f"states are {found}"]

    def done_disk(self, disk):
        """... and on the disk, in files without a name too."""
        return []

    def look(self, checker, where, ended):
        """What is wrong in the home, of which so many commands had ended well,
        is told to the checker. @return rows"""
        return checker.check(where)

    def excused(self, findings):
        """May verify find this, at this moment? @param findings lines"""
        return False

    def said_no(self, run):
        """Has a command that ended well said that not all was done?"""
        return False


class Record(Scenario):
    """Calls, the first of an archive: its keyring and its folders too."""

    def prepare(self):
        pass

    def commands(self):
        return [("spanrecd", "-q", "--read", self.pcap)]

    def done(self, rows):
        n = sum(row["state"] == "stored" and row["streams"][0]["packets"] > 70
                for row in rows.values())
        return [] if n == self.count else [f"{n} of {self.count} stored"]


class RecordMore(Record):
    """Calls of the same day and of another, in an archive that has some."""

    def prepare(self):
        self.record()
        capture(self.more, 1, 2, 5)
        capture(self.pcap, 0, 2, 3)

    def commands(self):
        return [("spanrecd", "-q", "--read", self.more, self.pcap)]

    def done(self, rows):
        n = sum(row["state"] == "stored" for row in rows.values())
        return [] if n == 7 else [f"{n} of 7 stored"]


class Purge(Scenario):
    """Three that are due, beside one that is not."""
    days_ago = 100
    states = ["purged"] * 3 + ["stored"]

    def prepare(self):
        self.record()
        capture(self.pcap, 0, 1, 5)
        self.record()

    def commands(self):
        return [("spanrec", "purge")]


class Hold(Scenario):
    """One of those that are due is held; the others go; the hold ends."""
    days_ago = 100

    def commands(self):
        self.id = self.home.recordings()[1]
        review = time.strftime("%Y-%m-%d",
                               time.gmtime(time.time() + 30 * 86400))
        return [
            ("spanrec", "case", "open", "C-1", "--title", "t", "--approver",
             "bob"),
            ("spanrec", "hold", "add", self.id, "--case", "C-1", "--reason",
             "needed", "--approver", "bob", "--review", review),
            ("spanrec", "purge"),
            ("spanrec", "hold", "end", self.id, "--case", "C-1", "--reason",
             "no more"),
        ]

    def done(self, rows):
        if rows[self.id]["state"] != "stored":
            return [f"{self.id} was held, and is {rows[self.id]['state']}"]
        purged = sum(row["state"] == "purged" for row in rows.values())
        return [] if purged == 2 else [f"{purged} of 2 purged"]


class Scrub(Scenario):
    """One proposes, another agrees."""
    count = 2

    def prepare(self):
        self.home.policy(lambda text: re.sub(
            r"(?m)^  owner:.*", "  owner: [root, bin]", text))
        self.record()
        for root, dirs, files in os.walk(self.home.archive):
            os.chmod(root, 0o777)
            for name in files:
                os.chmod(os.path.join(root, name),
                         0o444 if name.endswith(".rec") else 0o666)
        os.chmod(self.home.path, 0o755)
        os.chmod(os.path.join(self.home.path, "policy.yaml"), 0o644)
        os.chmod(os.path.join(self.home.path, "spanrec.yaml"), 0o644)
        # Of the group of both.
        os.chmod(os.path.join(self.home.path, "vault.key"), 0o640)

    def commands(self):
        self.id = self.home.recordings()[0]
        return [
            (("spanrec", "scrub", self.id, "--range", "0.4-0.8", "--why",
              "a number"), "bin"),
            ("spanrec", "scrub", "agree", self.id),
        ]

    def done(self, rows):
        dropped = sum(stream["dropped"].get("scrub", 0)
                      for stream in rows[self.id]["streams"])
        return [] if dropped else [f"nothing was taken out of {self.id}"]


class Killed(Scenario):
    """What a program does first after one that was killed: it may be killed
    again, then."""

    def kill(self, kind, path, ready, *words, first=False):
        """Within calls of a kind on a path, or before the first of them, so
        that the home is ready."""
        log = os.path.join(self.tmp, "log")
        for _ in range(20):
            trial = self.home.copy(os.path.join(self.tmp, "trial"))
            trial.must(*words, shim={"FAULTS_LOG": log})
            places = [n for n, call in enumerate(read_log(log), 1)
                      if call.kind == kind and path in call.path]
            os.unlink(log)
            trial = self.home.copy(os.path.join(self.tmp, "trial"))
            trial.run(*words, shim={
                "FAULTS_KILL": f"before:{places[0]}" if first else
                f"after:{places[len(places) // 2]}"})
            if ready(trial):
                self.home = trial.copy(self.home.root)
                return
        raise SystemExit(f"{' '.join(words)}: cannot be killed in its midst")

    def commands(self):
        return [("spanrecd", "-q", "--again", "--read", self.nothing)]


class Recover(Killed):
    """Calls in progress."""

    def prepare(self):
        self.kill("write", "audio", lambda home: sum(
            row["state"] == "recording" for row in home.rows().values()) > 1,
            "spanrecd", "-q", "--read", self.pcap)

    def done(self, rows):
        states = {row["state"] for row in rows.values()}
        return [] if states <= {"interrupted", "stored"} else [f"{states}"]


class RecoverPurge(Killed):
    """A purge that had overwritten some of the keys."""
    days_ago = 100

    def prepare(self):
        self.record()
        # Looking with verify would mend it: it writes what it finds.
        self.kill("write", "keyring", lambda home: {
            row["state"] for row in home.rows().values()} == {"purged"},
            "spanrec", "purge")

    def done(self, rows):
        states = {row["state"] for row in rows.values()}
        return [] if states == {"purged"} else [f"{states}"]


SCENARIOS = {"record": Record, "record-more": RecordMore, "purge": Purge,
             "hold": Hold, "scrub": Scrub, "recover": Recover,
             "recover-purge": RecoverPurge}
