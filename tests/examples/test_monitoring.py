"""examples/monitoring: taken by Prometheus, from a real node, and about metrics that exist."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from revurb import App, Server
from revurb.observe.metrics import METRICS
from tests.client import api, connect, http
from tests.conftest import Need
from tests.processes.serving import serving

EXAMPLES = Path(__file__).parents[2] / "examples/monitoring"
TESTS = Path(__file__).with_name("monitoring")
PAGE = Path(__file__).parents[2] / "docs/monitoring.md"
APP = App(id="1", key="k", secret="s")
ALERT = re.compile(r"^ +- alert: (\w+)$", re.MULTILINE)
# What an alert says of a server that is ill: series beside those of one that is well, and when to look.
ILL: dict[str, dict[str, str]] = {
    "RevurbDown": {'up{job="revurb", instance="b"}': "0+0x240"},
    "RevurbNotReady": {'revurb_ready{instance="b"}': "0+0x240"},
    "RevurbProcessBlocked": {'revurb_process_blocked{instance="b", process="hub"}': "1+0x240"},
    "RevurbProcessRestarts": {'revurb_process_restarts_total{instance="b", process="hub"}': "0+1x240"},
    "RevurbLoopLag": {
        'revurb_loop_lag_seconds_bucket{instance="b", le="0.1"}': "0+50x240",
        'revurb_loop_lag_seconds_bucket{instance="b", le="0.25"}': "0+60x240",
        'revurb_loop_lag_seconds_bucket{instance="b", le="+Inf"}': "0+60x240",
    },
    "RevurbBusDisconnected": {'revurb_bus_connected{instance="b", process="worker 1"}': "0+0x240"},
    "RevurbBusLag": {'revurb_bus_lag_seconds{instance="b", process="worker 1"}': "3+0x240"},
    "RevurbEventsLost": {
        'revurb_bus_dropped_total{instance="b"}': "0+1x240",
        'revurb_bus_missed_total{instance="b"}': "0+0x240",
    },
    "RevurbBusRefused": {'revurb_bus_refused_total{instance="b"}': "0+1x240"},
    "RevurbQueueFull": {
        'revurb_queued_bytes{instance="b", where="outbox"}': "500+0x240",
        'revurb_queued_bytes{instance="b", where="transport"}': "400+0x240",
        'revurb_queued_limit_bytes{instance="b"}': "1000+0x240",
    },
    "RevurbSlowConsumers": {'revurb_slow_consumers_total{instance="b"}': "0+30x240"},
    "RevurbHandshakesRefused": {
        'revurb_handshakes_total{instance="b", result="accepted"}': "0+50x240",
        'revurb_handshakes_total{instance="b", result="origin_refused"}': "0+100x240",
    },
    "RevurbServerErrors": {
        'revurb_http_requests_total{instance="b", route="events", status="500"}': "0+1x240"
    },
    "RevurbWebhooksFail": {
        'revurb_webhook_requests_total{instance="b", result="ok"}': "0+1x240",
        'revurb_webhook_requests_total{instance="b", result="failed"}': "0+5x240",
    },
    "RevurbWebhooksLost": {
        'revurb_webhook_dead_letters_total{instance="b"}': "0+0x240",
        'revurb_webhook_events_lost_total{instance="b"}': "0+1x240",
    },
    "RevurbOpenFiles": {
        'revurb_process_open_files{instance="b", process="worker 1"}': "900+0x240",
        'revurb_process_open_files_limit{instance="b", process="worker 1"}': "1000+0x240",
    },
    "RevurbCertificateEnds": {
        'revurb_certificate_end_timestamp_seconds{instance="b", process="node"}': "90000+0x600"
    },
    "RevurbLogLost": {'revurb_log_lines_dropped_total{instance="b"}': "0+1x240"},
}


def alerts() -> dict[str, str]:
    """The expression of each alert."""
    text = (EXAMPLES / "alerts.yaml").read_text()
    pattern = r"- alert: (\w+)\n +expr: (?:>-\n +)?(.*)"
    return dict(re.findall(pattern, text))


def panels() -> Iterator[tuple[str, str]]:
    """Title and expression of each query of the dashboard."""
    for panel in json.loads((EXAMPLES / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def checked(program: str, *args: object, text: str = "") -> str:
    done = subprocess.run(
        [program, *map(str, args)], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("names", ["revurb", "soketi"])
async def test_the_metrics_of_a_server_are_clean(tmp_path: Path, need: Need, names: str) -> None:
    program = need("promtool")
    environment = {"REVURB_ADMIN_PORT": "0", "REVURB_METRICS_NAMES": names}
    for args in ((), ("--workers", "2")):
        with serving(tmp_path, *args, environment=environment) as server:
            port = int(server.said(r"admin listener is ready host=\S+ port=(\d+)")[1])
            async with connect(server.port, "nobody", greet=False) as client:
                await client.closed()
            async with http(port) as connection, asyncio.timeout(20):
                while "unknown_app" not in (text := (await connection.request("GET", "/metrics")).text):
                    await asyncio.sleep(0.1)
            assert checked(program, "check", "metrics", text=text) == ""


def test_promtool_takes_the_files(tmp_path: Path, need: Need) -> None:
    program = need("promtool")
    assert f"{len(alerts())} rules found" in checked(program, "check", "rules", EXAMPLES / "alerts.yaml")
    checked(program, "check", "config", EXAMPLES / "prometheus.yaml")


def test_no_alert_is_raised_for_a_server_that_is_well(tmp_path: Path, need: Need) -> None:
    shutil.copy(EXAMPLES / "alerts.yaml", tmp_path)
    shutil.copy(TESTS / "alerts_test.yaml", tmp_path)
    text = (tmp_path / "alerts_test.yaml").read_text()
    assert set(re.findall(r"alertname: (\w+)", text)) == alerts().keys()
    assert "SUCCESS" in checked(need("promtool"), "test", "rules", tmp_path / "alerts_test.yaml")


def test_each_alert_is_raised(tmp_path: Path, need: Need) -> None:
    """promtool says what is raised where nothing was expected: here it is enough that it is this alert, and of whom."""
    program = need("promtool")
    assert ILL.keys() == alerts().keys()
    shutil.copy(EXAMPLES / "alerts.yaml", tmp_path)
    tests = [
        {
            "interval": "15s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [{"eval_time": "2h" if "Certificate" in alert else "59m", "alertname": alert}],
        }
        for alert, series in ILL.items()
    ]
    file = {"rule_files": ["alerts.yaml"], "evaluation_interval": "15s", "tests": tests}
    (tmp_path / "test.yaml").write_text(json.dumps(file))  # which is YAML
    done = subprocess.run(
        [program, "test", "rules", tmp_path / "test.yaml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    raised = re.findall(r'Labels:\{alertname="(\w+)", instance="b"', done.stdout + done.stderr)
    assert set(raised) == ILL.keys(), done.stdout + done.stderr


def test_they_are_about_metrics_that_exist() -> None:
    known = {f"revurb_{metric.name}" for metric in METRICS} | {
        f"revurb_{metric.name}{end}"
        for metric in METRICS
        if metric.kind == "histogram"
        for end in ("_bucket", "_sum", "_count")
    }
    queries = [*alerts().values(), *(expression for _, expression in panels())]
    assert len(queries) > 40
    used = {name for query in queries for name in re.findall(r"\brevurb_\w+", query)}
    assert used <= known


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    dashboard = json.loads((EXAMPLES / "dashboard.json").read_text())
    assert dashboard["uid"] == "revurb"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    text = json.dumps(dashboard["panels"])
    used = set(re.findall(r"\$\{?(\w+)\}?", text)) - {"__rate_interval"}
    assert used == variables
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_page_says_what_to_do_about_each_alert() -> None:
    page = PAGE.read_text()
    assert set(re.findall(r"`(Revurb[A-Z]\w+)`", page)) == alerts().keys()


class Prometheus:
    def __init__(self, port: int) -> None:
        self._port = port

    async def get(self, path: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{self._port}{path}?{urllib.parse.urlencode(query)}"
        return await asyncio.to_thread(self._get, url)

    def _get(self, url: str) -> Any:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    async def until(self, query: str, value: str) -> None:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError, ValueError):
                    found = (await self.get("/api/v1/query", query=query))["data"]["result"]
                    if found and found[0]["value"][1] == value:
                        return
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def prometheus(program: str, folder: Path, target_port: int, token: str) -> AsyncIterator[Prometheus]:
    """It, with the files of the examples but for addresses and intervals."""
    text = (EXAMPLES / "prometheus.yaml").read_text().replace("127.0.0.1:9100", f"127.0.0.1:{target_port}")
    text = text.replace("_interval: 15s", "_interval: 1s")
    text = text.replace("    # authorization:\n", "    authorization:\n")
    text = text.replace(
        "    #   credentials_file: /etc/prometheus/revurb-token", "      credentials_file: token"
    )
    (folder / "prometheus.yaml").write_text(text)
    (folder / "token").write_text(token)
    shutil.copy(EXAMPLES / "alerts.yaml", folder)
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--log.level=info",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            # The port that it took itself is in no line of its log: the system knows it.
            while not (ports := listening_ports(process.pid)):
                assert process.returncode is None
                await asyncio.sleep(0.05)
        (port,) = ports
        yield Prometheus(port)
    finally:
        process.kill()
        await process.wait()


def listening_ports(pid: int) -> set[int]:
    """The TCP ports on which a process listens, by /proc."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(link.readlink().name)
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return {
        int(row[1].rpartition(":")[2], 16)
        for row in rows
        if row[3] == "0A" and f"socket:[{row[9]}]" in inodes
    }


