"""Rule books for tests: a small whole one as files, to be spoiled or changed at will."""

import hashlib
import re
import shutil
from importlib.resources import files
from pathlib import Path

from reconcile.rulebook import shipped_books

RATES = """# source: a test
year,care_type,maximum_hourly_rate,effective_from,known_since
2026,KDV,11.00,2026-01-01,2025-10-01
2026,BSO,10.00,2026-01-01,2025-10-01
2026,VGO,9.00,2026-01-01,2025-10-01
"""
SHARES = """# source: a test
toetsingsinkomen_vanaf,toetsingsinkomen_tot_en_met,pct_eerste_kind,pct_volgende_kinderen
0,50000,90.0,95.0
50001,,50.0,80.0
"""


def book_files(version: str = "2026.2", *, rates: str = RATES, shares: str = SHARES, **change: str) -> dict[str, bytes]:
    """Make the files of a book, by name; a change replaces one text of the book by another, `{"hours": "2.00"}` for instance."""
    fields = {"version": version, "hours": "1.00", "hourly_rate": "0.05", "counted_hours": "230.00", **change}
    text = f"""version = "{fields["version"]}"
[tolerances]
source = "a test"
hours = "{fields["hours"]}"
hourly_rate = "{fields["hourly_rate"]}"
[caps]
source = "a test"
counted_hours = "{fields["counted_hours"]}"
least_granted_euro = 24
[maximum_hourly_rates]
source = "a test"
file = "rates.csv"
sha256 = "{hashlib.sha256(rates.encode()).hexdigest()}"
[[percentages]]
source = "a test"
year = 2026
file = "shares.csv"
sha256 = "{hashlib.sha256(shares.encode()).hexdigest()}"
effective_from = 2026-01-01
known_since = 2025-10-01
"""
    return {f"{version}.toml": text.encode(), "rates.csv": rates.encode(), "shares.csv": shares.encode()}


def with_successor(folder: Path, version: str = "2099.1", *, hours: str = "1.00", shares_2026: str = "96.0,96.0") -> Path:
    """Copy the shipped books into a folder, beside one that follows the newest with another tolerance or other shares of low incomes."""
    shipped = Path(str(files("reconcile.rules") / "books"))
    shutil.copytree(shipped, folder, dirs_exist_ok=True)
    newest = (shipped / f"{shipped_books().versions()[-1]}.toml").read_text()
    name = "kot_percentages_2026.csv"
    table = (shipped / name).read_bytes()
    other = table.replace(b"96.0,96.0", shares_2026.encode())
    (folder / f"other_{name}").write_bytes(other)
    text = newest.replace(hashlib.sha256(table).hexdigest(), hashlib.sha256(other).hexdigest()).replace(name, f"other_{name}")
    text = re.sub(r'(?m)^version = ".*"', f'version = "{version}"', text)
    (folder / f"{version}.toml").write_text(re.sub(r'(?m)^hours = ".*"', f'hours = "{hours}"', text))
    return folder
