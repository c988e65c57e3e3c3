"""How `kot deliver` prints what became of a file: the receipt, the faults by root cause, and on request every faulty line."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from rich.console import Console
from rich.table import Table

_LINES_SHOWN_MAX = 200


class Outcome(Struct, frozen=True, kw_only=True):
    """The documents of the API: a receipt or a trial without its lines, the findings, and the faulty lines as far as asked for."""

    receipt: dict[str, Any]
    findings: list[dict[str, Any]]
    lines: list[dict[str, Any]]


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print an outcome."""
    receipt = outcome.receipt
    console.print(_receipt_table(receipt))
    if receipt["problem"]:
        problem = receipt["problem"]
        console.print(f"[red]{problem['title']}.[/] {problem['detail']} {problem['remedy']}", soft_wrap=True)
    if outcome.findings:
        console.print(_finding_table(outcome.findings))
        for number, finding in enumerate(outcome.findings, start=1):
            console.print(f"{number}. {finding['titleNl']}. {finding['remedyNl']}", soft_wrap=True)
    if outcome.lines:
        console.print(_line_table(outcome.lines))
        if len(outcome.lines) > _LINES_SHOWN_MAX:
            console.print(f"… and {len(outcome.lines) - _LINES_SHOWN_MAX} more lines; --json has them all.")


def _receipt_table(receipt: Mapping[str, Any]) -> Table:
    is_trial = "deliveryId" not in receipt
    table = Table(
        title="Trial: nothing was kept" if is_trial else f"Receipt {receipt['deliveryId']}", show_header=False, title_justify="left"
    )
    table.add_column()
    table.add_column(overflow="fold")
    if not is_trial:
        table.add_row("reference", receipt["reference"])
        table.add_row("received at", receipt["receivedAt"])
    table.add_row("state", receipt["state"])
    table.add_row("SHA-256", receipt["contentSha256"])
    if receipt["duplicateOf"]:
        table.add_row("identical to", receipt["duplicateOf"])
    for name, count in receipt["counts"].items():
        table.add_row(name, str(count))
    return table


def _finding_table(findings: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("", "lines", "share", title="What is wrong", title_justify="left")
    for heading in ("fault", "field", "values look like", "first lines", "also"):
        table.add_column(heading, overflow="fold")  # a code that is cut off cannot be looked up
    for number, finding in enumerate(findings, start=1):
        cause, *others = finding["faults"]
        table.add_row(
            str(number),
            str(finding["count"]),
            f"{finding['share']:.1%}",
            f"{finding['code']} ({finding['permanence']})",
            finding["field"] or "",
            "  ".join(one["shape"] for one in cause["shapes"]),
            " ".join(str(one["lineNumber"]) for one in finding["firstLines"]),
            " ".join(f"{one['code']}×{one['count']}" for one in others),
        )
    return table


def _line_table(lines: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("line", "reference", "outcome", title="Lines with faults", title_justify="left")
    for heading in ("fault", "field", "value looks like"):
        table.add_column(heading, overflow="fold")
    for line in lines[:_LINES_SHOWN_MAX]:
        for index, fault in enumerate(line["faults"]):
            head = (str(line["lineNumber"]), line["lineRef"] or "", line["outcome"]) if index == 0 else ("", "", "")
            table.add_row(*head, fault["code"], fault["field"] or "", fault["shape"] or "")
    return table
