"""Whole conversations of version 2, sealed, with keys, frames and each side's judgement: conversations.json.

Standard library only, and nothing of the Rust code: keys and tags are those of Python's hmac. What is wrong with a bad conversation is stated by the case that damages it; `Receiver`, a second, naive reading of the rules, must then
come to the same judgement about every frame. README.md describes the format.
"""

import hmac

from wire_v2 import COMPRESSED, SEALED, TYPES, crc8, frame as framed, header, summed

SIGN, TAKEOVER, SMALL, DIRECT, FALLBACK = 0x0002, 0x0008, 0x0010, 0x0020, 0x8000
# The error code that a receiver's judgement stands for.
CODES = {
    "NotAFrame": 2, "NotSealed": 21, "WrongTag": 20, "Replay": 22, "FrameLost": 24, "UnexpectedType": 20,
    "NotGranted": 28, "UnknownName": 20,
}  # fmt: skip
LABEL = b"cafewire v2"


# ---- Frames and seals, from PROTOCOL.md ------------------------------------------------------------------------------


def code(kind):
    return TYPES[kind][0]


def plain(kind, payload=b"", request=0):
    return framed(kind, payload, request=request)


def sealed(key, counter, kind, payload=b"", request=0):
    covered = header(code(kind), 4 + len(payload) + 24, SEALED, request) + payload + counter.to_bytes(8, "big")
    return summed(covered + tag(key, covered))


def tag(key, covered):
    return hmac.digest(key, covered, "sha256")[:16]


def expand(pseudorandom_key, info):
    """HKDF-Expand of RFC 5869, for as many bytes as one block of SHA-256 has."""
    return hmac.digest(pseudorandom_key, info + b"\x01", "sha256")


def keys_of(key, asked, granted, client_nonce, server_nonce, username):
    pseudorandom_key = hmac.digest(client_nonce + server_nonce, key, "sha256")
    both = asked.to_bytes(2, "big") + granted.to_bytes(2, "big") + username
    return tuple(expand(pseudorandom_key, LABEL + direction + both) for direction in (b"c", b"s"))


def connect(asked, client_nonce, username, request=1):
    return plain("Connect", asked.to_bytes(2, "big") + client_nonce + bytes([len(username)]) + username, request)


def challenge(granted, server_nonce, request=1):
    return plain("Challenge", granted.to_bytes(2, "big") + server_nonce, request)


def acknowledgement(user_id, granted, text=b"cafewire"):
    return user_id.to_bytes(4, "big") + granted.to_bytes(2, "big") + text


def error(number, text=b""):
    return number.to_bytes(2, "big") + bytes(4) + text


# ---- A second reading of the rules -----------------------------------------------------------------------------------


