"""The page to read: every part in plain Dutch, one that everybody can read, print and trust."""

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser

import asyncpg
import pytest

from api.household_page import PAGE_POLICY, Page
from api.household_parts import PARTS
from api.household_words import ACTIONS, WHO
from reconcile.disclose import SECTIONS, held_rows, record_export
from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.household import lived

VOID = {"meta"}


class Read(HTMLParser):
    """Reads a page strictly: every element is closed in its turn."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data.strip()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.seen if name == tag]


@pytest.fixture
async def page(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> str:
    parent = await lived(db, admin, keyring)
    async with db.transaction(parent) as conn:
        await record_export(conn, parent, "html")
    writer = Page(world.NOW)
    out = [writer.begin()]
    async with db.snapshot(parent) as conn:
        out += [writer.row(held) async for held in held_rows(conn, parent)]
    return b"".join([*out, writer.end()]).decode()


def read(page: str) -> Read:
    reader = Read()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_every_part_of_an_export_is_on_the_page() -> None:
    assert list(PARTS) == list(SECTIONS)


async def test_the_page_is_whole_and_easy_to_find_one_s_way_in(page: str) -> None:
    reader = read(page)
    assert reader.all("html") == [{"lang": "nl"}]
    assert len(reader.all("main")) == len(reader.all("h1")) == len(reader.all("title")) == 1
    assert [one["id"] for one in reader.all("h2")] == list(PARTS)
    assert [one["href"] for one in reader.all("a")] == [f"#{name}" for name in PARTS]
    ids = Counter(attrs["id"] for _, attrs in reader.seen if "id" in attrs)
    assert set(ids.values()) == {1}
    # Every table has a caption and a heading for each column and each row.
    assert len(reader.all("table")) == len(reader.all("caption")) == len(PARTS)
    assert {one["scope"] for one in reader.all("th")} == {"col", "row"}
    assert [one for one in reader.all("th") if one["scope"] == "col"] == [{"scope": "col"}] * sum(
        len(part.columns) for part in PARTS.values()
    )
    assert all(attrs["aria-labelledby"] in ids for attrs in reader.all("section"))


async def test_nothing_on_it_runs_or_comes_from_outside(page: str) -> None:
    reader = read(page)
    assert {tag for tag, _ in reader.seen} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "nav", "ul", "li", "a", "section", "div"),
        *("h1", "h2", "p", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    }
    attributes = {name for _, attrs in reader.seen for name in attrs}
    assert attributes <= {
        "lang",
        "charset",
        "name",
        "content",
        "aria-label",
        "aria-labelledby",
        "href",
        "id",
        "class",
        "tabindex",
        "role",
        "scope",
    }
    assert "url(" not in page
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in PAGE_POLICY


async def test_what_somebody_else_wrote_stays_text(page: str) -> None:
    assert "<b>" not in page
    said = [text for _, text in read(page).texts]
    assert "Noor & <b>Zo</b>" in said
    assert f"Noor & <b>Zo</b> bij Locatie {world.KDV}" in said


async def test_it_says_in_dutch_what_is_held(page: str) -> None:
    said = [text for _, text in read(page).texts]
    for wanted in ("120 uur", "€ 10,00", "€ 81.000", "maart 2026", "1 februari 1990", "aanvrager", "dagopvang", "overgenomen", "Proef"):
        assert wanted in said, wanted
    for wanted in (WHO["operator"], WHO["tvs"], ACTIONS["explained"], ACTIONS["read"], ACTIONS["exported"]):
        assert wanted in said, wanted
    assert any(re.fullmatch(r"\d{1,2} [a-z]+ 20\d\d, \d\d:\d\d uur", one) for one in said)
    assert "Dit is alles wat wij op 10 juli 2026, 11:00 uur over uw huishouden bewaren." in page
    # Codes are told in words; a number is told as the thing that it names.
    cells = [text for tag, text in read(page).texts if tag in ("td", "th")]
    code = re.compile(r"[a-z]+(-[a-z]+)+|None|True|False|applicant|staged|accepted|KDV|BSO|D\d\d")
    assert not [one for one in cells if code.fullmatch(one) and not one.startswith("ref-")]


async def test_an_empty_part_says_so(page: str) -> None:
    assert [text for tag, text in read(page).texts if tag == "p" and text.startswith("Hier hebben wij")] == ["Hier hebben wij niets van u."]
    _, _, after = page.partition('id="comparisonsDue"')
    part, _, _ = after.partition("</section>")
    assert "<tbody>\n</tbody>" in part
    assert part.endswith("<p>Hier hebben wij niets van u.</p>\n")
