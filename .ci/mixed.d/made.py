# SPDX-License-Identifier: GPL-3.0-or-later
"""A random policy, and random calls: what happens in each (for the checker) and
the same as statements of mkpcap."""
import json

APART_S = 0.3       # distinct events keep so far apart
FORGET_S = 70       # the recorder knows so long who may follow whom
EVERY_S = 0.6       # a call begins, on the average
AREAS = ("alpha", "bravo", "charlie", "delta", "echo", "annex")
RANGES = {
    "full": (49000, 100), "minimal": (49100, 100), "count-only": (49200, 100),
    "lapsed": (49300, 100), "denied": (49400, 100), "pay": (49500, 100),
    "board": (49600, 100), "pay for good": (49700, 100), "nobody": (48000, 500),
}
for place in range(len(AREAS)):
    RANGES[AREAS[place]] = (20000 + 1000 * place, 200)
LUHN = ("4111111111111111", "5500005555555559", "378282246310005")
CODES = {"pay": "*5", "back": "*6", "pay for good": "*7"}


def span(name):
    first, count = RANGES[name]
    return f"{first}-{first + count - 1}"


def approved(chance, request):
    """A business case or a request; mostly it holds."""
    given = {"approved_by": "board", "approved": "2025-01-06"}
    if not request:
        given.update({name: "as it is" for name in (
            "reason", "security", "governance", "consultation", "access")})
    fate = chance.random()
    if fate < 0.08:
        given["approved"] = "2026-06-01"
    elif fate < 0.16:
        given["ends"] = "2026-03-02"
    elif fate < 0.24:
        given["ends"] = "2026-03-03"
    return given


def random_areas(chance):
    areas = {}
    for place, name in enumerate(AREAS):
        area = {"queues": f"5{place}000"}
        if name == "annex":
            area["sites"] = "annex"
        else:
            area["extensions"] = span(name)
        needs = chance.choice((["business_case", "request"], ["request"],
                               ["business_case"], "nothing", None))
        if needs:
            area["needs"] = needs
        for request in (False, True):
            if chance.random() < 0.85:
                area["request" if request else "business_case"] = approved(
                    chance, request)
        areas[name] = area
    return areas


def random_exemptions(chance):
    found = []
    for name in ("full", "minimal", "count-only", "lapsed"):
        one = {"name": name, "numbers": [span(name)], "reason": "asked for"}
        if name != "lapsed":
            one["metadata"] = name
        if name == "minimal":
            one["numbers"].append("01632 97*")
        if name == "lapsed":
            one["ends"] = "2026-01-01"
        back = chance.choice((0, 0, 1, 3))
        if back:
            one["look_back"] = f"{back} s"
            one["look_back_s"] = back
        found.append(one)
    # Some are named twice.
    found.append({"name": "few of them", "numbers": "49000-49019",
                  "reason": "asked for", "metadata": "minimal"})
    chance.shuffle(found)
    return found


def random_payments(chance):
    def payment(name, triggers, resume=None, **more):
        back = chance.choice((0, 1, 2, 4))
        one = {"name": name, "triggers": triggers, "look_back": f"{back} s",
               "look_back_s": back,
               "resume": resume or chance.choice(
                   ("explicit", "never", "after 5 s")), **more}
        if one["resume"].startswith("after"):
            one["after_s"] = 5
        if one["resume"] != "never":
            one["resume_keys"] = CODES["back"]
        if chance.random() < 0.5:
            one["areas"] = sorted(chance.sample(AREAS, 4))
        return one

    found = [
        payment("by keys", {"keys": CODES["pay"], "card_numbers":
                            chance.choice(("yes", "no"))},
                chance.choice(("explicit", "after 5 s"))),
        payment("by keys, for good", {"keys": CODES["pay for good"]},
                "never"),
        payment("by header", {"header": {"name": "X-Payment",
                                         "value": "begin"}}),
        payment("by INFO", {"info": {"name": "Record", "value": "off"},
                            "card_numbers": "yes"}),
        payment("by call", {"call": span("pay")},
                chance.choice(("explicit", "after 5 s"))),
        payment("by call, for good", {"call": span("pay for good")},
                "never"),
    ]
    if chance.random() < 0.5:
        found.append(payment("by hold", {"hold": "yes"}, areas=["alpha"]))
    chance.shuffle(found)
    return found


