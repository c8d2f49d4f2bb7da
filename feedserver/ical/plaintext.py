"""Markdown as plain text, for DESCRIPTION and for the text part of a mail."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from .lines import clean

_SAFE = "%/:=&?~#+!$,;'@()*[]"
# "js-default" leaves HTML as text; pictures are out because they would be fetched from foreign hosts.
_markdown = MarkdownIt("js-default", {"html": False}).disable("image")
_markdown.validateLink = lambda url: url.lower().startswith(("https://", "http://", "mailto:"))


def web_url(url: str) -> str:
    """The address as a URI of ASCII if it is an http or https one, else nothing.

    A calendar's link must never be a script or a file.
    """
    url = clean(url).strip()
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("http", "https") or not rest:
        return ""
    return quote(url, safe=_SAFE)


def html(markdown: str) -> str:
    """Safe HTML: no tag of the author's, no picture, links to the web and to mail only."""
    return _markdown.render(clean(markdown)).strip()


def plain(markdown: str) -> str:
    """Text as one would type it: links as "text (url)", lists with "- " or numbers, blocks apart by an empty line."""
    blocks: list[tuple[str, bool]] = []
    lists: list[int | None] = []
    bullet = ""
    tight = False
    for token in _markdown.parse(clean(markdown)):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(int(token.attrs.get("start", 1)) if token.type.startswith("ordered") else None)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
            tight = bool(lists)
        elif token.type == "list_item_open":
            bullet = "  " * (len(lists) - 1) + ("- " if lists[-1] is None else f"{lists[-1]}. ")
            lists[-1] = lists[-1] + 1 if lists[-1] is not None else None
        elif text := _block(token):
            indent = "  " * len(lists)
            lead = bullet or indent
            blocks.append((lead + text.replace("\n", "\n" + " " * len(lead)), tight and bool(lists)))
            bullet, tight = "", bool(lists)
    return "".join(("\n" if close else "\n\n") * bool(i) + text for i, (text, close) in enumerate(blocks))


def _block(token: Token) -> str:
    if token.type == "inline":
        return _inline(token.children or ())
    if token.type in ("fence", "code_block"):
        return token.content.rstrip("\n")
    return "---" if token.type == "hr" else ""


def _inline(tokens: Sequence[Token]) -> str:
    out: list[str] = []
    links: list[tuple[str, int]] = []
    for token in tokens:
        if token.type == "link_open":
            links.append((str(token.attrs.get("href", "")), len(out)))
        elif token.type == "link_close":
            url, begun = links.pop()
            if url.removeprefix("mailto:") != "".join(out[begun:]):
                out.append(f" ({url.removeprefix('mailto:')})")
        elif token.type in ("softbreak", "hardbreak"):
            out.append("\n")
        else:
            out.append(token.content)
    return "".join(out).strip()
