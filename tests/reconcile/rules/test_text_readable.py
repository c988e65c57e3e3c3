"""That the Dutch texts can be read: a known formula with a bound, short sentences, plain words, no blame.

The formula is that of Flesch for Dutch by Douma (1960): 206.84 - 0.93 x words a sentence - 77 x syllables a word. 60 and more is
plain, 70 and more is easy. Syllables are counted by groups of vowels, which for Dutch is nearly exact: hyphenation, by which libraries
count, never splits off a single letter and would find "uren" to be one syllable.
"""

import re
from collections.abc import Iterator, Sequence

import pytest

from reconcile.rules.text import PlainText
from reconcile.textbook import texts_in_force
from tests.reconcile.rules.test_text import every

READING_EASE_MIN = 70.0
SENTENCE_WORDS_MAX = 20
TITLE_WORDS_MAX = 10

_VOWELS = re.compile("aai|ooi|oei|eeu|ieu|aa|ee|oo|uu|ie|oe|eu|ui|ei|ij|au|ou|[aeiouyáéèëïöü]")
# No word of suspicion, guilt or officialese; no passive; nothing that calls an estimate a decision.
_FORBIDDEN = re.compile(
    r"fraude|verdacht|onjuist|onterecht|overtred|ten onrechte|vergeten|verzwegen|schuld|verplicht|boete|controle|fout|moest"
    r"|\bword(?:t|en)\b|\bwerd(?:en)?\b|middels|teneinde|indien|conform|derhalve|beschikking|desbetreffende|dient\b|besluit|recht op",
    re.IGNORECASE,
)
_FORBIDDEN_ENGLISH = re.compile(
    r"fraud|suspect|suspicio|incorrect|wrong|violat|failed|guilt|penalty|fault|must have|should have|decision", re.IGNORECASE
)


def syllables(word: str) -> int:
    return max(1, len(_VOWELS.findall(word.lower())))


def words(sentence: str) -> Sequence[str]:
    """Words and numbers; a number counts as a word of two syllables."""
    return re.findall(r"[0-9][0-9.,]*[0-9]|[0-9]|[^\W\d_]+(?:-[^\W\d_]+)*", sentence)


def sentences(text: PlainText) -> Iterator[str]:
    """Every sentence but the title; a name is as long as names mostly are."""
    for part in PlainText.__struct_fields__[1:]:
        for line in getattr(text, part):
            yield from re.split(r"(?<=[.?!:]) (?=[A-Z])", line)


def reading_ease(text: PlainText) -> float:
    read = [words(one) for one in sentences(text)]
    count = sum(map(len, read))
    spoken = sum(2 if word[0].isdigit() else syllables(word) for one in read for word in one)
    return 206.84 - 0.93 * count / len(read) - 77 * spoken / count


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("uren", 2), ("u", 1), ("opgegeven", 4), ("organisatie", 5), ("kinderopvangtoeslag", 6), ("januari", 4), ("februari", 4),
        ("geïnd", 2), ("ideeën", 3), ("overneemt", 3), ("krijgt", 1), ("bij", 1), ("nieuwe", 2), ("mooie", 2), ("schatting", 2),
        ("ongeveer", 3), ("augustus", 3), ("uurtarief", 3), ("locatie", 3), ("Toeslagen", 3), ("bemiddeling", 4), ("€", 1),
    ],
)  # fmt: skip
def test_syllables_are_counted_as_dutch_people_speak_them(word: str, count: int) -> None:
    assert syllables(word) == count


def test_a_text_of_a_letter_is_hard_and_plain_words_are_easy() -> None:
    def text(*lines: str) -> PlainText:
        return PlainText(title="", seen=lines, tap=(), instead=(), effect=(), notes=(), age=())

    hard = "Overeenkomstig de desbetreffende uitvoeringsregeling kinderopvangtoeslag geschiedt herziening van de voorschotbeschikking."
    assert reading_ease(text(hard)) < 0
    assert reading_ease(text("De kat zit op de mat.", "Zij slaapt daar elke dag.")) > 90


def test_every_text_is_plain() -> None:
    ease = {reading_ease(text): text for text in every("nl")}
    assert min(ease) >= READING_EASE_MIN, ease[min(ease)]


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_sentence_is_short(language: str) -> None:
    for text in every(language):  # type: ignore[arg-type]
        assert len(words(text.title)) <= TITLE_WORDS_MAX, text.title
        for one in sentences(text):
            assert len(words(one)) <= SENTENCE_WORDS_MAX, one


@pytest.mark.parametrize(("language", "forbidden"), [("nl", _FORBIDDEN), ("en", _FORBIDDEN_ENGLISH)])
def test_no_sentence_blames_suspects_or_decides(language: str, forbidden: re.Pattern[str]) -> None:
    for key, sentence in texts_in_force().languages[language].sentences.items():  # type: ignore[index]
        assert not forbidden.search(sentence), (key, sentence)
