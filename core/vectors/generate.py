#!/usr/bin/env python3
"""Writes vectors.json: good and bad frames, with what a parser must say of each.

Standard library only, and nothing of the Rust code: wire.py puts frames together from PROTOCOL.md, and what is wrong
with a bad one is stated by the case that damages it, never found by parsing. README.md describes the format.

    python3 generate.py            write vectors.json beside this file
    python3 generate.py --check    exit 1 if vectors.json is not what would be written
"""

import json
import pathlib
import re
import sys
import zlib

from wire import CHAT_TYPES, ECHO_TYPES, HEADER_SIZE, body_of, chat, echo, header, name, seal, u16, u32, u64

# Error codes on the wire, by what is wrong; a fault inside a field has its field's code.
MALFORMED_FRAME = 1
CODES = {"UnsupportedVersion": 2, "UnknownType": 3, "ChecksumMismatch": 4, "WrongDirection": 19}

FIELDS = {
    # name: (smallest, largest, error code of a fault in it)
    "Username": (1, 32, 5),
    "RoomName": (1, 64, 6),
    "Content": (1, 512, 7),
    "ServerInfo": (0, 512, MALFORMED_FRAME),
    "ErrorMessage": (0, 512, MALFORMED_FRAME),
}

CASES = []


# ---- Cases ----------------------------------------------------------------------------------------------------------


def shown(raw):
    """Hex, with runs of 16 or more equal bytes as `XX*N`."""
    groups = []
    for run in re.finditer(rb"(.)\1{15,}|(?:(?!(.)\2{15,}).)+", raw, re.DOTALL):
        found = run.group()
        groups.append(f"{found[0]:02X}*{len(found)}" if run.group(1) else found.hex().upper())
    return " ".join(groups)


def add(case):
    assert all(case["name"] != other["name"] for other in CASES), case["name"]
    CASES.append(case)


def good_chat(case_name, kind, *, server_refuses=None, **fields):
    """server_refuses: the code's name, where the wire allows the frame and cafewire's server does not."""
    message = {"type": kind, **fields}
    case = {"name": case_name, "family": "chat-v1", "hex": shown(chat(kind, body_of(message))), "message": message}
    if server_refuses is not None:
        case["server_refuses"] = server_refuses
    add(case)


def good_echo(case_name, kind, payload=b""):
    message = {"type": kind, "payload": shown(payload)}
    add({"name": case_name, "family": "echo", "hex": shown(echo(kind, payload)), "message": message})


def bad(case_name, family, stage, raw, kind, offset, *, direction="either", before=None, **numbers):
    case = {"name": case_name, "family": family, "stage": stage, "direction": direction}
    if before is not None:
        case["before"] = shown(before)
    in_a_field = kind in ("InvalidUtf8", "InvalidField")
    code = FIELDS[numbers["field"]][2] if in_a_field else CODES.get(kind, MALFORMED_FRAME)
    case |= {"hex": shown(raw), "error": {"kind": kind, "offset": offset, **numbers, "code": code}}
    add(case)


def bad_body(case_name, kind, body, error, offset, **numbers):
    """The envelope is good, the checksum included; what is wrong is in the body."""
    bad(case_name, "chat-v1", "payload", chat(kind, body), error, offset, **numbers)


# ---- Good frames ----------------------------------------------------------------------------------------------------


def good_echo_frames():
    for kind in ECHO_TYPES:
        good_echo(f"echo-{kind.lower()}-empty", kind)
        good_echo(f"echo-{kind.lower()}-text", kind, b"hello")
    good_echo("echo-payload-of-one-zero", "Echo", b"\0")
    good_echo("echo-payload-every-byte-value", "Echo", bytes(range(256)))
    good_echo("echo-payload-is-a-frame-itself", "Data", echo("Ping"))
    good_echo("echo-payload-is-a-chat-frame", "Data", chat("Disconnect", b""))
    good_echo("echo-error-not-utf-8", "Error", b"\xff\xfe")
    good_echo("echo-length-with-high-byte-only", "Data", b"\0" * 0x0100)
    for kind in ("Ping", "Echo", "Data"):
        good_echo(f"echo-{kind.lower()}-largest", kind, b"A" * 65535)


