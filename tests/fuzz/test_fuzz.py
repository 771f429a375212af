"""Every target holds for its corpus, and for a short run of the fuzzer. `make fuzz` runs longer."""

from __future__ import annotations

import fcntl
import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.campaign import HERE, TARGETS, build, fuzz, libfuzzer
from tests.fuzz.cutting import join, split
from tests.fuzz.seeds import SEEDS

RUNS = 10_000
SECONDS = 2  # whichever comes first
LIMIT_S = 60.0

INPUTS = sorted((HERE / "corpus").glob("*/*"))
EACH = pytest.mark.parametrize("target", TARGETS)


@pytest.mark.parametrize("path", INPUTS, ids=[f"{path.parent.name}/{path.name}" for path in INPUTS])
def test_corpus(path: Path) -> None:
    importlib.import_module(f"tests.fuzz.targets.{path.parent.name}").check(path.read_bytes())


@EACH
def test_corpus_has_the_seeds(target: str) -> None:
    for name, data in SEEDS[target].items():
        assert (HERE / "corpus" / target / name).read_bytes() == data, "run python -m tests.fuzz.seeds"


@pytest.mark.parametrize("sizes", [[], [1], [256], [3, 1, 7]])
@pytest.mark.parametrize("stream", [b"", b"a", bytes(range(256)) * 3])
def test_cutting_loses_nothing(sizes: list[int], stream: bytes) -> None:
    whole, pieces = split(join(sizes, stream))
    assert whole == b"".join(pieces) == stream
    assert all(0 < len(piece) <= max(sizes) for piece in pieces if sizes)
    assert [len(piece) for piece in pieces[:-1]] == (sizes * len(pieces))[: max(len(pieces) - 1, 0)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> Path:
    """Kernels with coverage. Without atheris, a failure in CI and a skip anywhere else."""
    need(os.environ.get("CC", "cc"))
    if libfuzzer() is None:
        if os.environ.get("CI"):
            pytest.fail("atheris is not installed; in CI nothing may be missing")
        pytest.skip("atheris is not installed")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        path = tmp_path_factory.mktemp("fuzz")
        build(path)
        return path
    # Built by the first process of a run that needs it, for all of them: it takes 20 s of CPU.
    path = tmp_path_factory.getbasetemp().parent / "fuzz"
    path.mkdir(exist_ok=True)
    with (path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path / "built").exists():
            build(path)
            (path / "built").touch()
    return path


@EACH
def test_fuzzer_finds_nothing(target: str, tree: Path, tmp_path: Path) -> None:
    status, said = fuzz(tree, target, tmp_path, [f"-runs={RUNS}", f"-max_total_time={SECONDS}"], LIMIT_S)
    assert status == 0, said[-4000:]
    done = re.search(r"#(\d+)\s+DONE", said)
    assert done, said
    assert int(done[1]) > 500


def test_fuzzer_sees_the_kernels(tree: Path, tmp_path: Path) -> None:
    """The frames target reaches far more places than its own few lines of Python have."""
    _, said = fuzz(tree, "frames", tmp_path, ["-runs=0"], LIMIT_S)
    (covered,) = re.findall(r"INITED cov: (\d+)", said)
    assert int(covered) > 200
