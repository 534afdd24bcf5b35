# SPDX-License-Identifier: GPL-3.0-or-later
"""Homes, and the programs that work on them, under the shim or not."""
import json
import os
import re
import shutil
import subprocess
import time

BIN = os.path.abspath(os.path.join("build", os.environ.get("V", "release")))
SHIM = os.path.join(BIN, "cmd/testing/faults.so")
SLOT, SEALED = 512, 80
# A slot of a keyring and one of a backup, and where what is sealed begins.
SLOTS = {b"SKEY": 16, b"SBAK": 48}


class Home:
    """
    root      all of it; "{root}" in a command is this
    path      the home
    traced    where faults hit: the archive, or (wide) the root
    """

    def __init__(self, root, inside="", wide=False):
        self.root, self.inside, self.wide = root, inside, wide
        self.path = os.path.join(root, inside) if inside else root
        self.archive = os.path.join(self.path, "archive")
        self.traced = root if wide else self.archive

    def run(self, *words, shim=None, user=None, home=None):
        env = dict(os.environ, SPANREC_HOME=home or self.path, TZ="UTC",
                   LC_ALL="C.UTF-8")
        if shim is not None:
            env.update(shim, LD_PRELOAD=SHIM, FAULTS_UNDER=self.traced)
        words = [word.replace("{root}", self.root) for word in words]
        return subprocess.run(
            [os.path.join(BIN, "bin", words[0]), *words[1:]], env=env,
            user=user, group=0 if user else None,
            extra_groups=[] if user else None, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, timeout=120)

    def copy(self, root):
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.root, root)
        return Home(root, self.inside, self.wide)

    def must(self, *words, **options):
        done = self.run(*words, **options)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)}: {done.stderr}{done.stdout}")
        return done.stdout

    def rows(self, home=None):
        text = self.run("spanrec", "list", "--all", "--json",
                        home=home).stdout
        return {row["id"]: row for row in map(json.loads, text.splitlines())}

    def recordings(self):
        return sorted(id for id, row in self.rows().items()
                      if row["decision"] == "record")

    def shorten(self, time, deletes):
        """Another time to keep what is stored, too."""
        path = os.path.join(self.root, "shorter.yaml")
        text = read(os.path.join(self.path, "policy.yaml")).decode()
        with open(path, "w") as file:
            file.write(text.replace("{max: 90 days}", "{max: %s}" % time))
        self.must("spanrec", "policy", "apply", "--existing", "--deletes",
                  str(deletes), path)
        os.unlink(path)

    def private_key(self):
        """@return as it stands in vault.key, which is plain"""
        return re.search(rb"(?m)^spanrec-private-1 (\S+)",
                         read(self.path + "/vault.key")).group(1)

    def policy(self, change):
        """@param change of its text"""
        path = os.path.join(self.path, "policy.yaml")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(change(text))


# ---- what files have in them ------------------------------------------------

def read(path):
    with open(path, "rb") as file:
        return file.read()


def files(path):
    for root, _, names in os.walk(path):
        for name in names:
            whole = os.path.join(root, name)
            yield whole, read(whole)


def sealed(path, magic=b"SKEY", day=None):
    """What is sealed in the slots of a file, or all below: the first copy."""
    found = set()
    for _, data in [("", read(path))] if os.path.isfile(path) else files(path):
        # In `reseal` they come behind a head of 16 bytes.
        start = 0 if not data.startswith(b"SPANRSL") else 16
        for at in range(start, len(data) - SLOT + 1, SLOT):
            slot = data[at:at + SLOT]
            # 1: holds a key
            if slot[:4] == magic and slot[5] == 1 and (
                    not day or int.from_bytes(slot[8:12], "little") ==
                    int(day.replace("-", ""))):
                found.add(slot[SLOTS[magic]:SLOTS[magic] + SEALED])
    return found


def having(path, secrets):
    """Files below that have any of these bytes in them."""
    return [whole for whole, data in files(path)
            if any(secret in data for secret in secrets)]


# ---- calls ------------------------------------------------------------------

CALL = """start {start}
host out 192.0.2.7
host pbx 10.0.0.12
{calls}
"""
ONE = """call c{n} from out:0770090011{n} to pbx:204{n}
at {t:.3f} c{n} invite rtp {port} codec PCMA
at {t:.3f} c{n} ok rtp {other}
at {t:.3f} c{n} ack
media c{n} caller tone {tone} from {t1:.3f} to {end:.3f}
media c{n} callee tone {tone2} from {t1:.3f} to {end:.3f}
at {end:.3f} c{n} bye
at {end:.3f} c{n} ok
"""


def capture(path, days_ago, count, first=0, length=1.6):
    """Calls that overlap, of more than a chunk each."""
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                          time.gmtime(time.time() - 86400 * days_ago))
    calls = ""
    for n in range(first, first + count):
        t = 0.7 * (n - first)
        calls += ONE.format(n=n, t=t, t1=t + 0.02, end=t + length,
                            port=10000 + 2 * n, other=20000 + 2 * n,
                            tone=440 + 10 * n, tone2=880 + 10 * n)
    with open(path + ".call", "w") as script:
        script.write(CALL.format(start=start, calls=calls))
    subprocess.run([BIN + "/bin/mkpcap", "-q", "-o", path, path + ".call"],
                   check=True)