def good_client_frames():
    good_chat("connect", "Connect", username="ada")
    good_chat("connect-shortest", "Connect", username="a")
    good_chat("connect-longest", "Connect", username="u" * 32)
    good_chat("connect-longest-of-four-byte-characters", "Connect", username="\U0001f980" * 8)
    good_chat("connect-accents-and-ideographs", "Connect", username="Zoë 日本")
    good_chat("connect-only-a-space", "Connect", username=" ", server_refuses="InvalidUsername")
    good_chat(
        "connect-neighbours-of-the-control-characters", "Connect", username="\u0020\u007e\u00a0",
        server_refuses="InvalidUsername",
    )
    good_chat(
        "connect-first-and-last-of-each-utf-8-length", "Connect",
        username="!~\u00a0\u07ff\u0800\uffff\U00010000\U0010ffff",
    )
    good_chat("connect-around-the-surrogates", "Connect", username="\ud7ff\ue000")
    good_chat(
        "connect-separators-and-marks-are-no-control-characters", "Connect", username="\u2028\u2029\ufeff\u200b",
        server_refuses="InvalidUsername",
    )
    good_chat("disconnect", "Disconnect")
    good_chat("send-message", "SendMessage", room="lobby", content="hi")
    good_chat("send-message-shortest", "SendMessage", room="r", content="c")
    good_chat("send-message-longest", "SendMessage", room="r" * 64, content="c" * 512)
    good_chat(
        "send-message-longest-of-three-byte-characters", "SendMessage", room="語" * 21 + "r",
        content="本" * 170 + "cc",
    )
    good_chat(
        "send-message-content-with-control-characters", "SendMessage", room="lobby",
        content="a\tb\r\n\x00\x1b[31m\x7f\x80\x9f",
    )
    good_chat("send-message-content-non-ascii", "SendMessage", room="café", content="naïve – 日本語 – 🦀")
    for kind, stem in (("JoinRoom", "join-room"), ("LeaveRoom", "leave-room")):
        good_chat(stem, kind, room="lobby")
        good_chat(f"{stem}-shortest", kind, room="r")
        good_chat(f"{stem}-longest", kind, room="r" * 64)
        good_chat(f"{stem}-non-ascii", kind, room="☕ кафе")


def good_server_frames():
    good_chat("connect-ack", "ConnectAck", user_id=7, server_info="hi")
    good_chat("connect-ack-without-info", "ConnectAck", user_id=0, server_info="")
    good_chat("connect-ack-longest", "ConnectAck", user_id=0xFFFFFFFF, server_info="i" * 512)
    good_chat("connect-ack-non-ascii", "ConnectAck", user_id=0x01020304, server_info="café, línea 1\nlínea 2")
    good_chat(
        "message-broadcast", "MessageBroadcast",
        user_id=7, timestamp="1700000000000", username="ada", room="lobby", content="hi",
    )
    good_chat(
        "message-broadcast-shortest", "MessageBroadcast", user_id=0, timestamp="0", username="u", room="r",
        content="c",
    )
    good_chat(
        "message-broadcast-longest", "MessageBroadcast",
        user_id=0xFFFFFFFF, timestamp=str(2**64 - 1), username="u" * 32, room="r" * 64, content="c" * 512,
    )
    good_chat(
        "message-broadcast-integers-in-order", "MessageBroadcast",
        user_id=0x01020304, timestamp=str(0x05060708090A0B0C), username="ada", room="lobby", content="hi",
    )
    good_chat(
        "message-broadcast-non-ascii", "MessageBroadcast",
        user_id=9, timestamp="1700000000001", username="Zoë", room="日本", content="🦀\n",
    )
    for kind, stem in (("UserJoined", "user-joined"), ("UserLeft", "user-left")):
        good_chat(stem, kind, user_id=7, username="ada", room="lobby")
        good_chat(f"{stem}-shortest", kind, user_id=0, username="u", room="r")
        good_chat(f"{stem}-longest", kind, user_id=0xFFFFFFFF, username="u" * 32, room="r" * 64)
        good_chat(f"{stem}-non-ascii", kind, user_id=1, username="Ångström", room="φυσική")
    good_chat("error", "Error", code=10, message="no")
    good_chat("error-without-message", "Error", code=1, message="")
    good_chat("error-longest", "Error", code=17, message="m" * 512)
    good_chat("error-of-version-2", "Error", code=20, message="")
    for code in (0, 29, 65535):
        good_chat(f"error-code-{code}-is-unassigned", "Error", code=code, message="from a later server")


