"""Checks that the files, headings and paths that texts and comments name exist.

In Markdown, it checks the files and headings in links, and the paths from the root in commands and
code spans. In all other files, it checks each citation of docs/*.md, including the heading. It
skips links to web sites, because it runs offline.
"""

import functools
import re
import sys

from checks.common import ROOT, tracked

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"`[^`]+`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"(?<![\w./-])[\w.-]+/[\w./-]*\w")
# A placeholder in a path, such as NAME in functions/NAME/src/main.rs.
PLACEHOLDER = re.compile(r"(?:^|/)[A-Z]+(?:/|$|\.)")
CITATION = re.compile(r"(?<![\w./-])(?:\.{1,2}/)*(docs/[\w.-]+\.md)(?:#([\w-]*))?")
# Generated or recorded files, which are not checked.
NOT_CHECKED = ("Cargo.lock", "package-lock.json", ".jsonl")


@functools.cache
def anchors(file):
    """Returns the ids that GitHub gives to the headings of a file."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", file.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def faults_of_link(file, anchor, name):
    if not file.exists():
        yield f"{name} does not exist"
    elif anchor and anchor not in anchors(file):
        yield f"{name} has no heading #{anchor}"


def faults_of_text(file, text, folders):
    """Yields the broken references of a Markdown text."""
    for link in LINK.findall(CODE_SPAN.sub("", FENCED.sub("", text))):
        # GitHub resolves ../../ at the root against the repository's address, so it finds its workflows there.
        if "://" in link or link.startswith(("mailto:", "../../actions/")):
            continue
        path, _, anchor = link.partition("#")
        yield from faults_of_link(file.parent / path if path else file, anchor, path or file.name)
    code = " ".join(FENCED.findall(text) + CODE_SPAN.findall(FENCED.sub("", text)))
    for path in PATH.findall(code):
        named = path.partition("/")[0] in folders and not PLACEHOLDER.search(path.removesuffix("README.md"))
        if named and not (ROOT / path).exists():
            yield f"{path} does not exist"


def faults_of_citations(text):
    """Yields the broken citations of docs/*.md in a text that is not Markdown."""
    for path, anchor in CITATION.findall(text):
        if not PLACEHOLDER.search(path):
            yield from faults_of_link(ROOT / path, anchor, path)


def run(_):
    names = tracked()
    folders = {name.partition("/")[0] for name in names if "/" in name}
    found, texts = [], 0
    for name in names:
        file = ROOT / name
        if not file.is_file() or name.endswith(NOT_CHECKED):
            continue
        text = file.read_text(errors="replace")
        texts += name.endswith(".md")
        faults = faults_of_text(file, text, folders) if name.endswith(".md") else faults_of_citations(text)
        found += [f"{name}: {fault}" for fault in dict.fromkeys(faults)]
    others, count = len(names) - texts, len(found) or "no"
    found.append(f"{texts} texts, {others} other files: {count} broken references")
    print("\n".join(found))
    sys.exit(len(found) > 1)
