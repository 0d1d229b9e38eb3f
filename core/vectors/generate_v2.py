#!/usr/bin/env python3
"""Writes vectors-v2.json: good and bad frames of chat version 2, with what a parser must say of each; beside it
conversations.json and compressed.json (sealed.py, compressed.py).

As generate.py: standard library only, nothing of the Rust code, and what is wrong with a frame is stated by the case that
damages it. wire_v2.py puts frames together from PROTOCOL.md. README.md describes the format.

    python3 generate_v2.py            write the files beside this one
    python3 generate_v2.py --check    exit 1 if one of them is not what would be written
"""

import json
import pathlib
import sys
import zlib

import compressed
import sealed
from generate import CONTROL_CHARACTERS, NOT_UTF_8, shown
from wire_v2 import (
    AFTER_ROOM, AFTER_USER, COMPRESSED, HEADER_SIZE, SEALED, SEAL_SIZE, TYPES, bounds, crc8, field, frame, header, is_name,
    payload_of, size_of, summed,
)  # fmt: skip

MALFORMED_FRAME = 1
CODES = {
    "UnsupportedVersion": 2, "UnknownType": 3, "ChecksumMismatch": 4, "NotSignedIn": 8, "WrongDirectionV2": 19,
    "UnsupportedFlags": 21,
}  # fmt: skip
FIELD_CODES = {"Username": 5, "RoomName": 6, "Content": 7}

COMPRESS, SIGN, SMALL = 0x0001, 0x0002, 0x0010
UNKNOWN, BEFORE, CHALLENGED = {"at": "unknown"}, {"at": "before-sign-in"}, {"at": "challenged"}
NONCE = bytes(range(0x10, 0x20)).hex().upper()
SEAL = bytes(7) + b"\x05" + bytes(range(0xA0, 0xB0))

CASES = []


def signed_in(granted=0):
    return {"at": "signed-in", "granted": granted}


# ---- Cases ----------------------------------------------------------------------------------------------------------


def add(case):
    assert all(case["name"] != other["name"] for other in CASES), case["name"]
    CASES.append(case)


def good(case_name, kind, *, request=1, flags=0, seal=b"", terms=UNKNOWN, **fields):
    message = {"type": kind, **fields}
    raw = frame(kind, payload_of(message), flags, request, seal)
    case = {"name": case_name, "terms": terms, "hex": shown(raw), "flags": flags, "request": request}
    if seal:
        case["seal"] = {"counter": str(int.from_bytes(seal[:8], "big")), "tag": seal[8:].hex().upper()}
    add(case | {"message": message})


def bad(case_name, stage, raw, kind, offset, *, direction="either", terms=UNKNOWN, **numbers):
    code = CODES.get(kind, MALFORMED_FRAME)
    if kind in ("InvalidUtf8", "InvalidField"):
        code = FIELD_CODES.get(numbers["field"], MALFORMED_FRAME)
    error = {"kind": kind, "offset": offset, **numbers, "code": code}
    add({
        "name": case_name, "stage": stage, "direction": direction, "terms": terms, "hex": shown(raw), "error": error,
    })  # fmt: skip


def bad_payload(case_name, kind, payload, error, offset, *, terms=UNKNOWN, **numbers):
    """The envelope is good, the checksum included; what is wrong is in the payload, at so many bytes of it."""
    bad(case_name, "payload", frame(kind, payload), error, HEADER_SIZE + offset, terms=terms, **numbers)


SAMPLE = {
    "username": "ada", "room": "lobby", "content": "hi", "after": "lob", "to": "zoe", "from": "ada", "data": "FF00",
    "server_info": "cafewire", "message": "no", "client_nonce": NONCE, "server_nonce": NONCE, "presence": 1, "more": 1,
    "code": 10, "user_id": 7, "members": 3, "part": 0, "origin": 2, "count": 10, "replay": 50, "epoch": 9,
    "capabilities": SIGN, "retry_after_ms": 0, "sequence": "42", "previous": "41", "timestamp": "1700000000000",
    "replay_from": "41", "before": "40",
}  # fmt: skip


