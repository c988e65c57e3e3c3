"""A book of sentences is read strictly: what is missing, unknown or wrong is told at load, all at once."""

import copy
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from reconcile.rules import text_book
from reconcile.rules.text_book import BookRefused, read_templates
from reconcile.textbook import TEXT_VERSION


def table(language: str = "nl") -> dict[str, Any]:
    return tomllib.loads((files("reconcile.rules") / "texts" / TEXT_VERSION / f"{language}.toml").read_text(encoding="utf-8"))


def changed(key: str, value: Any) -> dict[str, Any]:
    """The Dutch tables with one value put in, or taken away by `...`."""
    whole = copy.deepcopy(table())
    *above, name = key.split(".")
    inner = whole
    for one in above:
        inner = inner[one]
    if value is ...:
        del inner[name]
    else:
        inner[name] = value
    return whole


def keys(language: str) -> list[str]:
    return list(read_templates(table(language)).sentences)


def test_a_book_names_the_twelve_months_of_its_language() -> None:
    names = "januari februari maart april mei juni juli augustus september oktober november december"
    assert read_templates(table("nl")).months == tuple(names.split())


def test_both_languages_have_the_same_sentences_in_the_same_order() -> None:
    assert keys("nl") == keys("en")


@pytest.mark.parametrize("key", keys("nl"))
def test_a_missing_sentence_is_refused_at_load(key: str) -> None:
    with pytest.raises(BookRefused, match=f"^{key}: missing$"):
        read_templates(changed(key, ...))


@pytest.mark.parametrize("key", [key for key in keys("nl") if "{" in read_templates(table()).sentences[key]])
def test_a_place_that_a_sentence_must_fill_is_missed_at_load(key: str) -> None:
    sentence = read_templates(table()).sentences[key]
    names = [part.split("}")[0] for part in sentence.split("{")[1:]]
    must = [name for name in names if name not in text_book._MAY.get(key, "").split()]
    for name in must:
        with pytest.raises(BookRefused, match=rf"{key}: must fill \{{{name}\}}"):
            read_templates(changed(key, sentence.replace(f"{{{name}}}", "iets")))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("kinds.D99", {"title": "Iets"}, "kinds.D99.title: nobody asks for it"),
        ("instead.call-us", "Bel ons.", "instead.call-us: nobody asks for it"),
        ("notes.suspicious", "Iets.", "notes.suspicious: nobody asks for it"),
        ("tap.intro", "Neem {amount} over.", "tap.intro: nobody fills {amount}"),
        ("kinds.D01.title", "Meer uren bij {organisation}", "kinds.D01.title: nobody fills {organisation}"),
        ("tap.intro", "", "tap.intro: a sentence"),
        ("tap.intro", "   ", "tap.intro: a sentence"),
        ("tap.intro", 7, "tap.intro: a sentence"),
        ("tap.intro", ["Een.", "Twee."], "tap.intro: a sentence"),
        ("tap.intro", "Een {", "tap.intro: braces that do not match"),
        ("tap.intro", "Een }", "tap.intro: braces that do not match"),
        (
            "tap.placement",
            "Voor {location.__class__}:",
            "tap.placement: {location.__class__} is no plain name; tap.placement: must fill {location}; "
            "tap.placement: nobody fills {location.__class__}",
        ),
        (
            "tap.placement",
            "Voor {location[0]}:",
            "tap.placement: {location[0]} is no plain name; tap.placement: must fill {location}; tap.placement: nobody fills {location[0]}",
        ),
        ("tap.placement", "Voor {location} {}:", "tap.placement: {} is no plain name; tap.placement: nobody fills {}"),
        ("tap.placement", "Voor {location} {0}:", "tap.placement: {0} is no plain name; tap.placement: nobody fills {0}"),
        ("tap.placement", "Voor {location:>9}:", "tap.placement: a place has a name and nothing else"),
        ("tap.placement", "Voor {location!r}:", "tap.placement: a place has a name and nothing else"),
        ("months", ["januari"] * 11, "months: twelve names"),
        ("months", ["januari"] * 11 + [""], "months: twelve names"),
        ("months", ["januari"] * 11 + [12], "months: twelve names"),
        ("months", "januari", "months: twelve names"),
        ("months", ..., "months: twelve names"),
    ],
)
def test_a_wrong_sentence_is_refused_at_load(key: str, value: Any, told: str) -> None:
    with pytest.raises(BookRefused) as refused:
        read_templates(changed(key, value))
    assert str(refused.value) == told


def test_everything_that_is_wrong_is_told_at_once() -> None:
    whole = changed("tap.intro", 7)
    del whole["age"]["declared"]
    with pytest.raises(BookRefused, match=r"^age\.declared: missing; tap\.intro: a sentence$"):
        read_templates(whole)


def test_a_value_is_filled_in_as_it_is() -> None:
    assert (
        read_templates(table()).say("tap.placement", care_type="dagopvang", location="De {Ster} {0}") == "Voor dagopvang bij De {Ster} {0}:"
    )


# Turning these words round turns a sentence about more into one about less.
_TURNED = {
    "nl": {"meer": "minder", "weinig": "veel", "krijgt u er": "betaalt u", "bij.": "terug."},
    "en": {"more": "less", "little": "much", "to you": "back by you"},
}
_FEWER = {"nl": ("Meer uren", "Minder uren"), "en": ("More hours", "Fewer hours")}


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("span", ["in_month", "in_year", "until_now"])
def test_more_and_less_are_said_in_the_same_words(language: str, span: str) -> None:
    sentences = read_templates(table(language)).sentences
    more = sentences[f"effect.more_{span}"]
    for word, other in _TURNED[language].items():
        more = more.replace(word, other)
    assert more == sentences[f"effect.less_{span}"]
    assert more != sentences[f"effect.more_{span}"]


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("part", ["title", "seen"])
def test_more_and_fewer_hours_are_said_in_the_same_words(language: str, part: str) -> None:
    sentences, (more, fewer) = read_templates(table(language)).sentences, _FEWER[language]
    turned = sentences[f"kinds.D01.{part}"].replace(more, fewer).replace(more.lower(), fewer.lower())
    assert turned == sentences[f"kinds.D02.{part}"] != sentences[f"kinds.D01.{part}"]