class Receiver:
    """One side of a conversation: says of every frame that reaches it whether it takes it, or why not."""

    def __init__(self, side, case, key):
        self.side, self.key, self.state, self.counter = side, key, "waits", 0
        self.asked, self.granted = case["asked"], case["granted"]
        self.client_nonce, self.server_nonce = bytes.fromhex(case["client_nonce"]), bytes.fromhex(case["server_nonce"])
        self.username = bytes.fromhex(case["username"])

    def reads(self, frame):
        """None if it takes the frame; else the reason."""
        if len(frame) < 12 or frame[0] != 2 or crc8(frame[:5]) != frame[5]:
            return "NotAFrame"
        if len(frame) != int.from_bytes(frame[2:4], "big") + 8 or summed(frame[:-4]) != frame:
            return "NotAFrame"
        kind, is_sealed = frame[1], bool(frame[4] & SEALED)
        return getattr(self, f"{self.side}_{self.state}")(kind, is_sealed, frame)

    def opens(self, is_sealed, frame):
        if not is_sealed:
            return "NotSealed"
        if not hmac.compare_digest(tag(self.direction_key, frame[:-20]), frame[-20:-4]):
            return "WrongTag"
        counter = int.from_bytes(frame[-28:-20], "big")
        if counter != self.counter:
            return "Replay" if counter < self.counter else "FrameLost"
        self.counter += 1

    def agree(self):
        keys = keys_of(
            self.key or bytes(32), self.asked, self.granted, self.client_nonce, self.server_nonce, self.username
        )
        self.direction_key = keys[0] if self.side == "server" else keys[1]

    def server_waits(self, kind, is_sealed, frame):
        if kind != code("Connect") or is_sealed:
            return "UnexpectedType"
        self.asked, self.client_nonce = int.from_bytes(frame[8:10], "big"), frame[10:26]
        self.username, self.state = frame[27:-4], "challenged"
        self.agree()

    def server_challenged(self, kind, is_sealed, frame):
        if kind != code("Authenticate"):
            return "UnexpectedType"
        refused = self.opens(is_sealed, frame)
        if refused or self.key is None:
            return refused or "UnknownName"
        self.state = "open"

    def server_open(self, _kind, is_sealed, frame):
        return self.opens(is_sealed, frame)

    def client_waits(self, kind, is_sealed, frame):
        if kind == code("Error") and not is_sealed:
            self.state = "over"
            return None
        if kind != code("Challenge") or is_sealed:
            return "UnexpectedType"
        self.granted, self.server_nonce = int.from_bytes(frame[8:10], "big"), frame[10:26]
        if not self.granted & SIGN or self.granted & ~self.asked:
            return "NotGranted"
        self.state = "challenged"
        self.agree()

    def client_challenged(self, kind, is_sealed, frame):
        if kind == code("Error") and not is_sealed:
            self.state = "over"
            return None
        refused = self.opens(is_sealed, frame)
        if refused:
            return refused
        if kind == code("Error"):
            self.state = "over"
            return None
        if kind != code("ConnectAck"):
            return "UnexpectedType"
        if int.from_bytes(frame[12:14], "big") != self.granted:
            return "NotGranted"
        self.state = "open"

    def client_open(self, _kind, is_sealed, frame):
        return self.opens(is_sealed, frame)


# ---- Conversations ---------------------------------------------------------------------------------------------------


class Conversation:
    """Collects the frames of one. What the client and the server send is made with the keys that each believes in."""

    def __init__(self, name, key=bytes(range(32)), *, username="ada", asked=SIGN, granted=None, server_key="same", nonce=0x20):
        granted = asked & ~FALLBACK if granted is None else granted
        self.key, self.server_key = key, key if server_key == "same" else server_key
        self.username, self.asked, self.granted = username.encode(), asked, granted
        self.client_nonce, self.server_nonce = bytes(range(0x10, 0x20)), bytes(range(nonce, nonce + 16))
        self.client_key, self.server_to_client = self.keys()
        self.frames, self.sent = [], {"client": 0, "server": 0}
        self.case = {
            "name": name, "key": key.hex(), "server_key": self.server_key and self.server_key.hex(),
            "username": self.username.hex(), "asked": asked, "granted": granted,
            "client_nonce": self.client_nonce.hex(), "server_nonce": self.server_nonce.hex(),
            "client_to_server": self.client_key.hex(), "server_to_client": self.server_to_client.hex(),
        }  # fmt: skip

    def keys(self, **other):
        said = {"asked": self.asked, "granted": self.granted, **other}
        return keys_of(self.key, said["asked"], said["granted"], self.client_nonce, self.server_nonce, self.username)

    def add(self, sender, raw, what, refused=None, sent=None):
        """sent: what the sender sent, where something else arrives."""
        frame = {"from": sender, "what": what, "hex": raw.hex()}
        if sent is not None and sent != raw:
            frame["sent"] = sent.hex()
        if refused:
            frame |= {"refused": refused, "code": CODES[refused]}
        self.frames.append(frame)
        return self

    def seals(self, sender, kind, payload=b"", request=0, **more):
        return self.add(sender, self.next_sealed(sender, kind, payload, request), kind, **more)

    def next_sealed(self, sender, kind, payload=b"", request=0):
        counter = self.sent[sender]
        self.sent[sender] += 1
        key = self.client_key if sender == "client" else self.server_to_client
        return sealed(key, counter, kind, payload, request)

    def asks(self):
        self.add("client", connect(self.asked, self.client_nonce, self.username), "Connect")
        return self.add("server", challenge(self.granted, self.server_nonce), "Challenge")

    def signs_in(self, user_id=7):
        self.asks().seals("client", "Authenticate", request=2)
        return self.seals("server", "ConnectAck", acknowledgement(user_id, self.granted), 2)

    def judged(self):
        """The case, after the second reading of the rules has come to the same judgement."""
        sides = {"client": Receiver("client", self.case, self.key), "server": Receiver("server", self.case, self.server_key)}
        for index, frame in enumerate(self.frames):
            receiver = sides["server" if frame["from"] == "client" else "client"]
            found = receiver.reads(bytes.fromhex(frame["hex"]))
            wanted = frame.get("refused")
            assert found == wanted, f"{self.case['name']}, frame {index}: {found} instead of {wanted}"
            assert wanted is None or index == len(self.frames) - 1, "a refused frame is the last"
        return self.case | {"frames": self.frames}


