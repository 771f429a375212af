"""The workers of a server: as many places as there are slots, and whose clients go where.

Every worker inherits all sockets and accepts on those of its slot. While a slot has no worker, another one accepts for
it (`spread`), so that nobody waits in a queue that is not served: the kernel goes on sending clients there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from revurb.processes.binding import Binding
from revurb.processes.child import Child, Command
from revurb.processes.invocation import Invocation
from revurb.processes.reaper import Reaper
from revurb.processes.slot import Failed, Slot, how_it_ended
from revurb.processes.supervision_link import Adopt, Release

LEAVE_S = 5.0  # for a worker to hear that it is to leave; one that is blocked does not


class ChangeSignal:
    """Rung when something changed, for those who wait until all is as they want it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def rung(self) -> None:
        """The next time it is rung; look at what you want before, and again after."""
        await self._event.wait()


class WorkerPool:
    """The places, `worker 0` and so on, and `hub`, the Unix socket at which they meet. `failed` is told of processes
    that ended unasked for."""

    def __init__(
        self,
        invocation: Invocation,
        binding: Binding,
        hub: Path,
        environ: Mapping[str, str],
        reaper: Reaper,
        bell: ChangeSignal,
        failed: Failed,
    ) -> None:
        self._invocation = invocation
        self._binding = binding
        self._hub = hub
        self._environ = environ
        self._bell = bell
        self._adopted: dict[int, Child] = {}  # slot without a worker: who accepts for it
        self.places = [self._place(slot, reaper, failed) for slot in range(len(binding.slots))]

    @property
    def serving(self) -> list[Child]:
        """Those in their places that take clients."""
        return [place.child for place in self.places if place.child is not None and place.child.serves]

    @property
    def on_the_bus(self) -> int:
        """How many there are, in their places or leaving, that have met the hub."""
        return sum(child.is_ready and not child.is_over for child in self.children)

    @property
    def children(self) -> list[Child]:
        """All of them, in their places or leaving."""
        return [child for place in self.places for child in place.children]

    def spread(self) -> None:
        """Have every slot accepted on: by its own worker, else by the one with the fewest clients."""
        serving = self.serving
        for slot, place in enumerate(self.places):
            keeper = self._adopted.get(slot)
            if place.serves:
                if keeper is not None:
                    del self._adopted[slot]
                    keeper.send(Release(slot))
            elif (keeper is None or not keeper.serves) and serving:
                keeper = min(serving, key=lambda child: (child.beat.connections, child.name))
                self._adopted[slot] = keeper
                keeper.send(Adopt(slot))

    async def replace(self) -> str | None:
        """Put new processes in all places as soon as all of them are ready; those that were there drain, and take no
        new clients when this returns. Returns why not, if one of the new ones cannot run: then everybody stays, and
        the new ones go."""
        starting = [asyncio.ensure_future(place.start_another()) for place in self.places]
        await asyncio.wait(starting)
        children = [task.result() for task in starting if task.exception() is None]
        while not all(child.is_ready for child in children) and not any(child.is_over for child in children):
            await self._bell.rung()
        bad = [child for child in children if child.is_over]
        if bad or len(children) < len(starting):
            for place in self.places:
                for child in place.leaving.intersection(children):
                    place.dismiss(child)
            return _why(bad)
        old = [place.child for place in self.places if place.child is not None]
        for place, child in zip(self.places, children, strict=True):
            place.deaths = 0
            place.put(child)
        if old:
            await asyncio.wait([child.left for child in old], timeout=LEAVE_S)
        return None

    def _place(self, slot: int, reaper: Reaper, failed: Failed) -> Slot:
        def command() -> Command:
            return self._command(slot)

        def changed() -> None:
            self.spread()
            self._bell.ring()

        return Slot(f"worker {slot}", command, reaper, changed=changed, failed=failed)

    def _command(self, slot: int) -> Command:
        binding = self._binding
        tcp = (f"{n}:{','.join(str(s.fileno()) for s in socks)}" for n, socks in enumerate(binding.slots))
        return Command(
            module="revurb.processes.worker",
            arguments=(
                *("--slot", str(slot)),
                *(word for text in tcp for word in ("--tcp", text)),
                *(() if binding.unix is None else ("--unix", str(binding.unix.fileno()))),
                *("--hub-socket", str(self._hub)),
                *self._invocation.arguments(),
            ),
            fds=binding.fds(),
            environ=self._environ,
            cwd=self._invocation.cwd,
        )


def _why(bad: list[Child]) -> str:
    for child in bad:
        if child.failure is not None:
            return "; ".join(child.failure.problems)
    for child in bad:
        if child.ended.done():
            how = " ".join(f"{key}={value}" for key, value in how_it_ended(child.ended.result()).items())
            return f"a new {child.name} ended before it was ready ({how})"
    return "a new worker cannot be started"
