"""What a person in front of the SSD1306 sees, from its RAM, and the text pictures of tests/outputs/screens."""

WIDTH, HEIGHT = 128, 64


def seen(ram, scan):
    """Rows of `#` and `.`, as on the usual module: columns and rows are upright when both are mirrored."""
    columns_mirrored, rows_mirrored, on, inverted = (digit == "1" for digit in scan.strip())
    if not on:
        return ["." * WIDTH] * HEIGHT
    rows = []
    for y in range(HEIGHT):
        row = y if rows_mirrored else HEIGHT - 1 - y
        # Remap acts when data are written: the glass always has the last segment at its left edge.
        lit = [bool(ram[row // 8 * WIDTH + WIDTH - 1 - x] >> row % 8 & 1) != inverted for x in range(WIDTH)]
        rows.append("".join("#" if dot else "." for dot in lit))
    return rows


def differences(rows, expected, x=range(WIDTH), y=range(HEIGHT)):
    """Number of dots that differ in a part of the picture."""
    return sum(rows[j][i] != expected[j][i] for j in y for i in x)


def text_picture(path):
    return path.read_text().splitlines()


def save(rows, path):
    """As a PGM picture, four times as large."""
    with open(path, "wb") as file:
        file.write(f"P5 {WIDTH * 4} {HEIGHT * 4} 255\n".encode())
        for row in rows:
            line = b"".join((b"\xff" if dot == "#" else b"\x10") * 4 for dot in row)
            file.write(line * 4)
