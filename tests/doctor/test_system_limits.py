"""What `revurb doctor` says of what the system allows."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from revurb.config import App, Config, LimitsConfig
from revurb.doctor import system_limits
from revurb.doctor.finding import Finding
from revurb.doctor.system_limits import check_limits


@pytest.fixture
def allow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Limits of a system that is too small for anything; the process's own cannot be raised again."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    monkeypatch.setattr(system_limits, "available_memory_bytes", lambda: 64 * 1024 * 1024)
    somaxconn = tmp_path / "somaxconn"
    somaxconn.write_text("128\n")
    monkeypatch.setattr(system_limits, "SOMAXCONN", somaxconn)


def found(config: Config) -> dict[str, Finding]:
    return {finding.subject: finding for finding in check_limits(config)}


@pytest.mark.usefixtures("allow")
def test_limits_that_are_low() -> None:
    findings = found(Config())
    assert {finding.mark for finding in findings.values()} == {"warning"}
    assert findings["open files"].observation == "4096, so each process can have so many connections"
    assert findings["backlog"].observation == "128 connections may wait to be accepted"
    assert findings["memory"].observation == "64 MiB for this host or container"
    assert all(finding.advice for finding in findings.values())


@pytest.mark.usefixtures("allow")
@pytest.mark.parametrize(
    "config",
    [
        Config(limits=LimitsConfig(max_connections=5000)),
        Config(apps=(App(id="1", key="k", secret="s", max_connections=5000),)),
    ],
)
def test_more_connections_than_files(config: Config) -> None:
    assert found(config)["open files"].observation == "4096, but 5000 connections are allowed"


def test_those_of_this_host_can_be_read() -> None:
    assert {"open files", "memory"} <= found(Config()).keys()


def test_no_limit_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, resource.RLIM_INFINITY))
    assert found(Config())["open files"] == Finding("ok", "open files", "without a limit")
