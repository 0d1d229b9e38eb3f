-- cafewire in Wireshark: the echo family and chat, versions 1 and 2, as core/PROTOCOL.md specifies them.
-- Of version 2 no session is known: what may come in any is taken, seals are not proved, payloads not inflated.
--
-- README.md beside this file says how to install it and what to filter for. Needs Wireshark 3.4 or newer (Lua 5.1 to 5.4).
-- It makes the checks of the specification, in its order, and goes on after a bad frame as `cafewire decode` does: one
-- byte after the bad frame's start, but never inside a good frame. What it leaves to others: streams of other protocols.

local proto = Proto("cafewire", "cafewire protocol")

-- ---- Fields ----------------------------------------------------------------------------------------------------------

local ECHO_TYPES = { [0x01] = "Ping", [0x02] = "Pong", [0x03] = "Echo", [0x04] = "Data", [0xFF] = "Error" }

-- Of version 2. What version 1 has too has the same code there.
local CHAT_TYPES = {
    [0x01] = "Connect", [0x02] = "Disconnect", [0x03] = "SendMessage", [0x04] = "JoinRoom", [0x05] = "LeaveRoom",
    [0x06] = "Ping", [0x07] = "ListRooms", [0x08] = "ListMembers", [0x09] = "DirectMessage", [0x0A] = "Authenticate",
    [0x0B] = "History", [0x0C] = "ClientPong",
    [0x81] = "ConnectAck", [0x82] = "MessageBroadcast", [0x83] = "UserJoined", [0x84] = "UserLeft", [0x85] = "Joined",
    [0x86] = "Pong", [0x87] = "RoomInfo", [0x88] = "MemberInfo", [0x89] = "DirectDelivery", [0x8A] = "Challenge",
    [0x8B] = "ListEnd", [0x8C] = "ServerPing", [0x8D] = "Ack", [0xFF] = "Error",
}

local FLAGS = { [0] = "none", [1] = "COMPRESSED", [2] = "SEALED", [3] = "COMPRESSED | SEALED" }

local ERROR_CODES = {
    [1] = "MalformedFrame", [2] = "UnsupportedVersion", [3] = "UnknownType", [4] = "ChecksumMismatch",
    [5] = "InvalidUsername", [6] = "InvalidRoomName", [7] = "InvalidContent", [8] = "NotConnected",
    [9] = "AlreadyConnected", [10] = "UsernameTaken", [11] = "NotInRoom", [12] = "AlreadyInRoom",
    [13] = "LimitReached", [14] = "ServerFull", [15] = "RateLimited", [16] = "SlowConsumer",
    [17] = "ShuttingDown", [18] = "IdleTimeout", [19] = "UnexpectedMessage", [20] = "AuthenticationFailed",
    [21] = "UnsupportedFlags", [22] = "Replay", [23] = "NoSuchUser",
    [24] = "FrameLost", [25] = "Replaced", [26] = "NoSuchRoom", [27] = "Unavailable", [28] = "NotSupported",
}

local CHECKSUM_STATES = { [0] = "Bad", [1] = "Good" }

local f = {
    family = ProtoField.string("cafewire.family", "Family"),
    error = ProtoField.string("cafewire.error", "Error"),
    error_at = ProtoField.uint32("cafewire.error.at", "Byte that is wrong"),
    noise = ProtoField.bytes("cafewire.noise", "Bytes of no good frame"),
    before = ProtoField.bytes("cafewire.before", "Bytes of what began before the capture"),
    cut = ProtoField.bytes("cafewire.cut", "Bytes of a frame that the capture cut"),
    proxy = ProtoField.string("cafewire.proxy", "Put in front by a proxy", base.UNICODE),

    magic = ProtoField.bytes("cafewire.echo.magic", "Magic"),
    echo_type = ProtoField.uint8("cafewire.echo.type", "Type", base.HEX, ECHO_TYPES),
    echo_length = ProtoField.uint16("cafewire.echo.length", "Length"),
    payload = ProtoField.bytes("cafewire.echo.payload", "Payload"),

    version = ProtoField.uint8("cafewire.chat.version", "Version"),
    chat_type = ProtoField.uint8("cafewire.chat.type", "Type", base.HEX, CHAT_TYPES),
    chat_length = ProtoField.uint16("cafewire.chat.length", "Length"),
    user_id = ProtoField.uint32("cafewire.chat.user_id", "User id"),
    timestamp = ProtoField.uint64("cafewire.chat.timestamp", "Timestamp (ms since 1970-01-01 UTC)"),
    code = ProtoField.uint16("cafewire.chat.code", "Code", base.DEC, ERROR_CODES),
    username_length = ProtoField.uint8("cafewire.chat.username_length", "Username length"),
    username = ProtoField.string("cafewire.chat.username", "Username", base.UNICODE),
    room_length = ProtoField.uint8("cafewire.chat.room_length", "Room length"),
    room = ProtoField.string("cafewire.chat.room", "Room", base.UNICODE),
    content = ProtoField.string("cafewire.chat.content", "Content", base.UNICODE),
    server_info = ProtoField.string("cafewire.chat.server_info", "Server info", base.UNICODE),
    message = ProtoField.string("cafewire.chat.message", "Message", base.UNICODE),
    flags = ProtoField.uint8("cafewire.chat.flags", "Flags", base.HEX, FLAGS),
    check = ProtoField.uint8("cafewire.chat.check", "Check", base.HEX),
    check_expected = ProtoField.uint8("cafewire.chat.check.expected", "Check of the bytes", base.HEX),
    request = ProtoField.uint16("cafewire.chat.request", "Request"),
    capabilities = ProtoField.uint16("cafewire.chat.capabilities", "Capabilities", base.HEX),
    client_nonce = ProtoField.bytes("cafewire.chat.client_nonce", "Client's nonce"),
    server_nonce = ProtoField.bytes("cafewire.chat.server_nonce", "Server's nonce"),
    epoch = ProtoField.uint32("cafewire.chat.epoch", "Epoch"),
    after_sequence = ProtoField.uint64("cafewire.chat.after_sequence", "After sequence"),
    after_length = ProtoField.uint8("cafewire.chat.after_length", "After length"),
    after = ProtoField.string("cafewire.chat.after", "After", base.UNICODE),
    before_sequence = ProtoField.uint64("cafewire.chat.before_sequence", "Before sequence"),
    replay = ProtoField.uint16("cafewire.chat.replay", "Replay"),
    replay_from = ProtoField.uint64("cafewire.chat.replay_from", "Replay from"),
    sequence = ProtoField.uint64("cafewire.chat.sequence", "Sequence"),
    previous = ProtoField.uint64("cafewire.chat.previous", "Previous"),
    origin = ProtoField.uint16("cafewire.chat.origin", "Origin"),
    part = ProtoField.uint8("cafewire.chat.part", "Part", base.HEX),
    members = ProtoField.uint32("cafewire.chat.members", "Members"),
    presence = ProtoField.uint8("cafewire.chat.presence", "Presence"),
    count = ProtoField.uint16("cafewire.chat.count", "Count"),
    more = ProtoField.uint8("cafewire.chat.more", "More"),
    retry_after_ms = ProtoField.uint32("cafewire.chat.retry_after_ms", "Retry after (ms)"),
    to_length = ProtoField.uint8("cafewire.chat.to_length", "To length"),
    to = ProtoField.string("cafewire.chat.to", "To", base.UNICODE),
    from_length = ProtoField.uint8("cafewire.chat.from_length", "From length"),
    from = ProtoField.string("cafewire.chat.from", "From", base.UNICODE),
    data = ProtoField.bytes("cafewire.chat.data", "Data"),
    original_length = ProtoField.uint16("cafewire.chat.original_length", "Original length"),
    block = ProtoField.bytes("cafewire.chat.block", "Block"),
    counter = ProtoField.uint64("cafewire.chat.counter", "Counter"),
    tag = ProtoField.bytes("cafewire.chat.tag", "Tag"),
    left_over = ProtoField.bytes("cafewire.chat.left_over", "Left over"),
    checksum = ProtoField.uint32("cafewire.chat.checksum", "Checksum", base.HEX),
    checksum_expected = ProtoField.uint32("cafewire.chat.checksum.expected", "Checksum of the bytes", base.HEX),
    checksum_status = ProtoField.uint8("cafewire.chat.checksum.status", "Checksum status", base.DEC, CHECKSUM_STATES),
}
proto.fields = f