# ---- Bad framing ----------------------------------------------------------------------------------------------------


def cut_short():
    connect = chat("Connect", name("ada"))
    for cut in range(len(connect)):
        needed = HEADER_SIZE if cut < HEADER_SIZE else len(connect)
        bad(
            f"connect-cut-after-{cut}", "chat-v1", "one-shot", connect[:cut], "Truncated", cut, needed=needed,
            available=cut,
        )
    hi = echo("Echo", b"hi")
    for cut in range(len(hi)):
        needed = 5 if cut < 5 else len(hi)
        bad(f"echo-cut-after-{cut}", "echo", "one-shot", hi[:cut], "Truncated", cut, needed=needed, available=cut)
    largest = echo("Data", b"A" * 65535)
    bad(
        "echo-largest-without-its-last-byte", "echo", "one-shot", largest[:-1], "Truncated", 65539, needed=65540,
        available=65539,
    )
    for kind, (_, smallest, _) in CHAT_TYPES.items():
        whole = chat(kind, b"\0" * smallest)
        last = len(whole) - 1
        bad(
            f"{kind.lower()}-without-its-last-byte", "chat-v1", "one-shot", whole[:-1], "Truncated", last,
            needed=len(whole), available=last,
        )


def too_much():
    for family, whole in (("echo", echo("Echo", b"hi")), ("chat-v1", chat("Disconnect", b""))):
        offset = len(whole)
        bad(f"{family}-one-byte-after-the-frame", family, "one-shot", whole + b"\0", "TrailingBytes", offset, extra=1)
        bad(
            f"{family}-a-second-frame-after-the-frame", family, "one-shot", whole + whole, "TrailingBytes", offset,
            extra=offset,
        )


def wrong_header_bytes():
    bad(
        "echo-second-magic-byte-wrong", "echo", "framing", b"\xca\xff\x01\0\0", "BadMagic", 1, expected=0xFE,
        actual=0xFF,
    )
    bad(
        "echo-second-magic-byte-wrong-and-nothing-more", "echo", "framing", b"\xca\x00", "BadMagic", 1,
        expected=0xFE, actual=0,
    )
    bad("echo-magic-twice", "echo", "framing", b"\xca\xca\xfe\x01\0\0", "BadMagic", 1, expected=0xFE, actual=0xCA)
    for code in (0x00, 0x05, 0x7F, 0x80, 0x81, 0xFE):
        raw = b"\xca\xfe" + bytes([code]) + b"\0\0"
        bad(f"echo-unknown-type-{code:02x}", "echo", "framing", raw, "UnknownType", 2, actual=code)
    bad("echo-unknown-type-and-nothing-more", "echo", "framing", b"\xca\xfe\x00", "UnknownType", 2, actual=0)

    for version in (0x00, 0x02, 0x03, 0x16, 0x47, 0x7F, 0x81, 0xCB, 0xFE, 0xFF):
        raw = seal(bytes([version]) + header("Disconnect", 0)[1:])
        bad(f"version-{version:02x}", "chat-v1", "framing", raw, "UnsupportedVersion", 0, actual=version)
    bad("version-02-and-nothing-more", "chat-v1", "framing", b"\x02", "UnsupportedVersion", 0, actual=2)
    bad("an-http-request", "chat-v1", "framing", b"GET / HTTP/1.1\r\n\r\n", "UnsupportedVersion", 0, actual=0x47)

    for code in (0x00, 0x06, 0x0B, 0x7F, 0x80, 0x85, 0x86, 0xFE):
        raw = seal(bytes([1, code, 0, 0]))
        bad(f"unknown-type-{code:02x}", "chat-v1", "framing", raw, "UnknownType", 1, actual=code)
    bad("unknown-type-and-nothing-more", "chat-v1", "framing", b"\x01\x06", "UnknownType", 1, actual=6)
    bad("unknown-type-with-an-impossible-length", "chat-v1", "framing", b"\x01\x06\xff\xff", "UnknownType", 1, actual=6)