def random_rules(chance):
    def some(count):
        return sorted(chance.sample(AREAS, count))

    drops = [
        {"name": "board", "match": {"numbers": [span("board")]},
         "decision": "drop"},
        {"name": "no colleagues", "match": {"direction": ["internal"],
                                            "areas": some(1)},
         "decision": "drop"},
        {"name": "no questions", "match": {"kinds": ["consult"],
                                           "areas": some(2)},
         "decision": "drop"},
        {"name": "no music", "match": {"kinds": ["hold"], "areas": some(2)},
         "decision": "drop"},
    ]
    denials = [
        {"name": "only kept", "match": {"direction": ["in"],
                                        "areas": some(1)},
         "decision": "listen-deny", "retention": "short"},
        {"name": "passed on", "match": {"kinds": ["transfer"],
                                        "areas": some(1)},
         "decision": "listen-deny", "retention": "short"},
    ]
    records = [
        {"name": "queue", "match": {"queues": [f"5{chance.randrange(6)}000"]},
         "decision": "record", "retention": "short"},
        {"name": "talks only", "match": {
            "kinds": ["agent", "transfer"], "areas": some(2)},
         "decision": "record", "retention": "long"},
        {"name": "outside", "match": {"direction": ["in", "out"],
                                      "areas": some(4)},
         "decision": "record", "retention": "long"},
        {"name": "inside", "match": {"direction": ["internal"],
                                     "areas": some(4)},
         "decision": "record", "retention": "short"},
        {"name": "in", "match": {"direction": ["in"]},
         "decision": "record", "retention": "short"},
        {"name": "all", "match": {"direction": [
            "in", "out", "internal", "transit"]},
         "decision": "record", "retention": "long"},
    ]
    kept = [rule for rule in drops + denials if chance.random() < 0.5]
    last = [rule for rule in records if chance.random() < 0.8]
    # What comes after 'all' would never have its turn.
    if chance.random() < 0.3 and records[-1] not in last:
        last.append({"name": "the rest", "match": {"direction": ["transit"]},
                     "decision": "out-of-scope"})
    return kept + (last or records[-1:])


def random_policy(chance, user):
    policy = {
        "version": 1,
        "organisation": {"name": "Mixed", "time_zone": "Europe/London",
                         "areas_need": chance.choice(
                             (["request"], ["business_case"]))},
        "access": {"owner": [user]},
        "purposes": ["quality"],
        "numbering": {"country": "44", "international_prefix": "00",
                      "national_prefix": "0", "extension_digits": "5",
                      "internal": ["20000-29999", "48000-59999"]},
        "networks": {"internal": ["10.0.0.0/8"]},
        "sites": {"annex": {"extensions": span("annex")}},
        "areas": random_areas(chance),
        "exemptions": random_exemptions(chance),
        "listen_deny": [{"name": "denied", "numbers": [span("denied"),
                                                       "01632 98*"],
                         "reason": "asked for"}],
        "payments": random_payments(chance),
        "rules": random_rules(chance),
        "retention": {"short": {"max": "10 years"}, "long": {
            "max": "20 years"}},
        "metadata": {"max": "21 years"},
    }
    if chance.random() < 0.8:
        policy["opt_out"] = {
            "keys": "*#*", "return": "1", "wait": "3 s", "wait_s": 3,
            "by": chance.choice(("caller", "caller", "anybody")),
            "announcement": chance.choice(("1 s", "4 s"))}
        if chance.random() < 0.6:
            policy["opt_out"]["areas"] = sorted(chance.sample(AREAS, 3))
    return policy


def without_notes(value):
    """As the recorder gets it: lengths once."""
    if isinstance(value, dict):
        return {name: without_notes(one) for name, one in value.items()
                if not name.endswith("_s")}
    if isinstance(value, list):
        return [without_notes(one) for one in value]
    return value


