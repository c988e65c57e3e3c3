"""What a difference says: published as documents, from which its texts are written, and as the JSON text that is kept."""

import msgspec
from msgspec import Struct

from reconcile.rules.documents import EffectDocument, ProposalDocument, effect_document, proposal_document
from reconcile.rules.explanation_document import ExplanationDocument, explanation_document
from reconcile.rules.judgement import JudgedDifference


class Told(Struct, frozen=True, kw_only=True):
    """A difference as it is published."""

    kind: str
    year: int
    proposal: ProposalDocument | None
    route: str | None
    explanation: ExplanationDocument
    effect: EffectDocument


class KeptTold(Struct, frozen=True, kw_only=True):
    """The same as it is kept, perhaps by an older release: `proposal`, `explanation` and `effect` are JSON text (rules/documents.py)."""

    kind: str
    proposal: str | None
    route: str | None
    explanation: str
    effect: str


def told_of(judged: JudgedDifference) -> Told:
    """Publish what was judged."""
    return Told(
        kind=judged.kind,
        year=judged.year,
        proposal=None if judged.proposal is None else proposal_document(judged.proposal),
        route=judged.route,
        explanation=explanation_document(judged.explanation),
        effect=effect_document(judged.effect),
    )


def kept_of(told: Told) -> KeptTold:
    """Return what is published as it is kept."""
    return KeptTold(
        kind=told.kind,
        proposal=None if told.proposal is None else json_text(told.proposal),
        route=told.route,
        explanation=json_text(told.explanation),
        effect=json_text(told.effect),
    )


def json_text(document: Struct) -> str:
    """Return a document as it is kept."""
    return msgspec.json.encode(document).decode()
