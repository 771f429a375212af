"""Where `revurb top --url` has its figures from: the /status and /metrics of an admin listener, of a server anywhere.

They tell of each process connections, memory and CPU time; the rest they tell of all processes together.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from typing import Any

import click
import msgspec

from revurb.cli.advice import with_advice
from revurb.cli.client import RequestError, send_unsigned
from revurb.cli.load_sample import TOTAL, SeenProcess, SeenServer
from revurb.cli.target import NodeAddress
from revurb.observe.figures import Row
from revurb.observe.metrics import METRICS
from revurb.observe.printable import escape_unprintable
from revurb.processes.process_load import SUMS, load_of

ANSWER_S = 10.0
AGE, INFO, LAG_COUNT, LAG_SUM = (
    "process_age_seconds",
    "build_info",
    "loop_lag_seconds_count",
    "loop_lag_seconds_sum",
)
_OWN = {AGE, INFO, LAG_COUNT, LAG_SUM, *SUMS.values()}
_SOKETI = {metric.soketi: metric.name for metric in METRICS if metric.soketi and metric.name in SUMS.values()}


class AdminServer:
    """A server by its admin listener."""

    def __init__(self, address: NodeAddress, token: str | None) -> None:
        self._address = address
        self._last: tuple[str, SeenServer] | None = None  # the metrics, and what was made of them
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def read(self) -> SeenServer:
        """The server as it is now. Exits with 1 if it does not answer."""
        url = self._address.url("http")
        status, metrics = self._get("/status"), self._get("/metrics")
        try:
            seen = admin_sample(json.loads(status), metrics, url)
        except (ValueError, LookupError, TypeError, AttributeError):
            raise click.ClickException(
                f"{url} is no admin listener of Revurb: name that (REVURB_ADMIN_PORT)"
            ) from None
        return self._as_told(seen, metrics)

    def _as_told(self, seen: SeenServer, metrics: str) -> SeenServer:
        """The sample with its time: a listener gives the same text to all who ask within a second."""
        if self._last is not None and self._last[0] == metrics:
            times = {(one.process, one.pid): one.at_s for one in _all_of(self._last[1])}
            processes, total = (
                [dataclasses.replace(one, at_s=times.get((one.process, one.pid), one.at_s)) for one in some]
                for some in (seen.processes, [] if seen.total is None else [seen.total])
            )
            seen = dataclasses.replace(seen, processes=processes, total=total[0] if total else None)
        self._last = metrics, seen
        return seen

    def _get(self, path: str) -> str:
        try:
            response = send_unsigned(self._address, path, ANSWER_S, self._headers)
        except RequestError as error:
            raise click.ClickException(with_advice(str(error))) from error
        if response.status == 401:
            raise click.ClickException(
                "the token is missing or wrong: --token-file names a file with the server's admin.token"
            )
        if response.status != 200:
            reason = escape_unprintable(response.text.strip()[:200])
            raise click.ClickException(
                f"{self._address.url('http')}{path} answered {response.status}: {reason}; is it the admin listener "
                "(REVURB_ADMIN_PORT)?"
            )
        return response.text


def _all_of(seen: SeenServer) -> list[SeenProcess]:
    return [*seen.processes, *([] if seen.total is None else [seen.total])]


def admin_sample(status: Any, metrics: str, address: str) -> SeenServer:
    """What an admin listener has told. Raises ValueError, LookupError, TypeError or AttributeError if it is none."""
    from prometheus_client.parser import text_string_to_metric_families

    samples = [sample for family in text_string_to_metric_families(metrics) for sample in family.samples]
    metric_of = _naming([sample.name for sample in samples])
    rows: dict[str, list[Row]] = {}  # by process, "" of all together
    for sample in samples:
        if (metric := metric_of(sample.name)) is not None:
            rows.setdefault(sample.labels.get("process", ""), []).append((metric, (), (sample.value,)))
    ages = {name: age for name, of_one in rows.items() if (age := _sum_of(of_one, AGE)) is not None}
    now_s = time.monotonic()
    seen = []
    for listed in status.get("processes", ()):
        name, pid = str(listed["process"]), listed["pid"]
        load = load_of(name, pid or 0, 0.0, rows.get(name, ()))
        at_s, connections = now_s - ages.get(name, 0.0), int(listed["connections"])
        seen.append(
            SeenProcess(
                name, pid, str(listed["state"]), listed["bus"], connections, at_s, load, is_partial=True
            )
        )
    total = msgspec.structs.replace(
        load_of(TOTAL, 0, 0.0, [row for of_one in rows.values() for row in of_one]),
        lag_count=int(_sum_of(rows.get("", []), LAG_COUNT) or 0),
        lag_sum_s=_sum_of(rows.get("", []), LAG_SUM) or 0.0,
    )
    at_s = now_s - (sum(ages.values()) / len(ages) if ages else 0.0)
    state, connections = str(status["state"]), int(total.connections)
    whole = SeenProcess(TOTAL, None, state, None, connections, at_s, total)
    return SeenServer(
        str(status.get("version", "")), address, state, float(status.get("uptime_s", 0)), seen, whole
    )


def _naming(names: list[str]) -> Callable[[str], str | None]:
    """What gives the metric of a name. All names have one prefix, which may be any (REVURB_METRICS_PREFIX); with
    soketi's names, some have another. Raises LookupError if there is none of Revurb."""
    prefixes = [name.removesuffix(INFO) for name in names if name.endswith(INFO)]
    prefix = prefixes[0]

    def metric_of(name: str) -> str | None:
        if name.startswith(prefix):
            own = name.removeprefix(prefix)
            return own if own in _OWN else None
        return next((metric for soketi, metric in _SOKETI.items() if name.endswith(f"_{soketi}")), None)

    return metric_of


def _sum_of(rows: list[Row], metric: str) -> float | None:
    found = [numbers[0] for name, _, numbers in rows if name == metric]
    return sum(found) if found else None
