"""What one measurement says."""

from collections.abc import Coroutine, Mapping
from time import perf_counter
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import asdict

_COSTS = ("s", "MB")


class Measured(Struct, frozen=True, kw_only=True):
    """One path: our figure, the yardstick's in the same unit, and what their ratio may be.

    A time (`s`) or memory (`MB`) may be at most `promise` times the yardstick's; a rate (`/s`) or a count must be at least that.
    """

    path: str
    ours: float
    yardstick: float
    unit: Literal["s", "/s", "MB", ""]
    promise: float

    @property
    def ratio(self) -> float:
        """Ours in yardsticks."""
        return self.ours / self.yardstick

    @property
    def is_kept(self) -> bool:
        """Whether the promise was kept."""
        return self.ratio <= self.promise if self.unit in _COSTS else self.ratio >= self.promise

    @property
    def promised(self) -> str:
        """The promise in words."""
        return f"{'at most' if self.unit in _COSTS else 'at least'} {self.promise:.2f}"

    def figure(self, value: float) -> str:
        """A figure with its unit."""
        if self.unit != "s":
            return f"{value:,.0f}{' MB' if self.unit == 'MB' else self.unit}"
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"

    @property
    def document(self) -> Mapping[str, str | float | bool]:
        """Everything of it, for machines."""
        return {**asdict(self), "ratio": self.ratio, "isKept": self.is_kept}


async def seconds_of(work: Coroutine[Any, Any, None]) -> float:
    """Do it, and return how long it took in seconds."""
    began = perf_counter()
    await work
    return perf_counter() - began
