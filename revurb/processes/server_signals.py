"""The signals of a server while its loop runs. The handlers only queue them.

| signal | what it asks for |
|---|---|
| SIGTERM, SIGINT, SIGQUIT | stop; the second one stops at once. Images of php-fpm stop with SIGQUIT |
| SIGHUP | restart; one process without a supervisor reads its certificate again |
| SIGHUP of a hang-up of the terminal | stop |

SIGINT is obeyed also where the shell of a script had it ignored for its background: whoever sends it to a server means
it.
"""

from __future__ import annotations

import asyncio
import signal

from revurb.processes.start_signals import STOPPING, is_hung_up


class ServerSignals:
    """The signals in the order of their arrival, from when this is made: in the loop of the main thread."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[signal.Signals] = asyncio.Queue()
        self._has_restart = False
        for number in STOPPING:
            loop.add_signal_handler(number, self._queue.put_nowait, number)
        loop.add_signal_handler(signal.SIGHUP, self._on_sighup)

    def end(self) -> None:
        """Obey no more signals, nor any other that the loop handles. asyncio's own loop closes the descriptor that
        Python writes a signal to before it removes its handlers, and Python prints a traceback for one in between."""
        signal.set_wakeup_fd(-1)

    def stop(self) -> None:
        """As SIGTERM does."""
        self._queue.put_nowait(signal.SIGTERM)

    async def next(self) -> str | None:
        """What tells the server to stop, for the log; None if it is to restart. Those that ask for a restart are one
        while they wait."""
        number = await self._queue.get()
        if number is not signal.SIGHUP:
            return number.name
        self._has_restart = False
        return "hang-up of the terminal" if is_hung_up() else None

    def _on_sighup(self) -> None:
        if not self._has_restart:
            self._has_restart = True
            self._queue.put_nowait(signal.SIGHUP)
