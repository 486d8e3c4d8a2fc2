"""A page as a parser sees it."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags, their attributes, text, and whether all tags are closed in order."""

    VOID = frozenset({"meta", "br", "img", "input"})

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def named(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]
