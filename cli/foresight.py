"""How `kot rules compare` prints a report for people."""

from rich.console import Console
from rich.table import Table

from reconcile.foresee import KeptReport
from reconcile.rules.foresight import Fate, ForesightReport, Verdict

_WORDS: dict[Fate, str] = {
    "newly-told": "newly told",
    "no-longer-told": "no longer told",
    "newly-shown": "newly shown, without effect",
    "no-longer-shown": "no longer shown, without effect",
    "other-kind": "another kind",
    "other-amounts": "other amounts",
    "same": "the same",
}


def print_report(console: Console, kept: KeptReport) -> None:
    """Print a report, its number first."""
    report = kept.report
    console.print(f"Report {kept.report_id}", soft_wrap=True)
    console.print(f"SHA-256 {kept.sha256}", soft_wrap=True)
    console.print(
        f"{report.households} households, {report.child_years} child-years judged by {report.old_version} and {report.new_version}."
    )
    if report.not_judged:
        console.print(f"[red]{report.not_judged} child-years could not be judged by one of them.[/]")
    console.print(_fates(report))
    if report.kind_changes:
        console.print(_kinds(report))
    console.print(_sums(report))
    if report.samples:
        console.print(_samples(report))


def _fates(report: ForesightReport) -> Table:
    table = Table("what becomes of a difference", "differences", "households")
    for fate, count in report.fates.items():
        table.add_row(_WORDS[fate], str(count.differences), str(count.households))
    return table


def _kinds(report: ForesightReport) -> Table:
    table = Table("kind", "becomes", "differences")
    for one in report.kind_changes:
        table.add_row(one.old_kind, one.new_kind, str(one.differences))
    return table


def _sums(report: ForesightReport) -> Table:
    table = Table("all differences of a year by", "differences", "told", "hours up", "hours down", "euro up", "euro down", "without euro")
    for version, sums in ((report.old_version, report.old), (report.new_version, report.new)):
        counts = (sums.differences, sums.told, sums.hours_up, sums.hours_down, sums.euro_up, sums.euro_down, sums.without_euro)
        table.add_row(version, *(str(one) for one in counts))
    return table


def _samples(report: ForesightReport) -> Table:
    table = Table("household", "year", "becomes", report.old_version, report.new_version, title="Samples", title_justify="left")
    for one in report.samples:
        table.add_row(str(one.household_id), str(one.year), _WORDS[one.fate], _verdict(one.old), _verdict(one.new))
    return table


def _verdict(one: Verdict | None) -> str:
    if one is None:
        return "no difference"
    euro = "no euros" if one.euro is None else f"{one.euro} euro"
    return f"{one.kind}, {one.hours} hours, {euro}"
