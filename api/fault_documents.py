"""What an organisation reads about the faults of a delivery: findings by root cause, as JSON or as a spreadsheet reads them."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from api.delivery_documents import problem_document
from api.spreadsheet import BYTE_ORDER_MARK, rows_csv
from reconcile.apply import DeliveryProblem
from reconcile.diagnose import Diagnosis
from reconcile.rules.faults import FAULTS, Permanence
from reconcile.store.faults import Finding


class FirstLine(Struct, frozen=True, kw_only=True, rename="camel"):
    """A line to look at."""

    line_number: int
    line_ref: str | None


class ShapeCount(Struct, frozen=True, kw_only=True, rename="camel"):
    """How often a value looks like this; runs of digits (9) or letters (a) are written once."""

    shape: str
    count: int


class FaultCount(Struct, frozen=True, kw_only=True, rename="camel"):
    """A fault, how many lines of the finding have it, and its five most frequent shapes."""

    code: str
    field: str | None
    count: int
    shapes: tuple[ShapeCount, ...]


class FaultFinding(Struct, frozen=True, kw_only=True, rename="camel"):
    """Lines with one root cause. A faulty line belongs to one finding; `faults` has all that these lines have, the cause first."""

    code: str
    field: str | None
    outcome: str
    permanence: Permanence
    count: int
    share: Annotated[float, Meta(description="Part of all lines of the delivery, from 0 to 1")]
    title_nl: str
    title_en: str
    remedy_nl: str
    remedy_en: str
    first_lines: Annotated[tuple[FirstLine, ...], Meta(description="The first five lines")]
    faults: tuple[FaultCount, ...]


class DeliveryFaults(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is wrong with a delivery, the finding with most lines first. While it is being applied: as far as it is."""

    delivery_id: UUID
    state: str
    lines_read: int
    faulty_lines: int
    problem: Annotated[DeliveryProblem | None, Meta(description="Why it could not be read")]
    findings: tuple[FaultFinding, ...]


_EXAMPLES = msgspec.json.Decoder(tuple[FirstLine, ...])
_FAULTS = msgspec.json.Decoder(tuple[FaultCount, ...])


def faults_document(diagnosis: Diagnosis) -> DeliveryFaults:
    """Publish the findings of a delivery."""
    delivery = diagnosis.delivery
    findings = finding_documents(diagnosis.findings, delivery.lines_read)
    return DeliveryFaults(
        delivery_id=delivery.delivery_id,
        state=delivery.state,
        lines_read=delivery.lines_read,
        faulty_lines=sum(one.count for one in findings),
        problem=problem_document(delivery),
        findings=findings,
    )


def finding_documents(findings: Sequence[Finding], lines_read: int) -> tuple[FaultFinding, ...]:
    """Publish findings of a file of so many lines, with what the register says about their codes."""
    return tuple(_document(one, lines_read) for one in findings)


def _document(finding: Finding, lines_read: int) -> FaultFinding:
    kind = FAULTS[finding.code]
    return FaultFinding(
        code=finding.code,
        field=finding.field,
        outcome=finding.outcome,
        permanence=kind.permanence,
        count=finding.lines,
        share=round(finding.lines / lines_read, 4),
        title_nl=kind.title_nl,
        title_en=kind.title_en,
        remedy_nl=kind.remedy_nl,
        remedy_en=kind.remedy_en,
        first_lines=_EXAMPLES.decode(finding.examples),
        faults=_FAULTS.decode(finding.faults),
    )


def findings_csv(findings: Sequence[FaultFinding]) -> bytes:
    """Write findings in Dutch, one a row."""
    heading = ["fout", "veld", "uitkomst", "aantal", "aandeel", "eerste_regels", "omschrijving", "wat_te_doen", "ook"]
    return BYTE_ORDER_MARK + rows_csv([heading, *(_row(one) for one in findings)])


def _row(finding: FaultFinding) -> list[str | int | None]:
    return [
        finding.code,
        finding.field,
        finding.outcome,
        finding.count,
        f"{finding.share * 100:.2f}%".replace(".", ","),
        " ".join(str(one.line_number) for one in finding.first_lines),
        finding.title_nl,
        finding.remedy_nl,
        " ".join(f"{one.code}({one.field or ''}) {one.count}x" for one in finding.faults[1:]),
    ]
