# SPDX-License-Identifier: GPL-3.0-or-later
"""What rewrap_test.sh looks at: rewrap_look.py WHAT ARGUMENT...

Reads captures and takes headers off by itself, so that a mistake of rewrap is
not made here again."""
import collections
import re
import struct
import sys

Datagram = collections.namedtuple("Datagram", "ns ends payload")


def fail(what):
    sys.exit(what)


def frames(path):
    """(time in ns, bytes) of each frame of a file that rewrap wrote."""
    data = open(path, "rb").read()
    at = 24
    while at < len(data):
        s, ns, n, _ = struct.unpack("<4I", data[at:at + 16])
        yield s * 10**9 + ns, data[at + 16:at + 16 + n]
        at += 16 + n


def skip_tags(frame):
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8", b"\x91\x00"):
        at += 4
    return at + 2


def ones_sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def packet(frame):
    """(protocol, source, target, what the packet carries) of an IP packet;
    checksums must be right."""
    ip = frame[skip_tags(frame):]
    if ip[0] >> 4 == 4:
        n = struct.unpack(">H", ip[2:4])[0]
        if ones_sum(ip[:20]) != 0xffff:
            fail("checksum of IPv4")
        protocol, ends, rest = ip[9], (ip[12:16], ip[16:20]), ip[20:n]
    else:
        n = struct.unpack(">H", ip[4:6])[0]
        protocol, ends, rest = ip[6], (ip[8:24], ip[24:40]), ip[40:40 + n]
    pseudo = ends[0] + ends[1] + struct.pack(">2I", len(rest), protocol)
    if ones_sum(pseudo + rest) != 0xffff:
        fail("checksum behind IP")
    return protocol, ends[0], ends[1], rest


def datagrams(path):
    for ns, frame in frames(path):
        protocol, source, target, rest = packet(frame)
        if protocol != 17:
            continue
        ports = struct.unpack(">2H", rest[:4])
        yield Datagram(ns, (source, ports[0], target, ports[1]), rest[8:])


def is_sip(payload):
    return b"SIP/2.0" in payload.split(b"\r\n")[0]


def equal(got, want, what):
    if got != want:
        fail(f"{what}: {got!r}, not {want!r}")


# ---- hep3 ------------------------------------------------------------------


