"""What every suite shares: a loop to run on, nothing that dies unseen, the rule for missing components."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import shutil
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

import hypothesis
import pytest
import uvloop

T = TypeVar("T")


Need = Callable[[str], str]

# An example that takes long says that the machine is busy.
hypothesis.settings.register_profile("revurb", deadline=None)
hypothesis.settings.load_profile("revurb")

# In a run that a shell started in the background, SIGINT is ignored, and every process of a test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Below nohup it is SIGHUP. This process goes on ignoring that; what it starts does not.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)


class Run(Protocol):
    """Run a coroutine to its end on the loop of this test module."""

    def __call__(self, main: Coroutine[Any, Any, T], /) -> T: ...


class _Unhandled(logging.Handler):
    """Keeps what asyncio reports when nobody caught it: callbacks that raised, tasks that died alone."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


@pytest.fixture(autouse=True)
def nothing_unhandled() -> Iterator[None]:
    """An exception that reached the event loop fails the test in which it did."""
    handler = _Unhandled()
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    assert not handler.texts, "\n".join(handler.texts)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """The runner of the module's own uvloop: what was started on it in one test lives on in the next."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner.run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.fixturenames.append("run")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """`async def test_...` runs on the module's loop."""
    test: Callable[..., Any] = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    fixtures: dict[str, Any] = pyfuncitem.funcargs
    fixtures["run"](test(**{name: fixtures[name] for name in inspect.signature(test).parameters}))
    return True


@pytest.fixture(scope="session")
def need() -> Need:
    """`need("node")` is the path of a program. Missing, it is a failure in CI and a skip anywhere else."""

    def path_of(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            reason = f"{program} is not installed"
            if os.environ.get("CI"):
                pytest.fail(f"{reason}; in CI nothing may be missing")
            pytest.skip(reason)
        return path

    return path_of