def sample(kind, **changed):
    """A message of the type, as the file shows it."""
    fields = {}
    for name, what in TYPES[kind][1]:
        value = changed.get(name, "41" if (kind, name) == ("JoinRoom", "after") else SAMPLE[name])
        if kind == "ListMembers" and name == "after" and name not in changed:
            value = "ad"
        fields[name] = str(value) if what == 8 else value
    return fields


def stem(kind):
    return "".join("-" + letter.lower() if letter.isupper() else letter for letter in kind).strip("-")


# ---- Good frames ----------------------------------------------------------------------------------------------------


def extreme(what, is_largest):
    if what == "nonce":
        return ("FF" if is_largest else "00") * 16
    if what == "data":
        return "FF" * 32 if is_largest else ""
    if what == "bool":
        return int(is_largest)
    if isinstance(what, int):
        return 2 ** (8 * what) - 1 if is_largest else 0
    return "x" * (what[2] if is_largest else what[1])


def good_frames_of_every_type():
    for kind, (_, fields) in TYPES.items():
        sealed = {"flags": SEALED, "seal": SEAL}
        plain = sealed if kind == "Authenticate" else {}
        good(stem(kind), kind, **plain, **sample(kind))
        good(f"{stem(kind)}-sealed", kind, **(sealed | {"request": 0xFFFE}), **sample(kind))
        if not fields:
            continue
        for name, is_largest in (("smallest", False), ("largest", True)):
            values = {field: extreme(what, is_largest) for field, what in fields}
            request = 0xFFFF if is_largest else 0
            good(f"{stem(kind)}-{name}", kind, request=request, **sample(kind, **values))


def good_frames_under_terms():
    good("connect-before-sign-in", "Connect", terms=BEFORE, **sample("Connect"))
    good("ping-before-sign-in", "Ping", terms=BEFORE, **sample("Ping"))
    good("authenticate-after-challenge", "Authenticate", terms=CHALLENGED, flags=SEALED, seal=SEAL)
    good("error-unsealed-after-challenge", "Error", terms=CHALLENGED, **sample("Error"))
    good("connect-ack-sealed-after-challenge", "ConnectAck", terms=CHALLENGED, flags=SEALED, seal=SEAL,
         **sample("ConnectAck"))  # fmt: skip
    for kind in ("SendMessage", "MessageBroadcast", "Error"):
        good(f"{stem(kind)}-in-a-signed-session", kind, terms=signed_in(SIGN), flags=SEALED, seal=SEAL, **sample(kind))
    for kind in ("MessageBroadcast", "DirectDelivery"):
        content = "c" * 512
        good(f"{stem(kind)}-to-a-small-client", kind, terms=signed_in(SMALL), **sample(kind, content=content))
    good("send-message-from-a-small-client", "SendMessage", terms=signed_in(SMALL),
         **sample("SendMessage", content="c" * 4096))  # fmt: skip


def good_values():
    good("join-room-without-epoch", "JoinRoom", **sample("JoinRoom", epoch=0, after="0"))
    good("join-room-with-epoch-and-nothing-read", "JoinRoom", **sample("JoinRoom", epoch=1, after="0"))
    good("list-rooms-from-the-start", "ListRooms", **sample("ListRooms", after=""))
    good("list-members-from-the-start", "ListMembers", **sample("ListMembers", after=""))
    good("joined-without-presence", "Joined", **sample("Joined", presence=0))
    good("room-info-without-presence", "RoomInfo", request=0, **sample("RoomInfo", presence=0))
    good("list-end-the-last-page", "ListEnd", **sample("ListEnd", more=0))
    good("message-broadcast-a-part", "MessageBroadcast", request=0, **sample("MessageBroadcast", part=0x83))
    good("message-broadcast-integers-in-order", "MessageBroadcast", **sample(
        "MessageBroadcast", sequence=0x0102030405060708, previous=0x090A0B0C0D0E0F10, timestamp=0x1112131415161718,
        user_id=0x191A1B1C, origin=0x1D1E, part=0x1F))  # fmt: skip
    good("message-broadcast-non-ascii", "MessageBroadcast", **sample(
        "MessageBroadcast", username="Zoë", room="日本", content="🦀\n\x00\x9f"))  # fmt: skip
    good("ping-any-bytes", "Ping", **sample("Ping", data="02860004000080C1"))
    good("connect-every-capability", "Connect", **sample("Connect", capabilities=0xFFFF))
    for code in (20, 28, 29, 65535):
        good(f"error-code-{code}", "Error", **sample("Error", code=code, retry_after_ms=300000))


