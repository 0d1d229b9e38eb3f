"""Compressed payloads of version 2, good and bad: compressed.json.

Standard library only, and nothing of the Rust code. `deflated` and `inflated` are written from the description of the LZ4
block format; the first finds few matches, for a block need not be the shortest. What is wrong with a bad payload is stated
by the case that makes it, and `judgement` must then say the same. README.md describes the format.
"""

# Bounds of a payload: those of SendMessage, of Ping, and of MessageBroadcast.
SEND_MESSAGE, PING, BROADCAST = (1, 4161), (0, 32), (33, 4225)


# ---- Blocks ----------------------------------------------------------------------------------------------------------


def more_length(count):
    """The bytes that follow a nibble of 15."""
    return b"\xff" * (count // 255) + bytes([count % 255])


def sequence(literals, match=None):
    """One sequence: literals, then (offset, length) of a match unless it is the last."""
    token = min(len(literals), 15) << 4
    body = (more_length(len(literals) - 15) if len(literals) >= 15 else b"") + literals
    if match is None:
        return bytes([token]) + body
    offset, length = match
    token |= min(length - 4, 15)
    body += offset.to_bytes(2, "little") + (more_length(length - 19) if length >= 19 else b"")
    return bytes([token]) + body


def deflated(data):
    """Greedy. The last five bytes are literals, and no match starts in the last twelve."""
    block, start, at, seen = b"", 0, 0, {}
    while at + 12 < len(data):
        candidate = seen.get(data[at : at + 4])
        seen[data[at : at + 4]] = at
        if candidate is None:
            at += 1
            continue
        length = 4
        while at + length < len(data) - 5 and data[candidate + length] == data[at + length]:
            length += 1
        block += sequence(data[start:at], (at - candidate, length))
        start = at = at + length
    return block + sequence(data[start:])


def inflated(block):
    """The bytes, or None if the block is none: a sequence is cut, or reaches back before the start."""
    data, at = bytearray(), 0

    def count(nibble):
        nonlocal at
        total = nibble
        while nibble == 15:
            byte = block[at]
            at += 1
            total += byte
            if byte != 255:
                break
        return total

    try:
        while True:
            token = block[at]
            at += 1
            literals = count(token >> 4)
            if at + literals > len(block):
                return None
            data += block[at : at + literals]
            at += literals
            if at == len(block):
                return bytes(data)
            offset = block[at] | block[at + 1] << 8
            at += 2
            length = count(token & 15) + 4
            if not 0 < offset <= len(data):
                return None
            for _ in range(length):
                data.append(data[-offset])
    except IndexError:
        return None


def judgement(payload, bounds):
    """What the payload stands for, or the reason why it is none."""
    if len(payload) < 2:
        return "NoBlock"
    original = int.from_bytes(payload[:2], "big")
    if not bounds[0] <= original <= bounds[1]:
        return "LengthOutOfRange"
    if len(payload) >= original:
        return "NotShorter"
    data = inflated(payload[2:])
    return "BadBlock" if data is None or len(data) != original else data


# ---- Cases -----------------------------------------------------------------------------------------------------------


CASES = []


def add(name, payload, wanted, bounds=SEND_MESSAGE):
    assert judgement(payload, bounds) == wanted, f"{name}: {judgement(payload, bounds)}"
    case = {"name": name, "min": bounds[0], "max": bounds[1], "payload": payload.hex()}
    CASES.append(case | ({"refused": wanted} if isinstance(wanted, str) else {"inflated": wanted.hex()}))


def counted(size, block):
    return size.to_bytes(2, "big") + block


def good():
    texts = {
        "one-byte-again-and-again": b"a" * 64,
        "two-bytes-in-turn": b"ab" * 40,
        "words-that-come-again": b"\x05lobby" + b"the coffee is ready, the tea is ready, the cake is not ready; " * 4,
        "the-longest-send-message": b"\x40" + b"r" * 64 + b"c" * 4096,
        "a-match-longer-than-270": b"0123" * 100 + b"4567",
        "literals-longer-than-270": bytes(range(0x20, 0x7F)) * 3 + bytes(range(0x20, 0x7F))[::-1] * 3,
    }
    for name, data in texts.items():
        add(name, counted(len(data), deflated(data)), data)
    add("the-shortest-that-can-be", counted(14, sequence(b"x", (1, 8)) + sequence(b"xxxxx")), b"x" * 14)
    add("all-that-a-ping-holds", counted(32, sequence(b"x", (1, 26)) + sequence(b"xxxxx")), b"x" * 32, PING)
    add("no-literals-at-the-end", counted(40, sequence(b"x", (1, 39)) + sequence(b"")), b"x" * 40)
    add("a-match-that-could-be-longer", counted(24, sequence(b"xy", (2, 8)) + sequence(b"", (4, 8)) + sequence(b"xyxyxy")), b"xy" * 12)
    add("a-count-with-a-superfluous-zero", counted(20, b"\x1f" + b"x\x01\x00" + b"\x00" + b"\x00"), b"x" * 20)


def bad():
    block = sequence(b"x", (1, 26)) + sequence(b"xxxxx")
    add("nothing", b"", "NoBlock")
    add("half-a-length", b"\x00", "NoBlock")
    add("no-block", counted(32, b""), "BadBlock")
    add("a-length-of-zero", counted(0, block), "LengthOutOfRange")
    add("longer-than-its-type", counted(33, sequence(b"x", (1, 27)) + sequence(b"xxxxx")), "LengthOutOfRange", PING)
    add("a-length-far-too-large", counted(65535, block), "LengthOutOfRange")
    add("shorter-than-its-type", counted(32, block), "LengthOutOfRange", BROADCAST)
    add("no-shorter-than-what-it-stands-for", counted(11, sequence(b"x", (1, 5)) + sequence(b"xxxxx")), "NotShorter")
    add("longer-than-what-it-stands-for", counted(5, sequence(b"hello")), "NotShorter")
    for size in (31, 33):
        add(f"inflates-to-32-bytes-not-{size}", counted(size, block), "BadBlock")
    for cut in range(1, len(block)):
        add(f"cut-after-{cut}-bytes", counted(32, block[:cut]), "BadBlock")
    add("an-offset-of-zero", counted(32, sequence(b"x", (0, 26)) + sequence(b"xxxxx")), "BadBlock")
    add("an-offset-before-the-start", counted(32, sequence(b"x", (2, 26)) + sequence(b"xxxxx")), "BadBlock")
    add("an-offset-far-before-the-start", counted(64, sequence(b"x" * 16, (0xFFFF, 8)) + sequence(b"x" * 20, (30, 20))), "BadBlock")
    add("a-match-first", counted(32, sequence(b"", (1, 27)) + sequence(b"xxxxx")), "BadBlock")
    add("a-match-last", counted(32, sequence(b"x", (1, 31))), "BadBlock")
    add("literals-past-the-end", counted(32, b"\xf0\x10xxxxx"), "BadBlock")
    add("a-count-without-an-end", counted(4161, b"\x1fx\x01\x00" + b"\xff" * 12), "BadBlock")
    add("a-bomb", counted(4161, b"\x1fx\x01\x00" + b"\xff" * 4000 + b"\x00" + sequence(b"xxxxx")), "BadBlock")
    add("a-second-block", counted(40, block + block), "BadBlock")


def payloads():
    if not CASES:
        good()
        bad()
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names)), "two payloads have one name"
    return CASES
