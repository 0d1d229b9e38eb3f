"""Holds what tshark says of a capture against what `cafewire decode --json` says: frame by frame, field by field.

    wireshark_compare.py TSHARK.json DECODE.jsonl GOOD [--no-places] [--by-start] [--out-of-order]

GOOD is how many good frames must be there: so many, or with a `+` behind it so many at least. A good frame's packet and time must
be the same too, unless the two read different captures (--no-places). With --by-start tshark knows no port. With --out-of-order
tshark shows a frame in the packet with which all before it was there too: the last of those that decode says of the frames so far.

TSHARK.json is the output of `tshark -T json -x --no-duplicate-keys`' longer form, without that option: keys come twice,
and are kept in their order. Both sides are put into one form: for each connection and direction a list of frames, each with
its family, its fields (name, place, bytes, value) and its error (kind, byte). Noise that one side tells in more pieces than the
other, because a segment ended there, counts as one.
"""

import json
import sys
from collections import defaultdict


# A client that speaks something else to a server of ours: `decode --port` shows what is bad, and tshark what it is.
LEFT_TO_OTHERS = (b"GET ",)


TEXTS = ("username", "room", "content", "server_info", "message", "to", "from", "after")


def by_decode(path):
    streams = defaultdict(list)
    for line in open(path, encoding="utf-8"):
        it = json.loads(line)
        if it["kind"] == "summary":
            continue
        if it["kind"] == "gap" or it["kind"] == "part" and it["lacks"] != "before":
            sys.exit(f"the capture lacks bytes: {it}")
        if it["kind"] == "bad" and bytes.fromhex(it["hex"]).startswith(LEFT_TO_OTHERS):
            continue
        fields = [(field["name"], field["offset"], slice_of(it["hex"], field), value_of(field)) for field in it["fields"]]
        error = it["error"] and (it["error"]["kind"], it["error"]["at"])
        family = {"frame": it["family"], "bad": None, "part": "before", "proxy": "proxy"}[it["kind"]]
        if family == "proxy":
            fields = [("proxy", 0, it["hex"].lower(), it["text"])]
        key = (it["client"], it["server"], it["from"])
        if streams[key] and streams[key][-1]["end"] > it["offset"]:
            # A bad frame is told with what its length claims, into which a good one may reach.
            streams[key][-1]["size"] -= streams[key][-1]["end"] - it["offset"]
            streams[key][-1]["is_merged"] = True
        place, end = (it["packet"], it.get("time_ns")), it["offset"] + it["size"]
        streams[key].append({"family": family, "size": it["size"], "fields": fields, "error": error, "place": place, "end": end})
    return streams


def left_to_others(path):
    for line in open(path, encoding="utf-8"):
        it = json.loads(line)
        if it["kind"] == "bad" and it["from"] == "client" and bytes.fromhex(it["hex"]).startswith(LEFT_TO_OTHERS):
            yield it["client"], it["server"]


def slice_of(digits, field):
    return digits[2 * field["offset"] : 2 * (field["offset"] + field["size"])].lower()


def value_of(field):
    """What a checksum should be goes with it; bytes say nothing beyond themselves."""
    value = field.get("value")
    return (value, field["expected"]) if "expected" in field else value


def pairs(text):
    return json.loads(text, object_pairs_hook=lambda pairs: pairs)


def first(layer, name):
    return next((value for key, value in layer if key == name), None)


def by_tshark(path):
    streams = defaultdict(list)
    servers = {}
    for packet in pairs(open(path, encoding="utf-8").read()):
        layers = first(first(packet, "_source"), "layers")
        tcp = first(layers, "tcp")
        if not tcp:
            continue
        # The innermost, where there is a tunnel.
        version, ip = [(name, value) for name, value in layers if name in ("ip", "ipv6")][-1]
        ends = [address(first(ip, f"{version}.{end}"), first(tcp, f"tcp.{end}port")) for end in ("src", "dst")]
        # Who opens a connection is its client.
        servers.setdefault(frozenset(ends), ends[1])
        server = servers[frozenset(ends)]
        side = "client" if ends[1] == server else "server"
        key = (ends[0], ends[1], side) if side == "client" else (ends[1], ends[0], side)
        frame = first(layers, "frame")
        place = (int(first(frame, "frame.number")), time_ns(first(frame, "frame.time_epoch")))
        # A layer stands behind its own bytes, under the same name with `_raw`.
        raws = [value for name, value in layers if name == "cafewire_raw"]
        for raw, layer in zip(raws, [value for name, value in layers if name == "cafewire"], strict=True):
            streams[key].append(frame_of(raw, layer) | {"place": place})
        streams[key] += [frame_of(["", 0, 0], value) | {"place": place} for name, value in layers if name == "cafewire_end"]
    return streams


