"""Run an installed Autobahn|Testsuite against echo.py and judge its report. `tests/conformance/autobahn` calls it.

    python tests/conformance/autobahn_report.py SUITE_DIRECTORY [CASE...]

Prints a Markdown table, one row per section, which is what docs/conformance.md holds. Fails unless every case is OK,
or is one of those that the suite itself calls informational. AUTOBAHN_COMPRESSION is the echo server's --compression,
`dedicated` unless set; with `off` the cases of permessage-deflate (12, 13) are UNIMPLEMENTED, all of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

ECHO = Path(__file__).with_name("echo.py")
COMPRESSION_MODE = os.environ.get("AUTOBAHN_COMPRESSION", "dedicated")
SUITE_LIMIT_S = 3600.0
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}
COMPRESSION = ("12", "13")
NOT_NEGOTIATED = ("UNIMPLEMENTED", "OK")

SECTIONS = {
    "1": "Framing",
    "2": "Pings and pongs",
    "3": "Reserved bits",
    "4": "Opcodes",
    "5": "Fragmentation",
    "6": "UTF-8",
    "7": "Closing",
    "9": "Limits and performance",
    "10": "Automatic fragmentation",
    "12": "permessage-deflate, payloads",
    "13": "permessage-deflate, parameters",
}

Verdicts = dict[str, tuple[str, str]]
"""Case number -> (behaviour, behaviour at the close), in the suite's words."""


def run_suite(suite: Path, cases: list[str]) -> Verdicts:
    command = [sys.executable, str(ECHO), "--port", "0", "--compression", COMPRESSION_MODE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            address = server.stdout.readline().removeprefix("listening on ").strip()
            spec = {
                "outdir": str(suite / "reports"),
                "servers": [{"agent": "revurb", "url": f"ws://{address}"}],
                "cases": cases or ["*"],
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
            (suite / "spec.json").write_text(json.dumps(spec, indent=2))
            with (suite / "log.txt").open("w") as log:
                subprocess.run(
                    [suite / "env/bin/wstest", "-m", "fuzzingclient", "-s", suite / "spec.json"],
                    stdout=log,
                    stderr=log,
                    check=True,
                    timeout=SUITE_LIMIT_S,
                )
        finally:
            server.terminate()
    index = json.loads((suite / "reports/index.json").read_text())["revurb"]
    return {case: (result["behavior"], result["behaviorClose"]) for case, result in index.items()}


def faults(verdicts: Verdicts) -> list[str]:
    """One line for each case that is not as it has to be."""
    compression = {both for case, both in verdicts.items() if case.split(".")[0] in COMPRESSION}
    found = []
    for case, both in verdicts.items():
        if both == ("OK", "OK"):
            continue
        if case in INFORMATIONAL and both == ("INFORMATIONAL", "INFORMATIONAL"):
            continue
        if case.split(".")[0] in COMPRESSION and compression == {NOT_NEGOTIATED}:
            continue
        found.append(f"{case}: {both[0]}, closing {both[1]}")
    return found


def table(verdicts: Verdicts) -> str:
    rows = [
        "| Section | What | Cases | OK | Informational | Unimplemented | Else |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    total: Counter[str] = Counter()
    for section, what in SECTIONS.items():
        inside = [both for case, both in verdicts.items() if case.split(".")[0] == section]
        kinds = Counter(
            both[0] if both[0] == both[1] or both == NOT_NEGOTIATED else "ELSE" for both in inside
        )
        total.update(kinds)
        if inside:
            rows.append(_row(section, what, kinds))
    rows.append(_row("", "all", total))
    return "\n".join(rows)


def _row(section: str, what: str, kinds: Counter[str]) -> str:
    counts = [kinds.total(), kinds["OK"], kinds["INFORMATIONAL"], kinds["UNIMPLEMENTED"]]
    counts.append(kinds.total() - sum(counts[1:]))
    return f"| {section} | {what} | " + " | ".join(map(str, counts)) + " |"


def main() -> int:
    suite, cases = Path(sys.argv[1]), sys.argv[2:]
    verdicts = run_suite(suite, cases)
    print(table(verdicts))
    found = faults(verdicts)
    if not verdicts:
        found.append("no case was run")
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
