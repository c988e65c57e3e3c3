"""The register of what can look odd: complete, in both languages, and each code is one that the query can find."""

import re
from pathlib import Path

from reconcile.rules.quality import QUALITY

_SQL = (Path(__file__).parents[3] / "reconcile/store/quality.sql").read_text()


def test_the_query_finds_the_registered_codes_and_no_others() -> None:
    assert set(re.findall(r"SELECT '([a-z-]+)'", _SQL)) == set(QUALITY)


def test_every_code_is_explained_in_both_languages() -> None:
    for code, kind in QUALITY.items():
        assert (kind.code, len({kind.title_nl, kind.title_en, kind.remedy_nl, kind.remedy_en})) == (code, 4)
        assert kind.remedy_nl.endswith((".", "?"))
        assert kind.remedy_en.endswith((".", "?"))