def damaged(raw, index, mask=0x01):
    """One byte changed, checks put right: what an attacker without the key can do."""
    changed = bytearray(raw)
    changed[index] ^= mask
    changed[5] = crc8(changed[:5])
    return summed(bytes(changed[:-4]))


JOIN = bytes(4 + 8 + 2) + b"\x05lobby"


def good():
    yield Conversation("the-worked-example").signs_in()
    visit = Conversation("a-visit").signs_in()
    visit.seals("client", "JoinRoom", JOIN, 3).seals("client", "SendMessage", b"\x05lobbyol\xc3\xa1", 4)
    visit.seals("server", "ServerPing", b"still there?").seals("client", "ClientPong", b"still there?")
    yield visit.seals("client", "Disconnect", request=5)
    for size in (16, 20, 64):
        yield Conversation(f"a-key-of-{size}-bytes", bytes(range(0x80, 0x80 + size))).signs_in()
    yield Conversation("the-longest-name", username="u" * 32).signs_in()
    yield Conversation("a-name-that-is-not-ascii", username="Zoë 日本").signs_in()
    yield Conversation("every-bit-asked-for-some-granted", asked=0xFFFF, granted=SIGN | TAKEOVER | SMALL | DIRECT).signs_in()
    yield Conversation("a-fallback", asked=SIGN | FALLBACK).signs_in()
    long = Conversation("a-counter-with-a-second-byte").signs_in()
    for request in range(3, 261):
        long.seals("client", "Ping", b"", request)
    yield long


def refusals_that_are_no_attack():
    yield Conversation("the-server-refuses-before-it-knows-the-name").add(
        "client", connect(SIGN, bytes(range(0x10, 0x20)), b"ada"), "Connect"
    ).add("server", plain("Error", error(28, b"no signing here"), 1), "Error, unsealed")
    case = Conversation("a-wrong-key-the-client-is-told", server_key=bytes(32)).asks()
    case.add("server", plain("Error", error(20), 2), "Error, unsealed")
    yield case
    case = Conversation("the-name-is-taken").asks().seals("client", "Authenticate", request=2)
    yield case.seals("server", "Error", error(10, b"taken"), 2)