def wrong_lengths():
    for kind, (_, smallest, largest) in CHAT_TYPES.items():
        for what, length in (("below", smallest - 1), ("above", largest + 1), ("far-above", 65535)):
            if length < 0:
                continue
            bad(
                f"{kind.lower()}-length-{what}-its-range", "chat-v1", "framing", header(kind, length),
                "LengthOutOfRange", 2, message_type=kind, actual=length, min=smallest, max=largest,
            )
    whole = chat("Disconnect", b"x")
    bad(
        "a-whole-frame-longer-than-its-type", "chat-v1", "framing", whole, "LengthOutOfRange", 2,
        message_type="Disconnect", actual=1, min=0, max=0,
    )


def wrong_checksums():
    def damaged(case_name, raw, offset, covered):
        expected, actual = zlib.crc32(covered), int.from_bytes(raw[offset : offset + 4], "big")
        assert expected != actual
        bad(case_name, "chat-v1", "framing", raw, "ChecksumMismatch", offset, expected=expected, actual=actual)

    connect = chat("Connect", name("ada"))
    covered, offset = connect[:-4], len(connect) - 4
    for index in range(4):
        raw = bytearray(connect)
        raw[offset + index] ^= 0x01
        damaged(f"checksum-byte-{index}-damaged", bytes(raw), offset, covered)
    checksum = zlib.crc32(covered)
    for what, other in (
        ("zero", u32(0)),
        ("all-ones", u32(0xFFFFFFFF)),
        ("little-endian", connect[:-5:-1]),
        ("of-the-body-alone", u32(zlib.crc32(covered[HEADER_SIZE:]))),
        ("without-the-final-inversion", u32(checksum ^ 0xFFFFFFFF)),
        ("started-from-zero", u32(zlib.crc32(covered, 0xFFFFFFFF))),
    ):
        damaged(f"checksum-{what}", covered + other, offset, covered)
    for index in range(HEADER_SIZE, offset):
        raw = bytearray(connect)
        raw[index] ^= 0x80
        damaged(f"body-byte-{index}-damaged", bytes(raw), offset, bytes(raw[:offset]))
    raw = bytearray(chat("JoinRoom", name("lobby")))
    raw[1] = CHAT_TYPES["LeaveRoom"][0]
    damaged("join-turned-into-leave", bytes(raw), 10, bytes(raw[:10]))
    raw = bytearray(connect)
    raw[3] -= 1
    damaged("length-one-too-small", bytes(raw), offset - 1, bytes(raw[: offset - 1]))
    damaged("checksum-wrong-and-body-wrong", header("Connect", 1) + b"\0" + u32(0), 5, header("Connect", 1) + b"\0")


def wrong_way():
    for kind, (code, smallest, _) in CHAT_TYPES.items():
        direction = "to-server" if code & 0x80 else "to-client"
        raw = chat(kind, b"\0" * smallest)
        bad(
            f"{kind.lower()}-the-wrong-way", "chat-v1", "framing", raw, "WrongDirection", 1, direction=direction,
            message_type=kind,
        )
    bad(
        "connectack-the-wrong-way-with-an-impossible-length", "chat-v1", "framing", b"\x01\x81\xff\xff",
        "WrongDirection", 1, direction="to-server", message_type="ConnectAck",
    )


def later_frames():
    ping, disconnect = echo("Ping"), chat("Disconnect", b"")
    bad(
        "chat-after-echo", "echo", "connection", disconnect, "FamilyChanged", 0, before=ping, established="echo",
        actual=1,
    )
    bad(
        "echo-after-chat", "chat-v1", "connection", ping, "FamilyChanged", 0, before=disconnect,
        established="chat-v1", actual=0xCA,
    )
    for byte in (0x00, 0x02, 0x47, 0xCB, 0xFE):
        raw = bytes([byte]) + ping[1:]
        bad(
            f"echo-first-magic-byte-{byte:02x}", "echo", "connection", raw, "BadMagic", 0, before=ping,
            expected=0xCA, actual=byte,
        )
    for byte in (0x00, 0x02, 0xFF):
        raw = bytes([byte]) + disconnect[1:]
        bad(
            f"version-{byte:02x}-after-version-01", "chat-v1", "connection", raw, "UnsupportedVersion", 0,
            before=disconnect, actual=byte,
        )


