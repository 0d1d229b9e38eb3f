"""Frames of chat version 2, put together from PROTOCOL.md: the types' codes and fields, the envelope. Checks nothing."""

import zlib

HEADER_SIZE = 8
SEAL_SIZE = 24
COMPRESSED, SEALED = 0x01, 0x02

USERNAME, ROOM, CONTENT = ("Username", 1, 32), ("RoomName", 1, 64), ("Content", 1, 4096)
AFTER_ROOM, AFTER_USER = ("RoomName", 0, 64), ("Username", 0, 32)
SERVER_INFO, MESSAGE = ("ServerInfo", 0, 512), ("ErrorMessage", 0, 512)

# name: (code, [(field, what it is)]); an integer is its size in bytes, `bool` a byte that is 0 or 1, `nonce` 16 bytes, `data`
# 0 to 32 bytes to the end; a name or text is its kind of field with the bounds in bytes.
TYPES = {
    "Connect": (0x01, [("capabilities", 2), ("client_nonce", "nonce"), ("username", USERNAME)]),
    "Disconnect": (0x02, []),
    "SendMessage": (0x03, [("room", ROOM), ("content", CONTENT)]),
    "JoinRoom": (0x04, [("epoch", 4), ("after", 8), ("replay", 2), ("room", ROOM)]),
    "LeaveRoom": (0x05, [("room", ROOM)]),
    "Ping": (0x06, [("data", "data")]),
    "ListRooms": (0x07, [("count", 2), ("after", AFTER_ROOM)]),
    "ListMembers": (0x08, [("count", 2), ("room", ROOM), ("after", AFTER_USER)]),
    "DirectMessage": (0x09, [("to", USERNAME), ("content", CONTENT)]),
    "Authenticate": (0x0A, []),
    "History": (0x0B, [("before", 8), ("count", 2), ("room", ROOM)]),
    "ClientPong": (0x0C, [("data", "data")]),
    "ConnectAck": (0x81, [("user_id", 4), ("capabilities", 2), ("server_info", SERVER_INFO)]),
    "MessageBroadcast": (
        0x82,
        [
            ("sequence", 8), ("previous", 8), ("timestamp", 8), ("user_id", 4), ("origin", 2), ("part", 1),
            ("username", USERNAME), ("room", ROOM), ("content", CONTENT),
        ],
    ),
    "UserJoined": (0x83, [("user_id", 4), ("members", 4), ("username", USERNAME), ("room", ROOM)]),
    "UserLeft": (0x84, [("user_id", 4), ("members", 4), ("username", USERNAME), ("room", ROOM)]),
    "Joined": (
        0x85,
        [("epoch", 4), ("sequence", 8), ("replay_from", 8), ("members", 4), ("presence", "bool"), ("room", ROOM)],
    ),
    "Pong": (0x86, [("data", "data")]),
    "RoomInfo": (0x87, [("members", 4), ("presence", "bool"), ("room", ROOM)]),
    "MemberInfo": (0x88, [("user_id", 4), ("username", USERNAME), ("room", ROOM)]),
    "DirectDelivery": (
        0x89, [("timestamp", 8), ("user_id", 4), ("part", 1), ("from", USERNAME), ("content", CONTENT)],
    ),
    "Challenge": (0x8A, [("capabilities", 2), ("server_nonce", "nonce")]),
    "ListEnd": (0x8B, [("count", 2), ("more", "bool")]),
    "ServerPing": (0x8C, [("data", "data")]),
    "Ack": (0x8D, [("timestamp", 8)]),
    "Error": (0xFF, [("code", 2), ("retry_after_ms", 4), ("message", MESSAGE)]),
}  # fmt: skip

NAMES = ("Username", "RoomName")


def is_name(what):
    return isinstance(what, tuple) and what[0] in NAMES


def size_of(what):
    """Bytes of a field whose size its kind settles; None of the others."""
    return {"bool": 1, "nonce": 16}.get(what, what if isinstance(what, int) else None)


def bounds(kind, small=False):
    """The smallest and largest payload of a type, in bytes. An empty name is let through, to be answered without a close."""
    smallest = largest = 0
    for _, what in TYPES[kind][1]:
        size = size_of(what)
        if size is not None:
            smallest, largest = smallest + size, largest + size
        elif what == "data":
            largest += 32
        else:
            longest = 512 if small and what == CONTENT and TYPES[kind][0] >= 0x80 else what[2]
            smallest, largest = smallest + is_name(what), largest + is_name(what) + longest
    return smallest, largest


def crc8(raw):
    """CRC-8/SMBUS."""
    crc = 0
    for byte in raw:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc


def header(code, length, flags=0, request=0):
    checked = bytes([2, code]) + length.to_bytes(2, "big") + bytes([flags])
    return checked + bytes([crc8(checked)]) + request.to_bytes(2, "big")


def summed(raw):
    return raw + zlib.crc32(raw).to_bytes(4, "big")


def frame(kind, payload, flags=0, request=0, seal=b""):
    """The seal's bytes are the caller's: whether they are right is not for a frame to say."""
    length = 4 + len(payload) + len(seal)
    return summed(header(TYPES[kind][0], length, flags, request) + payload + seal)


def field(what, value):
    size = size_of(what)
    if what == "nonce" or what == "data":
        return bytes.fromhex(value)
    if size is not None:
        return int(value).to_bytes(size, "big")
    raw = value if isinstance(value, bytes) else value.encode()
    return (bytes([len(raw)]) if is_name(what) else b"") + raw


def payload_of(message):
    return b"".join(field(what, message[name]) for name, what in TYPES[message["type"]][1])
