"""Prints the crates, other than Rust's own, whose types or traits stand in a crate's public API.

    python3 foreign_crates.py crate.json

Reads what `rustdoc --output-format json` wrote. Private fields, and with them the types behind them, are not in it. What
every type has without anybody's doing (auto traits, blanket implementations) is no promise of the crate and is left out.
"""

import json
import sys

OWN = {"core", "alloc", "std"}


def named(node, found):
    """Collects the ids of all paths in a part of an item's description."""
    if isinstance(node, dict):
        if "path" in node and isinstance(node.get("id"), int):
            found.add(str(node["id"]))
        for value in node.values():
            named(value, found)
    elif isinstance(node, list):
        for value in node:
            named(value, found)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        crate = json.load(file)
    ids = set()
    for item in crate["index"].values():
        implementation = item["inner"].get("impl")
        if implementation and (implementation["is_synthetic"] or implementation["blanket_impl"]):
            continue
        named(item["inner"], ids)
    local = [item for item in crate["index"].values() if item["crate_id"] == 0]
    if len(local) < 100 or len(ids) < 20:
        sys.exit(f"{len(local)} items and {len(ids)} paths: this is not the API that was to be looked at")
    crates = set()
    for path_id in ids:
        summary = crate["paths"].get(path_id)
        if summary and summary["crate_id"] != 0:
            crates.add(crate["external_crates"][str(summary["crate_id"])]["name"])
    print(*sorted(crates - OWN))


main()
