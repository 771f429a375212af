"""The text for Prometheus, read by prometheus-client's own parser."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from revurb._speedups.tally import Tally
from revurb.observe.exposition import MetricNames, exposition
from revurb.observe.figures import Figures
from revurb.observe.metrics import SECONDS


async def samples_of(
    figures: Figures, names: MetricNames | None = None
) -> list[tuple[str, dict[str, str], float]]:
    text = (await exposition(figures, names or MetricNames())).decode()
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    found: list[Sample] = [sample for family in families for sample in family.samples]
    return [(sample.name, sample.labels, sample.value) for sample in found]


async def test_counters_gauges_and_labels() -> None:
    figures = Figures()
    figures.put("connections", 3, 'a"b\\c\nd')
    figures.put("slow_consumers_total", 2**60)
    assert await samples_of(figures) == [
        ("revurb_connections", {"app": 'a"b\\c\nd'}, 3.0),
        ("revurb_slow_consumers_total", {}, float(2**60)),
    ]


async def test_buckets_of_a_histogram_have_those_below_in_them() -> None:
    tally = Tally(SECONDS)
    for seconds in (0.0001, 0.0007, 0.0008, 99.0):
        tally.add(seconds)
    figures = Figures()
    figures.add_histogram("http_request_seconds", tally, "events")
    samples = await samples_of(figures)
    by_bound = {labels["le"]: value for name, labels, value in samples if name.endswith("_bucket")}
    assert by_bound["0.0005"] == 1
    assert by_bound["0.001"] == by_bound["5.0"] == 3
    assert by_bound["+Inf"] == 4
    assert ("revurb_http_request_seconds_count", {"route": "events"}, 4.0) in samples
    assert ("revurb_http_request_seconds_sum", {"route": "events"}, tally.sum) in samples


async def test_the_names_of_soketi() -> None:
    figures = Figures()
    figures.put("connections", 3, "app")
    figures.put("connections_opened_total", 5, "app")
    figures.put("received_bytes_total", 7, "app")
    figures.put("ready", 1)
    labels = {"app_id": "app", "port": "6001"}
    assert await samples_of(figures, MetricNames("soketi", None, 6001)) == [
        ("soketi_connected", labels, 3.0),
        ("soketi_new_connections_total", labels, 5.0),
        ("soketi_socket_received_bytes", labels, 7.0),
        ("revurb_ready", {}, 1.0),
    ]


async def test_a_prefix() -> None:
    figures = Figures()
    figures.put("connections", 3, "app")
    figures.put("ready", 1)
    assert [name for name, _, _ in await samples_of(figures, MetricNames("revurb", "chat_"))] == [
        "chat_connections",
        "chat_ready",
    ]
    assert [name for name, _, _ in await samples_of(figures, MetricNames("soketi", "chat_"))] == [
        "chat_connected",
        "revurb_ready",
    ]
