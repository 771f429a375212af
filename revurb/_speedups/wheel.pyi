from typing import Any, Protocol

from typing_extensions import disjoint_base

_Tick = dict[Any, None]

class _Item(Protocol):
    wheel_tick: _Tick | None

@disjoint_base
class Wheel:
    """The items that wait, by the tick at which they are due. Times are monotonic seconds."""

    now: float
    """The time of the last turn."""
    def __new__(cls, now: float, tick_s: float, near_ticks: int) -> Wheel: ...
    def schedule(self, item: _Item, due: float, /) -> None:
        """Call `item.on_due` at `due`; replaces what was scheduled for the item before."""
    def cancel(self, item: _Item, /) -> None:
        """Undo `schedule`. Does nothing for an item that does not wait."""
    def step(self) -> tuple[_Tick, _Tick | None]:
        """Go on to the next tick, and give the sets of items that are due."""
    @property
    def turned_to(self) -> int:
        """The number of the tick that `step` has come to: seconds in ticks."""

__pyx_capi__: dict[str, object]  # what other kernels call
