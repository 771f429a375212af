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


def test_an_exit_code_is_kept_for_whoever_expects_it_in_the_block() -> None:
    """Of a process that another one has started: it may be over before its number is known here."""

    async def main() -> list[int]:
        codes: asyncio.Queue[int] = asyncio.Queue()
        with reaping() as reaper:
            with reaper.keeping_exits():
                pid = start("raise SystemExit(3)")
                with reaper.keeping_exits():
                    pass  # the end of another block forgets nothing
                while os.path.exists(f"/proc/{pid}"):
                    await asyncio.sleep(0)
                reaper.expect(pid, codes.put_nowait)
                assert codes.empty()  # not before the caller is done
                first = await codes.get()
            assert not reaper._kept
            reaper.expect(start("pass"), codes.put_nowait)
            return [first, await codes.get()]

    assert asyncio.run(main()) == [3, 0]
