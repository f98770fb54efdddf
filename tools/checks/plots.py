"""Writes the pictures of the documentation as SVG.

A picture is the same text on every machine, so a check can compare it. Its text stays text, which the
viewer draws in a font of its own.
"""

import io
import re
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.fonttype": "none",
    "svg.hashsalt": "chats",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
})


def svg(figure):
    """Returns a figure as the text of an SVG file."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    matplotlib.pyplot.close(figure)
    # Every viewer has a sans-serif font. The others that matplotlib names are not the same everywhere.
    text = re.sub(r"(font(?:-family)?: [^;\"]*?)'[^;\"]*(?=[;\"])", r"\1sans-serif", file.getvalue())
    # A tenth of a pixel is exact enough, and smaller digits may differ between processors.
    text = re.sub(r"-?\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def settle(path, text, write, command):
    """Writes a picture. Without `write`, ends the process if the file has another content.

    `command` is what writes the picture.
    """
    if write:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    elif not path.exists() or path.read_text() != text:
        sys.exit(f"{path.name} is out of date: run {command}, and look at the picture")
