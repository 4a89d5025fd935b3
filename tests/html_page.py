"""Reads a page strictly: every element closed, in order, and findable; what a lenient parser would forgive fails."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "br", "img", "hr"})


@dataclass
class Element:
    """One element with its attributes and the text directly and indirectly in it."""

    tag: str
    attributes: dict[str, str | None]
    texts: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes.get(name) or ""

    @property
    def text(self) -> str:
        """White space made plain."""
        return " ".join("".join(self.texts).split())


class Page(HTMLParser):
    """A page, or a fragment of one, read."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self._all = Element("", {})
        self.feed(html)
        self.close()
        assert not self._open, f"not closed: {[element.tag for element in self._open]}"
        ids = [element["id"] for element in self.elements if element["id"]]
        assert len(ids) == len(set(ids)), "an id twice"

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements of a tag with these attributes (``class_`` matches one class)."""
        return [element for element in self.elements if element.tag == tag and self._fits(element, attributes)]

    def one(self, tag: str, **attributes: str) -> Element:
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        """Everything to be read."""
        return self._all.text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>"
        element = Element(tag, dict(attrs))
        self.handle_data(" ")  # two elements are two words
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in [self._all, *self._open]:
            element.texts.append(data)

    @staticmethod
    def _fits(element: Element, attributes: dict[str, str]) -> bool:
        for name, value in attributes.items():
            if name == "class_":
                if value not in element["class"].split():
                    return False
            elif element.attributes.get(name.replace("_", "-")) != value:
                return False
        return True
