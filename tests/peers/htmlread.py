#!/usr/bin/env python3
"""htmlread - what a page of HTML on stdin has, for tests

htmlread.py text         all its text, in one line
htmlread.py rows         the rows of its tables, a line each, cells with "|" between
htmlread.py items        the items of its lists, a line each
htmlread.py shape        the elements that occur, a line each, with the names of their attributes
htmlread.py digest TAG   the hash of what is in <TAG>, as a Content-Security-Policy names it
"""
import base64
import hashlib
import sys
from html.parser import HTMLParser


class Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.text, self.rows, self.items, self.shape = [], [], [], set()
        self.inside, self.row, self.item = {"style": "", "script": ""}, None, None
        self.tag = None

    def handle_starttag(self, tag, attrs):
        self.shape.add(" ".join([tag, *sorted(name for name, _ in attrs)]))
        self.tag = tag
        if tag == "tr":
            self.row = []
        elif tag in ("td", "th"):
            self.row.append([])
        elif tag == "li":
            self.item = []

    def handle_endtag(self, tag):
        self.tag = None
        if tag == "tr":
            self.rows.append("|".join(squeeze(cell) for cell in self.row))
            self.row = None
        elif tag == "li":
            self.items.append(squeeze(self.item))
            self.item = None

    def handle_data(self, data):
        if self.tag in self.inside:
            self.inside[self.tag] += data
            return
        self.text.append(data)
        if self.row:
            self.row[-1].append(data)
        if self.item is not None:
            self.item.append(data)


def squeeze(parts):
    return " ".join(" ".join(parts).split())


def main():
    what, reader = sys.argv[1], Reader()
    reader.feed(sys.stdin.buffer.read().decode("utf-8"))
    reader.close()
    if what == "digest":
        digest = hashlib.sha256(reader.inside[sys.argv[2]].encode()).digest()
        print("sha256-" + base64.b64encode(digest).decode())
    elif what == "text":
        print(squeeze(reader.text))
    else:
        for line in sorted(reader.shape) if what == "shape" else getattr(reader, what):
            print(line)


main()
