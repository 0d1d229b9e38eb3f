#!/usr/bin/env python3
"""Holds the table "What may import what" of a crate's ARCHITECTURE.md against the crate's source.

    .ci/imports.py net
    .ci/imports.py --no-circle cli      only that no two modules at the top import each other, by whatever way

A part is a file or a folder below src. A row names the parts that those it is about may import besides each other, and what
of the system their code may use: sockets, files, the clock. A folder may use what the mod.rs around it lends. Tests are free.
The table itself must have no circle, name every file, and nothing that is not used.
"""

import pathlib
import re
import sys

SYSTEM = {
    "clock": r"\b(?:Instant|SystemTime)::now\b",
    "files": r"\bstd::fs\b|\bFile::",
    "sockets": r"\b(?:mio|rustix|socket2|listenfd|signal_hook_mio)::"
    r"|\bstd::os::unix::net\b|\b(?:TcpStream|TcpListener|UnixStream|UnixListener)::",
}

only_circles = sys.argv[1] == "--no-circle"
crate = pathlib.Path(sys.argv[-1])
source = crate / "src"
faults = []


def rows():
    text = (crate / "ARCHITECTURE.md").read_text()
    table = re.search(r"^\| part .*\n\|[-| ]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    for row in table.group(1).splitlines():
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        yield [re.findall(r"`([^`]+)`", cell) for cell in (cells[0], cells[2], cells[3])]


def code(path):
    """Without comments and tests."""
    text = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
    item = r"^( *)#\[cfg\(test\)\]\n(?: *#\[.*\]\n)* *[^\n]*(?:;$|\{$.*?^\1\}$)"
    return re.sub(item, "", text, flags=re.DOTALL | re.MULTILINE)


def module(path):
    names = list(path.relative_to(source).with_suffix("").parts)
    return names[:-1] if names[-1] in ("mod", "lib", "main") else names


def split(group):
    """The parts of what stands between two braces, at its commas."""
    depth, begin = 0, 0
    for at, character in enumerate(group):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield group[begin:at]
            begin = at + 1
    yield group[begin:]


def expanded(path):
    head, brace, rest = path.partition("{")
    if not brace:
        yield path.strip()
        return
    for item in split(rest[: rest.rindex("}")]):
        if item.strip():
            yield from expanded(head.strip() + item.strip())


def imports(path):
    """What a file names of its own crate, as lists of modules."""
    here = module(path)
    parent = here if path.name in ("mod.rs", "lib.rs", "main.rs") else here[:-1]
    text = code(path)
    uses = re.findall(r"\buse ((?:crate|super|self)::[^;]+);", text)
    inline = re.findall(r"\b((?:crate|super)(?:::\w+)+)", re.sub(r"\buse [^;]+;", "", text))
    for written in [*uses, *inline]:
        for full in expanded(re.sub(r"\s+", " ", written)):
            names = full.split(" as ")[0].split("::")
            if names[0] == "crate":
                yield names[1:]
            elif names[0] == "self":
                yield [*here, *names[1:]]
            else:
                base = list(here)
                while names and names[0] == "super":
                    base, names = base[:-1], names[1:]
                yield [*base, *names]




def circle(name, others, way):
    if name in way:
        return [*way[way.index(name) :], name]
    return next(filter(None, (circle(other, others, [*way, name]) for other in sorted(others[name]))), None)


if only_circles:
    tops = {module(path)[0] for path in source.rglob("*.rs") if module(path)}
    others = {name: set() for name in tops}
    for path in source.rglob("*.rs"):
        if module(path) and "test" not in path.name:
            others[module(path)[0]] |= {names[0] for names in imports(path) if names and names[0] in tops}
    for name in tops:
        others[name].discard(name)
    for name in sorted(tops):
        if found := circle(name, others, []):
            sys.exit(f"{crate}: a circle of imports: {' → '.join(found)}")
    print(f"{crate}: {len(tops)} modules, and no circle")
    sys.exit()

may, system, row_of = {}, {}, {}
for parts, imported, of_system in rows():
    may[parts[0]], system[parts[0]] = set(imported), set(of_system)
    row_of |= dict.fromkeys(parts, parts[0])


def owner(path):
    """The part that a file belongs to."""
    relative = path.relative_to(source)
    names = [relative.as_posix(), *(f"{folder.as_posix()}/" for folder in relative.parents if folder.name)]
    return next((name for name in names if name in row_of), None)


def part_of(names):
    """The part that a path of modules leads to."""
    for length in range(len(names), 0, -1):
        path = "/".join(names[:length])
        for part in (f"{path}.rs", f"{path}/", f"{path}/mod.rs"):
            if part in row_of:
                return part
    return None


used_parts = {row: set() for row in may}
used_system = {row: set() for row in may}
for path in sorted(source.rglob("*.rs")):
    if path.name == "lib.rs" or "test" in path.name:
        continue
    part = owner(path)
    if part is None:
        faults.append(f"{path}: no row of the table is about this file")
        continue
    row = row_of[part]
    for names in imports(path):
        other = part_of(names)
        lent = other and other.endswith("/mod.rs") and part.startswith(other.removesuffix("mod.rs"))
        if other is None or lent or row_of[other] == row:
            continue
        used_parts[row].add(other)
        if other not in may[row]:
            faults.append(f"{path}: imports `{other}`, which `{row}` may not")
    for what, pattern in SYSTEM.items():
        if re.search(pattern, code(path)):
            used_system[row].add(what)
            if what not in system[row]:
                faults.append(f"{path}: uses {what}, which `{row}` may not")

faults += [f"`{part}`: there is no such part" for part in row_of if not (source / part).exists()]
for row in may:
    for name in sorted((may[row] - used_parts[row]) | (system[row] - used_system[row])):
        faults.append(f"`{row}` may use `{name}`, and does not")


rows_of = {row: {row_of[part] for part in may[row] if part in row_of} for row in may}
if found := next(filter(None, (circle(row, rows_of, []) for row in may)), None):
    faults.append(f"a circle: {' → '.join(found)}")

if faults:
    print("\n".join(faults), file=sys.stderr)
    print(f"{crate}: the imports are other than {crate}/ARCHITECTURE.md says, {len(faults)} times", file=sys.stderr)
    sys.exit(1)
print(f"{crate}: {sum(map(len, used_parts.values()))} imports between {len(may)} parts, as its table says, and no circle")
