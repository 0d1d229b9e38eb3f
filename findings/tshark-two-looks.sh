#!/usr/bin/env bash
# tshark that looks at packets twice (-2) gives a Lua dissector no fields in the first look.
#
#   software    tshark 4.0.17 of Debian 12 (4.0.17-0+deb12u3)
#   behaviour   `Field.new("tcp.stream")()` answers a value in a single look, and in both looks if there is a filter (-Y).
#               With -2 and without a filter it answers nothing in the first look, in which `pinfo.visited` is false.
#   output      first look: 0 of 2 packets have tcp.stream; second look: 2 of 2
#   guess       a dissector may tell TCP streams apart by tcp.stream when it sees a packet for the first time. It may not:
#               all streams looked like one, and half of the frames in 300 streams were lost.
#
# Unpacks Debian packages into a folder of its own, which is removed; installs nothing. Needs Debian 12, python3 and the
# network. Fails if tshark does something else.

set -euo pipefail
version=4.0.17-0+deb12u3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
cd "$scratch"

packages=()
for name in tshark wireshark-common libwireshark16 libwiretap13 libwsutil14 libwireshark-data; do
    packages+=("$name=$version")
done
apt-get download -q "${packages[@]}" >apt.log 2>&1 || { cat apt.log >&2; exit 1; }
# The libraries that these need and that are not on this machine.
apt-get install --print-uris --yes --no-install-recommends "tshark=$version" 2>/dev/null |
    sed -n "s/^'\([^']*\)' \([^ ]*\.deb\) .*/\2/p" | sed 's/_.*//' | sort -u >missing
while read -r name; do
    compgen -G "${name}_*.deb" >/dev/null || apt-get download -q "$name" >>apt.log 2>&1
done <missing
for package in *.deb; do
    dpkg -x "$package" root
done
libraries=$(find "$scratch/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
tshark() {
    LD_LIBRARY_PATH=$libraries WIRESHARK_DATA_DIR=$scratch/root/usr/share/wireshark "$scratch/root/usr/bin/tshark" "$@"
}
tshark --version 2>/dev/null | head -n 1

# Two segments with a byte each, in raw IP.
python3 - <<'PYTHON'
import struct
with open("two.pcap", "wb") as file:
    file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
    for index in range(2):
        tcp = struct.pack(">HHIIBBHHH", 40000, 7777, 100 + index, 1, 5 << 4, 0x18, 65535, 0, 0) + b"x"
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), index, 0, 64, 6, 0) + b"\x0a\0\0\x01\x0a\0\0\x02"
        file.write(struct.pack("<IIII", 1700000000 + index, 0, len(ip + tcp), len(ip + tcp)) + ip + tcp)
PYTHON
cat >look.lua <<'LUA'
local stream = Field.new("tcp.stream")
local proto = Proto("looked", "what a dissector can read")
function proto.dissector(tvb, pinfo, tree)
    print((pinfo.visited and "second" or "first") .. " " .. (stream() and "has" or "lacks"))
    return tvb:len()
end
DissectorTable.get("tcp.port"):add(7777, proto)
LUA

# count OPTIONS… LOOK WHAT: how many packets of a look have or lack the field.
looks() {
    tshark -r two.pcap -X lua_script:look.lua "$@" 2>/dev/null | grep -E '^(first|second) ' | sort | uniq -c | sed 's/^ *//' | paste -sd' '
}
once=$(looks)
twice=$(looks -2)
filtered=$(looks -2 -Y tcp)
echo "one look: $once"
echo "two looks: $twice"
echo "two looks, with a filter: $filtered"
[[ $once == "2 first has" ]] || { echo "a single look has changed" >&2; exit 1; }
[[ $twice == *"2 first lacks"* && $twice == *"2 second has"* ]] || { echo "two looks have changed" >&2; exit 1; }
[[ $filtered != *lacks* ]] || { echo "two looks with a filter have changed" >&2; exit 1; }