local e = {
    malformed = ProtoExpert.new("cafewire.expert.malformed", "Malformed frame", expert.group.MALFORMED, expert.severity.ERROR),
    checksum = ProtoExpert.new("cafewire.expert.checksum", "Wrong checksum", expert.group.CHECKSUM, expert.severity.ERROR),
    field = ProtoExpert.new("cafewire.expert.field", "Field breaks a rule", expert.group.PROTOCOL, expert.severity.WARN),
    direction = ProtoExpert.new("cafewire.expert.direction", "Type is sent in the wrong direction", expert.group.PROTOCOL, expert.severity.ERROR),
}
proto.experts = e

local EXPERT_OF = {
    ChecksumMismatch = e.checksum, CheckMismatch = e.checksum, WrongDirection = e.direction, WrongDirectionV2 = e.direction,
    InvalidField = e.field, InvalidUtf8 = e.field,
}

proto.prefs.ports = Pref.range("TCP ports of servers", "8080", "Which end of a connection is the server.", 65535)
proto.prefs.heuristic = Pref.bool("Look at other ports", true, "Take any TCP connection that starts with a frame.")

local tcp_syn = Field.new("tcp.flags.syn")
local tcp_ack = Field.new("tcp.flags.ack")
local tcp_fin = Field.new("tcp.flags.fin")
local tcp_reset = Field.new("tcp.flags.reset")
local tcp_sequence = Field.new("tcp.seq")
local tcp_length = Field.new("tcp.len")
-- What a record holds of a frame that goes on in the next.
local tls_part = Field.new("tls.segment.data")

-- ---- Layouts ---------------------------------------------------------------------------------------------------------

local ECHO_HEADER_SIZE = 5
local CHAT_HEADER_SIZE = 4
local CHECKSUM_SIZE = 4

local USERNAME = { kind = "name", length = f.username_length, field = f.username, min = 1, max = 32, what = "username" }
local ROOM = { kind = "name", length = f.room_length, field = f.room, min = 1, max = 64, what = "room name" }
local USER_ID = { kind = "number", size = 4, field = f.user_id }
local TIMESTAMP = { kind = "number", size = 8, field = f.timestamp }
local CODE = { kind = "number", size = 2, field = f.code }
local CONTENT = { kind = "text", field = f.content, min = 1, max = 512, what = "content" }
local SERVER_INFO = { kind = "text", field = f.server_info, min = 0, max = 512, what = "server info" }
local MESSAGE = { kind = "text", field = f.message, min = 0, max = 512, what = "error message" }

-- The smallest and largest body of each type, and its parts.
local BODIES = {
    [0x01] = { min = 1, max = 33, USERNAME },
    [0x02] = { min = 0, max = 0 },
    [0x03] = { min = 1, max = 577, ROOM, CONTENT },
    [0x04] = { min = 1, max = 65, ROOM },
    [0x05] = { min = 1, max = 65, ROOM },
    [0x81] = { min = 4, max = 516, USER_ID, SERVER_INFO },
    [0x82] = { min = 14, max = 622, USER_ID, TIMESTAMP, USERNAME, ROOM, CONTENT },
    [0x83] = { min = 6, max = 102, USER_ID, USERNAME, ROOM },
    [0x84] = { min = 6, max = 102, USER_ID, USERNAME, ROOM },
    [0xFF] = { min = 2, max = 514, CODE, MESSAGE },
}

-- Version 2. Its payload starts behind eight bytes of header, of which the fifth to the eighth count as body.
local V2_HEADER_SIZE = 8
local SEAL_SIZE = 24

local function number(size, field) return { kind = "number", size = size, field = field } end
local function bytes(size, field) return { kind = "bytes", size = size, field = field } end
local function name(length, field, min, max, what)
    return { kind = "name", length = length, field = field, min = min, max = max, what = what }
end

local LONG_CONTENT = { kind = "text", field = f.content, min = 1, max = 4096, what = "content" }
local DATA = { kind = "data", field = f.data }
local AFTER_ROOM = name(f.after_length, f.after, 0, 64, "room name")
local AFTER_USER = name(f.after_length, f.after, 0, 32, "username")
local TO = name(f.to_length, f.to, 1, 32, "username")
local FROM = name(f.from_length, f.from, 1, 32, "username")
local CAPABILITIES, COUNT, EPOCH = number(2, f.capabilities), number(2, f.count), number(4, f.epoch)
local SEQUENCE, MEMBERS, PART = number(8, f.sequence), number(4, f.members), number(1, f.part)
local PRESENCE, MORE = { kind = "bool", size = 1, field = f.presence }, { kind = "bool", size = 1, field = f.more }

local BODIES_V2 = {
    [0x01] = { min = 19, max = 51, CAPABILITIES, bytes(16, f.client_nonce), USERNAME },
    [0x02] = { min = 0, max = 0 },
    [0x03] = { min = 1, max = 4161, ROOM, LONG_CONTENT },
    [0x04] = { min = 15, max = 79, EPOCH, number(8, f.after_sequence), number(2, f.replay), ROOM },
    [0x05] = { min = 1, max = 65, ROOM },
    [0x06] = { min = 0, max = 32, DATA },
    [0x07] = { min = 3, max = 67, COUNT, AFTER_ROOM },
    [0x08] = { min = 4, max = 100, COUNT, ROOM, AFTER_USER },
    [0x09] = { min = 1, max = 4129, TO, LONG_CONTENT },
    [0x0A] = { min = 0, max = 0 },
    [0x0B] = { min = 11, max = 75, number(8, f.before_sequence), COUNT, ROOM },
    [0x0C] = { min = 0, max = 32, DATA },
    [0x81] = { min = 6, max = 518, USER_ID, CAPABILITIES, SERVER_INFO },
    [0x82] = {
        min = 33, max = 4225, SEQUENCE, number(8, f.previous), TIMESTAMP, USER_ID, number(2, f.origin), PART, USERNAME, ROOM,
        LONG_CONTENT,
    },
    [0x83] = { min = 10, max = 106, USER_ID, MEMBERS, USERNAME, ROOM },
    [0x84] = { min = 10, max = 106, USER_ID, MEMBERS, USERNAME, ROOM },
    [0x85] = { min = 26, max = 90, EPOCH, SEQUENCE, number(8, f.replay_from), MEMBERS, PRESENCE, ROOM },
    [0x86] = { min = 0, max = 32, DATA },
    [0x87] = { min = 6, max = 70, MEMBERS, PRESENCE, ROOM },
    [0x88] = { min = 6, max = 102, USER_ID, USERNAME, ROOM },
    [0x89] = { min = 14, max = 4142, TIMESTAMP, USER_ID, PART, FROM, LONG_CONTENT },
    [0x8A] = { min = 18, max = 18, CAPABILITIES, bytes(16, f.server_nonce) },
    [0x8B] = { min = 3, max = 3, COUNT, MORE },
    [0x8C] = { min = 0, max = 32, DATA },
    [0x8D] = { min = 8, max = 8, TIMESTAMP },
    [0xFF] = { min = 6, max = 518, CODE, number(4, f.retry_after_ms), MESSAGE },
}
local COMPRESSED = { number(2, f.original_length), { kind = "data", field = f.block } }
local SEAL = { number(8, f.counter), bytes(16, f.tag) }
-- What is said at the sign-in is never compressed.
local NEVER_COMPRESSED = { [0x01] = true, [0x0A] = true, [0x81] = true, [0x8A] = true }

