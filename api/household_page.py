"""An export as a page to read: Dutch, one table for each part, with nothing from outside and nothing that runs.

It says the same as the JSON in the words of a parent. What only a machine can use, such as the steps of a computation, is in the JSON.
"""

import base64
import hashlib
from datetime import datetime

import msgspec

from api.household_parts import PARTS
from api.household_words import Names, Row
from reconcile.store.disclosed import HeldRow

_STYLE = """
body { font-family: sans-serif; line-height: 1.5; margin: 0 auto; max-width: 75rem; padding: 1rem; color: #1a1a1a; background: #fff }
table { border-collapse: collapse; width: 100%; margin: 0 0 1rem }
caption { text-align: left; font-style: italic; padding: 0.25rem 0 }
th, td { border: 1px solid #767676; padding: 0.25rem 0.5rem; text-align: left; vertical-align: top }
th { background: #eef2f6 }
td p { margin: 0 0 0.5rem }
a:focus { outline: 3px solid #01689b }
.wide { overflow-x: auto }
@media print {
  body { max-width: none; padding: 0; font-size: 9pt }
  nav { display: none }
  thead { display: table-header-group }
  tr { break-inside: avoid }
  h2 { break-after: avoid }
}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Page:
    """An export as a page; every part has its table, also an empty one."""

    def __init__(self, exported_at: datetime) -> None:
        self._names = Names()
        self._exported_at = exported_at
        self._left = list(PARTS)
        self._has_rows = False

    def begin(self) -> bytes:
        """Write the head of the page and the list of its parts."""
        links = "".join(f'<li><a href="#{name}">{part.title}</a></li>' for name, part in PARTS.items())
        return (
            '<!DOCTYPE html>\n<html lang="nl">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>Uw gegevens bij de kinderopvangtoeslag</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
            "<h1>Uw gegevens bij de kinderopvangtoeslag</h1>\n"
            f"<p>Dit is alles wat wij op {self._names.instant(self._exported_at)} over uw huishouden bewaren. "
            "Uw burgerservicenummer staat er niet in. Wat een ander huishouden van uw kind betreft, staat er ook niet in.</p>\n"
            "<p>Klopt er iets niet? Uw opgegeven uren verandert u bij Dienst Toeslagen. "
            "Voor de uren van de kinderopvang gaat u naar de kinderopvang.</p>\n"
            f'<nav aria-label="Onderdelen">\n<ul>{links}</ul>\n</nav>\n'
        ).encode()

    def row(self, held: HeldRow) -> bytes:
        """Write one row, and what comes before it."""
        row: Row = msgspec.json.decode(held.document)
        self._names.learn(held.section, row)
        begun = self._begun(held.section)
        self._has_rows = True
        cells = []
        for number, column in enumerate(PARTS[held.section].columns):
            value = row[column.member]
            tag = 'th scope="row"' if number == 0 else "td"
            cells.append(f"<{tag}>{'' if value is None else column.say(self._names, value)}</{tag[:2]}>")
        return begun + f"<tr>{''.join(cells)}</tr>\n".encode()

    def end(self) -> bytes:
        """Write the parts that are left, and the end of the page."""
        return self._begun("") + self._ended() + b"</main>\n</body>\n</html>\n"

    def _begun(self, section: str) -> bytes:
        out = b""
        while self._left and (section not in PARTS or section in self._left):
            if len(self._left) < len(PARTS):
                out += self._ended()
            name = self._left.pop(0)
            part = PARTS[name]
            headings = "".join(f'<th scope="col">{column.heading}</th>' for column in part.columns)
            out += (
                f'<section aria-labelledby="{name}">\n<h2 id="{name}">{part.title}</h2>\n<div class="wide" tabindex="0" role="region" '
                f'aria-labelledby="{name}">\n<table>\n<caption>{part.about}</caption>\n<thead><tr>{headings}</tr></thead>\n<tbody>\n'
            ).encode()
            self._has_rows = False
            if name == section:
                break
        return out

    def _ended(self) -> bytes:
        empty = "" if self._has_rows else "<p>Hier hebben wij niets van u.</p>\n"
        return f"</tbody>\n</table>\n</div>\n{empty}</section>\n".encode()
