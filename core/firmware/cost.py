#!/usr/bin/env python3
"""What the core costs: measures, holds the numbers against budget.toml, and keeps the tables in core/cost.md up to date.

    cost.py            measure, print, write the tables
    cost.py --check    measure, print, and fail if the tables differ; writes nothing

Either way a number above its budget is a failure. `.ci/size` gives it what it needs in the environment: see there. The
programs that are measured are in cost/.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "cost.md"
BEGIN, END = "<!-- size-table:begin -->", "<!-- size-table:end -->"
DEVICE = "thumbv7m-none-eabi"

# Name in budget.toml, what the table calls it, features of the measured program, and what is done at most.
FEATURE_SETS = [
    ("echo", "echo family", "echo,crc-small", ("echo",), ("parse", "encode")),
    ("chat", "chat family, `crc-small`", "chat,crc-small", ("chat",), ("parse", "encode")),
    ("both", "**both families, `crc-small`**", "echo,chat,crc-small", ("echo", "chat"), ("parse", "encode")),
    ("both-crc32fast", "both families, crc32fast (default)", "echo,chat", ("echo", "chat"), ("parse", "encode")),
    (
        "both-stream",
        "both, `crc-small`, and `ProtocolParser`",
        "echo,chat,stream,crc-small",
        ("echo", "chat"),
        ("parse", "encode", "stream"),
    ),
]

# Feature of the core and of the measured programs, and what it is used for. Each is added to this row of the above:
FEATURES_ADD_TO = "both"
FEATURES = [
    ("alloc", "keep a message; write a kept one to a vector"),
    ("embedded-io", "receive and send, the port blocks"),
    ("embedded-io-async", "receive and send, the port is awaited"),
    ("serde", "write and read a message with postcard"),
]

# Every firmware has these already, or will with its next struct assignment.
RUNTIME_SYMBOL = re.compile(r"^(compiler_builtins::|__aeabi_|mem(cpy|move|set|cmp|clr))")

# What the measured program brings of its own: its calls, the port, the heap.
HEAP_SYMBOL = re.compile(r"^(<?cost::harness::bump::|__rustc(\[\w+\])?::__rust_(de|re)?alloc)")
HARNESS_SYMBOL = re.compile(r"^(main$|<?cost::harness::)")


def main():
    arguments = sys.argv[1:]
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    budget = tomllib.loads((HERE / "budget.toml").read_text())
    device = {crc: measure_device(crc) for crc in ("crc-small", "")}
    host = measure_host()
    sets = [measure_set(row, device["" if row[0] == "both-crc32fast" else "crc-small"]) for row in FEATURE_SETS]
    features = measure_features(next(row for row in sets if row["key"] == FEATURES_ADD_TO))

    text = tables(sets, features, device, host)
    print(text)
    failures = over_budget(budget, sets, features, device, host)
    if arguments:
        failures += differences(text, budget["readme_tolerance_percent"])
    else:
        write(text)
    for failure in failures:
        print(f"cost: {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


# ---- Measuring -------------------------------------------------------------------------------------------------------


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE, **options)
    if done.returncode != 0:
        sys.exit(f"cost: {' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(program, target, features, opt_level):
    """The path of a program of cost/, built."""
    script = (
        'source ./toolchain.sh; cargo_for "$1" build --release --quiet --package cost --bin "$2" --features "$3" '
        '&& target_directory_for "$1"'
    )
    environment = dict(os.environ, CARGO_PROFILE_RELEASE_OPT_LEVEL=opt_level)
    directory = run("bash", "-c", script, "build", target, program, features, env=environment).splitlines()[-1]
    return Path(directory) / target / "release" / program


def run_device(features):
    """What the program on the emulated chip printed: the fields of each line."""
    image = build("cortex-m", DEVICE, features, "s")
    # 1,024 ns for every instruction: many ticks of the system timer each.
    emulator = ["qemu-system-arm", "-machine", "lm3s6965evb", "-cpu", "cortex-m3"]
    emulator += ["-display", "none", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native"]
    emulator += ["-icount", "shift=10,align=off,sleep=off", "-kernel", image]
    return [line.split("\t") for line in run(*emulator, timeout=120).splitlines()]


def measure_device(crc):
    """{(sample, what): (frame size, instructions, stack)}, and the size of the parser."""
    measured = {}
    for name, *numbers in run_device(crc):
        if name == "parser-size":
            measured["parser-size"] = int(numbers[0])
        else:
            size, what, instructions, stack = numbers
            measured[name, what] = (int(size), int(instructions), int(stack))
    return measured


def measure_host():
    """Instructions on this machine: {(sample, what): count}."""
    target = re.search(r"^host: (.*)$", run("rustc", "-vV"), re.MULTILINE).group(1)
    program = build("host", target, "std", "3")
    with tempfile.TemporaryDirectory() as scratch:
        counts = Path(scratch) / "counts"
        names = run(
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={counts}",
            "--zero-before=measured",
            "--dump-after=measured",
            program,
        ).splitlines()
        dumps = [Path(f"{counts}.{index + 1}").read_text() for index in range(len(names))]
    instructions = [int(re.search(r"^(?:totals|summary): (\d+)", dump, re.MULTILINE).group(1)) for dump in dumps]
    nothing = instructions[names.index("nothing")]
    measured = {}
    for name, count in zip(names, instructions):
        if name != "nothing":
            sample, _, what = name.split("\t")
            measured[sample, what] = count - nothing
    return measured


def measure_flash(features):
    """Bytes of the linked program that are not of its own calls."""
    program = build("flash", DEVICE, features, "s")
    sections = {}
    for line in run("size", "-A", "-d", program).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[0].startswith("."):
            sections[fields[0]] = int(fields[1])
    runtime = harness = heap = 0
    for line in run("nm", "--print-size", "--demangle", program).splitlines():
        _, *fields = line.split(None, 3)
        if len(fields) == 3 and fields[1] in "tTwW":
            size, _, name = int(fields[0], 16), *fields[1:]
            if HEAP_SYMBOL.match(name):
                heap += size
            elif HARNESS_SYMBOL.match(name):
                harness += size
            elif RUNTIME_SYMBOL.match(name):
                runtime += size
    return {
        "code": sections[".text"] - runtime - harness - heap,
        "tables": sections.get(".rodata", 0),
        "runtime": runtime,
        "heap": heap,
        "statics": sections.get(".data", 0) + sections.get(".bss", 0),
    }


def measure_set(row, device):
    """One row of the flash table."""
    key, title, features, families, operations = row
    stack = max(
        measured[2]
        for name, measured in device.items()
        if name != "parser-size" and name[0].split()[0] in families and name[1] in operations
    )
    parser = device["parser-size"] if "stream" in operations else 0
    return {"key": key, "title": title, "parser": parser, "stack": stack, **measure_flash(features)}


def measure_features(base):
    """The rows of the table of features: what each adds to `base`."""
    crc_and_families = next(row[2] for row in FEATURE_SETS if row[0] == base["key"])
    # One program that uses all of them: RAM and stack of one do not depend on the others.
    lines = run_device("crc-small," + ",".join(name for name, _ in FEATURES))
    rows = []
    for name, used_to in FEATURES:
        flash = measure_flash(f"{crc_and_families},{name}")
        added = {column: flash[column] - base[column] for column in ("code", "tables", "runtime", "heap")}
        ram = sum(int(fields[2]) for fields in lines if fields[:2] == ["feature-ram", name])
        stack = max(int(fields[2]) for fields in lines if fields[:2] == ["feature-stack", name])
        rows.append({"key": name, "used_to": used_to, "ram": ram, "stack": stack, **added})
    return rows


# ---- The tables ------------------------------------------------------------------------------------------------------


def tables(sets, features, device, host):
    lines = [
        "Bytes on a Cortex-M3, opt-level `s`, fat LTO, parsing down to the fields and encoding every type:",
        "",
        "| linked | code | tables | `memcpy` and the like | RAM | deepest stack |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in sets:
        ram = row["statics"] + row["parser"]
        lines.append(
            f"| {row['title']} | {row['code']} | {row['tables']} | {row['runtime']} | {ram} | {row['stack']} |"
        )
    lines += features_table(features)
    lines += [
        "",
        "Instructions for one frame, names of 8 bytes and texts of 32 (Cortex-M3 with `crc-small` / with crc32fast):",
        "",
        "| frame | bytes | parse, x86-64 | encode, x86-64 | parse, Cortex-M3 | encode, Cortex-M3 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    small, fast = device["crc-small"], device[""]
    for sample, what in host:
        if what != "parse":
            continue
        cells = [str(host[sample, "parse"]), str(host[sample, "encode"])]
        for what in ("parse", "encode"):
            both = [str(small[sample, what][1])]
            if sample.startswith("chat"):
                both.append(str(fast[sample, what][1]))
            cells.append(" / ".join(both))
        lines.append(f"| {sample} | {small[sample, 'parse'][0]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def features_table(features):
    lines = [
        "",
        "What a feature adds to both families with `crc-small` when it is used:",
        "",
        "| feature | used to | code | tables | `memcpy` and the like | RAM | deepest stack |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in features:
        numbers = " | ".join(str(row[column]) for column in ("code", "tables", "runtime", "ram", "stack"))
        lines.append(f"| `{row['key']}` | {row['used_to']} | {numbers} |")
    heap = next(row["heap"] for row in features if row["key"] == "alloc")
    lines += [
        "",
        f"Port and heap are the program's own and not counted (this heap: {heap} bytes of code); postcard is, and a loop that polls. RAM:",
        "receiver, sender and buffers for any chat frame; with `alloc`, the longest message below and its frame in the heap.",
        "`defmt` has no row: nothing of it can be measured apart from the logger, whose encoding it is.",
    ]
    return lines


def over_budget(budget, sets, features, device, host):
    failures = []

    def hold(what, measured, limit):
        if measured > limit:
            failures.append(f"{what}: {measured}, the budget is {limit}")

    for row in sets:
        for column in ("code", "tables", "stack"):
            hold(f"flash.{row['key']}.{column}", row[column], budget["flash"][row["key"]][column])
        hold(f"flash.{row['key']}: RAM of its own", row["statics"], 0)
    for row in features:
        for column in ("code", "tables", "ram", "stack"):
            hold(f"features.{row['key']}.{column}", row[column], budget["features"][row["key"]][column])
    instructions = {
        "host": host,
        "cortex-m3": {name: value[1] for name, value in device["crc-small"].items() if name != "parser-size"},
        "cortex-m3-crc32fast": {name: value[1] for name, value in device[""].items() if name != "parser-size"},
    }
    for machine, counts in instructions.items():
        for what in ("parse", "encode"):
            dearest = max(count for name, count in counts.items() if name[1] == what)
            hold(f"instructions.{machine}.{what}", dearest, budget["instructions"][machine][what])
    hold("ram.parser", device["crc-small"]["parser-size"], budget["ram"]["parser"])
    return failures


# ---- The pages -------------------------------------------------------------------------------------------------------


def between_markers(page):
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"cost: {page.name} must hold {BEGIN} and {END}, once each")
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    return before, old.strip(), after


def write(text):
    before, _, after = between_markers(PAGE)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def differences(text, tolerance_percent):
    """Words must be the same, numbers about the same."""
    number = re.compile(r"(?<![\w-])\d+(?![\w-])")
    _, old, _ = between_markers(PAGE)
    if number.sub("#", old) != number.sub("#", text):
        return [f"the tables in {PAGE.name} are out of date; run .ci/size --write"]
    failures = []
    for on_page, measured in zip(number.findall(old), number.findall(text)):
        # A few instructions are no difference.
        allowed = max(4, int(measured) * tolerance_percent / 100)
        if abs(int(on_page) - int(measured)) > allowed:
            failures.append(f"{PAGE.name} says {on_page}, measured {measured}; run .ci/size --write")
    return failures


if __name__ == "__main__":
    main()
