"""Writes the pictures of the documentation as SVG.

A picture is the same text on every machine, so a check can compare it. Its text stays text, which the
viewer draws in a font of its own. Colours follow the viewer: light, or dark.
"""

import io
import re
import sys

import matplotlib

# Each colour has a name, the value that the drawing code uses, and the values in light and in dark.
PAPER, INK, GRID, RED = "#fffffe", "#1f2329", "#d0d7df", "#d62728"
SERIES = ["#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#17becf"]
DARK = {
    PAPER: "#0d1117",
    INK: "#e6edf3",
    GRID: "#30363d",
    RED: "#ff6b6b",
    **dict(zip(SERIES, ["#58a6ff", "#ffa657", "#56d364", "#d2a8ff", "#d9a58b", "#39c5cf"])),
}

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.fonttype": "none",
    "svg.hashsalt": "chats",
    "font.family": "sans-serif",
    "font.size": 9,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.prop_cycle": matplotlib.cycler(color=SERIES),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
})


def svg(figure):
    """Returns a figure as the text of an SVG file."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    matplotlib.pyplot.close(figure)
    # Every viewer has a sans-serif font. The others that matplotlib names are not the same everywhere.
    text = re.sub(r"(font(?:-family)?: [^;\"]*?)'[^;\"]*(?=[;\"])", r"\1sans-serif", file.getvalue())
    # A tenth of a pixel is exact enough, and smaller digits may differ between processors.
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"-?\d+\.\d{2,}", rounded, tag[0]), text)
    # A media query can only change colours that have names.
    names = {color: f"--color-{number}" for number, color in enumerate(DARK)}
    for color, name in names.items():
        text = text.replace(color, f"var({name})")
    light = "".join(f"{name}:{color};" for color, name in names.items())
    dark = "".join(f"{names[color]}:{value};" for color, value in DARK.items())
    style = f"svg{{{light}}}@media (prefers-color-scheme: dark){{svg{{{dark}}}}}"
    text = text.replace("</style>", f"{style}</style>", 1)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def rounded(number):
    return f"{float(number[0]):.1f}".removesuffix(".0")


def settle(path, text, write, command):
    """Writes a picture. Without `write`, ends the process if the file has another content.

    `command` is what writes the picture.
    """
    if write:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    elif not path.exists() or path.read_text() != text:
        sys.exit(f"{path.name} is out of date: run {command}, and look at the picture")