def policy_text(policy):
    """YAML has JSON in it."""
    return "\n".join(f"{name}: {json.dumps(value)}"
                     for name, value in without_notes(policy).items()) + "\n"


# ---- who there is -----------------------------------------------------------

class World:
    """Numbers and ports, each for one call at a time."""

    def __init__(self, chance):
        self.chance = chance
        self.busy = {}      # number: until when
        self.addresses = {"gw": "192.0.2.1", "pbx": "10.0.0.10"}
        self.outsiders = 0
        self.ports = []     # (free from, port)
        self.next_port = 10000

    def extension(self, name, now):
        first, count = RANGES[name]
        while True:
            number = str(first + self.chance.randrange(count))
            if self.busy.get(number, 0) <= now:
                break
        self.busy[number] = float("inf")
        host = f"h{number}"
        place = int(number)
        self.addresses[host] = f"10.1.{place >> 8}.{place & 255}"
        return host, number

    def inside(self, now):
        """Mostly somebody of an area."""
        if self.chance.random() < 0.7:
            return self.extension(self.chance.choice(AREAS), now)
        return self.extension(self.chance.choice(
            [name for name in RANGES if name not in AREAS]), now)

    def outside(self):
        self.outsiders += 1
        kind = self.chance.random()
        start = "0163297" if kind < 0.03 else (
            "0163298" if kind < 0.06 else "0163296")
        return "gw", f"{start}{self.outsiders:04}"

    def port(self, now):
        """One that was free for a moment, and had others before."""
        for place, (free, port) in enumerate(self.ports):
            if free + 0.5 < now:
                del self.ports[place]
                return port
        self.next_port += 2
        return self.next_port

    def release(self, numbers, ports, now):
        for number in numbers:
            self.busy[number] = now + FORGET_S
        self.ports += [(now, port) for port in ports]


def normalised(number):
    return "+44" + number[1:] if number.startswith("0") else number


# ---- a call -----------------------------------------------------------------

class Leg:
    """A SIP call. Its outer party is nearer to who is not ours."""

    def __init__(self, name, talk, outer, inner, inner_calls):
        self.name, self.talk = name, talk
        self.outer, self.inner, self.inner_calls = outer, inner, inner_calls
        self.open = self.close = None
        self.silent = []     # (inner, from, until)
        self.digits = []     # (inner, time, key)

    def side(self, inner):
        return "caller" if inner == self.inner_calls else "callee"


