"""What docs/scaling.md and docs/redis.md show is what was recorded; and costs are read out of records as they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load import across, marks
from benchmarks.load.bus_costs import CROWD, PROCESSES, RECEIVERS
from benchmarks.load.recording import RESULTS
from benchmarks.scaling import __main__, record
from benchmarks.scaling.check import horizontal
from benchmarks.scaling.costs import PROVISIONAL_LOG_US, Costs, NotRecorded, is_provisional, read_record
from benchmarks.scaling.record import DESIGNS, DOCUMENT, SIZES
from benchmarks.scaling.workload import PROFILES

AGAIN = "compute again: python -m benchmarks.scaling --write, or put it there again: --draw"


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    return read_record("scaling.json")


def test_the_document_shows_the_record(recorded: dict[str, Any]) -> None:
    text = DOCUMENT.read_text()
    assert record.with_parts(text, recorded) == text, AGAIN
    for part in record.parts(recorded).values():
        assert part in text


def test_the_record_is_of_these_profiles_and_sizes(recorded: dict[str, Any]) -> None:
    found = [(each["workload"], each["connections"]) for each in recorded["plans"]]
    assert found == [(profile.name, size) for profile in PROFILES for size in SIZES], AGAIN
    assert list(recorded["designs"]) == [profile.name for profile in PROFILES]
    assert {name for rooms in recorded["designs"].values() for name in rooms} == set(DESIGNS)


def test_the_record_is_of_the_costs_that_are_on_record(recorded: dict[str, Any]) -> None:
    costs = Costs.read()
    assert recorded["costs"] == {name: getattr(costs, name) for name in recorded["costs"]}, AGAIN


def test_plans_are_worth_their_name(recorded: dict[str, Any]) -> None:
    for each in recorded["plans"]:
        assert each["process"]["p99"] <= 0.6
        assert each["processes"] <= each["hosts"] * record.HOST.workers
        assert each["room"] >= 1
        assert each["shard"]["p99"] <= 0.6
        assert each["relay"] is None or each["relay"]["p99"] <= 0.6
        assert each["shards"] >= each["shards_for_load"]
        assert each["first"]
        assert each["limit"]


def test_what_redis_costs_is_shown_as_it_was_measured() -> None:
    measured = read_record("across.json")
    assert (RESULTS / "across.md").read_text() == across.document(measured), (
        "python -m benchmarks.load.across --draw"
    )
    text = across.DOCUMENT.read_text()
    assert marks.with_part(text, across.MARK, across.sentence(across.medians(measured["rounds"]))) == text


def test_a_document_without_its_marks_is_not_touched() -> None:
    with pytest.raises(ValueError, match=r"lost its marks <!-- plans: x --> and <!-- /plans -->"):
        marks.with_part("# Scaling\n", "plans: x", "| |")
    assert marks.with_part("a\n<!-- m: x -->\nold\n<!-- /m -->\nb\n", "m: x", "new\n") == (
        "a\n<!-- m: x -->\n\nnew\n\n<!-- /m -->\nb\n"
    )


def test_a_missing_record_says_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(
        NotRecorded, match=r"across\.json is missing: python -m benchmarks\.load\.across --write"
    ):
        read_record("across.json", tmp_path)


def test_costs_are_split_into_those_of_turns_and_of_what_is_in_them() -> None:
    load: dict[str, dict[str, float]] = {
        "publish": {"cpu_us_per_event": 46.0},
        "channels": {"cpu_us_per_event": 70.0},
        "connect": {"cpu_us_per_connect": 160.0},
        "joins": {"leave_us_100": 30.0, "join_us_100": 100.0, "join_us_1000": 1000.0},
        "latency": {"cpu_us_per_delivery": 8.0},
        "fanout-1000-100b-w1": {"cpu_us_per_delivery": 8.0},
        "fanout-1000-100b-w8": {"cpu_us_per_delivery": 1.7},
        "idle": {"rss_bytes_per_conn": 2000.0},
        "disconnect": {"rss_before_bytes": 3e7},
    }
    figures = {
        f"publish_{batch}_to_{each}.redis_us": base + each * slope
        for each in RECEIVERS
        for batch, base, slope in ((1, 110.0, 10.4), (100, 11.0, 0.5))
    }
    figures |= {f"publish_100_to_{each}.redis_out_bytes": 20.0 + each * 250.0 for each in RECEIVERS}
    figures |= {
        f"{name}.{what}": value
        for name in (
            "publish_1", "publish_100", "enter_100", "count_100", "leave_100", "join_0", "part_0", "hello",
            "lease", "heartbeat", "cluster_heartbeat", "look", "goodbye",
            "cluster_spread_100", "spread_100", f"join_{CROWD}", f"admit_of_{PROCESSES}", "connection_1",
        )
        for what, value in (
            ("node_us", 20.0), ("redis_us", 11.0), ("receive_us", 5.0), ("redis_in_bytes", 400.0),
            ("redis_memory_bytes", 210.0),
        )
    }  # fmt: skip
    figures |= {"publish_1.node_us": 218.0, "publish_1.receive_us": 104.0, "latency.round_trip_us": 200.0}
    figures |= {"channel.redis_memory_bytes": 500.0, "channel.node_memory_bytes": 1600.0}
    figures |= {"cluster_heartbeat.scripts": 10.0}
    figures |= {"subscriber.redis_memory_bytes": 38000.0, "cluster_spread_100.node_us": 50.0}
    figures |= {
        "listen_1_1.receive_us": 30.0,
        "listen_64_1.receive_us": 282.0,
        "listen_1_100.receive_us": 1.0,
    }
    costs = Costs.of(load, figures)
    assert costs.relay_server_us == pytest.approx(3.0)
    assert costs.request_us == pytest.approx(40.0)  # 46 less a delivery, which is (70 - 46) / 4
    assert costs.send_more_us == pytest.approx(0.8)
    assert costs.node_turn_us == pytest.approx(200.0)
    assert costs.node_publish_us == pytest.approx(18.0)
    assert costs.node_read_us == pytest.approx(100.0)
    assert costs.redis_turn_us == pytest.approx(100.0)
    assert costs.redis_publish_us == pytest.approx(10.0)
    assert costs.redis_write_us == pytest.approx(10.0)
    assert costs.redis_send_us == pytest.approx(0.4)
    assert costs.redis_wake_us == costs.redis_write_us  # 11 alone with a bus is less than 110 without
    assert costs.event_out_bytes == pytest.approx(100.0)
    assert costs.cluster_share == pytest.approx(2.5)
    assert costs.redis_script_us == pytest.approx(1.1)
    assert (costs.relay_read_us, costs.relay_receive_us) == (costs.node_read_us, costs.node_receive_us)
    assert costs.log_read_us == PROVISIONAL_LOG_US
    figures |= {"host_1.relay_us": 90.0, "host_100.relay_us": 3.0, "host_publish_1.relay_us": 190.0}
    figures |= {"host_publish_64.relay_us": 9.0, "host_1.worker_us": 30.0, "host_100.worker_us": 2.0}
    costs = Costs.of(load, figures)
    assert not is_provisional(figures)
    assert costs.relay_read_us + costs.relay_receive_us == pytest.approx(90.0)
    assert costs.relay_read_us / 100 + costs.relay_receive_us == pytest.approx(3.0)
    assert costs.relay_turn_us + costs.relay_command_us == pytest.approx(100.0)
    assert costs.relay_turn_us / 64 + costs.relay_command_us == pytest.approx(6.0)
    assert costs.log_wake_us + costs.log_read_us == pytest.approx(22.0)  # less a delivery


def test_three_nodes_are_predicted_at_each_rate_of_their_record() -> None:
    run = {
        "rate": 1000,
        "kept_pace": 1.0,
        "others_cores": 0.1,
        "cores": {"node 1": 0.2, "node 2": 0.2, "node 3": 0.2, "redis": 0.1, "generator": 0.2},
    }
    late = run | {"rate": 6000, "kept_pace": 0.5}
    found = list(horizontal(Costs.read(), [run, run, late]))
    assert [each.measured for each in found] == pytest.approx([0.2, 0.1, 0.2, 0.1])
    assert all(each.predicted > 0 for each in found)
    assert ["more than the machine could do" in each.about for each in found] == [False, False, True, True]


def test_own_numbers_are_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--connections", "20000", "--channels", "4000", "--events-per-s", "100", "--cores", "4"]
    monkeypatch.setattr(sys, "argv", ["x", *options])
    __main__.main()
    said = capsys.readouterr().out
    assert "20,000" in said
    assert "gives way first" in said
    monkeypatch.setattr(sys, "argv", ["x", "--connections", "0"])
    with pytest.raises(SystemExit):
        __main__.main()


def test_records_are_json(recorded: dict[str, Any]) -> None:
    assert json.loads(json.dumps(recorded)) == recorded
