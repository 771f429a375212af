"""The measurement of what TLS costs runs: every row has its figures, and whoever comes back resumes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.load import tls_cost
from benchmarks.load.tls_cost import CASES, Case, main


@pytest.mark.usefixtures("_two_cores")
def test_a_row_for_each_way_to_serve(
    need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    need("nginx")
    plain, direct, proxied = Case(), CASES[1], CASES[-1]
    monkeypatch.setattr(tls_cost, "CASES", (plain, direct, proxied))
    monkeypatch.setattr(tls_cost, "WARMING", 1)
    monkeypatch.setattr(tls_cost, "SETTLED_S", 0.05)
    monkeypatch.setenv("REVERB_APP_PING_INTERVAL", "600")
    main(["--connections", "3", "--rounds", "1"])
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()[4:]
    ]
    assert [row[0] for row in rows] == ["without TLS", "TLS 1.3, ECDSA", "nginx, TLS 1.3, RSA"]
    assert [row[2] == "" for row in rows] == [True, False, False]
    assert all(float(cell.replace(",", "")) > 0 for row in rows for cell in row[1:5] if cell)
    assert float(rows[1][1].replace(",", "")) > float(rows[0][1].replace(",", ""))
