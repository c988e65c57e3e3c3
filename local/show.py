"""What the reader sees: a bar for each step, and the closing table. Plain lines where the output is no terminal."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from local.chain import Findings, Step

console = Console(highlight=False)


@contextmanager
def step(text: str, total: int | None = None) -> Iterator[Step]:
    """Show one step while it runs; what is yielded moves its bar."""
    began = monotonic()
    if not console.is_terminal:
        yield lambda _: None
        console.print(f"{text}: done in {monotonic() - began:.1f} s")
        return
    columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(text, total=total or 1)
        yield lambda done: progress.advance(task, done)
        progress.update(task, completed=total or 1)


def closing_table(findings: Findings, planted: Mapping[str, int], elapsed_s: float) -> Table:
    """Make the table at the end of the play."""
    table = Table(title="The chain, from a delivery to a processed change", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    outcomes = findings.outcomes
    table.add_row("deliveries", str(outcomes["deliveries"]))
    table.add_row("lines received", str(outcomes["received"]))
    for name in ("applied", "unchanged", "superseded", "parked", "rejected"):
        table.add_row(f"  {name}", str(outcomes[name]))
    table.add_section()
    table.add_row("differences seen by parents", f"{findings.differences.total()} of {sum(planted.values())} planted")
    for kind, count in sorted(findings.differences.items()):
        table.add_row(f"  {kind}", str(count))
    table.add_section()
    table.add_row("notices heard by phones", str(findings.notices))
    table.add_row("  without effect in euros: shown, not told", str(findings.differences.total() - findings.notices))
    table.add_row("accepted with one tap", str(findings.accepted))
    table.add_row("disputed offline: lines that organisations read of it", str(findings.disputed_lines))
    table.add_row("put off until a day", str(findings.postponed))
    table.add_row("undone afterwards, by another change", str(findings.undone))
    table.add_row("changes processed by TVS", str(findings.processed))
    table.add_row("seconds from delivery landed to push received", f"{findings.pushed_after_s:.2f}")
    table.add_row("seconds from delivery landed to difference visible", f"{findings.visible_after_s:.2f}")
    table.add_row("seconds for everything", f"{elapsed_s:.0f}")
    return table
