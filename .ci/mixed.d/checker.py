# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy makes of a call, slowly and obviously: begun from what
policy/policy.h and README.md say, and then brought into line with the recorder
where that was taken to be right (.ci/mixed names where).

A call is what happens in it, in order of time (see made.py). It becomes
conversations, each a row of segments; and spans of time of the whole call in
which it was paused."""

FOREVER = float("inf")
KINDS = {"record": 0, "listen-deny": 1, "drop": 2, "out-of-scope": 2}
TRACES = ("full", "minimal", "count-only")
TIMER_S = 1.2       # timers are looked at once a second
CODE_GAP_S = 5
CARD_GAP_S = 10


def listed(value):
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def names(number, patterns):
    """Is a number one of these: 20000-20199, 20000, 01632 97*?"""
    for pattern in listed(patterns):
        pattern = str(pattern).replace(" ", "")
        if pattern.startswith("0"):
            pattern = "+44" + pattern[1:]
        low, _, high = pattern.partition("-")
        if low.endswith("*"):
            if number.startswith(low[:-1]):
                return True
        elif len(number) == len(low) and low <= number <= (high or low):
            return True
    return False


def luhn(digits):
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def of_scheme(digits):
    """Those that may come about by what made.py has keyed: Visa, Mastercard,
    American Express, Diners Club, and what begins with 50 or 6."""
    start = digits[:2]
    return (start[0] == "4" and len(digits) in (13, 16, 19) or
            "51" <= start <= "55" and len(digits) == 16 or
            start in ("34", "37") and len(digits) == 15 or
            start in ("36", "38", "39") and len(digits) >= 14 or
            start == "50" or start[0] == "6")


class Segment:
    def __init__(self, start, kind, verdict):
        self.start, self.kind, self.verdict = start, kind, verdict
        self.end = FOREVER

    def is_stored(self):
        return KINDS[self.verdict["decision"]] < 2


class Talk:
    """A conversation."""

    def __init__(self, caller, callee, dialled, kind):
        self.caller, self.callee = caller, callee
        self.dialled = dialled
        self.also = []
        self.target = None
        self.kind = kind
        self.held = False
        self.verdict = None
        self.bound = {}     # by held: may only get stricter
        self.segments = []
        self.over = False


class Checker:
    """One policy and one call."""

    def __init__(self, policy, day, events):
        self.policy, self.events = policy, events
        self.day = day  # of the start, as 2026-03-02
        # What may be reached back to, in whatever area.
        self.waits = max((one.get("look_back_s", 0) for one in
                          policy["payments"] + policy["exemptions"]),
                         default=0)
        self.talks = {}
        self.pause = None      # None, the payment
        self.for_good = False
        self.resume_at = FOREVER
        self.gaps = []         # [from, until, asked for, known until]
        self.opt = None        # None, pending, out
        self.opt_at = FOREVER
        self.keys = {False: [], True: []}
        self.timers = []       # when something is due by time alone
        self.alarms = 0
        self.returns = 0
        for event in events:
            self.time_passes(event["at"])
            getattr(self, "on_" + event["what"])(event)

    # ---- whose a number is --------------------------------------------------

    def is_ours(self, number):
        policy = self.policy
        return names(number, policy["numbering"]["internal"])

    def route(self, talk):
        return {(False, True): "in", (True, False): "out",
                (True, True): "internal", (False, False): "transit"}[
                    self.is_ours(talk.caller), self.is_ours(talk.callee)]

    def areas_of_party(self, number):
        """The extensions of a building are those of its areas too."""
        sites = self.policy["sites"]
        return [name for name, area in self.policy["areas"].items()
                if names(number, area.get("extensions")) or
                any(names(number, sites[site]["extensions"])
                    for site in listed(area.get("sites")))]

    def areas(self, talk):
        """All areas of a call; first that of who is ours."""
        ours, other = talk.caller, talk.callee
        if self.route(talk) == "in":
            ours, other = other, ours
        found = self.areas_of_party(ours) + self.areas_of_party(other)
        for name, area in self.policy["areas"].items():
            if any(names(number, area.get("queues"))
                   for number in self.queue_numbers(talk)):
                found.append(name)
        return list(dict.fromkeys(found))

    @staticmethod
    def queue_numbers(talk):
        return [talk.callee, talk.caller] + talk.dialled

    def everybody(self, talk):
        return ([talk.caller, talk.callee] + talk.also +
                listed(talk.target))

    # ---- what is decided ----------------------------------------------------

    def lapsed(self, approval):
        return "ends" in approval and approval["ends"] <= self.day

    def not_approved(self, name):
        area = self.policy["areas"][name]
        needs = area.get("needs", self.policy["organisation"]["areas_need"])
        for need in listed(needs):
            if need == "nothing":
                continue
            given = area.get(need)
            if (not given or given["approved"] > self.day or
                    self.lapsed(given)):
                return True
        return False

    def payments(self, talk):
        """Those that may be triggered in a call."""
        areas = self.areas(talk)
        return [payment for payment in self.policy["payments"]
                if "areas" not in payment or
                set(listed(payment["areas"])) & set(areas)]

    def fits(self, rule, talk, kind):
        match = rule["match"]
        if "direction" in match and (
                self.route(talk) not in listed(match["direction"])):
            return False
        if "kinds" in match and kind not in listed(match["kinds"]):
            return False
        if "areas" in match and not (
                set(listed(match["areas"])) & set(self.areas(talk))):
            return False
        if "queues" in match and (
                kind == "consult" or not any(
                    names(number, match["queues"])
                    for number in [talk.callee] + talk.dialled)):
            return False
        if "numbers" in match:
            parties = [talk.caller, talk.callee]
            if rule["decision"] != "record":
                parties = self.everybody(talk)
            if not any(names(one, match["numbers"]) for one in parties):
                return False
        if "from" in match and not names(talk.caller, match["from"]):
            return False
        if "to" in match and not names(talk.callee, match["to"]):
            return False
        return True

    def rule(self, decision, talk, kind):
        return next((rule for rule in self.policy["rules"]
                     if rule["decision"] == decision and
                     self.fits(rule, talk, kind)), None)

    def exempt(self, talk):
        """Those exemptions that name anybody in it."""
        return [one for one in self.policy["exemptions"]
                if not self.lapsed(one) and
                any(names(number, one["numbers"])
                    for number in self.everybody(talk))]

    def decide(self, talk):
        areas = self.areas(talk)
        kind = "hold" if talk.held else talk.kind
        exempt = self.exempt(talk)
        # Whatever else leaves the call out.
        traces = [TRACES.index(one.get("metadata", "full")) for one in exempt]
        result = {"area": areas[0] if areas else "",
                  "traces": max(traces, default=0), "retention": "",
                  "reach": max((one.get("look_back_s", 0) for one in exempt),
                               default=0)}

        def as_(decision, reason, rule, **more):
            return {**result, "decision": decision, "reason": reason,
                    "rule": rule, **more}

        # payment; whoever takes payments is not recorded, whichever area calls
        if self.for_good:
            return as_("drop", "payment", self.pause["name"])
        for payment in self.policy["payments"]:
            targets = payment["triggers"].get("call")
            if targets and any(names(one, targets)
                               for one in self.everybody(talk)):
                return as_("drop", "payment", payment["name"])
        # opt-out
        if self.opt == "out":
            return as_("drop", "opt-out", "opt-out", traces=2)
        # exempt: of several the one that leaves the fewest traces
        if exempt:
            return as_("drop", "exempt",
                       exempt[traces.index(max(traces))]["name"])
        rule = self.rule("drop", talk, kind)
        if rule:
            return as_("drop", "exempt", rule["name"])
        # not approved
        for name in areas:
            if self.not_approved(name):
                return as_("drop", "not-approved", name)
        # listen-deny
        rule = self.rule("listen-deny", talk, kind)
        if rule:
            return as_("listen-deny", "listen-deny", rule["name"],
                       retention=rule["retention"])
        rule = self.rule("record", talk, kind)
        denied = next((one for one in self.policy["listen_deny"]
                       if not self.lapsed(one) and
                       any(names(number, one["numbers"])
                           for number in self.everybody(talk))), None)
        if rule and denied:
            return as_("listen-deny", "listen-deny", denied["name"],
                       retention=rule["retention"])
        if rule:
            return as_("record", "record", rule["name"],
                       retention=rule["retention"])
        rule = self.rule("out-of-scope", talk, kind)
        if rule:
            return as_("out-of-scope", "out-of-scope", rule["name"])
        return as_("out-of-scope", "no-rule", "")

    def decide_strictly(self, talk, anew):
        """While the same talk goes on it only gets stricter."""
        verdict = self.decide(talk)
        if anew:
            talk.bound = {}
        old = talk.bound.get(talk.held)
        if old and KINDS[old["decision"]] > KINDS[verdict["decision"]]:
            verdict = {**verdict, **{name: old[name] for name in (
                "decision", "traces", "reason", "rule", "retention")}}
        talk.verdict = talk.bound[talk.held] = verdict

    # ---- segments -----------------------------------------------------------

    @staticmethod
    def begin(talk, at):
        kind = "hold" if talk.held else talk.kind
        if talk.segments and talk.segments[-1].start >= at:
            at = talk.segments.pop().start
        elif talk.segments:
            talk.segments[-1].end = at
        talk.segments.append(Segment(at, kind, talk.verdict))

    def segment(self, talk, at, anew=False):
        """What was recorded so far, and must not have been, is not either: so
        long before it became known."""
        before = talk.segments[-1] if talk.segments else None
        self.decide_strictly(talk, anew)
        if before and before.is_stored():
            at = max(at - talk.verdict["reach"], before.start)
        self.begin(talk, at)

    def review(self, talk, at):
        before = talk.verdict
        self.decide_strictly(talk, False)
        if KINDS[talk.verdict["decision"]] > KINDS[before["decision"]]:
            self.begin(talk, max(at - talk.verdict["reach"],
                                 talk.segments[-1].start))
        elif talk.verdict["traces"] != before["traces"]:
            talk.segments[-1].verdict = talk.verdict

    # ---- what happens -------------------------------------------------------

    def on_start(self, event):
        kind = event.get("kind", "agent")
        if kind == "agent" and self.is_queue(event["callee"]):
            kind = "queue"
        talk = Talk(event["caller"], event["callee"], [event["callee"]], kind)
        self.talks[event["talk"]] = talk
        self.segment(talk, event["at"])

    def is_queue(self, number):
        return any(names(number, area.get("queues"))
                   for area in self.policy["areas"].values())

    def on_rings(self, event):
        """A switch calls somebody for who is in the call."""
        self.target(self.talks[event["talk"]], event["at"], event["number"])

    def on_agent(self, event):
        """Who was talked to until now was a queue."""
        talk = self.talks[event["talk"]]
        if talk.kind == "payment":
            talk.kind, talk.dialled = "transfer", []
        else:
            talk.kind = "agent"
        talk.also.append(talk.callee)
        talk.callee = event["number"]
        talk.dialled = talk.dialled + [event["number"]]
        self.segment(talk, event["at"], True)

    def on_hold(self, event):
        talk = self.talks[event["talk"]]
        talk.held = True
        if self.is_inside(talk, event["end"]):
            for payment in self.payments(talk):
                if payment["triggers"].get("hold") == "yes":
                    self.pay(event["at"], payment)
        self.segment(talk, event["at"])

    def on_unhold(self, event):
        talk = self.talks[event["talk"]]
        talk.held = False
        self.segment(talk, event["at"])

    def on_asked(self, event):
        """It was asked that somebody be called, for a transfer."""
        talk = self.talks[event["talk"]]
        talk.target = event["number"]
        self.target(talk, event["at"], event["number"])
        self.review(talk, event["at"])

    def on_transfer(self, event):
        """Whoever stays talks to somebody else: in a conversation of its own
        that follows, or, of one that is held, in its place."""
        # To who is held, who was consulted is new, and the other way round.
        for talk in list(self.talks.values()):
            if not talk.over:
                self.target(talk, event["at"], event["caller"])
                self.target(talk, event["at"], event["callee"])
        talk = self.talks.get(event["talk"])
        if not talk:
            self.on_start({**event, "kind": "transfer"})
            return
        talk.caller, talk.callee = event["caller"], event["callee"]
        talk.dialled, talk.also = [event["callee"]], []
        if event.get("stays"):
            talk.also = [event["stays"]]
        talk.target, talk.held, talk.kind = None, False, "transfer"
        self.segment(talk, event["at"], True)

    def on_end(self, event):
        talk = self.talks[event["talk"]]
        talk.over = True
        if talk.segments[-1].end == FOREVER:
            talk.segments[-1].end = event["at"]
        if all(one.over for one in self.talks.values()):
            if self.opt == "pending":
                self.opt = "out"
            if self.gaps and self.gaps[-1][1] == FOREVER:
                self.gaps[-1][1] = self.gaps[-1][3] = event["at"] + 1

    # ---- payments -----------------------------------------------------------

    def is_inside(self, talk, end):
        """Is who stands there one of ours?"""
        return {"internal": True, "transit": False, "in": end == "callee",
                "out": end == "caller"}[self.route(talk)]

    def resume(self, at, known=None):
        """What was keyed meanwhile is no card number that was recorded."""
        if self.gaps and self.gaps[-1][1] == FOREVER:
            self.gaps[-1][1] = at
            self.gaps[-1][3] = known or at
        self.pause, self.resume_at = None, FOREVER
        self.keys = {False: [], True: []}

    def pay(self, at, payment, since=None):
        """Nothing is recorded from then on, nor what was said just before. Of
        several pauses the longest holds.

        since: of digits that turned out to be a card number, the first"""
        since = (at if since is None else since) - payment["look_back_s"]
        if self.for_good:
            return
        if payment["look_back_s"]:
            self.timers.append(since)
        stops = since
        if self.pause:
            if self.gaps[-1][0] <= since:
                stops = at
            self.gaps[-1][0] = min(self.gaps[-1][0], since)
        else:
            self.gaps.append([since, FOREVER, at, FOREVER])
        ends = FOREVER
        if payment["resume"].startswith("after"):
            ends = at + payment["after_s"]
        never = payment["resume"] == "never"
        if self.pause and not never and ends <= self.resume_at:
            return
        self.pause, self.for_good = payment, never
        self.resume_at = ends
        self.timers.append(ends)
        if never:
            self.stop(stops, "payment")

    def stop(self, since, kind=None):
        for talk in self.talks.values():
            if talk.over or (kind and talk.verdict["reason"] == "payment"):
                continue
            if kind:
                talk.kind = kind
            self.decide_strictly(talk, False)
            self.begin(talk, max(since, talk.segments[-1].start))

    def target(self, talk, at, number):
        for payment in self.payments(talk):
            if names(number, payment["triggers"].get("call")):
                self.pay(at, payment)

    def on_header(self, event, trigger="header"):
        for payment in self.payments(self.talks[event["talk"]]):
            wanted = payment["triggers"].get(trigger)
            if (wanted and wanted["name"].lower() == event["name"].lower() and
                    wanted["value"].lower() == event["value"].lower()):
                self.pay(event["at"], payment)

    def on_info(self, event):
        self.on_header(event, "info")

    # ---- keys ---------------------------------------------------------------

    def keyed(self, inside, code):
        """Is this code what was keyed last?"""
        keys = self.keys[inside][-len(code):]
        if "".join(key for _, key in keys) != code:
            return False
        return all(b[0] - a[0] <= CODE_GAP_S for a, b in zip(keys, keys[1:]))

    def card_number(self, inside):
        """When a card number was begun that was keyed just now."""
        keys = self.keys[inside]
        for count in range(19, 12, -1):
            run = keys[-count:]
            digits = "".join(key for _, key in run)
            if (len(run) == count and digits.isdigit() and luhn(digits) and
                    of_scheme(digits) and
                    all(b[0] - a[0] <= CARD_GAP_S
                        for a, b in zip(run, run[1:]))):
                return run[0][0]
        return None

    def on_key(self, event):
        talk, at = self.talks[event["talk"]], event["at"]
        inside = self.is_inside(talk, event["end"])
        self.keys[inside].append((at, event["key"]))
        self.key_of_payment(talk, at, inside)
        self.key_of_opt_out(talk, at, inside)

    def key_of_payment(self, talk, at, inside):
        # Where nothing is recorded no control has failed.
        recorded = KINDS[talk.verdict["decision"]] < 2
        since = self.card_number(inside) if recorded else None
        cards = [payment for payment in self.payments(talk)
                 if payment["triggers"].get("card_numbers") == "yes"]
        if since is not None and cards:
            self.alarms += self.pause is None
            for payment in cards:
                self.pay(at, payment, since)
        if not inside:
            return
        if self.pause and not self.for_good:
            code = self.pause.get("resume_keys")
            if code and self.keyed(True, code):
                self.resume(at)
                return
        for payment in self.payments(talk):
            code = payment["triggers"].get("keys")
            if code and self.keyed(True, code):
                self.pay(at, payment)

    def key_of_opt_out(self, talk, at, inside):
        opt_out = self.policy.get("opt_out")
        if not opt_out or self.opt == "out":
            return
        if self.route(talk) not in ("in", "out"):
            return
        if "areas" in opt_out and not (
                set(listed(opt_out["areas"])) & set(self.areas(talk))):
            return
        if inside and opt_out["by"] != "anybody":
            return
        if self.opt == "pending":
            if self.keyed(inside, opt_out["return"]):
                self.opt, self.opt_at = None, FOREVER
                self.returns += 1
        elif self.keyed(inside, opt_out["keys"]):
            self.opt, self.opt_at = "pending", at + opt_out["wait_s"]
            self.timers.append(self.opt_at)

    def time_passes(self, now):
        while min(self.resume_at, self.opt_at) <= now:
            if self.resume_at <= self.opt_at:
                self.resume(self.resume_at, self.resume_at + TIMER_S)
            else:
                at, self.opt, self.opt_at = self.opt_at, "out", FOREVER
                self.stop(at)

    def is_clear(self, apart_s):
        """Does no timer end, and no look-back, just when something else
        happens? Timers are looked at once a second: a conversation that begins
        or ends meanwhile is paused that much longer."""
        return not any(
            abs(timer - event["at"]) < apart_s +
            (event["what"] in ("start", "end", "transfer"))
            for timer in self.timers for event in self.events)

    # ---- the result ---------------------------------------------------------

    def rows(self):
        """Segments that must be told of, in order of time. What is out of scope
        is counted."""
        if self.opt == "out":
            return []
        found = [segment for talk in self.talks.values()
                 for segment in talk.segments
                 if segment.verdict["traces"] < 2 and
                 segment.verdict["decision"] != "out-of-scope"]
        return sorted(found, key=lambda segment: segment.start)

    def is_stored(self, name, at):
        """Of a conversation, at this time. None: it does not go on, or that a
        pause by time is over is known too late."""
        for segment in self.talks[name].segments:
            if not segment.start <= at < segment.end:
                continue
            if self.opt == "out" or not segment.is_stored():
                return False
            if any(low <= at < high for low, high, _, _ in self.gaps):
                return False
            # Where nothing waits so long, that it goes on is known too late.
            if any(high <= at < known and self.waits < TIMER_S
                   for low, high, _, known in self.gaps):
                return None
            return True
        return None

    def changes(self):
        """Times at which that may change."""
        times = {edge for low, high, _, known in self.gaps
                 for edge in (low, high, known)}
        for talk in self.talks.values():
            for segment in talk.segments:
                times.update((segment.start, segment.end))
        return sorted(time for time in times if time < FOREVER)