# ---- Bad framing ----------------------------------------------------------------------------------------------------


def cut_short():
    whole = frame("Connect", payload_of({"type": "Connect"} | sample("Connect")))
    for cut in range(len(whole)):
        needed = HEADER_SIZE if cut < 6 else len(whole)
        bad(f"connect-cut-after-{cut}", "one-shot", whole[:cut], "Truncated", cut, needed=needed, available=cut)
    bad("a-byte-after-the-frame", "one-shot", whole + b"\x02", "TrailingBytes", len(whole), extra=1)
    bad("a-second-frame-after-the-frame", "one-shot", whole * 2, "TrailingBytes", len(whole), extra=len(whole))


def wrong_versions():
    rest = frame("Disconnect", b"")[1:]
    for version in (0x00, 0x01, 0x03, 0x47, 0x82, 0xCA, 0xFF):
        bad(f"version-{version:02x}", "framing", bytes([version]) + rest, "UnsupportedVersion", 0, actual=version)
    bad("version-03-and-nothing-more", "framing", b"\x03", "UnsupportedVersion", 0, actual=3)


def wrong_checks():
    def damaged(case_name, raw):
        bad(case_name, "framing", raw, "CheckMismatch", 5, expected=crc8(raw[:5]), actual=raw[5])

    whole = frame("LeaveRoom", field(("RoomName", 1, 64), "lobby"), request=3)
    for index in range(1, 6):
        for bit in (0, 4, 7):
            raw = bytearray(whole)
            raw[index] ^= 1 << bit
            damaged(f"header-byte-{index}-bit-{bit}-damaged", bytes(raw))
    good_check = whole[5]
    for what, check in (
        ("zero", 0), ("inverted", good_check ^ 0xFF), ("started-from-ff", crc8(bytes([0xFF ^ 2]) + whole[1:5])),
        ("of-six-bytes", crc8(whole[:6])), ("without-the-flags", crc8(whole[:4])),
    ):  # fmt: skip
        damaged(f"check-{what}", whole[:5] + bytes([check]) + whole[6:])
    damaged("check-wrong-and-everything-else-too", b"\x02\x7f\xff\xff\xff\x00")
    damaged("check-wrong-and-nothing-more", whole[:5] + b"\x00")


def wrong_types():
    for code in (0x00, 0x0D, 0x0E, 0x7F, 0x80, 0x8E, 0x8F, 0xFE):
        bad(f"unknown-type-{code:02x}", "framing", summed(header(code, 4)), "UnknownType", 1, actual=code)
    raw = header(0x7F, 0xFFFF, 0xFF)[:6]
    bad("unknown-type-with-every-other-fault", "framing", raw, "UnknownType", 1, actual=0x7F)
    for kind, (code, _) in TYPES.items():
        direction = "to-server" if code & 0x80 else "to-client"
        flags, seal = (SEALED, SEAL) if kind == "Authenticate" else (0, b"")
        raw = frame(kind, bytes(bounds(kind)[0]), flags, 0, seal)
        bad(f"{stem(kind)}-the-wrong-way", "framing", raw, "WrongDirectionV2", 1, direction=direction, message_type=kind)
    raw = header(0x82, 0xFFFF, 0xFF)[:6]
    bad("message-broadcast-the-wrong-way-with-every-other-fault", "framing", raw, "WrongDirectionV2", 1,
        direction="to-server", message_type="MessageBroadcast")  # fmt: skip