def time_ns(seconds):
    whole, _, part = seconds.partition(".")
    return int(whole) * 10**9 + int(part.ljust(9, "0"))


def address(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def frame_of(raw, layer):
    start, size = raw[1], raw[2]
    values = dict(layer)
    fields = []
    for name, value in layer:
        if name.endswith(("_raw", "_tree")) or not name.startswith(("cafewire.echo.", "cafewire.chat.")):
            continue
        short = name.split(".", 2)[2]
        # Numbers and names of one name have fields of their own there.
        short = short.removesuffix("_sequence")
        if short in ("checksum.expected", "checksum.status", "check.expected"):
            continue
        if f"{name}_raw" not in values:
            # A field of no bytes: tshark does not say where it is.
            fields.append((short, None, "", value if isinstance(value, str) else None))
            continue
        digits, place, _ = values[f"{name}_raw"][:3]
        fields.append((short, place - start, digits.lower(), typed(short, digits, values, name)))
    error = values.get("cafewire.error")
    family = values.get("cafewire.family")
    if "cafewire.before" in values:
        family = "before"
    if "cafewire.proxy" in values:
        family, fields = "proxy", [("proxy", 0, values["cafewire.proxy_raw"][0].lower(), values["cafewire.proxy"])]
    return {
        "family": family,
        "size": size,
        "fields": fields,
        "error": error and (error, int(values["cafewire.error.at"])),
    }


def typed(short, digits, values, name):
    if short in ("magic", "payload", "left_over", "data", "client_nonce", "server_nonce", "block", "tag"):
        return None
    if short == "checksum":
        state = int(values["cafewire.chat.checksum.status"])
        expected = int(values["cafewire.chat.checksum.expected"], 0)
        if state != (int(digits, 16) == expected):
            sys.exit(f"the status of checksum {digits} is {state}")
        return int(digits, 16), expected
    if short == "check":
        return int(digits, 16), int(values["cafewire.chat.check.expected"], 0)
    if short in TEXTS and name != "cafewire.chat.after_sequence":
        return values[name] if is_utf8(digits) else None
    return int(values[name], 0)


def is_utf8(digits):
    try:
        bytes.fromhex(digits).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def merged(frames):
    """Neighbouring noise as one: its first error, its size in all."""
    out = []
    for frame in frames:
        if frame["family"] in (None, "before") and out and out[-1]["family"] == frame["family"]:
            out[-1] = {**out[-1], "size": out[-1]["size"] + frame["size"], "is_merged": True}
        else:
            out.append(frame)
    return out


def same(ours, theirs):
    parts = ("family", "size", "error")
    return (
        all(ours[part] == theirs[part] for part in parts)
        and len(ours["fields"]) == len(theirs["fields"])
        and all(same_field(mine, other) for mine, other in zip(ours["fields"], theirs["fields"]))
    )


def same_in_pieces(ours, theirs):
    """Noise that one of them tells in more pieces: that its fields are those of its first piece is all that can differ."""
    is_merged = ours.get("is_merged") or theirs.get("is_merged")
    told = ours["fields"][: len(theirs["fields"])]
    parts = ("family", "size", "error")
    return is_merged and all(ours[part] == theirs[part] for part in parts) and all(map(same_field, told, theirs["fields"]))


def same_as_far_as_told(ours, theirs):
    """Noise at the end of a stream: Wireshark waits for more where its last bytes could be the start of a frame."""
    is_noise = ours["family"] == theirs["family"] in (None, "before") and theirs["size"] < ours["size"]
    told = ours["fields"][: len(theirs["fields"])]
    return is_noise and ours["error"] == theirs["error"] and all(map(same_field, told, theirs["fields"]))


def same_field(mine, other):
    name, place, digits, value = mine
    if (name, digits) != (other[0], other[2]) or other[1] not in (None, place):
        return False
    return value == other[3] or not digits or (isinstance(value, str) and shown(value) == shown(other[3]))


def shown(text):
    """Wireshark would end a text at its first zero byte: the dissector has a sign for it."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}")


def same_end(ours, theirs):
    """A frame that the connection cut short: Wireshark does not hand on its bytes, and says how many there were."""
    is_cut = ours["error"] and ours["error"][0] == "Truncated" and ours["error"][1] == ours["size"]
    return is_cut and ours["error"] == theirs["error"] and theirs["size"] == 0


def is_there_too(ours, theirs):
    """A good frame is shown in the packet that completed it, with that packet's time."""
    (packet, time), (other_packet, other_time) = ours["place"], theirs["place"]
    return packet == other_packet and (time is None or time == other_time)


def as_they_could_be_read(frames):
    """With the latest place of all frames so far, each."""
    latest = (0, 0)
    for frame in frames:
        latest = max(latest, frame["place"])
        frame["place"] = latest
    return frames


def is_good_frame(frame):
    return frame["family"] in ("echo", "chat-v1", "chat-v2") and not frame["error"]


def is_enough(count, wanted):
    return count >= int(wanted[:-1]) if wanted.endswith("+") else count == int(wanted)


def main(tshark, decode, wanted, *options):
    theirs, ours = by_tshark(tshark), by_decode(decode)
    # A connection whose client speaks another protocol is left to that: Wireshark may show our answers in it or not.
    for key in [(*ends, "server") for ends in left_to_others(decode)]:
        ours.pop(key, None), theirs.pop(key, None)
    if "--by-start" in options:
        # Without its port nothing speaks for a connection, and for who is its client, but a good frame at its start.
        unknown = {key[:2] for key, frames in ours.items() if key[2] == "client" and not is_good_frame(frames[0])}
        ours, theirs = ({key: it for key, it in side.items() if key[:2] not in unknown} for side in (ours, theirs))
    if "--out-of-order" in options:
        ours = {key: as_they_could_be_read(frames) for key, frames in ours.items()}
    counts, wrong = defaultdict(int), 0
    for key in sorted(set(ours) | set(theirs)):
        mine, others = merged(ours.get(key, [])), merged(theirs.get(key, []))
        for index in range(max(len(mine), len(others))):
            one = mine[index] if index < len(mine) else None
            other = others[index] if index < len(others) else None
            is_last = index == len(mine) - 1 == len(others) - 1
            if one and other and is_last and same_end(one, other):
                counts["cut"] += 1
                continue
            is_good = one and is_good_frame(one)
            is_placed = "--no-places" in options or not is_good or other and is_there_too(one, other)
            is_same = one and other and (same(one, other) or same_in_pieces(one, other))
            if one and other and is_placed and (is_same or is_last and same_as_far_as_told(one, other)):
                counts["good" if is_good else one["family"] if one["family"] in ("before", "proxy") else "bad"] += 1
                counts["fields"] += len(one["fields"])
                continue
            wrong += 1
            if wrong <= 5:
                print(f"{key}, frame {index}:\n  decode: {one}"[:500] + f"\n  tshark: {other}"[:500], file=sys.stderr)
            break
    if wrong:
        sys.exit(f"tshark and decode disagree in {wrong} streams; {counts['good']} good frames are the same")
    if not is_enough(counts["good"], wanted):
        sys.exit(f"{counts['good']} good frames were compared, and not {wanted}")
    names = {"cut": "cut short by the end", "before": "of what began before the capture", "proxy": "of a proxy"}
    more = "".join(f", {counts[kind]} {name}" for kind, name in names.items() if counts[kind])
    print(f"the same in tshark and decode: {counts['good']} good frames, {counts['bad']} bad, {counts['fields']} fields{more}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
