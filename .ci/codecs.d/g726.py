# SPDX-License-Identifier: GPL-3.0-or-later
"""G.726 decoded by the blocks of the Recommendation (section 4), named as there.

ffmpeg's and libsndfile's decoders are no reference: after some seconds of speech
each is off from the other, from spandsp and from this.
"""

# By kbit/s: inverse quantiser (DQLN), scale factor (W), rate of change (F).
TABLES = {
    16: ([116, 365, 365, 116], [-22, 439, 439, -22], [0, 7, 7, 0]),
    24: ([-2048, 135, 273, 373, 373, 273, 135, -2048],
         [-4, 30, 137, 582, 582, 137, 30, -4], [0, 1, 2, 7, 7, 2, 1, 0]),
    32: ([-2048, 4, 135, 213, 273, 323, 373, 425,
          425, 373, 323, 273, 213, 135, 4, -2048],
         [-12, 18, 41, 64, 112, 198, 355, 1122,
          1122, 355, 198, 112, 64, 41, 18, -12],
         [0, 0, 0, 1, 1, 1, 3, 7, 7, 3, 1, 1, 1, 0, 0, 0]),
    40: ([-2048, -66, 28, 104, 169, 224, 274, 318,
          358, 395, 429, 459, 488, 514, 539, 566,
          566, 539, 514, 488, 459, 429, 395, 358,
          318, 274, 224, 169, 104, 28, -66, -2048],
         [14, 14, 24, 39, 40, 41, 58, 100, 141, 179, 219, 280, 358, 440, 529,
          696, 696, 529, 440, 358, 280, 219, 179, 141, 100, 58, 41, 40, 39, 24,
          14, 14],
         [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6,
          6, 6, 5, 4, 3, 2, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]),
}


def wrap(value):
    """Two's complement of 16 bits."""
    return ((value + 32768) & 0xffff) - 32768


def limit(value, low, high):
    return min(max(value, low), high)


def floating(value, negative):
    """FLOATA, FLOATB: sign, exponent, mantissa of six bits."""
    size = abs(value)
    if size == 0:
        return negative, 0, 32
    exponent = size.bit_length()
    return negative, exponent, (size << 6) >> exponent


def fmult(a, b):
    """FMULT: a coefficient times a value of before."""
    negative = a < 0
    _, exponent, mantissa = floating(
        (-(a >> 2)) & 0x1fff if negative else a >> 2, negative)
    exponent += b[1]
    mantissa = (b[2] * mantissa + 48) >> 4
    if exponent <= 26:
        size = (mantissa << 7) >> (26 - exponent)
    else:
        size = ((mantissa << 7) << (exponent - 26)) & 0x7fff
    return -size if negative != b[0] else size


class Decoder:
    def __init__(self, kbit):
        self.dqln, self.w, self.f = TABLES[kbit]
        self.bits = kbit // 8
        self.leak = 9 if kbit == 40 else 8
        self.b = [0] * 6
        self.dq = [(False, 0, 32)] * 6
        self.a = [0, 0]
        self.sr = [(False, 0, 32)] * 2
        self.pk = [False, False]
        self.yu, self.yl = 544, 34816
        self.dms = self.dml = self.ap = 0
        self.td = False

    def scale(self):
        """LIMA, MIX: the step size."""
        al = 64 if self.ap >= 256 else self.ap >> 2
        dif = self.yu - (self.yl >> 6)
        product = (abs(dif) * al) >> 6
        return ((self.yl >> 6) + (-product if dif < 0 else product)) & 0x1fff

    def transition(self, size):
        """TRANS: does a modem change its tones?"""
        exponent, fraction = self.yl >> 15, (self.yl >> 10) & 31
        threshold = (32 + fraction) << exponent
        if exponent > 9:
            threshold = 31 << 10
        return self.td and size > (threshold + (threshold >> 1)) >> 1

    def adapt_scale(self, code, y):
        """FUNCTW, FILTD, LIMB, FILTE, FUNCTF, FILTA, FILTB."""
        self.yu = limit((y + (((self.w[code] << 5) - y) >> 5)) & 0x1fff,
                        544, 5120)
        self.yl = (self.yl + self.yu + (-self.yl >> 6)) & 0x7ffff
        f = self.f[code]
        self.dms = (self.dms + (((f << 9) - self.dms) >> 5)) & 0xfff
        self.dml = (self.dml + (((f << 11) - self.dml) >> 7)) & 0x3fff

    def adapt_zeros(self, dq, negative):
        """XOR, UPB."""
        b = []
        for coefficient, before in zip(self.b, self.dq):
            gain = 0
            if dq:
                gain = -128 if before[0] != negative else 128
            b.append(wrap(coefficient + gain - (coefficient >> self.leak)))
        return b

    def adapt_poles(self, pk, zero):
        """UPA2, LIMC, UPA1, LIMD."""
        a1, a2 = self.a
        same1, same2 = pk == self.pk[0], pk == self.pk[1]
        fa = a1 << 2 if -8191 <= a1 <= 8191 else 32764 if a1 > 0 else -32764
        gain = ((16384 if same2 else -16384) + (-fa if same1 else fa)) >> 7
        new2 = limit(wrap(a2 + (0 if zero else gain) - (a2 >> 7)),
                     -12288, 12288)
        gain = 192 if same1 else -192
        most = 15360 - new2
        new1 = limit(wrap(a1 + (0 if zero else gain) - (a1 >> 8)),
                     -most, most)
        return [new1, new2]

    def decode(self, code):
        sezi = wrap(sum(map(fmult, self.b, self.dq)))
        sei = wrap(sezi + fmult(self.a[1], self.sr[1]) +
                   fmult(self.a[0], self.sr[0]))
        y = self.scale()
        negative = bool(code >> (self.bits - 1))
        dql = self.dqln[code] + (y >> 2)
        size = 0
        if dql >= 0:
            size = ((128 + (dql & 127)) << 7) >> (14 - ((dql >> 7) & 15))
        dq = -size if negative else size
        sr = wrap((sei >> 1) + dq)
        change = self.transition(size)
        partly = dq + (sezi >> 1)
        self.adapt_scale(code, y)
        b = self.adapt_zeros(dq, negative)
        a = self.adapt_poles(partly < 0, partly == 0)
        td = a[1] < -11776
        fast = (y < 1536 or td or abs((self.dms << 2) - self.dml) >=
                self.dml >> 3)
        ap = (self.ap + (((512 if fast else 0) - self.ap) >> 4)) & 0x3ff
        if change:
            self.a, self.b, self.td, self.ap = [0, 0], [0] * 6, False, 256
        else:
            self.a, self.b, self.td, self.ap = a, b, td, ap
        self.pk = [partly < 0, self.pk[0]]
        self.dq = [floating(dq, negative)] + self.dq[:5]
        self.sr = [floating(sr, sr < 0), self.sr[0]]
        return limit(sr << 2, -32768, 32767)


def decode(kbit, payload, high_first):
    """One payload or many in a row: none ends within a sample."""
    decoder, samples, bits, have = Decoder(kbit), [], 0, 0
    width = kbit // 8
    for byte in payload:
        bits = bits << 8 | byte if high_first else bits | byte << have
        have += 8
        while have >= width:
            have -= width
            code = bits >> have if high_first else bits & ((1 << width) - 1)
            bits = bits & ((1 << have) - 1) if high_first else bits >> width
            samples.append(decoder.decode(code))
    return samples
