from __future__ import annotations

import asyncio
import os
import signal
import sys

from tests.processes.children import reaping


def start(code: str) -> int:
    return os.posix_spawn(sys.executable, [sys.executable, "-c", code], os.environ)


def test_each_exit_code_reaches_its_callback_once() -> None:
    async def main() -> list[int]:
        codes: asyncio.Queue[int] = asyncio.Queue()
        with reaping() as reaper:
            for code in ("raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"):
                reaper.expect(start(code), codes.put_nowait)
            ended = sorted([await codes.get(), await codes.get()])
            assert codes.empty()
        return ended

    assert asyncio.run(main()) == [-signal.SIGKILL, 3]


def test_a_process_that_is_not_expected_is_waited_for_too() -> None:
    async def main() -> int:
        codes: asyncio.Queue[int] = asyncio.Queue()
        with reaping() as reaper:
            orphan = start("pass")
            while os.path.exists(f"/proc/{orphan}"):  # a zombie has its folder until it is waited for
                await asyncio.sleep(0)
            reaper.expect(start("pass"), codes.put_nowait)
            return await codes.get()

    assert asyncio.run(main()) == 0