class Call:
    """One call: `events` are what happens in it, `lines` the same as SIP."""

    def __init__(self, world, number, start):
        self.world, self.chance = world, world.chance
        self.number, self.start, self.now = number, start, start
        self.events, self.lines, self.legs = [], [], []
        self.numbers, self.ports = [], []
        self.talks = 1
        self.talk = 0
        self.held = self.consult = None
        self.session = None
        self.make()

    # -- words

    def say(self, leg, at, text, *headers):
        self.lines.append((at, f"{leg.name} {text}" + "".join(
            f'\n header "{header}"' for header in headers)))

    def happens(self, at, what, **more):
        self.events.append({"at": round(at, 6), "what": what, **more})

    def wait(self, low=0.5, high=3.0):
        self.now = round(self.now + self.chance.uniform(low, high), 3)
        return self.now

    def party(self):
        found = self.world.inside(self.start)
        self.numbers.append(found[1])
        return found

    # -- SIP

    def leg(self, talk, outer, inner, inner_calls, at, answer, *headers):
        leg = Leg(f"c{self.number}x{len(self.legs)}", talk, outer, inner,
                  inner_calls)
        caller, callee = (inner, outer) if inner_calls else (outer, inner)
        leg.head = (f"call {leg.name} from {caller[0]}:{caller[1]} to "
                    f"{callee[0]}:{callee[1]}")
        ports = [self.world.port(self.start) for _ in range(2)]
        self.ports += ports
        codec = "codec PCMA,telephone-event"
        if self.session and talk == 0:
            headers += (f"Session-ID: {self.session};remote={'0' * 32}",)
        self.say(leg, at, f"invite rtp {ports[0]} {codec}", *headers)
        self.say(leg, at + 0.02, "ringing")
        self.say(leg, answer, f"ok to invite rtp {ports[1]} {codec}")
        self.say(leg, answer + 0.005, "ack")
        leg.open = answer + 0.02
        leg.ssrc = 1000 * (self.number + 1) + 2 * len(self.legs)
        self.legs.append(leg)
        return leg

    def again(self, leg, inner, mode, *headers):
        """A re-INVITE; it holds when it is answered."""
        answer = {"hold": "held", "resume": "resume"}.get(mode, "sdp")
        self.say(leg, self.now - 0.01,
                 f"invite from {leg.side(inner)} {mode}", *headers)
        self.say(leg, self.now, f"ok to invite from {leg.side(not inner)} "
                 f"{answer}")
        self.say(leg, self.now + 0.005, f"ack from {leg.side(inner)}")

    def bye(self, leg, at, inner):
        leg.close = at - 0.005
        self.say(leg, at, f"bye from {leg.side(inner)}")
        self.say(leg, at + 0.005, "ok to bye")

    def notify(self, leg, at, state, line):
        self.lines.append((at, f"{leg.name} notify from {leg.side(False)} "
                           'body message/sipfrag header "Event: refer"\n'
                           f' header "Subscription-State: {state}"\n'
                           f"| SIP/2.0 {line}"))
        self.say(leg, at + 0.005, "ok to notify")

    # -- how it begins

    def begin(self):
        way = self.chance.choices(
            ("in", "out", "internal", "transit", "queue"),
            (4, 2, 2, 0.5, 3))[0]
        inner_calls = way == "out" or (way == "internal" and
                                       self.chance.random() < 0.5)
        outer = self.party() if way == "internal" else self.world.outside()
        if way == "queue":
            self.begin_queue(outer)
            return
        inner = self.world.outside() if way == "transit" else self.party()
        self.now = round(self.start + self.chance.uniform(0.1, 1.5), 3)
        self.inside = inner
        self.main = self.leg(0, outer, inner, inner_calls, self.start,
                             self.now)
        caller, callee = (inner, outer) if inner_calls else (outer, inner)
        self.happens(self.start, "start", talk=0,
                     caller=normalised(caller[1]),
                     callee=normalised(callee[1]))
        self.ours = self.main

    def begin_queue(self, outer):
        """The switch answers, then calls an agent on."""
        queue = f"5{self.chance.randrange(len(AREAS))}000"
        self.session = f"{self.number + 1:032x}"
        self.now = round(self.start + 0.1, 3)
        self.main = self.leg(0, outer, ("pbx", queue), False, self.start,
                             self.now)
        self.happens(self.start, "start", talk=0,
                     caller=normalised(outer[1]), callee=queue)
        self.ours = self.main
        self.inside = None
        self.wait(2, 5)
        if self.chance.random() < 0.1:
            return      # nobody answers
        agent = self.party()
        rings = round(self.now - 0.5, 3)
        self.happens(rings, "rings", talk=0, number=agent[1])
        self.ours = self.leg(0, ("pbx", outer[1]), agent, False, rings,
                             self.now)
        self.happens(self.now, "agent", talk=0, number=agent[1])
        self.inside = agent

    # -- what happens then

    def key(self, keys, inside, step=0.25):
        if self.held:
            inside = self.held[0]    # who is held sends nothing
        leg = self.ours if inside else self.main
        for place, key in enumerate(keys):
            if place:
                self.now = round(self.now + step, 3)
            leg.digits.append((inside, self.now, key))
            self.happens(self.now, "key", talk=self.talk,
                         end=leg.side(inside), key=key)

    def do_code(self):
        code = self.chance.choice((CODES["pay"],) * 3 + (CODES["back"],) * 3 +
                                  (CODES["pay for good"],))
        self.key(code, self.chance.random() < 0.85)

    def do_pay_and_back(self):
        self.key(CODES["pay"], True)
        self.wait(1, 6)
        if self.chance.random() < 0.5:
            self.key(CODES["back"], True)

    def do_card(self):
        """Once: mkpcap has room for 32 keys of a side."""
        if any(event["what"] == "key" for event in self.events):
            return
        self.key(self.chance.choice(LUHN), self.chance.random() < 0.2)

    def do_opt_out(self):
        inside = self.chance.random() < 0.2
        self.key("*#*", inside)
        if self.chance.random() < 0.6:
            self.wait(0.5, 4)
            self.key("1", inside)

    def do_header(self):
        self.again(self.ours, True, "sdp", "X-Payment: " +
                   self.chance.choice(("begin", "Begin", "end")))
        sent = self.lines[-3][1].rsplit(": ", 1)[1].rstrip('"')
        self.happens(self.now - 0.01, "header", talk=self.talk,
                     name="X-Payment", value=sent)

    def do_info(self):
        self.say(self.ours, self.now, f"info from {self.ours.side(True)}",
                 "Record: off")
        self.say(self.ours, self.now + 0.005, "ok to info")
        self.happens(self.now, "info", talk=self.talk, name="Record",
                     value="off")

    def hold(self, inner):
        leg = self.ours if inner else self.main
        self.again(leg, inner, "hold")
        self.held = inner, leg
        for one in {self.ours, self.main}:
            one.silent.append([not inner, self.now, None])
        self.happens(self.now, "hold", talk=self.talk, end=leg.side(inner))

    def unhold(self):
        inner, leg = self.held
        self.again(leg, inner, "resume")
        self.no_more_hold()
        self.happens(self.now, "unhold", talk=self.talk)

    def no_more_hold(self):
        self.held = None
        for leg in self.legs:
            for span_ in leg.silent:
                if span_[2] is None:
                    span_[2] = self.now

    def do_hold(self):
        self.hold(self.inside is not None and self.chance.random() < 0.75)
        self.wait(1, 4)
        if self.chance.random() < 0.3:
            self.do_code()
            self.wait()
        self.unhold()

    def target(self):
        if self.chance.random() < 0.1:
            return self.world.outside()
        return self.party()

    def ask(self):
        """Who is ours talks to somebody while the other waits."""
        target = self.target()
        talk = self.talks
        self.talks += 1
        at = self.now
        self.now = round(at + 0.4, 3)
        self.consult = self.leg(talk, target, self.inside, True, at,
                                self.now)
        self.happens(at, "start", talk=talk, kind="consult",
                     caller=normalised(self.inside[1]),
                     callee=normalised(target[1]))
        return target, talk

    def do_consult(self):
        if self.inside is None:
            return
        self.hold(True)
        self.wait(0.4, 1)
        _, talk = self.ask()
        self.wait(1, 4)
        self.bye(self.consult, self.now, self.chance.random() < 0.5)
        self.happens(self.now, "end", talk=talk)
        self.wait(0.4, 1)
        self.unhold()

    def refer(self, target, more=""):
        address = self.world.addresses[target[0]]
        self.say(self.ours, self.now, f"refer from {self.ours.side(True)}",
                 f"Refer-To: <sip:{target[1]}@{address}{more}>",
                 self.referred_by())
        self.say(self.ours, self.now + 0.005, "accepted to refer")
        self.notify(self.ours, self.now + 0.02, "active;expires=60",
                    "100 Trying")
        self.happens(self.now, "asked", talk=self.talk,
                     number=normalised(target[1]))

    def referred_by(self):
        return (f"Referred-By: <sip:{self.inside[1]}@"
                f"{self.world.addresses[self.inside[0]]}>")

    def may_transfer(self):
        """By who has a telephone of his own, on the leg of the other."""
        return (self.inside is not None and self.inside[0] != "gw" and
                self.ours is self.main)

    def do_blind(self):
        if not self.may_transfer():
            return
        old, target = self.main, self.target()
        self.refer(target)
        self.wait(0.4, 1)
        if self.chance.random() < 0.15:
            # Nobody is called.
            self.notify(old, self.now, "terminated;reason=noresource",
                        "486 Busy Here")
            return
        talk = self.talks
        self.talks += 1
        at = self.now
        self.now = round(at + 0.6, 3)
        leg = self.leg(talk, old.outer, target, False, at, self.now,
                       self.referred_by())
        self.happens(at, "transfer", before=self.talk, talk=talk,
                     caller=normalised(old.outer[1]),
                     callee=normalised(target[1]))
        self.notify(old, self.now + 0.02, "terminated;reason=noresource",
                    "200 OK")
        self.wait(0.4, 0.8)
        self.bye(old, self.now, True)
        self.happens(self.now, "end", talk=self.talk)
        self.goes_on(leg, target, talk)

    def do_attended(self):
        if not self.may_transfer():
            return
        old = self.main
        self.hold(True)
        self.wait(0.4, 1)
        target, asked = self.ask()
        self.wait(1, 3)
        name = self.consult.name
        self.refer(target, f"?Replaces={{{name}.id%}}%3Bto-tag%3D"
                   f"{{{name}.callee%}}%3Bfrom-tag%3D{{{name}.caller%}}")
        self.wait(0.4, 0.8)
        at = self.now
        self.happens(at, "transfer", before=self.talk, talk=self.talk,
                     caller=normalised(old.outer[1]),
                     callee=normalised(target[1]))
        for one in (old, self.consult):
            one.close = at - 0.02
        self.no_more_hold()
        leg = self.leg(self.talk, old.outer, target, False, at, at + 0.02,
                       self.referred_by(),
                       f"Replaces: {{{name}.id}};to-tag={{{name}.callee}};"
                       f"from-tag={{{name}.caller}}")
        self.bye(self.consult, at + 0.04, False)
        self.happens(at + 0.04, "end", talk=asked)
        self.notify(old, at + 0.05, "terminated;reason=noresource", "200 OK")
        self.bye(old, at + 0.07, True)
        for one in (old, self.consult):
            one.close = at - 0.02
        self.goes_on(leg, target, self.talk)

    # -- and what is never finished

    def last_hold(self):
        self.hold(self.inside is not None and self.chance.random() < 0.5)

    def last_question(self):
        if self.inside is not None:
            self.hold(True)
            self.wait(0.4, 1)
            self.ask()

    def last_request(self):
        if self.may_transfer():
            self.refer(self.target())

    def last_keys(self):
        self.key(self.chance.choice(("*5", "*7", "*#*", "*#", "*")),
                 self.chance.random() < 0.5)

    def goes_on(self, leg, target, talk):
        self.main = self.ours = leg
        self.inside = target
        self.talk = talk

    def make(self):
        self.begin()
        self.wait()
        deeds = [self.do_code, self.do_pay_and_back, self.do_card,
                 self.do_opt_out, self.do_header, self.do_info, self.do_hold,
                 self.do_consult, self.do_blind, self.do_attended]
        weights = [2, 2, 0.5, 0.7, 1, 0.7, 2, 2, 2, 2]
        for _ in range(self.chance.choice((0, 1, 1, 2, 2, 3, 4))):
            self.chance.choices(deeds, weights)[0]()
            self.wait()
        if self.chance.random() < 0.3:
            self.chance.choice((self.last_hold, self.last_question,
                                self.last_request, self.last_keys))()
            self.wait()
        inner = self.chance.random() < 0.5
        if self.consult and self.consult.close is None:
            self.bye(self.consult, self.now, True)
            self.happens(self.now, "end", talk=self.consult.talk)
            self.now = round(self.now + 0.4, 3)
        for leg in reversed(self.legs) if inner else self.legs:
            if leg.close is None:
                self.bye(leg, self.now, inner)
        self.happens(self.now, "end", talk=self.talk)
        self.no_more_hold()
        self.events.sort(key=lambda event: event["at"])
        self.world.release(self.numbers, self.ports, self.now)


def random_calls(chance, count):
    """They begin at times of their own, so that each can be told by it."""
    world = World(chance)
    seconds = max(60, count * EVERY_S)
    starts = sorted(chance.sample(range(20, int(seconds * 20)), count))
    return world, [Call(world, number, start / 20)
                   for number, start in enumerate(starts)]