# ---- Bad bodies -----------------------------------------------------------------------------------------------------


def places():
    """Every variable field of every type: (case stem, type, field, bytes before it, bytes after it, is it a name)."""
    yield "connect", "Connect", "Username", b"", b"", True
    yield "send-message", "SendMessage", "RoomName", b"", b"hi", True
    yield "send-message", "SendMessage", "Content", name("lobby"), b"", False
    yield "join-room", "JoinRoom", "RoomName", b"", b"", True
    yield "leave-room", "LeaveRoom", "RoomName", b"", b"", True
    yield "connect-ack", "ConnectAck", "ServerInfo", u32(7), b"", False
    fixed = u32(7) + u64(1_700_000_000_000)
    yield "message-broadcast", "MessageBroadcast", "Username", fixed, name("lobby") + b"hi", True
    yield "message-broadcast", "MessageBroadcast", "RoomName", fixed + name("ada"), b"hi", True
    yield "message-broadcast", "MessageBroadcast", "Content", fixed + name("ada") + name("lobby"), b"", False
    for stem, kind in (("user-joined", "UserJoined"), ("user-left", "UserLeft")):
        yield stem, kind, "Username", u32(7), name("lobby"), True
        yield stem, kind, "RoomName", u32(7) + name("ada"), b"", True
    yield "error", "Error", "ErrorMessage", u16(10), b"", False


NOT_UTF_8 = {
    "a-continuation-byte-alone": b"\x80",
    "an-overlong-slash": b"\xc0\xaf",
    "an-overlong-of-three-bytes": b"\xe0\x9f\xbf",
    "a-surrogate": b"\xed\xa0\x80",
    "above-10ffff": b"\xf4\x90\x80\x80",
    "a-sequence-cut-short": b"\xe2\x82",
    "a-byte-that-never-occurs": b"\xff",
}

CONTROL_CHARACTERS = {"0000": "\0", "001f": "\x1f", "007f": "\x7f", "0080": "\x80", "009f": "\x9f"}


def not_utf_8():
    for stem, kind, field, before, after, is_name in places():
        for what, wrong in NOT_UTF_8.items():
            raw = b"ab" + wrong
            body = before + (name(raw) if is_name else raw) + after
            offset = HEADER_SIZE + len(before) + is_name + 2
            bad_body(f"{stem}-{field.lower()}-{what}", kind, body, "InvalidUtf8", offset, field=field)
    body = b"\x01" + "é".encode() + b"hi"
    bad_body("send-message-name-ends-inside-a-character", "SendMessage", body, "InvalidUtf8", 5, field="RoomName")
    body = name(b"\xff" * 65) + b"hi"
    bad_body("send-message-room-too-long-and-not-utf-8", "SendMessage", body, "InvalidUtf8", 5, field="RoomName")


def control_characters():
    for stem, kind, field, before, after, is_name in places():
        if not is_name:
            continue
        for scalar, character in CONTROL_CHARACTERS.items():
            body = before + name("é" + character + "z") + after
            bad_body(
                f"{stem}-{field.lower()}-with-u-{scalar}", kind, body, "InvalidField", HEADER_SIZE + len(before),
                rule="ControlCharacter", field=field, position=2,
            )
    for what, text, position in (("first", "\x1b[2J", 0), ("last", "ada\n", 3), ("second-of-two", "é\x85\x00", 2)):
        bad_body(
            f"connect-control-character-{what}", "Connect", name(text), "InvalidField", HEADER_SIZE,
            rule="ControlCharacter", field="Username", position=position,
        )
    bad_body(
        "send-message-bad-room-and-no-content", "SendMessage", name("\x00"), "InvalidField", HEADER_SIZE,
        rule="ControlCharacter", field="RoomName", position=0,
    )
    bad_body(
        "connect-control-character-and-bytes-left-over", "Connect", name("\x00") + b"!", "InvalidField", HEADER_SIZE,
        rule="ControlCharacter", field="Username", position=0,
    )