async def test_a_real_prometheus_scrapes_a_real_node(tmp_path: Path, need: Need) -> None:
    program = need("prometheus")
    async with (
        Server(apps=[APP], port=0, admin_port=0, admin_token="geheim") as server,
        prometheus(program, tmp_path, server.admin_port or 0, "geheim") as monitor,
        connect(server.port, "k") as client,
    ):
        await client.subscribe("a")
        await api(server.port, APP, "POST", "/events", {"name": "e", "channel": "a", "data": "x"})
        await monitor.until('up{job="revurb"}', "1")
        await monitor.until("revurb_connections", "1")
        await monitor.until('revurb_events_published_total{app="1"}', "1")
        await monitor.until('revurb_http_requests_total{route="events",status="200"}', "1")
        await monitor.until("histogram_quantile(1, revurb_fanout_subscribers_bucket)", "1")
        rules = (await monitor.get("/api/v1/rules"))["data"]["groups"][0]["rules"]
        assert {rule["name"] for rule in rules} == alerts().keys()
        for title, expression in panels():
            query = expression.replace("$instance", ".*").replace("$__rate_interval", "1m")
            answer = await monitor.get("/api/v1/query", query=query)
            assert answer["status"] == "success", (title, answer)


async def test_a_wrong_token_is_refused(tmp_path: Path, need: Need) -> None:
    program = need("prometheus")
    async with (
        Server(apps=[APP], port=0, admin_port=0, admin_token="geheim") as server,
        prometheus(program, tmp_path, server.admin_port or 0, "falsch") as monitor,
    ):
        await monitor.until('up{job="revurb"}', "0")
        (target,) = (await monitor.get("/api/v1/targets"))["data"]["activeTargets"]
        assert "401" in target["lastError"]
