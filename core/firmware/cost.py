#!/usr/bin/env python3
"""What the core costs: measures, holds the numbers against budget.toml, and keeps the tables in README.md and core/cost.md
up to date.

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
# The page of the project, and a part of the crate's page.
PAGES = [HERE.parent.parent / "README.md", HERE.parent / "cost.md"]
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

# Every firmware has these already, or will with its next struct assignment.
RUNTIME_SYMBOL = re.compile(r"^(compiler_builtins::|__aeabi_|mem(cpy|move|set|cmp|clr))")


def main():
    arguments = sys.argv[1:]
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    budget = tomllib.loads((HERE / "budget.toml").read_text())
    device = {crc: measure_device(crc) for crc in ("crc-small", "")}
    host = measure_host()
    sets = [measure_set(row, device["" if row[0] == "both-crc32fast" else "crc-small"]) for row in FEATURE_SETS]

    text = tables(sets, device, host)
    print(text)
    failures = over_budget(budget, sets, device, host)
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


def measure_device(crc):
    """What the program on the emulated chip printed: {(sample, what): (frame size, instructions, stack)}."""
    image = build("cortex-m", DEVICE, crc, "s")
    # 1,024 ns for every instruction: many ticks of the system timer each.
    emulator = ["qemu-system-arm", "-machine", "lm3s6965evb", "-cpu", "cortex-m3"]
    emulator += ["-display", "none", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native"]
    emulator += ["-icount", "shift=10,align=off,sleep=off", "-kernel", image]
    measured = {}
    for line in run(*emulator, timeout=120).splitlines():
        name, *numbers = line.split("\t")
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


def measure_set(row, device):
    """One row of the flash table."""
    key, title, features, families, operations = row
    program = build("flash", DEVICE, features, "s")
    sections = {}
    for line in run("size", "-A", "-d", program).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[0].startswith("."):
            sections[fields[0]] = int(fields[1])
    runtime = harness = 0
    for line in run("nm", "--print-size", "--demangle", program).splitlines():
        _, *fields = line.split(None, 3)
        if len(fields) == 3 and fields[1] in "tTwW":
            if fields[2] == "main":
                harness += int(fields[0], 16)
            elif RUNTIME_SYMBOL.match(fields[2]):
                runtime += int(fields[0], 16)
    stack = max(
        measured[2]
        for name, measured in device.items()
        if name != "parser-size" and name[0].split()[0] in families and name[1] in operations
    )
    return {
        "key": key,
        "title": title,
        "code": sections[".text"] - runtime - harness,
        "tables": sections.get(".rodata", 0),
        "runtime": runtime,
        "statics": sections.get(".data", 0) + sections.get(".bss", 0),
        "parser": device["parser-size"] if "stream" in operations else 0,
        "stack": stack,
    }


# ---- The tables ------------------------------------------------------------------------------------------------------


def tables(sets, device, host):
    lines = [
        "Bytes on a Cortex-M3, opt-level `s`, fat LTO, parsing down to the fields and encoding every type:",
        "",
        "| linked | code | tables | `memcpy` and kin | RAM | deepest stack |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in sets:
        ram = row["statics"] + row["parser"]
        lines.append(
            f"| {row['title']} | {row['code']} | {row['tables']} | {row['runtime']} | {ram} | {row['stack']} |"
        )
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


def over_budget(budget, sets, device, host):
    failures = []

    def hold(what, measured, limit):
        if measured > limit:
            failures.append(f"{what}: {measured}, the budget is {limit}")

    for row in sets:
        for column in ("code", "tables", "stack"):
            hold(f"flash.{row['key']}.{column}", row[column], budget["flash"][row["key"]][column])
        hold(f"flash.{row['key']}: RAM of its own", row["statics"], 0)
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
    for page in PAGES:
        before, _, after = between_markers(page)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def differences(text, tolerance_percent):
    """Words must be the same, numbers about the same."""
    number = re.compile(r"(?<![\w-])\d+(?![\w-])")
    failures = []
    for page in PAGES:
        _, old, _ = between_markers(page)
        if number.sub("#", old) != number.sub("#", text):
            failures.append(f"the tables in {page.name} are out of date; run .ci/size --write")
            continue
        for on_page, measured in zip(number.findall(old), number.findall(text)):
            # A few instructions are no difference.
            allowed = max(4, int(measured) * tolerance_percent / 100)
            if abs(int(on_page) - int(measured)) > allowed:
                failures.append(f"{page.name} says {on_page}, measured {measured}; run .ci/size --write")
    return failures


if __name__ == "__main__":
    main()
