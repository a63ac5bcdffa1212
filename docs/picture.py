"""Draws a terminal as it looks: `tmux capture-pane -e -p | python3 docs/picture.py > docs/terminal.svg`.

Understands the colours and weights that nj writes (SGR 0, 1, 2, 30-37, 39, 90-97) and passes over the rest.
"""
import html
import re
import sys

COLOURS = ["#484f58", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#c9d1d9"]
PLAIN, DIM, GROUND = "#e6edf3", "#8b949e", "#0d1117"
WIDTH, HEIGHT, MARGIN = 8.43, 18, 16


def runs(line):
    """(text, colour, bold) for each stretch of the same look."""
    colour, bold, dim = PLAIN, False, False
    for code, text in re.findall(r"(?:\x1b\[([0-9;]*)m)?([^\x1b]*)", line):
        for part in (int(number or 0) for number in code.split(";")) if code or text == "" else ():
            if part == 0:
                colour, bold, dim = PLAIN, False, False
            elif part == 1:
                bold = True
            elif part == 2:
                dim = True
            elif 30 <= part <= 37 or 90 <= part <= 97:
                colour = COLOURS[part % 10]
            elif part == 39:
                colour = PLAIN
        if text:
            yield text, DIM if dim else colour, bold


def draw(lines):
    columns = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines)
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
           f'font-family="ui-monospace, DejaVu Sans Mono, monospace" font-size="14">')
    yield f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>'
    for number, line in enumerate(lines):
        column = 0
        for text, colour, bold in runs(line):
            if text.strip():
                weight = ' font-weight="bold"' if bold else ""
                yield (f'<text x="{MARGIN + column * WIDTH:.1f}" y="{MARGIN + number * HEIGHT + 13}" '
                       f'textLength="{len(text) * WIDTH:.1f}" fill="{colour}"{weight} '
                       f'xml:space="preserve">{html.escape(text)}</text>')
            column += len(text)
    yield "</svg>"


if __name__ == "__main__":
    screen = sys.stdin.read().rstrip("\n").split("\n")
    print("\n".join(draw([line.rstrip() for line in screen])))
