# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done to a folder, as the shim logged it, and what a crash would
have left of it."""
import hashlib
import os
import shutil
import struct

SECTOR = 512
KINDS = ("open write truncate allocate sync syncfs rename unlink rmdir link "
         "mkdir chmod").split()
CREATED, TRUNCATED, DSYNC, DIR = 1, 2, 4, 8
HEADER = struct.Struct("<4sHHiIQQQIIII")


# ---- the log ----------------------------------------------------------------

class Call:
    """One of the log."""

    def __init__(self, kind, **members):
        self.kind = kind
        self.__dict__.update(members)


def read_log(path):
    calls = []
    with open(path, "rb") as log:
        while head := log.read(HEADER.size):
            (magic, kind, flags, result, _, inode, offset, size, path_bytes,
             other_bytes, data_bytes, _) = HEADER.unpack(head)
            assert magic == b"FLT1"
            calls.append(Call(KINDS[kind], flags=flags, result=result,
                              inode=inode, offset=offset, size=size,
                              path=log.read(path_bytes).decode().rstrip("/"),
                              other=log.read(other_bytes).decode(),
                              data=log.read(data_bytes)))
    return calls


# ---- a disk -----------------------------------------------------------------

class File:
    def __init__(self, data=b""):
        self.now = bytearray(data)
        self.safe = bytearray(data)
        self.pending = []  # (offset, bytes), or (size, None)

    @staticmethod
    def apply(to, offset, data):
        if data is None:
            del to[offset:]
            to.extend(bytes(offset - len(to)))
            return
        if len(to) < offset:
            to.extend(bytes(offset - len(to)))
        to[offset:offset + len(data)] = data

    def change(self, offset, data, safe=False):
        self.apply(self.now, offset, data)
        if safe:
            self.apply(self.safe, offset, data)
        else:
            self.pending.append((offset, data))

    def sync(self):
        for offset, data in self.pending:
            self.apply(self.safe, offset, data)
        self.pending = []

    def torn(self, rng):
        out = bytearray(self.safe)
        for offset, data in self.pending:
            fate = rng.random()
            if fate < 0.3:
                continue
            if data is None or fate < 0.6:
                self.apply(out, offset, data)
                continue
            at = 0
            while at < len(data):
                n = min(SECTOR - (offset + at) % SECTOR, len(data) - at)
                if rng.random() < 0.5:
                    self.apply(out, offset + at, data[at:at + n])
                at += n
        return out


class Folder:
    def __init__(self):
        self.now = {}
        self.safe = {}


class Disk:
    """Names and bytes under one folder, done and safe."""

    def __init__(self, path):
        self.root = Folder()
        self.pending = []  # of names: [(folder, name, what, None: nothing)]
        self.inodes = {}
        self.files = []  # all that there ever were
        self.read(self.root, path)

    def read(self, folder, path):
        self.inodes[os.stat(path).st_ino] = folder
        for entry in sorted(os.listdir(path)):
            whole = os.path.join(path, entry)
            if os.path.isdir(whole):
                node = Folder()
                self.read(node, whole)
            else:
                with open(whole, "rb") as file:
                    node = self.new(File(file.read()))
                self.inodes[os.stat(whole).st_ino] = node
            folder.now[entry] = folder.safe[entry] = node

    def new(self, file):
        self.files.append(file)
        return file

    def find(self, path):
        node = self.root
        for name in filter(None, path.split("/")):
            node = node.now.get(name)
        return node

    def place(self, path):
        """@return folder, name in it"""
        up, name = os.path.split(path)
        return self.find(up), name

    def rename(self, *changes):
        """All of these at once, or none."""
        for folder, name, what in changes:
            self.apply(folder.now, name, what)
        self.pending.append(changes)

    @staticmethod
    def apply(names, name, what):
        if what is None:
            names.pop(name, None)
        else:
            names[name] = what

    def sync_names(self, synced=None):
        left = []
        for changes in self.pending:
            if synced and not any(folder is synced
                                  for folder, _, _ in changes):
                left.append(changes)
                continue
            for folder, name, what in changes:
                self.apply(folder.safe, name, what)
        self.pending = left

    def do(self, call):
        """@return whether anything changed"""
        if call.result < 0:
            return False
        return getattr(self, "do_" + call.kind)(call)

    def do_open(self, call):
        if call.flags & CREATED:
            file = self.inodes[call.inode] = self.new(File())
            self.rename((*self.place(call.path), file))
            return True
        node = self.inodes[call.inode] = self.find(call.path)
        if call.flags & TRUNCATED:
            node.change(0, None)
            return True
        return False

    def do_write(self, call):
        self.inodes[call.inode].change(call.offset, call.data,
                                       call.flags & DSYNC)
        return True

    def do_truncate(self, call):
        self.inodes[call.inode].change(call.size, None)
        return True

    def do_allocate(self, call):
        file = self.inodes[call.inode]
        if len(file.now) < call.offset + call.size:
            file.change(call.offset + call.size, None)
        return True

    def do_sync(self, call):
        if call.flags & DIR:
            self.sync_names(self.inodes[call.inode])
        else:
            self.inodes[call.inode].sync()
        return True

    def do_syncfs(self, call):
        self.sync_names()
        for file in self.files:
            file.sync()
        return True

    def do_rename(self, call):
        self.rename((*self.place(call.path), None),
                    (*self.place(call.other), self.find(call.path)))
        return True

    def do_link(self, call):
        self.rename((*self.place(call.other), self.find(call.path)))
        return True

    def do_unlink(self, call):
        self.rename((*self.place(call.path), None))
        return True

    do_rmdir = do_unlink

    def do_mkdir(self, call):
        self.rename((*self.place(call.path), Folder()))
        return True

    def do_chmod(self, call):
        return False

    def state(self, model, rng):
        """Names and bytes as this kind of crash leaves them; None: a folder."""
        kept = {}  # names of a folder that are more than the safe ones
        if model == "torn":
            for changes in self.pending[:rng.randint(0, len(self.pending))]:
                for folder, name, what in changes:
                    names = kept.setdefault(id(folder), dict(folder.safe))
                    self.apply(names, name, what)
        found = {}

        def walk(folder, above):
            names = folder.now if model == "kill" else \
                kept.get(id(folder), folder.safe)
            for name in sorted(names):
                node = names[name]
                if isinstance(node, Folder):
                    found[above + name] = None
                    walk(node, above + name + "/")
                elif model == "kill":
                    found[above + name] = bytes(node.now)
                elif model == "cut":
                    found[above + name] = bytes(node.safe)
                else:
                    found[above + name] = bytes(node.torn(rng))

        walk(self.root, "")
        return found


def mode_of(name):
    if name.endswith(".rec"):
        return 0o444
    return 0o600 if name.endswith(".key") or "vault.key" in name else 0o666


def lay_out(state, path):
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path)
    for name, data in state.items():
        whole = os.path.join(path, name)
        if data is None:
            os.mkdir(whole)
            continue
        with open(whole, "wb") as file:
            if len(data) > 1 << 16 and not data.strip(b"\0"):
                file.truncate(len(data))
            else:
                file.write(data)
        os.chmod(whole, mode_of(name))


def digest(state):
    h = hashlib.blake2b()
    for name in sorted(state):
        data = state[name]
        h.update(name.encode() + b"\0" +
                 (b"-" if data is None else hashlib.blake2b(data).digest()))
    return h.digest()
