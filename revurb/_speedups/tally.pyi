from collections.abc import Sequence
from typing import final

@final
class Tally:
    """Counts values in buckets. `bounds` ascend; the last bucket, of what is above all of them, has none. Raises
    ValueError for more than 24."""

    def __new__(cls, bounds: Sequence[float]) -> Tally: ...
    def add(self, value: float, amount: float = 0.0, /) -> None:
        """Count one value, and add up something else that goes with it."""

    def merge(self, other: Tally, /) -> None:
        """Add what another one with the same bounds has counted. Raises ValueError for one with more or fewer."""

    @property
    def count(self) -> int:
        """How many values have been counted."""

    @property
    def counts(self) -> list[int]:
        """Of each bucket by itself, without those below."""

    @property
    def sum(self) -> float: ...
    @property
    def amount(self) -> float:
        """The sum of all amounts."""
