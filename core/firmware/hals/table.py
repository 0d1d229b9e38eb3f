"""Fails where the table of HALs in core/README.md is not true of the HALs that Cargo.toml pins: a HAL without a row, another
version, another embedded-io, or the wrong feature of the core. Rows of HALs that are not built here are not looked at."""

import pathlib
import sys
import tomllib

here = pathlib.Path(__file__).parent
manifest = tomllib.loads((here / "Cargo.toml").read_text())
packages = {}
for package in tomllib.loads((here / "Cargo.lock").read_text())["package"]:
    packages.setdefault(package["name"], []).append(package)

rows = {}
for line in (here / "../../README.md").read_text().splitlines():
    cells = [cell.strip().strip("`") for cell in line.split("|")[1:-1]]
    if len(cells) == 5:
        rows[cells[0]] = cells[1:4]

failures = []
checked = 0
for name, dependency in manifest["dependencies"].items():
    version = dependency.get("version", "")
    if not version.startswith("="):
        continue
    version = version.removeprefix("=")
    (package,) = [package for package in packages[name] if package["version"] == version]
    # "embedded-io 0.6.1" where the lock file has two versions of it.
    minor = {
        ".".join(other.split()[1].split(".")[:2])
        for other in package["dependencies"]
        if other.split()[0] in ("embedded-io", "embedded-io-async")
    }
    (minor,) = minor
    row = rows.get(name)
    if row is None:
        failures.append(f"{name}: no row")
        continue
    if not version.startswith(row[0] + "."):
        failures.append(f"{name}: version {version}, the table has {row[0]}")
    if minor != row[1]:
        failures.append(f"{name}: embedded-io {minor}, the table has {row[1]}")
    features = row[2].replace("`", "").split(", ")
    if any(feature.endswith("-06") != (minor == "0.6") for feature in features):
        failures.append(f"{name}: feature {row[2]}")
    checked += 1

if checked < 4:
    failures.append(f"only {checked} HALs are pinned")
for failure in failures:
    print(f"hals: core/README.md: {failure}", file=sys.stderr)
if failures:
    sys.exit(1)
print(f"core/README.md: the rows of {checked} HALs are those of the versions that are built")
