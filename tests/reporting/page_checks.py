"""What every page must be."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br"}


class Reader(HTMLParser):
    """Elements as they nest, their attributes, and the text outside style."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def check(html):
    """Well formed, self-contained, and no two parts of one name."""
    found = Reader(html)
    assert "script" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    links = [value for name, value in found.attributes if name in ("href", "src", "xlink:href", "action")]
    assert all(value.startswith(("#", "data:")) for value in links)
    assert not re.search(r"url\((?!#)", html)
    names = [value for name, value in found.attributes if name == "id"]
    assert len(names) == len(set(names))
    assert {value[1:] for value in links if value.startswith("#")} <= set(names)
    for svg in re.findall(r"<svg.*?</svg>", html, flags=re.S):
        tree = ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))
        assert tree.get("role") == "img"
        assert [child.text for child in tree[:2] if child.text]
    return found
