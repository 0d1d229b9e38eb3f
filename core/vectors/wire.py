"""Frames, put together from PROTOCOL.md: the types' codes and bounds, the envelopes, the bodies. Checks nothing."""

import zlib

CHAT_TYPES = {
    # name: (code, smallest body, largest body), in bytes
    "Connect": (0x01, 1, 33),
    "Disconnect": (0x02, 0, 0),
    "SendMessage": (0x03, 1, 577),
    "JoinRoom": (0x04, 1, 65),
    "LeaveRoom": (0x05, 1, 65),
    "ConnectAck": (0x81, 4, 516),
    "MessageBroadcast": (0x82, 14, 622),
    "UserJoined": (0x83, 6, 102),
    "UserLeft": (0x84, 6, 102),
    "Error": (0xFF, 2, 514),
}
ECHO_TYPES = {"Ping": 0x01, "Pong": 0x02, "Echo": 0x03, "Data": 0x04, "Error": 0xFF}

HEADER_SIZE = 4  # of a chat frame: the body starts here


def header(kind, length):
    return bytes([1, CHAT_TYPES[kind][0]]) + length.to_bytes(2, "big")


def seal(head_and_body):
    return head_and_body + zlib.crc32(head_and_body).to_bytes(4, "big")


def chat(kind, body):
    return seal(header(kind, len(body)) + body)


def echo(kind, payload=b""):
    return b"\xca\xfe" + bytes([ECHO_TYPES[kind]]) + len(payload).to_bytes(2, "big") + payload


def name(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return bytes([len(raw)]) + raw


def u16(value):
    return value.to_bytes(2, "big")


def u32(value):
    return value.to_bytes(4, "big")


def u64(value):
    return value.to_bytes(8, "big")


def body_of(message):
    kind = message["type"]
    text = {key: value.encode() for key, value in message.items() if isinstance(value, str)}
    if kind == "Connect":
        return name(text["username"])
    if kind == "Disconnect":
        return b""
    if kind == "SendMessage":
        return name(text["room"]) + text["content"]
    if kind in ("JoinRoom", "LeaveRoom"):
        return name(text["room"])
    if kind == "ConnectAck":
        return u32(message["user_id"]) + text["server_info"]
    if kind == "MessageBroadcast":
        fixed = u32(message["user_id"]) + u64(int(message["timestamp"]))
        return fixed + name(text["username"]) + name(text["room"]) + text["content"]
    if kind in ("UserJoined", "UserLeft"):
        return u32(message["user_id"]) + name(text["username"]) + name(text["room"])
    if kind == "Error":
        return u16(message["code"]) + text["message"]
    raise ValueError(kind)