def hep3(original, wrapped):
    count = 0
    for was, now in zip(datagrams(original), datagrams(wrapped)):
        data = now.payload
        equal(now.ends[3], 9060, "port")
        equal((data[:4], struct.unpack(">H", data[4:6])[0]),
              (b"HEP3", len(data)), "header")
        chunks, at = {}, 6
        while at < len(data):
            vendor, kind, n = struct.unpack(">3H", data[at:at + 6])
            equal(vendor, 0, "vendor")
            chunks[kind] = data[at + 6:at + n]
            at += n
        v6 = len(was.ends[0]) == 16
        kind = 1 if is_sip(was.payload) else 34
        equal(chunks, {
            1: b"\x0a" if v6 else b"\x02",
            2: b"\x11",
            5 if v6 else 3: was.ends[0],
            6 if v6 else 4: was.ends[2],
            7: struct.pack(">H", was.ends[1]),
            8: struct.pack(">H", was.ends[3]),
            9: struct.pack(">I", was.ns // 10**9),
            10: struct.pack(">I", was.ns % 10**9 // 1000),
            11: bytes([kind]),
            12: chunks[12],
            15: was.payload,
        }, "chunks")
        count += 1
    equal(count, len(list(frames(original))), "datagrams")
    equal(count, len(list(frames(wrapped))), "frames")


# ---- SNAP behind PBB ---------------------------------------------------------


def pbb_snap(original, wrapped):
    was, now = list(frames(original)), list(frames(wrapped))
    equal(len(now), len(was), "frames")
    for (_, a), (_, b) in zip(was, now):
        rest = b"\xaa\xaa\x03\0\0\0" + a[12:]
        equal(b[12:], b"\x88\xe7" + b[14:18] + a[:12] +
              struct.pack(">H", len(rest)) + rest, "frame")


# ---- the mirror ------------------------------------------------------------


def hopped(frame):
    """A frame as its copy has it: without MAC addresses, one hop further."""
    at = skip_tags(frame)
    ip = bytearray(frame[at:])
    if ip[0] >> 4 == 4:
        ip[8] -= 1
        ip[10:12] = b"\0\0"
        ip[10:12] = struct.pack(">H", ones_sum(bytes(ip[:20])) ^ 0xffff)
    else:
        ip[7] -= 1
    return bytes(ip)


def double(original, wrapped, vlan=False):
    was, now = list(frames(original)), list(frames(wrapped))
    equal(len(now), 2 * len(was), "frames")
    equal([ns for ns, _ in now], sorted(ns for ns, _ in now), "times")
    left = collections.Counter(now)
    for item in was:
        left[item] -= 1
    copies = collections.defaultdict(list)
    for (ns, frame), n in left.items():
        if n < 0:
            fail("an original is missing")
        if n:
            copies[frame[skip_tags(frame):]].append((ns, frame))
    later = set()
    for ns, frame in was:
        found = [(t, f) for t, f in copies[hopped(frame)]
                 if 0 <= t - ns <= 50 * 10**6]
        if len(found) != 1:
            fail(f"{len(found)} copies")
        t, copy = found[0]
        later.add(t - ns)
        if copy[:6] == frame[:6] or copy[6:12] == frame[6:12]:
            fail("the same MAC addresses")
        tags = frame[12:skip_tags(frame)], copy[12:skip_tags(copy)]
        if vlan == (tags[0] == tags[1]):
            fail(f"tags {tags}")
        packet(copy)
    if max(later) < 25 * 10**6 or len(later) < 20:
        fail(f"copies are late by {later}")


def reorder(ms, original, wrapped):
    was, now = list(frames(original)), list(frames(wrapped))
    equal(sorted(f for _, f in now), sorted(f for _, f in was), "frames")
    equal([ns for ns, _ in now], sorted(ns for ns, _ in now), "times")
    at = {frame: ns for ns, frame in was}
    moved = [ns - at[frame] for ns, frame in now]
    if min(moved) < 0 or not ms * 500000 < max(moved) <= ms * 10**6:
        fail(f"moved by {moved}")
    if [f for _, f in now] == [f for _, f in was]:
        fail("nothing has changed places")


# ---- TCP -------------------------------------------------------------------

Segment = collections.namedtuple("Segment", "ns sequence ack flags data")
SYN = 2


def segments(path):
    """Ends of each direction, and its segments in the order of time."""
    found = collections.defaultdict(list)
    for ns, frame in frames(path):
        protocol, source, target, rest = packet(frame)
        if protocol != 6:
            continue
        ports = struct.unpack(">2H", rest[:4])
        sequence, ack = struct.unpack(">2I", rest[4:12])
        found[source, ports[0], target, ports[1]].append(
            Segment(ns, sequence, ack, rest[13], rest[(rest[12] >> 4) * 4:]))
    return found


def assemble(row):
    """The bytes of a direction, and what is missing: (place, bytes)."""
    first = min(s.sequence for s in row)
    if row[0].flags & SYN:
        first += 1
    stream, holes = b"", []
    for s in sorted((s for s in row if s.data), key=lambda s: s.sequence):
        at = s.sequence - first
        if at > len(stream):
            holes.append((len(stream), at - len(stream)))
            stream += b"?" * (at - len(stream))
        equal(stream[at:at + len(s.data)],
              s.data[:len(stream) - at], "bytes of two segments")
        stream = stream[:at] + s.data + stream[at + len(s.data):]
    return stream, holes


def unmask(stream, client):
    """The messages in a stream of WebSocket frames, and the pings and pongs."""
    messages, control, at, part, parted = [], [], 0, None, 0
    while at < len(stream):
        first, n = stream[at], stream[at + 1]
        equal(bool(n & 0x80), client, "masked")
        n, at = n & 0x7f, at + 2
        if n == 126:
            n, at = struct.unpack(">H", stream[at:at + 2])[0], at + 2
        if client:
            mask, at = stream[at:at + 4], at + 4
            data = bytes(b ^ mask[i % 4]
                         for i, b in enumerate(stream[at:at + n]))
        else:
            data = stream[at:at + n]
        at += n
        opcode, whole = first & 15, bool(first & 0x80)
        if opcode >= 8:
            control.append(opcode)
            continue
        equal(opcode == 0, part is not None, "continuation")
        part = (part or b"") + data
        if whole:
            messages.append(part)
            part = None
        else:
            parted += 1
    return messages, control, parted


def shown_order(row):
    seen = [s.sequence for s in row if s.data]
    return seen == sorted(seen)


def expected(original, options):
    """Messages of each direction; which one opened the connection."""
    streams, clients = collections.defaultdict(list), set()
    for datagram in datagrams(original):
        if not is_sip(datagram.payload):
            continue
        text, ends = datagram.payload, datagram.ends
        if "--no-length" in options:
            text = re.sub(rb"\r\nContent-Length:[^\r]*", b"", text)
            if text == datagram.payload:
                fail("there was no length")
        streams[ends].append(text)
        if ends[2:] + ends[:2] not in clients:
            clients.add(ends)
    return streams, clients


def tcp_lost(streams, found):
    for ends, messages in streams.items():
        stream, holes = assemble(found[ends])
        want = b"".join(messages)
        equal(len(stream), len(want), "bytes")
        equal(len(holes), 1, "holes")
        at, n = holes[0]
        equal(stream[:at] + want[at:at + n] + stream[at + n:], want, "stream")
        after = min(s.sequence for s in found[ends] if not s.flags & SYN)
        if not any(s.ack >= after + at + n
                   for s in found[ends[2:] + ends[:2]]):
            fail("nobody has acknowledged it")


def tcp_websocket(ends, stream, messages, client, options):
    head, _, stream = stream.partition(b"\r\n\r\n")
    equal(head.split(b" ")[0], b"GET" if client else b"HTTP/1.1", "upgrade")
    if b"Sec-WebSocket-Protocol: sip" not in head:
        fail("no subprotocol")
    got, control, parted = unmask(stream, client)
    if "--keepalive" in options:
        blank = [m for m in got if not m.strip()]
        got = [m for m in got if m.strip()]
        if not {b"\r\n\r\n", b"\r\n"} >= set(blank) or not blank:
            fail(f"pings {blank}")
    equal(got, messages, "messages")
    return control, parted


def tcp(original, wrapped, *options):
    streams, clients = expected(original, options)
    found = segments(wrapped)
    equal(set(found), set(streams), "directions")
    rtp = [d for d in datagrams(original) if not is_sip(d.payload)]
    equal(list(datagrams(wrapped)), rtp, "what is no SIP")
    syn = sum(bool(s.flags & SYN) for row in found.values() for s in row)
    doubled = 2 if "doubled" in options else 1
    equal(syn, 0 if "--no-syn" in options else 2 * len(clients) * doubled,
          "SYN")
    if "lost=2" in options:
        tcp_lost(streams, found)
        return
    controls, parts = [], 0
    for ends, messages in streams.items():
        stream, holes = assemble(found[ends])
        equal(holes, [], "holes")
        if "--ws" in options:
            control, parted = tcp_websocket(ends, stream, messages,
                                            ends in clients, options)
            controls += control
            parts += parted
        elif "--keepalive" in options:
            want = b"".join(messages)
            for message in messages:
                stream = stream.replace(b"\r\n\r\n" + message, message, 1)
            pongs = len(stream) - len(want)
            if pongs <= 0 or pongs % 2:
                fail(f"{pongs} bytes more")
            for message in messages:
                pong, _, stream = stream.partition(message)
                equal(pong.strip(), b"", "between messages")
            equal(stream.strip(), b"", "behind messages")
        else:
            equal(stream, b"".join(messages), "stream")
    if "--ws" in options:
        equal(controls.count(9), parts, "pings")
        equal(controls.count(10), parts, "pongs")
        if parts < 4:
            fail(f"{parts} messages in parts")
    tcp_shape(found, streams, options, doubled)


def tcp_shape(found, streams, options, doubled):
    """Are segments what was asked for?"""
    rows = found.values()
    sizes = [len(s.data) for row in rows for s in row if s.data]
    if max(sizes) > 500:
        fail(f"a segment of {max(sizes)} bytes")
    if "doubled" in options:
        for row in rows:
            if set(collections.Counter(row).values()) != {doubled}:
                fail("not every segment is there twice")
    moved = [row for row in rows if not shown_order(row)]
    equal(bool(moved), "shuffled" in options, "out of order")
    if options:
        return
    # A segment holds the end of one message and the beginning of another.
    shared = 0
    for ends, messages in streams.items():
        first, edges, at = None, set(), 0
        for message in messages[:-1]:
            at += len(message)
            edges.add(at)
        first = min(s.sequence for s in found[ends] if s.data)
        for s in found[ends]:
            shared += any(s.sequence - first < e <
                          s.sequence - first + len(s.data) for e in edges)
    if not shared:
        fail("every segment ends with its message")


# ---- what tshark says ------------------------------------------------------


def innermost(line):
    """Addresses, ports and payload of the innermost datagram."""
    (protocols, source4, target4, source6, target6, source_port, target_port,
     payload, udp_sums, ip_sums) = line.rstrip("\n").split("|")
    sums = set((udp_sums + "," + ip_sums).strip(",").split(","))
    if sums != {"1"}:
        fail(f"checksums {sums}: {line}")
    kinds = [p for p in protocols.split(":") if p in ("ip", "ipv6")]
    ends = ((source6, target6) if kinds[-1] == "ipv6" else (source4, target4))
    return tuple(text.split(",")[-1]
                 for text in ends + (source_port, target_port, payload))


def read(path):
    return [innermost(line) for line in open(path)]


def counted(got, want):
    if not want:
        fail("nothing to compare with")
    if collections.Counter(got) != collections.Counter(want):
        missing = collections.Counter(want) - collections.Counter(got)
        more = collections.Counter(got) - collections.Counter(want)
        fail(f"{len(got)}, not {len(want)}; missing {list(missing)[:2]}, "
             f"more {list(more)[:2]}")


def same(want, got):
    counted(read(got), read(want))


def part(want, got, name, *names):
    want, got = read(want), open(got).readlines()
    equal(len(got), len(want) * len(names), "datagrams of all")
    at = names.index(name) * len(want)
    counted([innermost(line) for line in got[at:at + len(want)]], want)


def times(want, got, n):
    counted(read(got), read(want) * n)


# ---- fragments -------------------------------------------------------------


def fragment(frame):
    """(what it is a part of, place, end, more) of the outermost packet, or
    None; and its bytes."""
    ip = frame[skip_tags(frame):]
    if ip[0] >> 4 == 4:
        n, number, bits = struct.unpack(">3H", ip[2:8])
        equal(ones_sum(ip[:20]), 0xffff, "checksum of IPv4")
        if not bits & 0x3fff:
            return None, n
        at, end, more = (bits & 0x1fff) * 8, n - 20, bool(bits & 0x2000)
    else:
        n = 40 + struct.unpack(">H", ip[4:6])[0]
        if ip[6] != 44:
            return None, n
        bits, number = struct.unpack(">HI", ip[42:48])
        at, end, more = bits & 0xfff8, n - 48, bool(bits & 1)
    equal(len(ip), n, "bytes of the packet")
    if more and end % 8:
        fail(f"a fragment of {end} bytes")
    return (number, at, at + end, more), n


def fragments(most, how, path):
    """None is longer than `most`, and they come as they should."""
    rows, sizes = collections.defaultdict(list), []
    for _, frame in frames(path):
        found, n = fragment(frame)
        sizes.append(n)
        if found:
            rows[found[0]].append(found[1:])
    if max(sizes) > most or max(sizes) < most - 16 or len(rows) < 60:
        fail(f"{len(rows)} packets cut, into up to {max(sizes)} bytes")
    orders = set()
    for row in rows.values():
        ordered = sorted(set(row))
        equal([more for _, _, more in ordered],
              [True] * (len(ordered) - 1) + [False], "more to come")
        laps = {a[1] - b[0] for a, b in zip(ordered, ordered[1:])}
        if not laps <= ({0, 8} if how == "overlap" else {0}):
            fail(f"overlaps {laps}")
        orders |= {f"lap {lap}" for lap in laps}
        copies = set(collections.Counter(row).values())
        equal(copies, {2 if how == "doubled" else 1}, "copies")
        if row == sorted(row):
            orders.add("in order")
        elif row == sorted(row, reverse=True):
            orders.add("reverse")
        else:
            orders.add("mixed")
    wanted = {"in-order": {"lap 0", "in order"},
              "reverse": {"lap 0", "reverse"},
              "shuffled": {"lap 0", "in order", "reverse", "mixed"},
              "doubled": {"lap 0", "in order"},
              "overlap": {"lap 8", "in order"}}[how]
    equal(orders - ({"lap 0"} if how == "overlap" else set()), wanted, "orders")


def lengths(path):
    """Of SNAP and PPPoE: to the end of each frame."""
    seen = set()
    for _, frame in frames(path):
        kind, = struct.unpack(">H", frame[12:14])
        at = 18 if kind == 0x8864 else 12
        length, = struct.unpack(">H", frame[at:at + 2])
        equal(length, len(frame) - at - 2, "length")
        seen.add(length)
    if len(seen) < 3:
        fail(f"lengths {seen}")


# ---- tunnels ---------------------------------------------------------------


def flows(original, wrapped):
    """VXLAN: a source port for each flow, and right checksums."""
    ports = collections.defaultdict(set)
    for (_, was), (_, now) in zip(frames(original), frames(wrapped)):
        _, source, target, rest = packet(was)
        udp = packet(now)[3]
        equal(udp[2:4], b"\x12\xb5", "port")
        ports[source, target, rest[:4]].add(udp[:2])
    equal({len(seen) for seen in ports.values()}, {1}, "ports of a flow")
    equal(len(set().union(*ports.values())), len(ports), "ports of all flows")


def gre_sums(wrapped):
    """GRE with all fields: checksums, and numbers that count."""
    numbers = []
    for _, frame in frames(wrapped):
        gre = frame[34:]
        equal(gre[:2], b"\xb0\0", "flags")
        equal(ones_sum(gre), 0xffff, "checksum")
        numbers.append(struct.unpack(">I", gre[12:16])[0])
    equal({b - a for a, b in zip(numbers, numbers[1:])}, {1}, "numbers")


def main(what, *args):
    if what == "reorder":
        reorder(int(args[0]), *args[1:])
    elif what == "fragments":
        fragments(int(args[0]), *args[1:])
    elif what == "times":
        times(args[0], args[1], int(args[2]))
    elif what == "double-vlan":
        double(*args, vlan=True)
    else:
        {"hep3": hep3, "pbb-snap": pbb_snap, "double": double, "tcp": tcp,
         "same": same, "part": part, "flows": flows, "lengths": lengths,
         "gre-sums": gre_sums}[what](*args)


main(*sys.argv[1:])
