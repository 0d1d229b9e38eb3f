#!/usr/bin/env python3
"""Makes a picture of a terminal's screen: text with SGR sequences in, SVG out.

    tmux capture-pane -e -p -N | svg.py --title "cafewire chat" --columns 100 >chat.svg

Knows the sequences that `tmux capture-pane -e` writes, and refuses others. Every run of characters is held to its
columns, so that it looks the same whatever the viewer's font.
"""

import argparse
import re
import sys
import unicodedata
from html import escape

CELL_WIDTH, CELL_HEIGHT, BASELINE, FONT_SIZE = 8.4, 18, 13.5, 14
MARGIN, TITLE_HEIGHT = 12, 30
FOREGROUND, BACKGROUND, TITLE_BACKGROUND = "#d4d7dc", "#16191f", "#272b33"
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', monospace"
SIXTEEN = (
    "#2b2f37 #e06c75 #98c379 #e5c07b #61afef #c678dd #56b6c2 #c8ccd4 "
    "#5c6370 #ff7b86 #b5e890 #ffd68a #80c4ff #de9bf0 #7fdbe6 #ffffff"
).split()
MARKS = {
    "bold": ' font-weight="bold"',
    "dim": ' opacity="0.6"',
    "italic": ' font-style="italic"',
    "underline": ' text-decoration="underline"',
}
SEQUENCE = re.compile(r"\x1b(?:\[([0-9;:]*)m|\(B|[\x0e\x0f]|.)|[\x0e\x0f]")


def indexed(number):
    """The colour with this number of the 256."""
    if number < 16:
        return SIXTEEN[number]
    if number < 232:
        levels = (0, 95, 135, 175, 215, 255)
        number -= 16
        return "#%02x%02x%02x" % (levels[number // 36], levels[number // 6 % 6], levels[number % 6])
    grey = 8 + 10 * (number - 232)
    return "#%02x%02x%02x" % (grey, grey, grey)


class Style:
    """What the last sequences have made of the text that follows."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.foreground = self.background = None
        self.attributes = frozenset()

    def apply(self, parameters):
        codes = [int(code or 0) for code in re.split("[;:]", parameters or "0")]
        while codes:
            code = codes.pop(0)
            names = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
            if code == 0:
                self.reset()
            elif code in names:
                self.attributes |= {names[code]}
            elif code == 22:
                self.attributes -= {"bold", "dim"}
            elif code in (23, 24, 27):
                self.attributes -= {names[code - 20]}
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.foreground = indexed(code - 30 if code < 90 else code - 82)
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.background = indexed(code - 40 if code < 100 else code - 92)
            elif code in (38, 48):
                kind = codes.pop(0)
                if kind == 5:
                    colour = indexed(codes.pop(0))
                else:
                    colour = "#%02x%02x%02x" % tuple(codes[:3])
                    del codes[:3]
                if code == 38:
                    self.foreground = colour
                else:
                    self.background = colour
            elif code == 39:
                self.foreground = None
            elif code == 49:
                self.background = None
            else:
                raise SystemExit(f"svg.py: SGR code {code} is not known")

    def now(self):
        foreground, background = self.foreground or FOREGROUND, self.background
        if "reverse" in self.attributes:
            foreground, background = background or BACKGROUND, foreground
        return foreground, background, self.attributes - {"reverse"}


def width(character):
    if unicodedata.combining(character) or character in "\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def runs(row, style):
    """The row as (column, columns, text, style): neighbours of one style, wide characters by themselves."""
    column, position = 0, 0
    found = []
    while position < len(row):
        match = SEQUENCE.match(row, position)
        if match:
            if match.group(1) is not None:
                style.apply(match.group(1))
            elif match.group(0) not in ("\x1b(B", "\x0e", "\x0f"):
                raise SystemExit(f"svg.py: the sequence {match.group(0)!r} is not known")
            position = match.end()
            continue
        character, columns = row[position], width(row[position])
        last = found[-1] if found else None
        if last and (columns == 0 or (columns == 1 and last[1] == len(last[2]) and last[3] == style.now())):
            last[2] += character
            last[1] += columns
        else:
            found.append([column, columns, character, style.now()])
        column += columns
        position += 1
    return found


def draw(rows, columns, title, cursor):
    picture_width = columns * CELL_WIDTH + 2 * MARGIN
    picture_height = len(rows) * CELL_HEIGHT + TITLE_HEIGHT + 2 * MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{picture_width:g}" height="{picture_height:g}" '
        f'viewBox="0 0 {picture_width:g} {picture_height:g}" font-family="{FONTS}" font-size="{FONT_SIZE}">'
    )
    yield f"<title>{escape(title)}</title>"
    yield f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>'
    yield (
        f'<path d="M0 {TITLE_HEIGHT}V8a8 8 0 0 1 8-8H{picture_width - 8:g}a8 8 0 0 1 8 8V{TITLE_HEIGHT}z" '
        f'fill="{TITLE_BACKGROUND}"/>'
    )
    for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        yield f'<circle cx="{18 + 20 * number}" cy="15" r="6" fill="{colour}"/>'
    yield f'<text x="{picture_width / 2:g}" y="20" fill="#9aa1ad" text-anchor="middle">{escape(title)}</text>'
    yield f'<g transform="translate({MARGIN} {TITLE_HEIGHT + MARGIN})">'
    if cursor:
        x, y = (int(part) for part in cursor.split())
        yield f'<rect x="{x * CELL_WIDTH:g}" y="{y * CELL_HEIGHT}" width="{CELL_WIDTH}" height="{CELL_HEIGHT}" fill="#7d8590"/>'
    style = Style()
    for y, row in enumerate(rows):
        for column, cells, text, (foreground, background, attributes) in runs(row, style):
            x, run_width = column * CELL_WIDTH, cells * CELL_WIDTH
            if background:
                # A little more than a cell, or seams show between neighbours.
                yield (
                    f'<rect x="{x:g}" y="{y * CELL_HEIGHT}" width="{run_width + 0.4:g}" '
                    f'height="{CELL_HEIGHT + 0.4:g}" fill="{background}"/>'
                )
            marks = "".join(MARKS[name] for name in sorted(attributes))
            # Viewers make one space of many, so the words between are placed each by itself.
            for words in re.finditer(r"\S+(?: \S+)*", text):
                before = sum(map(width, text[: words.start()]))
                words_width = sum(map(width, words.group())) * CELL_WIDTH
                yield (
                    f'<text x="{x + before * CELL_WIDTH:g}" y="{y * CELL_HEIGHT + BASELINE:g}" fill="{foreground}" '
                    f'textLength="{words_width:g}" lengthAdjust="spacingAndGlyphs"{marks}>{escape(words.group())}</text>'
                )
    yield "</g></svg>"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--title", required=True)
    parser.add_argument("--columns", type=int, required=True)
    parser.add_argument("--cursor", default="", help="its column and row, from 0; empty for none")
    arguments = parser.parse_args()
    rows = sys.stdin.read().removesuffix("\n").split("\n")
    print("\n".join(draw(rows, arguments.columns, arguments.title, arguments.cursor)))


if __name__ == "__main__":
    main()
