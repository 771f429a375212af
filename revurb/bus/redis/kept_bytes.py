"""How many bytes of an app's events are kept in Redis, of which a node bounds the sum.

Each partition knows its own sum, which the script that publishes keeps. It gets the rest of the bound from the node:
what the other partitions leave. The node knows their sums from its own events, which return them, and looks up all of
them LOOK_S seconds after an event, PARTITIONS_AT_ONCE at a time. So the bound is exceeded by what other nodes publish
in other partitions until then, and by what each partition may have in any case, a quarter of it in all. An event beyond
it takes the place of the channels of its partition that were silent for longest; if that is not enough, its own channel
drops twice the bytes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.scripts import Scripts

LOOK_S = 1.0
RESERVED_PART = 4  # one of so many parts of the bound is dealt out evenly, whatever others take
PARTITIONS_AT_ONCE = 256  # 4 s for all of a Cluster


class _AppBytes:
    """The sums of an app, by partition, and of all."""

    __slots__ = ("sums", "total", "turn")

    def __init__(self) -> None:
        self.sums: dict[int, int] = {}
        self.total = 0
        self.turn = 0  # the partition that is looked up next

    def told(self, partition: int, sum_bytes: int) -> None:
        self.total += sum_bytes - self.sums.get(partition, 0)
        self.sums[partition] = sum_bytes


class KeptBytes:
    """Of one session. `is_by_partition` is whether a script may touch keys of one partition only."""

    def __init__(
        self, keys: Keys, scripts: Scripts, commands: CommandQueue, is_by_partition: Callable[[], bool]
    ) -> None:
        self._keys = keys
        self._script = scripts.kept_bytes
        self._commands = commands
        self._is_by_partition = is_by_partition
        self._loop = asyncio.get_running_loop()
        self._apps: dict[str, _AppBytes] = {}
        self._active: set[str] = set()  # those with events since the last look
        self._timer: asyncio.TimerHandle | None = None

    def allowed(self, app_id: str, partition: int, app_bytes: int) -> int:
        """How many of an app's `app_bytes` there may be in a partition in which an event is about to be published."""
        app = self._apps.get(app_id)
        if app is None:
            app = self._apps[app_id] = _AppBytes()
            self._ask(app_id, app)
        self._active.add(app_id)
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_S, self._look)
        left = app_bytes - app.total + app.sums.get(partition, 0)
        return max(left, app_bytes // (RESERVED_PART * self._keys.partitions))

    def told(self, app_id: str, partition: int, sum_bytes: int) -> None:
        """A script has returned the sum of a partition."""
        app = self._apps.get(app_id)
        if app is not None:
            app.told(partition, sum_bytes)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        active, self._active = self._active, set()
        for app_id in tuple(self._apps):
            if app_id in active:
                self._ask(app_id, self._apps[app_id])
            else:
                del self._apps[app_id]
        if self._apps:
            self._timer = self._loop.call_later(LOOK_S, self._look)

    def _ask(self, app_id: str, app: _AppBytes) -> None:
        count = self._keys.partitions
        numbers = [(app.turn + number) % count for number in range(min(count, PARTITIONS_AT_ONCE))]
        app.turn = (numbers[-1] + 1) % count
        for some in [[number] for number in numbers] if self._is_by_partition() else [numbers]:
            keys = [key for number in some for key in self._keys.history_bytes(number, app_id)]
            self._commands.run_script(self._script, keys, (), partial(self._on_sums, app, some))

    @staticmethod
    def _on_sums(app: _AppBytes, numbers: Sequence[int], sums: Any) -> None:
        for number, sum_bytes in zip(numbers, sums, strict=True):
            app.told(number, sum_bytes)
