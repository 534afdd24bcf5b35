# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups, what is purged meanwhile, and homes made of them."""
import base64
import os
import re
import shutil

from again import Again
from home import files, having, read, sealed


class Backup(Again):
    """The first backup of an archive: recordings of two days, and one that was
    purged."""
    inside = "home"
    count = 2
    once_more = True  # it removes what the one before could not

    def make(self):
        self.record_purged()
        self.record_two_days()
        self.settle()

    def settle(self):
        """What is known of the home from here on."""
        settings = self.home.path + "/spanrec.yaml"
        text = re.sub(r"(?m)^backup: .*", f"backup: [{self.home.root}/backup]",
                      read(settings).decode())
        with open(settings, "w") as file:
            file.write(text)
        text = self.home.private_key()
        self.private = {text, base64.urlsafe_b64decode(text)[:32]}
        self.had = None  # what a backup has in any case: ids
        self.untold = set()  # keys that went when it was not there

    def copy(self):
        self.home.must("spanrec", "backup", "-q", "{root}/backup")
        self.had = self.lives(self.home.rows())

    def commands(self):
        return [("spanrec", "backup", "-q", "{root}/backup")]

    @staticmethod
    def lives(rows):
        return {id for id, row in rows.items()
                if row["state"] not in ("purged", "recording")}

    # ---- what is looked at

    def checked(self, checker, where, holds):
        """@param holds there is one that was finished @return is there?"""
        run = self.home.run("spanrec", "backup", "{root}/backup", "--check")
        if run.returncode == 3 and not holds:
            return False
        return self.went_well(checker, where, "check of the backup", run)

    def restored(self, checker, where, told):
        """@param told the backup, of what was purged when it was not there
        @return rows of a home that is made of the backup"""
        home = os.path.join(self.tmp, "restored")
        shutil.rmtree(home, ignore_errors=True)
        run = self.home.run("spanrec", "restore", "{root}/backup", home)
        if not self.went_well(checker, where, "restore", run):
            return {}
        return self.look_at(checker, where + ", restored", home, told, True)

    def look_at(self, checker, where, home, told=True, brief=False):
        shutil.copy(self.home.path + "/vault.key", home)
        self.nothing_gone(checker, where, home,
                          set() if told else self.untold)
        return checker.check(where, home, brief)

    def same(self, checker, where, rows):
        """Is it what the home has?"""
        wanted = {id: row["state"] for id, row in self.home.rows().items()}
        found = {id: row["state"] for id, row in rows.items()}
        if found != wanted:
            checker.complain(where, f"restored: {found} of {wanted}")

    def halfway(self, checker, where, ended):
        self.no_private(checker, where)
        if not self.checked(checker, where, ended or self.had is not None):
            return
        rows = self.restored(checker, where, ended)
        if ended == len(self.planned):
            self.same(checker, where, rows)
        lost = (self.had or set()) & self.lives(self.home.rows()) - \
            self.lives(rows)
        if lost:
            checker.complain(where, f"the backup has lost {lost}")

    def whole(self, checker, where):
        self.no_private(checker, where)
        if self.checked(checker, where, True):
            self.same(checker, where, self.restored(checker, where, True))
        backup = os.path.join(self.home.root, "backup")
        strays = self.strays(backup)
        if strays:
            checker.complain(where, f"the backup has {strays}, too")

    @staticmethod
    def strays(backup):
        """Files that no manifest knows of, keys that no list knows of."""
        manifest = read(backup + "/manifest").decode()
        known = set(re.findall(r"(?m)^file (\S+)", manifest))
        generation, = re.findall(r"(?m)^generation (\d+)", manifest)
        known |= {"backup", "manifest", "lock", generation + "/deletions"}
        count = 0
        for day in [name for name in known if name.startswith("days/")]:
            number = day[5:15]
            for line in read(os.path.join(backup, day)).decode().splitlines():
                id, scrubs = line.split()[:2]
                count += 1
                known.add("audio/" + number.replace("-", "/") + f"/{id}" +
                          (f".{int(scrubs) + 1}" if scrubs != "0" else "") +
                          ".rec")
        keys = len(sealed(backup + "/keys", b"SBAK"))
        names = {os.path.relpath(path, backup) for path, _ in files(backup)}
        return [name for name in names - known
                if not re.match("keys/|periods/", name)] + (
                    [f"{keys} keys of {count} recordings"]
                    if keys > count else [])

    def no_private(self, checker, where):
        found = having(os.path.join(self.home.root, "backup"), self.private)
        if found:
            checker.complain(where, f"the private key is in {found}")


class BackupMore(Backup):
    """The next one: some recordings are new, one was purged in between, when
    the backup was not there."""

    def make(self):
        self.record_more(50, 1, 7)
        self.record_two_days()
        self.settle()
        self.copy()
        self.shorten()
        self.between()

    def shorten(self):
        """One of those in the backup is due from now on."""
        due, = [id for id, row in self.home.rows().items()
                if row["from"].endswith("7")]
        self.home.shorten("30 days", 1)
        self.due = {due}
        day = f"{due[:4]}-{due[4:6]}-{due[6:8]}"
        self.due_keys = sealed(self.home.root + "/backup", b"SBAK", day)
        assert len(self.due_keys) == 1

    def between(self):
        os.rename(self.home.root + "/backup", self.home.root + "/away")
        before = set(self.gone)
        self.purge()
        self.untold = self.gone - before
        os.rename(self.home.root + "/away", self.home.root + "/backup")
        self.record_more(1, 1, 3)

    def nothing_due(self, checker, where):
        backup = self.home.root + "/backup"
        found = having(backup, self.due_keys) + [
            os.path.join(path, name) for path, _, names in os.walk(backup)
            for name in names if name.split(".")[0] in self.due]
        if found:
            checker.complain(where, f"what was purged is in {found}")

    def done_disk(self, disk):
        return super().done_disk(disk) + self.nameless(
            disk, "what was purged has a key of the backup", self.due_keys)


class BackupPurge(BackupMore):
    """A purge that follows into the backup."""

    def between(self):
        self.due_keys |= sealed(self.home.archive, day="-".join(
            next(iter(self.due))[i:j] for i, j in ((0, 4), (4, 6), (6, 8))))
        assert len(self.due_keys) == 2

    def commands(self):
        return [("spanrec", "purge")]

    def said_no(self, run):
        return "cannot be told" in run.stderr


class Restore(BackupMore):
    """A home of a backup to which a deletion was told."""

    def between(self):
        self.purge()

    def commands(self):
        return [("spanrec", "restore", "{root}/backup", "{root}/new")]

    def look(self, checker, where, ended):
        new = self.home.root + "/new"
        marks = [new + "/restoring", new + "/archive.restoring"]
        self.checked(checker, where, True)
        self.nothing_gone(checker, where, self.home.root)
        if ended:
            self.same(checker, where, self.look_at(checker, where, new))
        elif not os.path.exists(new + "/archive"):
            run = self.home.run("spanrec", "list", home=new)
            if run.returncode == 0:
                checker.complain(where, "what is half made can be opened")
        if not os.path.exists(new + "/archive") or any(map(os.path.exists,
                                                           marks)):
            self.went_well(checker, where, "again",
                           self.again(self.planned[0][0]))
        where += ", again"
        left = [mark for mark in marks if os.path.exists(mark)]
        if left:
            checker.complain(where, f"{left} are left")
        self.same(checker, where, self.look_at(checker, where, new))
        self.checked(checker, where, True)
        return self.home.rows()


SCENARIOS = {"backup": Backup, "backup-more": BackupMore,
             "backup-purge": BackupPurge, "restore": Restore}