def before_the_sign_in():
    for kind, (code, _) in TYPES.items():
        if code & 0x80 or kind in ("Connect", "Authenticate", "Ping"):
            continue
        raw = header(code, 4 + bounds(kind)[0])[:6]
        bad(f"{stem(kind)}-before-sign-in", "framing", raw, "NotSignedIn", 1, terms=BEFORE, message_type=kind)
    raw = header(TYPES["History"][0], 0xFFFF, 0xFF)[:6]
    bad("history-after-challenge-with-wrong-flags-and-length", "framing", raw, "NotSignedIn", 1, terms=CHALLENGED,
        message_type="History")  # fmt: skip


def wrong_flags():
    def wrong(case_name, kind, flags, terms, required, allowed):
        raw = header(TYPES[kind][0], 0xFFFF, flags)[:6]
        bad(case_name, "framing", raw, "UnsupportedFlags", 4, terms=terms, message_type=kind, actual=flags,
            required=required, allowed=allowed)  # fmt: skip

    for bit in range(2, 8):
        wrong(f"flag-bit-{bit}", "Ping", 1 << bit, UNKNOWN, 0, 3)
    wrong("every-flag", "SendMessage", 0xFF, signed_in(COMPRESS | SIGN), SEALED, 3)
    for kind in ("Connect", "Challenge", "ConnectAck"):
        wrong(f"{stem(kind)}-compressed", kind, COMPRESSED, UNKNOWN, 0, SEALED)
    wrong("authenticate-compressed", "Authenticate", COMPRESSED | SEALED, UNKNOWN, SEALED, SEALED)
    wrong("authenticate-unsealed", "Authenticate", 0, UNKNOWN, SEALED, SEALED)
    wrong("authenticate-unsealed-after-challenge", "Authenticate", 0, CHALLENGED, SEALED, SEALED)
    wrong("authenticate-without-a-challenge", "Authenticate", SEALED, BEFORE, SEALED, 0)
    wrong("connect-sealed-before-sign-in", "Connect", SEALED, BEFORE, 0, 0)
    wrong("ping-compressed-before-sign-in", "Ping", COMPRESSED, BEFORE, 0, 0)
    wrong("send-message-sealed-in-an-unsigned-session", "SendMessage", SEALED, signed_in(), 0, 0)
    wrong("send-message-unsealed-in-a-signed-session", "SendMessage", 0, signed_in(SIGN), SEALED, SEALED)
    wrong("send-message-compressed-without-compress", "SendMessage", COMPRESSED, signed_in(), 0, 0)
    wrong("send-message-compressed-and-unsealed-in-a-signed-session", "SendMessage", COMPRESSED,
          signed_in(SIGN | COMPRESS), SEALED, 3)  # fmt: skip
    wrong("error-unsealed-in-a-signed-session", "Error", 0, signed_in(SIGN), SEALED, SEALED)


def wrong_lengths():
    def wrong(case_name, kind, length, smallest, largest, flags=0, terms=UNKNOWN):
        raw = header(TYPES[kind][0], length, flags)[:6]
        bad(case_name, "framing", raw, "LengthOutOfRangeV2", 2, terms=terms, message_type=kind, actual=length,
            min=smallest, max=largest)  # fmt: skip

    for kind in TYPES:
        flags, more = (SEALED, 4 + SEAL_SIZE) if kind == "Authenticate" else (0, 4)
        smallest, largest = (size + more for size in bounds(kind))
        wrong(f"{stem(kind)}-length-below-its-range", kind, smallest - 1, smallest, largest, flags)
        wrong(f"{stem(kind)}-length-above-its-range", kind, largest + 1, smallest, largest, flags)
    wrong("a-length-that-does-not-count-the-header", "Ping", 0, 4, 36)
    wrong("a-length-that-does-not-count-the-seal", "Ping", 27, 28, 60, SEALED)
    wrong("the-largest-length", "SendMessage", 0xFFFF, 5, 4165)
    for kind in ("SendMessage", "MessageBroadcast", "Ping", "ServerPing"):
        largest = 4 + bounds(kind)[1] - 1
        wrong(f"{stem(kind)}-compressed-to-two-bytes", kind, 6, 7, largest, COMPRESSED)
        wrong(f"{stem(kind)}-compressed-to-nothing-less", kind, largest + 1, 7, largest, COMPRESSED)
    wrong("disconnect-compressed", "Disconnect", 7, 7, 4, COMPRESSED)
    for kind in ("MessageBroadcast", "DirectDelivery"):
        smallest, largest = (size + 4 for size in bounds(kind, small=True))
        wrong(f"{stem(kind)}-too-long-for-a-small-client", kind, largest + 1, smallest, largest, terms=signed_in(SMALL))


