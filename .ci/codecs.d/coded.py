# SPDX-License-Identifier: GPL-3.0-or-later
"""Payloads and sound, as the comparisons of codecs need them: what a codec's own
library or ffmpeg makes of payloads, and how like two sounds are."""
import array
import math
import os
import struct
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SPEECH = "%s/build/%s/cmd/testing/speech" % (TOP, os.environ.get(
    "V", "release"))

# Bits of the frames of RFC 4867, by type.
AMR = [95, 103, 118, 134, 148, 159, 204, 244, 39] + [None] * 6 + [0]
AMR_WB = [132, 177, 253, 285, 317, 365, 397, 461, 477, 40] + [None] * 5 + [0]


def ffmpeg(*arguments, data=b""):
    return subprocess.run(
        ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y",
         *map(str, arguments)],
        check=True, input=data, stdout=subprocess.PIPE).stdout


def pcm(data):
    samples = array.array("h")
    samples.frombytes(data[:len(data) // 2 * 2])
    return samples


# ---- payloads ---------------------------------------------------------------

def framed(payloads):
    """Each behind its length; an empty one was not sent."""
    return b"".join(struct.pack(">H", len(p) or 65535) + p for p in payloads)


def unframed(data):
    payloads = []
    while data:
        n = struct.unpack_from(">H", data)[0]
        payloads.append(data[2:2 + n])
        data = data[2 + n:]
    return payloads


def of_amr(frames, sizes, aligned, each):
    """Frames as files have them, so many in a packet."""
    payloads = []
    for i in range(0, len(frames), each):
        group = frames[i:i + each]
        bits = "1111" + ("0000" if aligned else "")
        for j, frame in enumerate(group):
            head = "%d%s" % (j < len(group) - 1,
                             format(frame[0] >> 2 & 31, "05b"))
            bits += head + ("00" if aligned else "")
        for frame in group:
            coded = "".join(format(byte, "08b") for byte in frame[1:])
            bits += coded if aligned else coded[:sizes[frame[0] >> 3 & 15]]
        bits += "0" * (-len(bits) % 8)
        payloads.append(int("1" + bits, 2).to_bytes(len(bits) // 8 + 1,
                                                    "big")[1:])
    return payloads


def amr_frames(payload, sizes, aligned):
    """The frames of a payload, as files have them."""
    bits = format(int.from_bytes(b"\1" + payload, "big"), "b")[1:]
    at, table = 8 if aligned else 4, []
    while True:
        table.append(bits[at + 1:at + 6])
        more = bits[at] == "1"
        at += 8 if aligned else 6
        if not more:
            break
    frames = []
    for head in table:
        n = sizes[int(head[:4], 2)]
        coded = bits[at:at + n]
        coded += "0" * (-n % 8)
        frames.append(bytes([int(head, 2) << 2]) + bytes(
            int(coded[i:i + 8], 2) for i in range(0, len(coded), 8)))
        at += len(coded) if aligned else n
    return frames


# ---- decoders ---------------------------------------------------------------

def plain(codec, frames):
    """By the codec's own library."""
    data = b"".join(struct.pack(">H", len(f)) + f for f in frames)
    return pcm(subprocess.run([SPEECH, "plain", codec], check=True, input=data,
                              stdout=subprocess.PIPE).stdout)


def page(kind, position, number, packet):
    """An Ogg page with one packet (RFC 3533)."""
    table = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, kind, position, 1, number, 0,
                       len(table)) + table
    whole = bytearray(head + packet)
    crc = 0
    for byte in whole:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04c11db7 if crc >> 31 else 0)) & 0xffffffff
    struct.pack_into("<I", whole, 22, crc)
    return bytes(whole)


def ogg(head, packets, samples):
    """Packets of so many samples each."""
    comments = struct.pack("<II", 0, 0)
    if head.startswith(b"Opus"):
        comments = b"OpusTags" + comments
    pages = [page(2, 0, 0, head), page(0, 0, 1, comments)]
    for i, packet in enumerate(packets):
        last = 4 if i == len(packets) - 1 else 0
        pages.append(page(last, (i + 1) * samples, i + 2, packet))
    return b"".join(pages)


def opus_head(channels):
    return struct.pack("<8sBBHIHB", b"OpusHead", 1, channels, 0, 48000, 0, 0)


def speex_head(hz, frames):
    return struct.pack("<8s20s13i", b"Speex   ", b"1.2", 1, 80, hz,
                       {8000: 0, 16000: 1, 32000: 2}[hz], 4, 1, -1, hz // 50,
                       0, frames, 0, 0, 0)


# ---- comparison -------------------------------------------------------------

def energy(samples):
    return sum(x * x for x in samples)


def segmental_snr(wanted, got, hz):
    """The mean over segments of 20 ms that are not silent, in dB."""
    segment, ratios = hz // 50, []
    for i in range(0, min(len(wanted), len(got)) - segment, segment):
        a, b = wanted[i:i + segment], got[i:i + segment]
        signal = energy(a)
        if signal > segment * 100 ** 2:
            noise = energy(x - y for x, y in zip(a, b))
            ratios.append(10 * math.log10(signal / max(noise, 1)))
    return sum(ratios) / max(len(ratios), 1)
