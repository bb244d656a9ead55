#!/usr/bin/env python3
"""Finds what the documents name and the tree does not have.

Reads every Markdown file of the tree and checks
  - relative links and the anchors in them, against files and headings;
  - paths in code spans whose first part is a folder or file of the tree's top, against the tree;
  - `make x`, against the Makefile.
Links to other sites are not followed. Prints each dead one as FILE:LINE and exits 1 when there are any.
"""

import fnmatch
import os
import re
import subprocess
import sys

LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
REFERENCE = re.compile(r"^\s{0,3}\[[^\]^][^\]]*\]:\s*<?(\S+?)>?(?:\s|$)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
EXPLICIT_ANCHOR = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")
FENCE = re.compile(r"^\s*(```+|~~~+)")
CODE = re.compile(r"(`+)(.+?)\1")
PATH = re.compile(r"^[\w.*{},-]+(?:/[\w.*{},-]+)*/?$")
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
SITE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def tree():
    """Every file that is or may come under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True)
    return sorted({name for name in listed.stdout.split("\0") if name and os.path.exists(name)})


def lines(path):
    """The lines of a document as (number, text, whether it stands in a code block)."""
    fence = None
    with open(path, encoding="utf-8") as document:
        for number, line in enumerate(document, 1):
            line = line.rstrip("\n")
            mark = FENCE.match(line)
            if mark and fence is None:
                fence = mark[1]
                yield number, line, True
            elif mark and mark[1].startswith(fence):
                fence = None
                yield number, line, True
            else:
                yield number, line, fence is not None


def anchors(path):
    """The anchors that a document offers, as GitHub makes them of headings."""
    found, seen = set(), {}
    for _, line, code in lines(path):
        if code:
            continue
        found.update(EXPLICIT_ANCHOR.findall(line))
        heading = HEADING.match(line)
        if heading:
            text = LINK.sub(lambda link: link[0][1:link[0].index("]")], heading[1])
            slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            found.add(f"{slug}-{count}" if count else slug)
    return found


def expand(pattern):
    """a/{b,c}.rs -> a/b.rs, a/c.rs"""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if not braces:
        return [pattern]
    return [path for choice in braces[1].split(",")
            for path in expand(pattern[:braces.start()] + choice + pattern[braces.end():])]


class Checker:
    """Holds the tree, and what was found dead in it."""

    def __init__(self):
        self.files = tree()
        self.known = set(self.files)
        for name in self.files:
            while name := os.path.dirname(name):
                self.known.add(name)
        self.top = {name.split("/")[0] for name in self.files}
        with open("Makefile", encoding="utf-8") as makefile:
            self.targets = set(re.findall(r"^([a-z][a-z-]*):", makefile.read(), re.MULTILINE))
        self.checked, self.dead = 0, []

    def report(self, place, problem):
        self.dead.append(f"{place}: {problem}")

    def link(self, document, place, link):
        """A link as written in the document."""
        if SITE.match(link):
            return
        self.checked += 1
        path, _, anchor = link.partition("#")
        at = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path else document
        if at != "." and at not in self.known:
            self.report(place, f"no {at} (link {link})")
        elif anchor and at.endswith(".md") and anchor not in anchors(at):
            self.report(place, f"no heading #{anchor} in {at}")

    def span(self, place, code):
        """A code span: a path of the tree, or a make target."""
        for name in MAKE.findall(code):
            self.checked += 1
            if name not in self.targets:
                self.report(place, f"the Makefile has no target {name}")
        path = code.split(":")[0]
        if "/" not in path or not PATH.match(path) or path.split("/")[0] not in self.top:
            return
        self.checked += 1
        for one in expand(path.rstrip("/")):
            if not any(fnmatch.fnmatchcase(known, one) for known in self.known):
                self.report(place, f"no {one} in the tree")

    def document(self, document):
        for number, line, code in lines(document):
            place = f"{document}:{number}"
            if code:
                for name in re.findall(r"^\s*(?:\$ )?make ([a-z][a-z-]*)", line):
                    self.span(place, f"make {name}")
                continue
            for _, span in CODE.findall(line):
                self.span(place, span.strip())
            bare = CODE.sub("``", line)
            for link in LINK.findall(bare) + REFERENCE.findall(bare):
                self.link(document, place, link)


def main():
    checker = Checker()
    documents = [name for name in checker.files if name.endswith(".md")]
    for document in documents:
        checker.document(document)
    for dead in checker.dead:
        print(dead)
    print(f"{len(documents)} documents, {checker.checked} links, paths and targets, {len(checker.dead)} dead")
    sys.exit(1 if checker.dead else 0)


main()