def wrong_sign_ins():
    case = Conversation("a-wrong-key", server_key=bytes(32)).asks()
    yield case.seals("client", "Authenticate", request=2, refused="WrongTag")
    case = Conversation("an-unknown-name", server_key=None).asks()
    yield case.seals("client", "Authenticate", request=2, refused="WrongTag")
    case = Conversation("an-unknown-name-and-a-key-of-zeros", bytes(32), server_key=None).asks()
    yield case.seals("client", "Authenticate", request=2, refused="UnknownName")
    earlier = Conversation("earlier", nonce=0x40).asks()
    case = Conversation("an-authenticate-of-an-earlier-sign-in").asks()
    raw = earlier.next_sealed("client", "Authenticate", request=2)
    yield case.add("client", raw, "Authenticate, replayed", "WrongTag")
    case = Conversation("an-authenticate-with-the-second-number").asks()
    raw = sealed(case.client_key, 1, "Authenticate", request=2)
    yield case.add("client", raw, "Authenticate, number 1", "FrameLost")
    case = Conversation("an-authenticate-without-a-seal").asks()
    yield case.add("client", plain("Authenticate", request=2), "Authenticate, unsealed", "NotSealed")
    case = Conversation("something-else-in-place-of-authenticate").asks()
    yield case.seals("client", "JoinRoom", JOIN, 2, refused="UnexpectedType")
    case = Conversation("an-authenticate-by-the-servers-key").asks()
    raw = sealed(case.server_to_client, 0, "Authenticate", request=2)
    yield case.add("client", raw, "Authenticate, other direction's key", "WrongTag")


def tampered_negotiations():
    def with_connect(name, asked, arrives, granted, username=b"ada", other_name=b"ada", nonce_mask=0):
        case = Conversation(name, asked=asked, granted=granted)
        sent = connect(asked, case.client_nonce, username)
        nonce = bytes([case.client_nonce[0] ^ nonce_mask]) + case.client_nonce[1:]
        raw = connect(arrives, nonce, other_name)
        case.add("client", raw, "Connect, changed on the way", sent=sent)
        case.add("server", challenge(granted, case.server_nonce), "Challenge")
        return case.seals("client", "Authenticate", request=2, refused="WrongTag")

    yield with_connect("a-capability-taken-out-of-connect", SIGN | DIRECT, SIGN, SIGN)
    yield with_connect("a-capability-put-into-connect", SIGN, SIGN | TAKEOVER, SIGN)
    yield with_connect("fallback-taken-out-of-connect", SIGN | FALLBACK, SIGN, SIGN)
    yield with_connect("an-unknown-bit-taken-out-of-connect", SIGN | 0x0400, SIGN, SIGN)
    yield with_connect("another-name-in-connect", SIGN, SIGN, SIGN, other_name=b"bob")
    yield with_connect("another-nonce-in-connect", SIGN, SIGN, SIGN, nonce_mask=0x80)
    case = Conversation("a-capability-taken-out-of-challenge", asked=SIGN | DIRECT)
    case.add("client", connect(case.asked, case.client_nonce, b"ada"), "Connect")
    sent = challenge(case.granted, case.server_nonce)
    case.add("server", challenge(SIGN, case.server_nonce), "Challenge, changed on the way", sent=sent)
    case.client_key, _ = case.keys(granted=SIGN)
    yield case.seals("client", "Authenticate", request=2, refused="WrongTag")
    case = Conversation("another-nonce-in-challenge")
    case.add("client", connect(case.asked, case.client_nonce, b"ada"), "Connect")
    nonce = bytes([0xA0]) + case.server_nonce[1:]
    raw = challenge(case.granted, nonce)
    case.add("server", raw, "Challenge, changed on the way", sent=challenge(case.granted, case.server_nonce))
    case.client_key = keys_of(case.key, case.asked, case.granted, case.client_nonce, nonce, b"ada")[0]
    yield case.seals("client", "Authenticate", request=2, refused="WrongTag")


