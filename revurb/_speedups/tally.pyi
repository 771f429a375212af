from collections.abc import Sequence
from typing import final

@final
class Tally:
    """Counts values in buckets. `bounds` ascend; the last bucket, of what is above all of them, has none. Raises
    ValueError for more than 24."""

    def __new__(cls, bounds: Sequence[float]) -> Tally: ...
    def add(self, value: float, /) -> None:
        """Count one value."""

    @property
    def counts(self) -> list[int]:
        """Of each bucket by itself, without those below."""

    @property
    def sum(self) -> float: ...