-- ---- Checksum --------------------------------------------------------------------------------------------------------

-- Lua 5.1 has Wireshark's `bit`, 5.2 `bit32`, 5.4 an operator that the others cannot even read.
local xor = (bit32 and bit32.bxor) or (bit and bit.bxor) or load("return function(a, b) return a ~ b end")()

local CRC_TABLE = {}
for byte = 0, 255 do
    local crc = byte
    for _ = 1, 8 do
        local half = (crc - crc % 2) / 2
        crc = crc % 2 == 1 and xor(half, 0xEDB88320) % 0x100000000 or half
    end
    CRC_TABLE[byte] = crc
end

local CRC8_TABLE = {}
for byte = 0, 255 do
    local crc = byte
    for _ = 1, 8 do
        crc = crc >= 128 and xor(crc * 2 - 256, 7) or crc * 2
    end
    CRC8_TABLE[byte] = crc
end

-- The check of a header of version 2, whose first five bytes are there.
local function crc8(raw, at)
    local crc = 0
    for index = 1, 5 do crc = CRC8_TABLE[xor(crc, raw:byte(at + index))] end
    return crc
end

-- What the register becomes by so many zero bytes, for each power of two: four tables, one for each byte of the register. The
-- register's change is linear, so that of a sum is the sum of the changes.
local ZEROS = {}

local function apply(tables, crc)
    local one = crc % 256
    local rest = (crc - one) / 256
    local two = rest % 256
    rest = (rest - two) / 256
    local three = rest % 256
    return xor(xor(tables[1][one], tables[2][two]), xor(tables[3][three], tables[4][(rest - three) / 256])) % 0x100000000
end

local function zeros(power)
    if ZEROS[power] then return ZEROS[power] end
    local tables = {}
    for index = 1, 4 do
        tables[index] = {}
        for byte = 0, 255 do
            local crc = byte * 256 ^ (index - 1)
            if power == 0 then
                local low = crc % 256
                crc = xor(CRC_TABLE[low], (crc - low) / 256) % 0x100000000
            else
                crc = apply(zeros(power - 1), apply(zeros(power - 1), crc))
            end
            tables[index][byte] = crc
        end
    end
    ZEROS[power] = tables
    return tables
end

-- What was done so far: .ci/wireshark holds it against the size of the input.
local work = { summed = 0, joined = 0, looked = 0, calls = 0 }
_G.cafewire_work = work

-- The registers after each byte of `raw`, as far as they were asked for. With them the checksum of any part costs the same,
-- however many frames are suspected to begin in the same bytes. `base` bytes stood in front of them and are done with.
local function new_sums(raw)
    return { raw = raw, base = 0, from = nil, upto = nil, registers = nil }
end

-- The same without its first bytes, and with more behind: no byte is summed twice.
local function move_on(sums, count, more)
    for place = sums.base, sums.base + count - 1 do
        if sums.registers then sums.registers[place] = nil end
    end
    sums.raw, sums.base = sums.raw:sub(count + 1) .. more, sums.base + count
    if sums.upto and sums.upto < sums.base then sums.from = nil end
    return sums
end

-- The checksum of `size` bytes from `first` on, which counts from 1. What is asked for starts further on each time.
local crc32
function crc32(sums, first, size)
    local place = first + sums.base
    if sums.from and place < sums.from then return crc32(new_sums(sums.raw), first, size) end
    if not sums.from then
        sums.from, sums.upto, sums.registers = place, place - 1, { [place - 1] = 0 }
    end
    local registers, raw, base, stop = sums.registers, sums.raw, sums.base, place + size - 1
    for at = sums.upto + 1, stop do
        local crc = registers[at - 1]
        local low = crc % 256
        registers[at] = xor(CRC_TABLE[xor(low, raw:byte(at - base)) % 256], (crc - low) / 256) % 0x100000000
        work.summed = work.summed + 1
    end
    if stop > sums.upto then sums.upto = stop end
    local start, power, rest = xor(registers[place - 1], 0xFFFFFFFF) % 0x100000000, 0, size
    while rest > 0 do
        if rest % 2 == 1 then
            start = apply(zeros(power), start)
            work.joined = work.joined + 1
        end
        rest, power = (rest - rest % 2) / 2, power + 1
    end
    return xor(xor(registers[stop], start) % 0x100000000, 0xFFFFFFFF) % 0x100000000
end

-- ---- Checks ----------------------------------------------------------------------------------------------------------
--
-- All of them read `raw`, a Lua string, at `at`, counted from 0. An error has a kind, as in core/vectors/README.md, and the
-- byte of the frame that is wrong.

local function u16(raw, at)
    local high, low = raw:byte(at + 1, at + 2)
    return high * 256 + low
end

local function u32(raw, at)
    return u16(raw, at) * 65536 + u16(raw, at + 2)
end

local function wrong(kind, at, text)
    return { kind = kind, at = at, text = text .. " (byte " .. at .. ")" }
end

-- RFC 3629: how many continuation bytes follow a first byte, and the range of the first of them.
local function utf8_sequence(first)
    if first < 0x80 then return 0 end
    if first >= 0xC2 and first <= 0xDF then return 1, 0x80, 0xBF end
    if first == 0xE0 then return 2, 0xA0, 0xBF end
    if first == 0xED then return 2, 0x80, 0x9F end
    if first >= 0xE1 and first <= 0xEF then return 2, 0x80, 0xBF end
    if first == 0xF0 then return 3, 0x90, 0xBF end
    if first >= 0xF1 and first <= 0xF3 then return 3, 0x80, 0xBF end
    if first == 0xF4 then return 3, 0x80, 0x8F end
    return nil
end

-- Where text stops being UTF-8, from 0, or nil.
local function invalid_utf8(text)
    local place = 1
    while place <= #text do
        local more, low, high = utf8_sequence(text:byte(place))
        if not more or place + more > #text then return place - 1 end
        for index = 1, more do
            local byte = text:byte(place + index)
            if byte < low or byte > high then return place - 1 end
            low, high = 0x80, 0xBF
        end
        place = place + more + 1
    end
    return nil
end

-- Whether valid UTF-8 holds U+0000 to U+001F or U+007F to U+009F.
local function has_control_character(text)
    local before = 0
    for place = 1, #text do
        local byte = text:byte(place)
        if byte < 0x20 or byte == 0x7F or (before == 0xC2 and byte < 0xA0) then return true end
        before = byte
    end
    return false
end

