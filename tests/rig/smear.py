"""Draws frames of a plain smear, red cells and a white one, as YUYV; for a camera whose frames need not be real."""

import random
import sys

WIDTH, HEIGHT = 640, 480
# Y, U, V
GROUND, RED, NUCLEUS = (225, 126, 132), (170, 118, 152), (90, 150, 150)


def frame(seed):
    chance = random.Random(seed)
    pixels = [[GROUND] * WIDTH for _ in range(HEIGHT)]
    discs = [(chance.randrange(WIDTH), chance.randrange(HEIGHT), 17, RED) for _ in range(120)]
    discs.append((WIDTH // 2, HEIGHT // 2, 28, NUCLEUS))
    for x, y, radius, colour in discs:
        for j in range(max(0, y - radius), min(HEIGHT, y + radius)):
            half = int((radius**2 - (j - y) ** 2) ** 0.5)
            left, right = max(0, x - half), min(WIDTH, x + half)
            pixels[j][left:right] = [colour] * (right - left)
    data = bytearray()
    for row in pixels:
        for (y0, u, v), (y1, _, _) in zip(row[::2], row[1::2]):
            data += bytes((max(0, y0 + chance.randrange(-2, 3)), u, max(0, y1 + chance.randrange(-2, 3)), v))
    return bytes(data)


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        for seed in range(4):
            file.write(frame(seed))