def bad_field_lengths():
    def wrong(case_name, kind, field, before, raw, after=b"", prefixed=True):
        smallest, largest, _ = FIELDS[field]
        body = before + (name(raw) if prefixed else raw) + after
        bad_body(
            case_name, kind, body, "InvalidField", HEADER_SIZE + len(before),
            rule="Length", field=field, actual=len(raw), min=smallest, max=largest,
        )

    for stem, kind, field, before, after, is_name in places():
        if is_name:
            wrong(f"{stem}-{field.lower()}-empty", kind, field, before, b"", after)
            # A type whose only variable field this is refuses the longer length in the header already.
            largest = FIELDS[field][1]
            if kind not in ("Connect", "JoinRoom", "LeaveRoom"):
                short_after = after if field != "RoomName" or kind in ("SendMessage", "MessageBroadcast") else b""
                wrong(
                    f"{stem}-{field.lower()}-one-byte-too-long", kind, field, before, b"x" * (largest + 1),
                    short_after,
                )
        elif FIELDS[field][0] > 0:
            wrong(f"{stem}-{field.lower()}-empty", kind, field, before, b"", after, prefixed=False)
            wrong(f"{stem}-{field.lower()}-one-byte-too-long", kind, field, before, b"c" * 513, after, prefixed=False)
    wrong("send-message-room-of-255-bytes", "SendMessage", "RoomName", b"", b"r" * 255, b"hi")
    wrong("send-message-room-33-two-byte-characters", "SendMessage", "RoomName", b"", ("é" * 33).encode(), b"hi")
    wrong("send-message-room-too-long-with-a-control-character", "SendMessage", "RoomName", b"", b"\0" * 65, b"hi")


def overruns():
    for stem, kind, field, before, _after, is_name in places():
        if not is_name:
            continue
        offset = HEADER_SIZE + len(before)
        for what, length, there in (("by-one", 4, 3), ("far", 255, 3)):
            bad_body(
                f"{stem}-{field.lower()}-overruns-{what}", kind, before + bytes([length]) + b"abc"[:there],
                "FieldOverrun", offset, field=field, needed=1 + length, available=1 + there,
            )
        if len(before) >= CHAT_TYPES[kind][1]:
            bad_body(
                f"{stem}-{field.lower()}-missing", kind, before, "FieldOverrun", offset, field=field, needed=1,
                available=0,
            )
    bad_body(
        "user-joined-username-swallows-the-room", "UserJoined", u32(7) + b"\x0aada\x05lobby", "FieldOverrun", 8,
        field="Username", needed=11, available=10,
    )


def left_over():
    for stem, kind, body in (
        ("connect", "Connect", name("ada")),
        ("join-room", "JoinRoom", name("lobby")),
        ("leave-room", "LeaveRoom", name("lobby")),
        ("user-joined", "UserJoined", u32(7) + name("ada") + name("lobby")),
        ("user-left", "UserLeft", u32(7) + name("ada") + name("lobby")),
    ):
        for extra in (1, 2):
            rest = b"!\xff"[:extra]
            bad_body(
                f"{stem}-{extra}-left-over", kind, body + rest, "TrailingBytes", HEADER_SIZE + len(body),
                extra=extra,
            )


# ---- The file -------------------------------------------------------------------------------------------------------


def main():
    for section in (
        good_echo_frames, good_client_frames, good_server_frames,
        cut_short, too_much, wrong_header_bytes, wrong_lengths, wrong_checksums, wrong_way, later_frames,
        not_utf_8, control_characters, bad_field_lengths, overruns, left_over,
    ):  # fmt: skip
        section()
    text = "[\n" + ",\n".join(json.dumps(case, ensure_ascii=True) for case in CASES) + "\n]\n"
    path = pathlib.Path(__file__).with_name("vectors.json")
    good = sum("message" in case for case in CASES)
    if "--check" in sys.argv[1:]:
        if not path.exists() or path.read_text(encoding="ascii") != text:
            sys.exit("vectors.json is out of date: run generate.py")
    else:
        path.write_text(text, encoding="ascii")
    print(f"{good} good frames, {len(CASES) - good} bad ones")


if __name__ == "__main__":
    main()