-- A name's or text's rules; `place` is where its bytes start, `start` where the field does.
local function check_text(part, text, start, place)
    local bad = invalid_utf8(text)
    if bad then return wrong("InvalidUtf8", place + bad, part.what .. " is not UTF-8") end
    if #text < part.min or #text > part.max then
        local rule = " bytes long, " .. part.min .. " to " .. part.max .. " are allowed"
        return wrong("InvalidField", start, part.what .. " is " .. #text .. rule)
    end
    if part.kind == "name" and has_control_character(text) then
        return wrong("InvalidField", start, part.what .. " holds a control character")
    end
    return nil
end

-- What is wrong with the body of a chat frame whose envelope is good, and which starts `place` bytes behind the frame; nil if
-- nothing is.
local function check_body(raw, at, parts, place, length)
    local stop = place + length
    for _, part in ipairs(parts) do
        if part.kind == "number" or part.kind == "bytes" then
            place = place + part.size
        elseif part.kind == "bool" then
            if raw:byte(at + place + 1) > 1 then return wrong("InvalidValue", place, "neither 0 nor 1") end
            place = place + 1
        elseif part.kind == "data" then
            place = stop
        elseif part.kind == "name" then
            local size = place < stop and raw:byte(at + place + 1)
            if not size or place + 1 + size > stop then
                return wrong("FieldOverrun", place, part.what .. " is longer than what the body has left")
            end
            local text = raw:sub(at + place + 2, at + place + 1 + size)
            local bad = check_text(part, text, place, place + 1)
            if bad then return bad end
            place = place + 1 + size
        else
            local bad = check_text(part, raw:sub(at + place + 1, at + stop), place, place)
            if bad then return bad end
            place = stop
        end
    end
    if place < stop then return wrong("TrailingBytes", place, (stop - place) .. " bytes too many") end
    return nil
end

-- The three answers of `look_…`: a frame of so many bytes, perhaps with an error; so many more bytes, or a whole segment more
-- where the header is not there yet; an error.
--
-- The rest of a header must not be asked for by its size: the segment that brings it brings the body too, and of a packet in
-- which both the header's rest and the body's end were asked for Wireshark forgets the first when it looks at it again.
local ONE_MORE_SEGMENT = DESEGMENT_ONE_MORE_SEGMENT or 0x0FFFFFFF

local function look_echo(raw, at)
    local there = #raw - at
    for index, expected in ipairs({ 0xCA, 0xFE }) do
        if there < index then return nil, ONE_MORE_SEGMENT end
        if raw:byte(at + index) ~= expected then return nil, nil, wrong("BadMagic", index - 1, "not the magic CA FE") end
    end
    if there >= 3 and not ECHO_TYPES[raw:byte(at + 3)] then
        return nil, nil, wrong("UnknownType", 2, "unknown type")
    end
    if there < ECHO_HEADER_SIZE then return nil, ONE_MORE_SEGMENT end
    local size = ECHO_HEADER_SIZE + u16(raw, at + 3)
    if there < size then return nil, size - there end
    return size
end

local function look_chat(sums, at, direction)
    local raw = sums.raw
    local there = #raw - at
    if there >= 2 then
        local code = raw:byte(at + 2)
        if not BODIES[code] then return nil, nil, wrong("UnknownType", 1, "unknown type") end
        local is_from_server = code >= 0x80
        if direction and is_from_server ~= (direction == "to client") then
            local error = wrong("WrongDirection", 1, CHAT_TYPES[code] .. " is sent only the other way")
            local size, more = look_chat(sums, at, nil)
            if size then return size, nil, error end
            return nil, more, error
        end
    end
    if there < CHAT_HEADER_SIZE then return nil, ONE_MORE_SEGMENT end
    local body, length = BODIES[raw:byte(at + 2)], u16(raw, at + 2)
    if length < body.min or length > body.max then
        local text = "length " .. length .. " where " .. body.min .. " to " .. body.max .. " are allowed"
        return nil, nil, wrong("LengthOutOfRange", 2, text)
    end
    local size = CHAT_HEADER_SIZE + length + CHECKSUM_SIZE
    if there < size then return nil, size - there end
    local carried = u32(raw, at + CHAT_HEADER_SIZE + length)
    local computed = crc32(sums, at + 1, CHAT_HEADER_SIZE + length)
    if carried ~= computed then
        local text = string.format("checksum is 0x%08x, that of the bytes is 0x%08x", carried, computed)
        return nil, nil, wrong("ChecksumMismatch", CHAT_HEADER_SIZE + length, text)
    end
    return size, nil, check_body(raw, at, body, CHAT_HEADER_SIZE, length)
end

-- What may come in no session; nil of what may.
local function check_header_v2(raw, at)
    local code, flags, length = raw:byte(at + 2), raw:byte(at + 5), u16(raw, at + 2)
    local body = BODIES_V2[code]
    local is_compressed, is_sealed = flags % 2 == 1, flags % 4 >= 2
    if flags > 3 or is_compressed and NEVER_COMPRESSED[code] or code == 0x0A and not is_sealed then
        return wrong("UnsupportedFlags", 4, "flags that " .. CHAT_TYPES[code] .. " never has")
    end
    local more = 4 + (is_sealed and SEAL_SIZE or 0)
    local min, max = body.min, body.max
    if is_compressed then min, max = 3, math.max(max - 1, 0) end
    if length < min + more or length > max + more then
        local text = "length " .. length .. " where " .. min + more .. " to " .. max + more .. " are allowed"
        return wrong("LengthOutOfRangeV2", 2, text)
    end
    return nil
end

local function look_chat_v2(sums, at, direction)
    local raw = sums.raw
    local there = #raw - at
    if there < 6 then return nil, ONE_MORE_SEGMENT end
    if crc8(raw, at) ~= raw:byte(at + 6) then return nil, nil, wrong("CheckMismatch", 5, "the header's check is wrong") end
    local code = raw:byte(at + 2)
    if not BODIES_V2[code] then return nil, nil, wrong("UnknownType", 1, "unknown type") end
    if direction and (code >= 0x80) ~= (direction == "to client") then
        local error = wrong("WrongDirectionV2", 1, CHAT_TYPES[code] .. " is sent only the other way")
        local size, more = look_chat_v2(sums, at, nil)
        if size then return size, nil, error end
        return nil, more, error
    end
    local error = check_header_v2(raw, at)
    if error then return nil, nil, error end
    local length, flags = u16(raw, at + 2), raw:byte(at + 5)
    local size = CHAT_HEADER_SIZE + length + CHECKSUM_SIZE
    if there < size then return nil, size - there end
    local carried, computed = u32(raw, at + size - CHECKSUM_SIZE), crc32(sums, at + 1, size - CHECKSUM_SIZE)
    if carried ~= computed then
        local text = string.format("checksum is 0x%08x, that of the bytes is 0x%08x", carried, computed)
        return nil, nil, wrong("ChecksumMismatch", size - CHECKSUM_SIZE, text)
    end
    if flags % 2 == 1 then return size end
    if code == 0x04 and u32(raw, at + 8) == 0 and raw:sub(at + 13, at + 20) ~= ("\0"):rep(8) then
        return size, nil, wrong("InvalidValue", 12, "a place in no epoch")
    end
    local payload = length - 4 - (flags >= 2 and SEAL_SIZE or 0)
    return size, nil, check_body(raw, at, BODIES_V2[code], V2_HEADER_SIZE, payload)
end

-- The frame at `at`, by the rules of a connection whose family is known or not (nil).
local function look(sums, at, direction, family)
    local raw = sums.raw
    local first = raw:byte(at + 1)
    work.looked = work.looked + 1
    local here = first == 0xCA and "echo" or first == 0x01 and "chat-v1" or nil
    -- To a connection of another family it is a version that is not spoken there.
    if first == 0x02 and (not family or family == "chat-v2") then return look_chat_v2(sums, at, direction) end
    if family and here and here ~= family then
        return nil, nil, wrong("FamilyChanged", 0, "this connection began as " .. family)
    end
    if (family or here) == "echo" then return look_echo(raw, at) end
    if not here then
        return nil, nil, wrong("UnsupportedVersion", 0, string.format("0x%02x is no family or version", first))
    end
    local size, more, error = look_chat(sums, at, direction)
    return size, more, error
end

-- ---- Tree ------------------------------------------------------------------------------------------------------------

-- Wireshark ends a text at its first zero byte, in the tree, in filters and in a packet's line: each is shown as the sign for
-- it, U+2400.
local function without_nul(text)
    return (text:gsub("%z", "\226\144\128"))
end

local function add_text(tree, field, range)
    local text = range:raw()
    if not text:find("\0", 1, true) then return tree:add_packet_field(field, range, ENC_UTF_8) end
    -- Wireshark passes on what it is given here: U+FFFD for what is not UTF-8, as it does itself.
    if invalid_utf8(text) then text = text:gsub("[\128-\255]", "\239\191\189") end
    return tree:add(field, range, without_nul(text))
end

local function add_checksum(tree, tvb, sums, at, stop)
    local raw = sums.raw
    local item = tree:add(f.checksum, tvb(stop, CHECKSUM_SIZE))
    local computed = crc32(sums, at + 1, stop - at)
    local is_good = u32(raw, stop) == computed
    item:append_text(is_good and " [right]" or string.format(" [wrong: 0x%08x is right]", computed))
    tree:add(f.checksum_expected, tvb(stop, CHECKSUM_SIZE), computed):set_generated()
    tree:add(f.checksum_status, tvb(stop, CHECKSUM_SIZE), is_good and 1 or 0):set_generated()
end

-- The parts of a chat body between `place` and `stop`, as far as they are there, which is up to `limit`. Answers what is
-- worth a line.
local function add_body(tree, tvb, raw, parts, place, stop, limit)
    local said, there = {}, math.min(stop, limit)
    for _, part in ipairs(parts) do
        if part.size then
            if place + part.size > there then break end
            tree:add(part.field, tvb(place, part.size))
            place = place + part.size
        elseif part.kind == "name" then
            if place + 1 > there then break end
            tree:add(part.length, tvb(place, 1))
            local size = raw:byte(place + 1)
            place = place + 1
            if place + size > there then break end
            add_text(tree, part.field, tvb(place, size))
            said[#said + 1] = raw:sub(place + 1, place + size)
            place = place + size
        elseif part.kind == "data" then
            if stop > limit then break end
            tree:add(part.field, tvb(place, stop - place))
            place = stop
        elseif stop <= limit then
            add_text(tree, part.field, tvb(place, stop - place))
            said[#said + 1] = raw:sub(place + 1, stop)
            place = stop
        end
    end
    if place < stop and stop <= limit then tree:add(f.left_over, tvb(place, stop - place)) end
    return said
end

-- Of version 2, behind the version byte.
local function add_fields_v2(tree, tvb, sums, at, limit)
    local raw, there = sums.raw, limit - at
    if there < 2 then return end
    tree:add(f.chat_type, tvb(at + 1, 1))
    if there < 4 then return end
    tree:add(f.chat_length, tvb(at + 2, 2))
    if there < 5 then return end
    tree:add(f.flags, tvb(at + 4, 1))
    if there < 6 then return end
    local check = crc8(raw, at)
    tree:add(f.check, tvb(at + 5, 1)):append_text(check == raw:byte(at + 6) and " [right]" or " [wrong]")
    tree:add(f.check_expected, tvb(at + 5, 1), check):set_generated()
    local code, flags = raw:byte(at + 2), raw:byte(at + 5)
    if check ~= raw:byte(at + 6) or there < V2_HEADER_SIZE then return end
    tree:add(f.request, tvb(at + 6, 2))
    if not BODIES_V2[code] or check_header_v2(raw, at) then return end
    local seal_size = flags >= 2 and SEAL_SIZE or 0
    local stop = at + CHAT_HEADER_SIZE + u16(raw, at + 2)
    local parts = flags % 2 == 1 and COMPRESSED or BODIES_V2[code]
    local said = add_body(tree, tvb, raw, parts, at + V2_HEADER_SIZE, stop - seal_size, limit)
    if seal_size > 0 and stop - seal_size <= limit then add_body(tree, tvb, raw, SEAL, stop - seal_size, stop, limit) end
    if stop + CHECKSUM_SIZE <= limit then add_checksum(tree, tvb, sums, at, stop) end
    return without_nul(table.concat(said, " "))
end

-- The fields of what starts at `at`, up to `limit`: all of a good frame, and as much of a bad one as can be followed.
local function add_fields(tree, tvb, sums, at, limit)
    local raw = sums.raw
    local there = limit - at
    if raw:byte(at + 1) == 0xCA then
        if there < 2 then return end
        tree:add(f.magic, tvb(at, 2))
        if there < 3 or raw:byte(at + 2) ~= 0xFE then return end
        tree:add(f.echo_type, tvb(at + 2, 1))
        if there < 5 or not ECHO_TYPES[raw:byte(at + 3)] then return end
        tree:add(f.echo_length, tvb(at + 3, 2))
        local length = u16(raw, at + 3)
        if there < ECHO_HEADER_SIZE + length then return end
        tree:add(f.payload, tvb(at + ECHO_HEADER_SIZE, length))
        return length .. " bytes"
    end
    tree:add(f.version, tvb(at, 1))
    if raw:byte(at + 1) == 0x02 then return add_fields_v2(tree, tvb, sums, at, limit) end
    if there < 2 or raw:byte(at + 1) ~= 0x01 then return end
    tree:add(f.chat_type, tvb(at + 1, 1))
    local body = BODIES[raw:byte(at + 2)]
    if there < 4 or not body then return end
    tree:add(f.chat_length, tvb(at + 2, 2))
    local length = u16(raw, at + 2)
    if length < body.min or length > body.max then return end
    local stop = at + CHAT_HEADER_SIZE + length
    local said = add_body(tree, tvb, raw, body, at + CHAT_HEADER_SIZE, stop, limit)
    if stop + CHECKSUM_SIZE <= limit then add_checksum(tree, tvb, sums, at, stop) end
    return without_nul(table.concat(said, " "))
end

local function type_name(raw, at)
    if raw:byte(at + 1) == 0xCA then return ECHO_TYPES[raw:byte(at + 3)] end
    return CHAT_TYPES[raw:byte(at + 2)]
end

local function add_error(tree, tvb, at, error)
    local place = math.min(at + error.at, tvb:len() - 1)
    tree:add(f.error, tvb(place, 1), error.kind):set_generated()
    tree:add(f.error_at, tvb(place, 1), error.at):set_generated()
    tree:add_proto_expert_info(EXPERT_OF[error.kind] or e.malformed, error.kind .. ": " .. error.text)
end

-- Without control characters: tshark prints a packet's line on a terminal as it is. Those above 127
-- are two bytes in UTF-8.
local function printable(text)
    local function escaped(byte) return ("\\x%02x"):format(byte:byte(-1)) end
    return (text:gsub("[%z\1-\31\127]", escaped):gsub("\194[\128-\159]", escaped))
end

-- Says it in the packet's line, behind what stands there already.
local function say(pinfo, text)
    text = printable(text)
    local before = tostring(pinfo.cols.info)
    -- Wireshark's own remarks are in brackets, with a space behind them.
    local is_first = before == "" or before:sub(-2) == "] "
    pinfo.cols.info:append((is_first and "" or "; ") .. text)
end

local FAMILY_OF = { [0xCA] = "echo", [0x01] = "chat-v1", [0x02] = "chat-v2" }

local function add_frame(tree, pinfo, tvb, sums, at, size, error)
    local raw = sums.raw
    local item = tree:add(proto, tvb(at, size))
    local family = FAMILY_OF[raw:byte(at + 1)]
    local name = type_name(raw, at)
    item:set_text("cafewire " .. (family == "chat-v1" and "chat" or family) .. ", " .. name)
    item:add(f.family, tvb(at, 1), family):set_generated()
    local said = add_fields(item, tvb, sums, at, at + size)
    if error then add_error(item, tvb, at, error) end
    say(pinfo, (error and "BAD " or "") .. name .. (said and said ~= "" and " " .. said or ""))
end

local function add_noise(tree, pinfo, tvb, sums, at, size, error)
    local item = tree:add(proto, tvb(at, size))
    item:set_text("cafewire, no good frame: " .. error.kind)
    add_fields(item, tvb, sums, at, at + size)
    item:add(f.noise, tvb(at, size)):set_generated()
    add_error(item, tvb, at, error)
    say(pinfo, "BAD " .. error.kind)
end

-- What stands before the first good frame of a stream whose start was not captured is the rest of something, and not bad.
local function add_before(tree, pinfo, tvb, at, size)
    local item = tree:add(proto, tvb(at, size))
    local text = size .. (size == 1 and " byte" or " bytes") .. " of what began before the capture"
    item:set_text("cafewire, " .. text)
    item:add(f.before, tvb(at, size))
    say(pinfo, text)
end

-- What the capture cut (`tcpdump -s`) is not bad either.
local function add_cut(tree, pinfo, tvb, at, size)
    local item = tree:add(proto, tvb(at, size))
    local text = size .. (size == 1 and " byte" or " bytes") .. " of a frame that the capture cut"
    item:set_text("cafewire, " .. text)
    item:add(f.cut, tvb(at, size))
    say(pinfo, text)
end

-- ---- Proxies ---------------------------------------------------------------------------------------------------------

-- What a proxy puts in front of a stream: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
local PROXY_V1, PROXY_V1_MAX_SIZE = "PROXY ", 107
local PROXY_V2, PROXY_V2_HEADER_SIZE = "\13\10\13\10\0\13\10QUIT\10", 16

-- How many bytes that takes: 0 if there is none, nil if its end is not there yet.
local function proxy_size(raw)
    for _, signature in ipairs({ PROXY_V1, PROXY_V2 }) do
        if #raw < #signature and signature:sub(1, #raw) == raw then return nil end
    end
    if raw:sub(1, #PROXY_V1) == PROXY_V1 then
        local _, stop = raw:sub(1, PROXY_V1_MAX_SIZE):find("\r\n", 1, true)
        if not stop and #raw < PROXY_V1_MAX_SIZE then return nil end
        return stop or 0
    end
    if raw:sub(1, #PROXY_V2) ~= PROXY_V2 then return 0 end
    if #raw < PROXY_V2_HEADER_SIZE then return nil end
    local size = PROXY_V2_HEADER_SIZE + u16(raw, 14)
    if #raw < size then return nil end
    return size
end

-- What it says; of version 2, in the words of version 1.
local function proxy_text(tvb, raw, size)
    if raw:sub(1, #PROXY_V1) == PROXY_V1 then return (raw:sub(1, size - 2)) end
    if raw:byte(13) % 16 == 0 then return "PROXY LOCAL" end
    local family = (raw:byte(14) - raw:byte(14) % 16) / 16
    local width = family == 1 and 4 or family == 2 and 16
    if not width or size < PROXY_V2_HEADER_SIZE + 2 * width + 4 then return "PROXY UNKNOWN" end
    local function address(at)
        if width == 16 then return tostring(tvb(at, width):ipv6()) end
        return table.concat({ raw:byte(at + 1, at + width) }, ".")
    end
    local ports = PROXY_V2_HEADER_SIZE + 2 * width
    return table.concat({
        "PROXY TCP" .. (width == 4 and 4 or 6), address(PROXY_V2_HEADER_SIZE), address(PROXY_V2_HEADER_SIZE + width),
        u16(raw, ports), u16(raw, ports + 2),
    }, " ")
end

local function add_proxy(tree, pinfo, tvb, raw, size)
    local item, text = tree:add(proto, tvb(0, size)), without_nul(proxy_text(tvb, raw, size))
    item:set_text("cafewire, put in front by a proxy: " .. text)
    item:add(f.proxy, tvb(0, size), text)
    say(pinfo, text)
end

-- ---- Other protocols -------------------------------------------------------------------------------------------------

-- What a stream on one of our ports may start with that is not ours, as `cafewire decode` has it. TLS: RFC 8446, 5.1.
local FOREIGN = {
    "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH ", "HTTP/1.",
    "\20\3\1", "\20\3\3", "\21\3\1", "\21\3\3", "\22\3\0", "\22\3\1", "\22\3\2", "\22\3\3", "\23\3\1", "\23\3\3",
    "SSH-2.0-", "INFO {",
}

local function is_foreign(raw)
    for _, signature in ipairs(FOREIGN) do
        if raw:sub(1, #signature) == signature then return true end
    end
    -- Any other method of HTTP, with a path or *.
    return raw:find("^[A-Z][A-Z%-]+ [/*]") ~= nil
end

-- ---- Streams ---------------------------------------------------------------------------------------------------------
--
-- `tshark -2` looks at all packets twice, and in the first look no field can be read. So streams are told apart by their
-- ends; that a SYN opened another connection between the same ends is noted as soon as it can be read. What is known of a
-- stream counts as it was when a packet was first read in its connection: packets may be looked at again, in any order.

-- How the connections of a packet are told apart: what TLS carries is one of its own.
local IN_TLS = "tls "

-- By the two ends: the numbers of the packets that opened a connection between them, in order.
local openings = {}

-- By connection: which port is the client's, and for each end what is known of what it sends.
local streams = {}

-- By connection, packet and size: what is known of a call; and how many there were, while a packet is looked at.
local decided, calls_in_packet = {}, {}

-- By packet: the frame that is waited for behind it, or false, bare and in TLS; and what ended in mid-frame with it.
local awaited_after, cut_short, is_told = { [""] = {}, [IN_TLS] = {} }, {}, {}

function proto.init()
    openings, streams, decided, awaited_after = {}, {}, {}, { [""] = {}, [IN_TLS] = {} }
    cut_short, is_told, calls_in_packet = {}, {}, {}
end

local function is_server_port(port)
    local range = "," .. proto.prefs.ports:gsub("%s", "") .. ","
    if range:find("," .. port .. ",", 1, true) then return true end
    for low, high in range:gmatch("(%d+)%-(%d+)") do
        if port >= tonumber(low) and port <= tonumber(high) then return true end
    end
    return false
end

-- Direction of this packet. Without a server's port the sender of the first frame is the client, unless only servers send
-- that type.
local function direction_of(stream, pinfo, raw)
    local from_server, to_server = is_server_port(pinfo.src_port), is_server_port(pinfo.dst_port)
    if to_server and not from_server then return "to server" end
    if from_server and not to_server then return "to client" end
    if not stream.client_port then
        local is_servers = (raw:byte(1) == 0x01 or raw:byte(1) == 0x02) and #raw > 1 and raw:byte(2) >= 0x80
        stream.client_port = is_servers and pinfo.dst_port or pinfo.src_port
    end
    return pinfo.src_port == stream.client_port and "to server" or "to client"
end

local function last_value(field)
    local all = { field() }
    return #all > 0 and all[#all].value or nil
end

local function is_set(flag)
    local value = last_value(flag)
    return value == true or value == 1
end

-- The two ends of a packet's connection, in the same order for both, and the one that sent it.
local function ends_of(pinfo)
    local sender = tostring(pinfo.src) .. " " .. pinfo.src_port
    local receiver = tostring(pinfo.dst) .. " " .. pinfo.dst_port
    return sender < receiver and sender .. " " .. receiver or receiver .. " " .. sender, sender
end

-- The connection of a packet, and what its sender sends there. `inner` tells what was decrypted from what carried it.
local function stream_of(pinfo, inner)
    local ends, sender = ends_of(pinfo)
    local generation, opened = 0, openings[ends] or {}
    for index = #opened, 1, -1 do
        if opened[index] <= pinfo.number then
            generation = opened[index]
            break
        end
    end
    local key = inner .. ends .. " " .. generation
    local stream = streams[key] or { sides = {} }
    streams[key] = stream
    local side = stream.sides[sender] or {}
    stream.sides[sender] = side
    return key, stream, side
end

-- How long the header is that starts there.
local function header_size_at(raw, at)
    local first = raw:byte(at + 1)
    return first == 0xCA and ECHO_HEADER_SIZE or first == 0x02 and V2_HEADER_SIZE or CHAT_HEADER_SIZE
end

local function truncated(needed, there)
    return wrong("Truncated", there, "cut short: " .. needed .. " bytes needed, " .. there .. " there")
end

-- The family is that of the side's first good frame.
local function known_family(side, pinfo, at)
    if not side.family then return nil end
    local is_later = pinfo.number > side.number or (pinfo.number == side.number and at > side.at)
    return is_later and side.family or nil
end

-- Whether a side of a connection is to be left to others: it starts with another protocol, or was taken up for a start that
-- came to nothing. `is_guess`: nothing but its first bytes, from `start` on, speaks for it.
local function is_left_to_others(side, sums, start, is_guess)
    if side.is_ours == nil and start < #sums.raw then
        local size, more = look(sums, start, nil, nil)
        if is_foreign(sums.raw:sub(start + 1, start + 24)) then
            side.is_ours = false
        elseif size or not is_guess then
            side.is_ours = true
        elseif not more then
            side.is_ours = false
        end
    end
    return side.is_ours == false
end

-- A good frame was found there.
local function note_frame(stream, side, pinfo, raw, at)
    if not side.family then
        side.family, side.number, side.at = FAMILY_OF[raw:byte(at + 1)], pinfo.number, at
    end
    stream.has_frame = true
end

-- Whether no more bytes of the stream will come behind these, which end as their segment does.
local function is_end_of_stream(pinfo, side, size, inner)
    -- Where segments are not put together.
    if pinfo.can_desegment == 0 or pinfo.can_desegment == false then return true end
    if inner ~= "" or not is_set(tcp_fin) then return false end
    local segment_end = (last_value(tcp_sequence) or 0) + (last_value(tcp_length) or size)
    local start = side.awaited and side.awaited.start or segment_end - size
    return start + size >= segment_end
end

-- ---- Searches --------------------------------------------------------------------------------------------------------
--
-- Behind a bad frame every few bytes may look like the start of a long one. Wireshark, asked for more from there on, puts the
-- same bytes together again for every segment, from the first that it was ever asked for, and has all of them dissected anew.
-- So a search keeps by itself what waits, and asks for nothing until a good frame was found.

-- The bytes that a call of a search found waiting: the last of the calls before.
local function bytes_before(known)
    local parts, lacks, before = {}, known.carried, known.previous
    while lacks > 0 do
        parts[#parts + 1] = before.raw:sub(-lacks)
        lacks, before = lacks - #parts[#parts], before.previous
    end
    for index = 1, math.floor(#parts / 2) do
        parts[index], parts[#parts + 1 - index] = parts[#parts + 1 - index], parts[index]
    end
    return table.concat(parts)
end

-- What is known of a call when it is first made, and holds when it is made again.
local function decide(stream, side, pinfo, sums, inner, is_cut)
    local is_end = is_end_of_stream(pinfo, side, #sums.raw, inner)
    local start = side.is_under_way and 0 or proxy_size(sums.raw)
    if not start and not is_end and not is_cut then return { awaits_proxy = true } end
    start, side.is_under_way = start or 0, true
    -- Frames of the other side speak for this one, which may start with the rest of something.
    local is_guess = not is_server_port(pinfo.src_port) and not is_server_port(pinfo.dst_port) and not stream.has_frame
    local is_left, is_behind_cut = is_left_to_others(side, sums, start, is_guess), side.is_behind_cut
    side.is_behind_cut = is_behind_cut or is_cut
    return { start = start, is_left = is_left, is_end = is_end, is_cut = is_cut, is_behind_cut = is_behind_cut }
end

-- What is known of a call, and the bytes that it is about: its own, and in a search those that waited.
local function call_of(key, stream, side, pinfo, raw, inner, is_cut)
    -- TLS has as many calls in a packet as there are records.
    local name = key .. ":" .. pinfo.number .. ":" .. #raw
    calls_in_packet[name] = (calls_in_packet[name] or 0) + 1
    name = name .. ":" .. calls_in_packet[name]
    local known = decided[name]
    if known then return known, new_sums((known.previous and bytes_before(known) or "") .. raw), false end
    local search, sums = side.search, nil
    side.search = nil
    if search then
        local carried = #search.sums.raw - search.at
        sums = move_on(search.sums, search.at, raw)
        known = decide(stream, side, pinfo, sums, inner, is_cut)
        known.previous, known.carried, known.looks, known.raw = search.known, carried, {}, raw
    else
        sums = new_sums(raw)
        known = decide(stream, side, pinfo, sums, inner, is_cut)
    end
    decided[name] = known
    return known, sums, true
end

-- In a search nothing is looked at twice, also if the packet is.
local function look_once(known, sums, at, direction, family)
    local looks = known.looks
    if not looks then return look(sums, at, direction, family) end
    if not looks[at] then
        local size, more, error = look(sums, at, direction, family)
        looks[at] = { size = size, more = more, error = error }
    end
    return looks[at].size, looks[at].more, looks[at].error
end

-- Goes through the bytes of a call. `show.frame`, `show.noise`, `show.cut` are called with what is there; the answer is where a
-- frame starts that goes on behind them, and how many bytes more it needs.
local function scan(call, direction, show)
    local known, sums, side = call.known, call.sums, call.side
    local at, size, noise_start, noise_error = known.start, #sums.raw, nil, nil
    local function end_noise()
        if noise_start then show.noise(noise_start, at - noise_start, noise_error) end
        noise_start = nil
    end
    while at < size do
        local frame_size, more, error = look_once(known, sums, at, direction, known_family(side, call.pinfo, at))
        if frame_size then
            end_noise()
            show.frame(at, frame_size, error)
            at = at + frame_size
        elseif more and known.is_cut then
            end_noise()
            show.cut(at, size - at)
            return nil
        elseif more and not known.is_end then
            break
        else
            if not noise_start then
                local there = size - at
                local needed = more == ONE_MORE_SEGMENT and header_size_at(sums.raw, at) or there + (more or 0)
                noise_start, noise_error = at, error or truncated(needed, there)
            end
            at = at + 1
        end
    end
    end_noise()
    if at >= size then return nil end
    local _, more = look_once(known, sums, at, direction, known_family(side, call.pinfo, at))
    return at, more
end

-- A frame goes on behind a call's bytes: Wireshark is asked for the rest, or a search keeps what is there.
local function await(call, at, more, inner)
    local known, sums, side, pinfo = call.known, call.sums, call.side, call.pinfo
    local there = #sums.raw - at
    local needed = more == ONE_MORE_SEGMENT and header_size_at(sums.raw, at) or there + more
    awaited_after[inner][pinfo.number] = { there = there, needed = needed, parts_before = #{ tls_part() } }
    if call.is_first then
        known.is_search = call.has_noise or at < (known.carried or 0) or known.previous ~= nil and not call.has_frame
        if known.is_search then
            known.raw = known.raw or sums.raw
            side.search = { known = known, sums = sums, at = at }
        end
    end
    if not known.is_search then pinfo.desegment_offset, pinfo.desegment_len = at - (known.carried or 0), more end
end

local function dissect(tvb, pinfo, tree, inner)
    local size = tvb:len()
    if size == 0 then return 0 end
    work.calls = work.calls + 1
    local key, stream, side = stream_of(pinfo, inner)
    local is_cut = tvb:reported_len() > size
    local known, sums, is_first = call_of(key, stream, side, pinfo, tvb:raw(), inner, is_cut)
    if known.is_left then return 0 end
    if known.awaits_proxy then
        pinfo.desegment_offset, pinfo.desegment_len = 0, ONE_MORE_SEGMENT
        return size
    end
    local call = { known = known, sums = sums, side = side, pinfo = pinfo, is_first = is_first }
    local direction = direction_of(stream, pinfo, sums.raw)

    pinfo.cols.protocol = "cafewire"
    pinfo.cols.info:clear()
    awaited_after[inner][pinfo.number] = false
    if known.start > 0 then add_proxy(tree, pinfo, tvb, sums.raw, known.start) end
    local whole = (known.carried or 0) == 0 and tvb or nil
    local function bytes()
        whole = whole or ByteArray.new(sums.raw, true):tvb("cafewire")
        return whole
    end
    local show = {}
    function show.frame(at, frame_size, error)
        call.has_frame = true
        if is_first then
            note_frame(stream, side, pinfo, sums.raw, at)
            side.is_behind_cut = known.is_cut
        end
        add_frame(tree, pinfo, bytes(), sums, at, frame_size, error)
    end
    function show.noise(at, noise_size, error)
        call.has_noise = true
        if known.is_behind_cut and not call.has_frame then
            add_cut(tree, pinfo, bytes(), at, noise_size)
        elseif inner == "" and not stream.is_opened and not known_family(side, pinfo, at) then
            add_before(tree, pinfo, bytes(), at, noise_size)
        else
            add_noise(tree, pinfo, bytes(), sums, at, noise_size, error)
        end
    end
    function show.cut(at, cut_size)
        call.has_noise = true
        add_cut(tree, pinfo, bytes(), at, cut_size)
    end
    local at, more = scan(call, direction, show)
    if at then await(call, at, more, inner) end
    if known.is_search and not call.has_frame and not call.has_noise then say(pinfo, "Bytes that may be a frame's") end
    pinfo.cols.info:fence()
    return size
end

function proto.dissector(tvb, pinfo, tree)
    return dissect(tvb, pinfo, tree, "")
end

-- ---- Ends in mid-frame -----------------------------------------------------------------------------------------------

-- Wireshark passes on no segments of a frame that stays incomplete. So the awaited frame is remembered, and shown in the
-- packet that ends the connection, which every postdissector sees.
local ending = Proto("cafewire_end", "cafewire connections that end in mid-frame")

-- A stream's end leaves of the awaited frame what there is of it.
local function cut_frame(side, there)
    local needed = side.awaited.needed
    -- Otherwise the end came before what was sent before it, and that may still come.
    if there <= 0 or there >= needed then return nil end
    side.awaited = nil
    return truncated(needed, there)
end

-- What a packet cuts short whose bytes end at `stop`, if it ends the stream of its sender.
local function follow_tcp(pinfo, side, stop, is_end)
    local awaited = awaited_after[""][pinfo.number]
    if awaited then
        side.awaited = { start = stop - awaited.there, needed = awaited.needed }
    elseif awaited == false then
        side.awaited = nil
    end
    return is_end and side.awaited and cut_frame(side, stop - side.awaited.start) or nil
end

-- The same of what TLS carries. There a stream has no numbers: what came of the awaited frame is counted by records.
local function follow_tls(pinfo, side, is_end)
    local awaited, parts = awaited_after[IN_TLS][pinfo.number], { tls_part() }
    if awaited ~= nil then side.awaited = awaited and { there = awaited.there, needed = awaited.needed } or nil end
    -- The first part behind those before is what was there.
    for index = awaited and awaited.parts_before + 2 or 1, side.awaited and #parts or 0 do
        side.awaited.there = side.awaited.there + parts[index].len
    end
    return is_end and side.awaited and cut_frame(side, side.awaited.there) or nil
end

-- Once for each packet, in order, when its fields can be read.
local function follow(pinfo)
    local sequence = last_value(tcp_sequence)
    if not sequence or is_told[pinfo.number] then return end
    is_told[pinfo.number] = true
    if is_set(tcp_syn) and not is_set(tcp_ack) then
        local ends = ends_of(pinfo)
        openings[ends] = openings[ends] or {}
        table.insert(openings[ends], pinfo.number)
    end
    local _, stream, side = stream_of(pinfo, "")
    local _, _, side_in_tls = stream_of(pinfo, IN_TLS)
    if is_set(tcp_syn) then stream.is_opened = true end
    local is_end = is_set(tcp_fin) or is_set(tcp_reset)
    -- What began before the capture and ends without a good frame is no frame of ours cut short.
    local cut = follow_tcp(pinfo, side, sequence + (last_value(tcp_length) or 0), is_end and (stream.is_opened or side.family))
    cut_short[pinfo.number] = cut or follow_tls(pinfo, side_in_tls, is_end)
end

function ending.dissector(tvb, pinfo, tree)
    calls_in_packet = {}
    follow(pinfo)
    local error = cut_short[pinfo.number]
    if not error then return end
    local item = tree:add(ending, tvb(0, 0))
    item:set_text("cafewire, a frame that ends with the connection: " .. error.kind)
    item:add(f.error, error.kind):set_generated()
    item:add(f.error_at, error.at):set_generated()
    item:add_proto_expert_info(e.malformed, error.kind .. ": " .. error.text)
    say(pinfo, "BAD " .. error.kind)
end

register_postdissector(ending)

-- ---- Registration ----------------------------------------------------------------------------------------------------

-- What was decrypted comes to a protocol of its own, which shows it as the same.
local inner_proto = Proto("cafewire_tls", "cafewire protocol in TLS")

function inner_proto.dissector(tvb, pinfo, tree)
    return dissect(tvb, pinfo, tree, IN_TLS)
end

local tcp_ports, tls_ports = DissectorTable.get("tcp.port"), DissectorTable.get("tls.port")
local registered

local function register_ports()
    if registered then
        tcp_ports:remove(registered, proto)
        tls_ports:remove(registered, inner_proto)
    end
    registered = proto.prefs.ports
    tcp_ports:add(registered, proto)
    tls_ports:add(registered, inner_proto)
end
proto.prefs_changed = register_ports
register_ports()

-- Whether bytes start with a frame, with the header of one, or with the start of that; behind what a proxy put in front.
local function may_be_ours(tvb)
    local raw = tvb:raw()
    local start = proxy_size(raw)
    if not proto.prefs.heuristic or not start or start >= #raw then return false end
    local size, more = look(new_sums(raw), start, nil, nil)
    return size or more
end

-- Takes over a connection.
proto:register_heuristic("tcp", function(tvb, pinfo, tree)
    if tvb:len() == 0 or not may_be_ours(tvb) then return false end
    pinfo.conversation = proto
    return dissect(tvb, pinfo, tree, "") > 0
end)

-- The same of what TLS carries; whose the connection is, is for TLS to remember.
inner_proto:register_heuristic("tls", function(tvb, pinfo, tree)
    -- Heuristics are asked before ports are, and those of others take what is no frame of ours, also on our ports.
    local is_known = is_server_port(pinfo.src_port) or is_server_port(pinfo.dst_port)
    if tvb:len() == 0 or not (is_known or may_be_ours(tvb)) then return false end
    return dissect(tvb, pinfo, tree, IN_TLS) > 0
end)