def wrong_checksums():
    def damaged(case_name, raw, size):
        expected, actual = zlib.crc32(raw[: size - 4]), int.from_bytes(raw[size - 4 : size], "big")
        assert expected != actual
        bad(case_name, "framing", raw, "ChecksumMismatch", size - 4, expected=expected, actual=actual)

    for what, whole in (
        ("leave-room", frame("LeaveRoom", b"\x05lobby", request=3)),
        ("sealed", frame("Ping", b"?", SEALED, 9, SEAL)),
    ):
        for index in range(6, len(whole)):
            raw = bytearray(whole)
            raw[index] ^= 0x10
            damaged(f"{what}-byte-{index}-damaged", bytes(raw), len(whole))
    whole = frame("LeaveRoom", b"\x05lobby", request=3)
    damaged("checksum-of-the-payload-alone", whole[:-4] + zlib.crc32(whole[8:-4]).to_bytes(4, "big"), len(whole))
    raw = header(TYPES["LeaveRoom"][0], 9, request=3) + whole[8:]
    damaged("length-one-too-small-under-a-right-check", raw, len(whole) - 1)
    sealed = header(TYPES["Ping"][0], 28, SEALED) + SEAL
    unsealed = sealed[:8] + SEAL[:8]
    raw = header(TYPES["Ping"][0], 28, SEALED) + SEAL + zlib.crc32(unsealed).to_bytes(4, "big")
    damaged("checksum-without-the-tag", raw, len(raw))


# ---- Bad payloads ---------------------------------------------------------------------------------------------------


def places():
    """Every name and text of every type: (type, field, what it is, bytes before it, bytes after it)."""
    for kind, (_, fields) in TYPES.items():
        message = sample(kind)
        parts = [field(what, message[name]) for name, what in fields]
        for index, (name, what) in enumerate(fields):
            if isinstance(what, tuple) and kind != "Authenticate":
                yield kind, name, what, b"".join(parts[:index]), b"".join(parts[index + 1 :])


def bad_texts():
    kinds = list(NOT_UTF_8.items())
    for number, (kind, name, what, before, after) in enumerate(places()):
        prefixed = int(is_name(what))
        case = f"{stem(kind)}-{name.replace('_', '-')}"
        for how, wrong in (kinds[number % len(kinds)], kinds[(number + 3) % len(kinds)]):
            payload = before + field(what, b"ab" + wrong) + after
            bad_payload(f"{case}-{how}", kind, payload, "InvalidUtf8", len(before) + prefixed + 2, field=what[0])
        if prefixed:
            scalar, character = list(CONTROL_CHARACTERS.items())[number % len(CONTROL_CHARACTERS)]
            payload = before + field(what, "é" + character + "z") + after
            bad_payload(f"{case}-with-u-{scalar}", kind, payload, "InvalidField", len(before), rule="ControlCharacter",
                        field=what[0], position=2)  # fmt: skip


