"""WebDAV answers (RFC 4918, 13) read from a server that nobody vouches for: no document type, no entities, bounded in depth and size (S53)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

DAV, CALDAV = "DAV:", "urn:ietf:params:xml:ns:caldav"
DEEPEST = 50


class NotXml(ValueError):
    """What is no XML, or more than an answer has any use for."""


@dataclass(slots=True)
class Element:
    """`name` as `{namespace}local`."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, *names: str) -> Iterator[Element]:
        """The descendants along these names."""
        for child in self.children:
            if child.name == names[0]:
                if len(names) == 1:
                    yield child
                else:
                    yield from child.all(*names[1:])

    def first(self, *names: str) -> Element | None:
        """The first of them."""
        return next(self.all(*names), None)

    def words(self, *names: str) -> str:
        """Its text, "" where there is none."""
        found = self.first(*names)
        return found.text.strip() if found is not None else ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One response of a multistatus: `href` as the server writes it, `props` the properties that it found (a `prop` element)."""

    href: str
    status: int
    props: Element


def dav(local: str) -> str:
    """A name of WebDAV."""
    return f"{{{DAV}}}{local}"


def cal(local: str) -> str:
    """A name of CalDAV."""
    return f"{{{CALDAV}}}{local}"


def read(data: bytes) -> Element:
    """The root element; raises `NotXml`."""
    parser = expat.ParserCreate(namespace_separator="}")
    top = Element("", {})
    stack = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > DEEPEST:
            raise NotXml("nested too deeply")
        element = Element("{" + name if "}" in name else name, attributes)
        stack[-1].children.append(element)
        stack.append(element)

    def refuse(*_: object) -> None:
        raise NotXml("it has a document type, which no answer needs")

    def end(_name: str) -> None:
        stack.pop()

    def characters(text: str) -> None:
        stack[-1].text += text

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise NotXml(str(error)) from error
    return top.children[0]


def resources(data: bytes) -> list[Resource]:
    """The responses of a multistatus; raises `NotXml` for what is none."""
    root = read(data)
    if root.name != dav("multistatus"):
        raise NotXml("it is no multistatus")
    return [_resource(one) for one in root.all(dav("response"))]


def _resource(response: Element) -> Resource:
    props = Element(dav("prop"), {})
    for stat in response.all(dav("propstat")):
        if _status(stat.words(dav("status"))) in (0, 200):
            for prop in stat.all(dav("prop")):
                props.children += prop.children
    return Resource(response.words(dav("href")), _status(response.words(dav("status"))) or 200, props)


def _status(line: str) -> int:
    parts = line.split()
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


def path_of(href: str) -> str:
    """The path of an href with its escapes undone: servers write the same one in several ways."""
    return unquote(urlsplit(href).path)
