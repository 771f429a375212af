"""The load: what counts, how it is shown, and that the compiled half and a real server understand each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.load import rounds
from benchmarks.load.generator import Target, floor, run
from benchmarks.load.recording import Recording
from benchmarks.load.rounds import Result, measure
from benchmarks.load.scenarios import SCENARIOS, Figure, Proof, Scenario, chosen
from benchmarks.load.servers import Server, revurb
from benchmarks.load.table import amount, document, full, headlines

FIGURE = Figure("cost", "us", "a thing", floor="base", headline=True)
AROUND = {
    "revurb": "1",
    "python": "3",
    "cpu": "C",
    "linux": "6",
    "date": "today",
    "rounds": 3,
    "seconds": 1.0,
    "idle_before": 1.0,
    "idle_after": 1.0,
}


def scenario(proof: Proof = Proof.BUSY, **more: bool) -> Scenario:
    return Scenario(name="s", figures=(FIGURE,), options=("--conns", "5"), proof=proof, **more)


def result(wanted: float = 1.0) -> Result:
    costs = (2.0, 9.0, 3.0)
    return Result(
        scenario(),
        runs={
            "ours": [{"cost": cost, "wanted": wanted} for cost in costs],
            "theirs": [{"cost": 2 * cost, "wanted": 1.0} for cost in costs],
        },
        floor=[{"base": 1.0}, {"base": 6.0}, {"base": 3.0}],
    )


def test_names_are_unique_and_families_are_found() -> None:
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)
    assert len(chosen(["fanout"])) == 6
    assert [each.name for each in chosen(["joins"])] == ["joins"]
    assert chosen([]) == list(SCENARIOS)
    with pytest.raises(ValueError, match=r"no such scenario: fan; there are idle, "):
        chosen(["fan"])


def test_the_short_form_leaves_out_what_takes_minutes_unless_it_is_asked_for() -> None:
    assert "joins-10000" not in {each.name for each in chosen([], short=True)}
    assert [each.name for each in chosen(["joins-10000"], short=True)] == ["joins-10000"]


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    assert result().median("ours", FIGURE) == 3.0
    assert result().floor_median(FIGURE) == 3.0
    assert result().ratio("ours", FIGURE) == 1.5
    assert result().ratio("ours", FIGURE, "theirs") == 0.5
    assert result().ratio("ours", FIGURE, "nobody") is None


@pytest.mark.parametrize(
    ("proof", "answer", "counts"),
    [
        (Proof.BUSY, {"wanted": 0.9}, True),
        (Proof.BUSY, {"wanted": 0.89}, False),
        (Proof.OPENING_BUSY, {"open_wanted": 0.5}, False),
        (Proof.PACE, {"kept_pace": 0.98}, False),
        (Proof.PACE, {"kept_pace": 1.02}, True),
        (Proof.NONE, {}, True),
    ],
)
def test_what_the_generator_limited_does_not_count(
    proof: Proof, answer: dict[str, float], counts: bool
) -> None:
    assert Result(scenario(proof), {"ours": [answer]}).evidence("ours")[1] is counts


def test_a_void_run_says_so_and_has_no_ratio() -> None:
    _, rows = full(Recording(["ours", "theirs"], AROUND, [result(wanted=0.5)]))
    assert rows == [
        [
            "s",
            "a thing",
            "3.00 us",
            "void (3.00 us)",
            "6.00 us",
            "-",
            "-",
            "ours busy 50%, theirs busy 100%",
        ]
    ]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (6.123, "us", "6.12 us"),
        (12.34, "us", "12.3 us"),
        (2183.4, "us", "2,183 us"),
        (671, "bytes", "671 B"),
        (2400, "bytes", "2.3 KiB"),
        (5 << 20, "bytes", "5.0 MiB"),
    ],
)
def test_amounts_have_three_digits_or_so(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_a_noisy_recording_says_so() -> None:
    quiet = Recording(["ours"], AROUND, [result()])
    noisy = Recording(["ours"], {**AROUND, "idle_after": 0.5}, [result()])
    assert "Other programs" not in headlines(quiet)
    assert "Other programs" in headlines(noisy)
    assert "Other programs" in document(noisy)


def test_failures_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> dict[str, float]:
        raise RuntimeError("the server said: no")

    monkeypatch.setattr(rounds, "run", refuse)
    server = Server("ours", lambda: nullcontext(Target("ours", 1, (1,))), fresh=False)
    plain = replace(scenario(), figures=(replace(FIGURE, floor=None),))
    results = measure([plain], [server], rounds=2, seconds=1)
    assert "- s on ours: the server said: no\n" in document(Recording(["ours"], AROUND, results))


@pytest.mark.parametrize(("fresh", "once", "opened"), [(False, False, 1), (True, False, 3), (True, True, 1)])
def test_memory_is_measured_on_a_new_server(
    monkeypatch: pytest.MonkeyPatch, fresh: bool, once: bool, opened: int
) -> None:
    count = 0

    @contextmanager
    def open_server() -> Iterator[Target]:
        nonlocal count
        count += 1
        yield Target("ours", 1, (1,))

    monkeypatch.setattr(rounds, "run", lambda *_, **__: {"cost": 1.0, "wanted": 1.0})
    plain = replace(scenario(fresh=fresh, once=once), figures=(replace(FIGURE, floor=None),))
    measure([plain], [Server("ours", open_server, fresh=True)], rounds=3, seconds=1)
    assert count == opened


def test_a_recording_survives_being_written(tmp_path: Path) -> None:
    kept = Result(
        SCENARIOS[2], {"ours": [{"cpu_us_per_delivery": 1.5, "wanted": 1.0}]}, [{"one_in_flight_us": 1}]
    )
    Recording(["ours"], AROUND, [kept]).write(tmp_path / "load.json")
    assert Recording.read(tmp_path / "load.json") == Recording(["ours"], AROUND, [kept])


@pytest.fixture(scope="module")
def node() -> Iterator[Target]:
    with revurb().open() as target:
        yield target


SMALL = {
    "fanout": (chosen(["fanout-1000-100b-w8"])[0], ("--conns", "20", "--window", "8", "--publishers", "2")),
    "whisper": (chosen(["whisper"])[0], ("--conns", "20", "--channel", "private-bench", "--window", "8")),
    "latency": (chosen(["latency"])[0], ("--conns", "20", "--rate", "50", "--publishers", "2")),
    "disconnect": (chosen(["disconnect"])[0], ("--conns", "50", "--leave")),
    "slow": (chosen(["slow"])[0], ("--conns", "20", "--slow", "5", "--publishers", "2", "--window", "8")),
}


@pytest.mark.usefixtures("_two_cores")
@pytest.mark.parametrize("name", SMALL)
def test_the_generator_finds_every_figure(node: Target, name: str) -> None:
    large, options = SMALL[name]
    small = replace(large, options=options)
    answer = run(small, node, seconds=0.2)
    assert all(figure.key in answer for figure in small.figures)
    assert answer["lost"] == 0
    if small.publishes:
        assert answer["received"] > 0
    if any(figure.floor for figure in small.figures):
        assert {figure.floor for figure in small.figures} <= set(floor(small, seconds=0.1))


@pytest.mark.usefixtures("_two_cores")
def test_joins_are_told_to_all_and_lists_grow(node: Target) -> None:
    small = replace(
        chosen(["joins"])[0],
        options=("--conns", "21", "--channel", "presence-bench", "--ramp", "5", "--members", "5,20"),
    )
    answer = run(small, node, seconds=1)
    assert answer["list_bytes_20"] > answer["list_bytes_5"] > 0
    assert {f"{name}_us_{count}" for name in ("apart", "join", "leave", "told") for count in (5, 20)} <= set(
        answer
    )


def test_only_loopback_is_put_under_load(need: Callable[[str], str]) -> None:
    need("cc")
    with pytest.raises(RuntimeError, match="only loopback"):
        run(chosen(["connect"])[0], Target("far", 80, (1,), host="192.0.2.1"), seconds=1)
