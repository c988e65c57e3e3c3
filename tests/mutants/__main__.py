"""Tell what a run of mutmut left alive, and which of it docs/mutants.md does not explain; ends with 1 when there is any.

A mutant is named by its file and the lines that it changes, so that the page stands when lines move.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

_PAGE = Path("docs/mutants.md")
_SEEN_BY_TESTS = {"killed", "timeout", "not checked"}


def main() -> int:
    """Print a row for each file and each mutant that is not explained."""
    page, unexplained = _PAGE.read_text() if _PAGE.exists() else "", 0
    for path in sorted(Path("reconcile/rules").glob("*.py")):
        data = SourceFileMutationData(path=path)
        data.load()
        statuses = {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
        if set(statuses.values()) <= {"not checked"}:
            continue
        counts = Counter(statuses.values())
        _say(f"| `{path.name}` | {counts.total()} | " + ", ".join(f"{count} {status}" for status, count in counts.most_common()) + " |")
        for name, status in statuses.items():
            if status in _SEEN_BY_TESTS:
                continue
            block = "\n".join(_changed_lines(get_diff_for_mutant(name, path=path)))
            if block not in _section(page, path.name):
                unexplained += 1
                _say(f"{name}: {status}\n{block}")
    _say(f"{unexplained} mutants that are neither noticed nor explained")
    return 1 if unexplained else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _changed_lines(diff: str) -> Iterator[str]:
    for line in diff.splitlines():
        if re.match(r"[-+](?![-+]{2} )", line):
            # mutmut puts XX around a text that it changes; in our files that is a mark of unfinished work.
            yield line[0] + " " + line[1:].strip().replace("XX", "~~")


def _section(page: str, name: str) -> str:
    return page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


if __name__ == "__main__":
    sys.exit(main())