def downgrades():
    def connected(name, **more):
        case = Conversation(name, **more)
        return case.add("client", connect(case.asked, case.client_nonce, case.username), "Connect")

    yield connected("connect-ack-in-place-of-a-challenge").add(
        "server", plain("ConnectAck", acknowledgement(7, 0, b""), 1), "ConnectAck, unsealed", "UnexpectedType"
    )
    yield connected("a-challenge-that-does-not-grant-signing").add(
        "server", challenge(0, bytes(range(0x20, 0x30))), "Challenge without SIGN", "NotGranted"
    )
    yield connected("a-challenge-that-grants-what-was-not-asked-for").add(
        "server", challenge(SIGN | DIRECT, bytes(range(0x20, 0x30))), "Challenge with DIRECT", "NotGranted"
    )
    version_1 = summed(b"\x01\x81\x00\x04" + bytes(4))
    yield connected("a-connect-ack-of-version-1").add("server", version_1, "ConnectAck of version 1", "NotAFrame")
    case = Conversation("a-connect-ack-without-a-seal").asks().seals("client", "Authenticate", request=2)
    raw = plain("ConnectAck", acknowledgement(7, SIGN, b""), 2)
    yield case.add("server", raw, "ConnectAck, unsealed", "NotSealed")
    case = Conversation("a-second-challenge").asks().seals("client", "Authenticate", request=2)
    yield case.add("server", challenge(SIGN, bytes(16)), "Challenge", "NotSealed")
    case = Conversation("other-capabilities-in-connect-ack", asked=SIGN | DIRECT).asks()
    case.seals("client", "Authenticate", request=2)
    yield case.seals("server", "ConnectAck", acknowledgement(7, SIGN, b""), 2, refused="NotGranted")
    case = Conversation("something-else-in-place-of-connect-ack").asks().seals("client", "Authenticate", request=2)
    yield case.seals("server", "ServerPing", refused="UnexpectedType")


def broken_sessions():
    for sender, kind in (("client", "Ping"), ("server", "Pong")):
        case = Conversation(f"an-unsealed-frame-from-the-{sender}").signs_in()
        yield case.add(sender, plain(kind, request=3), f"{kind}, unsealed", "NotSealed")
        case = Conversation(f"a-frame-from-the-{sender}-again").signs_in()
        raw = case.next_sealed(sender, kind, request=3)
        yield case.add(sender, raw, kind).add(sender, raw, f"{kind}, again", "Replay")
        case = Conversation(f"the-first-sealed-frame-from-the-{sender}-again").signs_in()
        first = [bytes.fromhex(frame["hex"]) for frame in case.frames if frame["from"] == sender][1]
        yield case.add(sender, first, "the first sealed frame, again", "Replay")
        case = Conversation(f"a-frame-from-the-{sender}-is-lost").signs_in()
        case.next_sealed(sender, kind, request=3)
        yield case.seals(sender, kind, request=4, refused="FrameLost")
        case = Conversation(f"a-frame-to-the-{sender}-comes-back").signs_in()
        other = "server" if sender == "client" else "client"
        reflected = case.next_sealed(other, "Pong" if sender == "client" else "Ping", request=3)
        yield case.add(sender, reflected, "a frame of the receiver's own", "WrongTag")
    for what, index, mask in (
        ("type", 1, 0x03), ("request", 7, 0x01), ("payload", 8, 0x20), ("counter", -21, 0x01),
        ("counters-high-byte", -28, 0x80), ("tags-first-byte", -20, 0x01), ("tags-last-byte", -5, 0x80),
        ("compressed-flag", 4, COMPRESSED),
    ):  # fmt: skip
        case = Conversation(f"a-forged-{what}").signs_in()
        sent = case.next_sealed("client", "Ping", b"hello", 3)
        yield case.add("client", damaged(sent, index, mask), f"Ping, its {what} changed", "WrongTag", sent)
    case = Conversation("a-seal-moved-to-another-payload").signs_in()
    sent, other = case.next_sealed("client", "Ping", b"hello", 3), plain("Ping", b"jello", 3)
    raw = summed(sent[:8] + other[8:13] + sent[13:-4])
    yield case.add("client", raw, "Ping, another payload", "WrongTag", sent)
    case = Conversation("a-seal-taken-off").signs_in()
    sent = case.next_sealed("client", "Ping", b"hello", 3)
    yield case.add("client", plain("Ping", b"hello", 3), "Ping, its seal taken off", "NotSealed", sent)


def conversations():
    sections = (good, refusals_that_are_no_attack, wrong_sign_ins, tampered_negotiations, downgrades, broken_sessions)
    found = [conversation.judged() for section in sections for conversation in section()]
    names = [case["name"] for case in found]
    assert len(names) == len(set(names)), "two conversations have one name"
    return found
