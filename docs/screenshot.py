"""Draws what `tmux capture-pane -p -e -N` wrote, as a PNG.

    tmux new-session -d -s top -x 120 -y 40 'divider top'
    tmux capture-pane -p -e -N -t top | python3 docs/screenshot.py docs/top.png

It needs Pillow and the font DejaVu Sans Mono.
"""

import re
import sys

from PIL import Image, ImageDraw, ImageFont

FONTS = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono"
SIZE, WIDTH, HEIGHT = 13, 8, 16
GROUND, INK = (24, 26, 31), (205, 209, 216)
# What terminals make of the sixteen colours by name.
COLOURS = [
    (24, 26, 31), (224, 108, 117), (152, 195, 121), (229, 192, 123),
    (97, 175, 239), (198, 120, 221), (86, 182, 194), (205, 209, 216),
    (92, 99, 112), (240, 128, 128), (180, 215, 150), (245, 215, 150),
    (130, 195, 255), (215, 150, 235), (120, 210, 220), (255, 255, 255),
]


# Where the dots of a braille character are: the column and the row of each bit.
DOTS = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]


def indexed(number):
    """One of a terminal's 256 colours."""
    if number < 16:
        return COLOURS[number]
    if number >= 232:
        return (8 + (number - 232) * 10,) * 3
    number -= 16
    return tuple(0 if part == 0 else 55 + part * 40 for part in (number // 36, number // 6 % 6, number % 6))


class Pen:
    """How the next character is drawn."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.ink, self.ground = INK, GROUND
        self.bold = self.dim = self.reverse = self.underline = False

    def obey(self, codes):
        codes = [int(code or 0) for code in codes.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code == 1:
                self.bold = True
            elif code == 2:
                self.dim = True
            elif code == 4:
                self.underline = True
            elif code == 7:
                self.reverse = True
            elif code == 22:
                self.bold = self.dim = False
            elif code == 24:
                self.underline = False
            elif code == 27:
                self.reverse = False
            elif code in (38, 48):
                kind = codes.pop(0)
                colour = indexed(codes.pop(0)) if kind == 5 else tuple(codes.pop(0) for _ in range(3))
                if code == 38:
                    self.ink = colour
                else:
                    self.ground = colour
            elif 30 <= code <= 37:
                self.ink = COLOURS[code - 30]
            elif 90 <= code <= 97:
                self.ink = COLOURS[code - 82]
            elif code == 39:
                self.ink = INK
            elif code == 49:
                self.ground = GROUND

    def colours(self):
        ink, ground = self.ink, self.ground
        if self.dim:
            ink = tuple((a + b) // 2 for a, b in zip(ink, GROUND))
        return (ground, ink) if self.reverse else (ink, ground)


def main():
    lines = sys.stdin.read().rstrip("\n").split("\n")
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    columns = max(len(line) for line in plain)
    image = Image.new("RGB", ((columns + 2) * WIDTH, (len(lines) + 1) * HEIGHT), GROUND)
    draw = ImageDraw.Draw(image)
    regular = ImageFont.truetype(FONTS + ".ttf", SIZE)
    bold = ImageFont.truetype(FONTS + "-Bold.ttf", SIZE)
    pen = Pen()
    for row, line in enumerate(lines):
        x, y = WIDTH, row * HEIGHT + HEIGHT // 2
        for codes, character in re.findall(r"\x1b\[([0-9;]*)m|(.)", line):
            if not character:
                pen.obey(codes)
                continue
            ink, ground = pen.colours()
            draw.rectangle((x, y, x + WIDTH - 1, y + HEIGHT - 1), fill=ground)
            if 0x2800 < ord(character) <= 0x28FF:
                # The font has no dots.
                bits = ord(character) - 0x2800
                for bit, (column, line) in enumerate(DOTS):
                    if bits >> bit & 1:
                        left, top = x + 1 + column * 4, y + 1 + line * 4
                        draw.rectangle((left, top, left + 1, top + 1), fill=ink)
            elif character == "█":
                draw.rectangle((x, y + 2, x + WIDTH - 1, y + HEIGHT - 3), fill=ink)
            else:
                draw.text((x, y), character, font=bold if pen.bold else regular, fill=ink)
            if pen.underline:
                draw.line((x, y + HEIGHT - 2, x + WIDTH - 1, y + HEIGHT - 2), fill=ink)
            x += WIDTH
    image.quantize(64).save(sys.argv[1], optimize=True)


main()