def bad_field_lengths():
    def wrong(case_name, kind, what, before, after, size, terms=UNKNOWN, largest=None):
        numbers = {"rule": "Length", "field": what[0], "actual": size, "min": what[1], "max": largest or what[2]}
        payload = before + field(what, b"x" * size) + after
        bad_payload(case_name, kind, payload, "InvalidField", len(before), terms=terms, **numbers)

    for kind, name, what, before, after in places():
        case = f"{stem(kind)}-{name.replace('_', '-')}"
        if what[1] > 0:
            wrong(f"{case}-empty", kind, what, before, after, 0)
        # Where the header's bound does not refuse it already.
        if len(before) + is_name(what) + what[2] + 1 + len(after) <= bounds(kind)[1]:
            wrong(f"{case}-one-byte-too-long", kind, what, before, after, what[2] + 1)
        if what[0] == "Content" and TYPES[kind][0] >= 0x80:
            wrong(f"{case}-too-long-for-a-small-client", kind, what, before, after, 513, signed_in(SMALL), 512)


def bad_structure():
    for kind, name, what, before, after in places():
        case = f"{stem(kind)}-{name.replace('_', '-')}"
        if not is_name(what):
            continue
        payload = before + b"\xff" + (after or b"abc")
        bad_payload(f"{case}-overruns", kind, payload, "FieldOverrun", len(before), field=what[0], needed=256,
                    available=len(payload) - len(before))  # fmt: skip
        if not after and before and len(before) + 4 <= bounds(kind)[1]:
            payload = before + field(what, "ada")
            bad_payload(f"{case}-and-a-byte-left-over", kind, payload + b"!", "TrailingBytes", len(payload), extra=1)
    payload = payload_of({"type": "ListMembers"} | sample("ListMembers", room="lobby", after=""))
    bad_payload("list-members-without-after", "ListMembers", payload[:-1], "FieldOverrun", len(payload) - 1,
                field="Username", needed=1, available=0)  # fmt: skip
    bad_payload("leave-room-and-a-byte-left-over", "LeaveRoom", b"\x05lobby!", "TrailingBytes", 6, extra=1)


def bad_values():
    for kind, name in (("Joined", "presence"), ("RoomInfo", "presence"), ("ListEnd", "more")):
        at = sum(size_of(what) for field_name, what in TYPES[kind][1][: [n for n, _ in TYPES[kind][1]].index(name)])
        for value in (2, 0x80, 255):
            payload = payload_of({"type": kind} | sample(kind, **{name: value}))
            bad_payload(f"{stem(kind)}-{name}-{value}", kind, payload, "InvalidValue", at)
    for what, after in (("the-lowest-bit", "1"), ("the-highest-bit", str(2**63))):
        payload = payload_of({"type": "JoinRoom"} | sample("JoinRoom", epoch=0, after=after))
        bad_payload(f"join-room-after-{what}-without-epoch", "JoinRoom", payload, "InvalidValue", 4)
    payload = payload_of({"type": "Joined"} | sample("Joined", presence=2, room=""))
    bad_payload("joined-presence-2-and-no-room", "Joined", payload, "InvalidValue", 24)


# ---- The file -------------------------------------------------------------------------------------------------------


def put(path, cases, check):
    """Writes the cases into the file, one a line; or ends the program if the file holds others."""
    text = "[\n" + ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases) + "\n]\n"
    if not check:
        path.write_text(text, encoding="ascii")
    elif not path.exists() or path.read_text(encoding="ascii") != text:
        sys.exit(f"{path.name} is out of date: run generate_v2.py")


def main():
    for section in (
        good_frames_of_every_type, good_frames_under_terms, good_values,
        cut_short, wrong_versions, wrong_checks, wrong_types, before_the_sign_in, wrong_flags, wrong_lengths,
        wrong_checksums, bad_texts, bad_field_lengths, bad_structure, bad_values,
    ):  # fmt: skip
        section()
    files = {
        "vectors-v2.json": CASES,
        "conversations.json": sealed.conversations(),
        "compressed.json": compressed.payloads(),
    }
    for file_name, cases in files.items():
        put(pathlib.Path(__file__).with_name(file_name), cases, check="--check" in sys.argv[1:])
    good_count = sum("message" in case for case in CASES)
    print(f"version 2: {good_count} good frames, {len(CASES) - good_count} bad ones")
    print(f"{len(files['conversations.json'])} conversations, {len(files['compressed.json'])} compressed payloads")


if __name__ == "__main__":
    main()
