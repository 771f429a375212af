"""Count the instructions that the kernels take for fixed work, and compare with what is on record.

    python -m benchmarks.instructions.guard [--record]

Time on a shared machine is noise; instructions are not. All workloads run once under valgrind's callgrind. Only what
is executed inside the kernel's own library counts: the interpreter and the C library (memory, memcpy) are neither ours
nor the same everywhere.

They do depend on what compiles the kernels, so that is on record with them. With the same C compiler, Cython, Python
and options (a Python hands on those that it was built with: Debian's has -O2, and guards the stack) a workload may
take 5 % more than recorded; with others 30 %, which still finds a loop gone wrong. One that takes 5 % less should be
recorded again, so that the next loss is seen. Kernels have variants for CPUs: what is on record for one kind says
nothing of another, and nothing is compared then. (valgrind 3.19 knows AVX2, and not AVX-512.)
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from benchmarks.instructions.workloads import WORKLOADS

RECORD = Path(__file__).parents[1] / "results/instructions.json"
SCRIPT = Path(__file__).with_name("workloads.py")
CPU_INFO = Path("/proc/cpuinfo")
CPU = ("machine", "vectors")
TOLERANCE = 0.05
OTHER_TOOLS_TOLERANCE = 0.30
LIMIT_S = 300.0  # takes about 10


def tools() -> dict[str, str]:
    """What the counts depend on, by major and minor version."""
    compiler = subprocess.run(
        [os.environ.get("CC", "cc"), "-dumpfullversion"], capture_output=True, text=True, check=True
    )
    versions = {
        "cc": compiler.stdout.strip(),
        "cython": importlib.metadata.version("cython"),
        "python": platform.python_version(),
    }
    options = (sysconfig.get_config_var("CFLAGS") or "").split()
    return {
        "machine": platform.machine(),
        "vectors": "avx2" if "avx2" in CPU_INFO.read_text().split() else "baseline",
        **{name: ".".join(text.split(".")[:2]) for name, text in versions.items()},
        "options": " ".join(dict.fromkeys(word for word in options if re.fullmatch("-[Ofm][^=]*", word))),
    }


def library(kernel: str) -> str:
    spec = importlib.util.find_spec(f"revurb._speedups.{kernel}")
    assert spec is not None
    assert spec.origin is not None
    return spec.origin


def self_cost(profile: Path, object_name: str) -> int:
    """Instructions in one object file, out of callgrind's output.

    `ob=(1) /path` starts what belongs to an object and gives it a number, `ob=(1)` goes on with it. A line of numbers
    is a cost of its own, unless a line `calls=` in front says that it is a callee's.
    """
    names: dict[str, str] = {}
    inside = callee = False
    total = 0
    for line in profile.read_text().splitlines():
        if match := re.match(r"c?ob=(\(\d+\))(?: (.*))?", line):
            number, name = match.groups()
            if name:
                names[number] = name
            if not line.startswith("c"):
                inside = names[number] == object_name
        elif line.startswith("calls="):
            callee = True
        elif re.match(r"[+*\-\d]\S* \d+$", line):
            if inside and not callee:
                total += int(line.split()[1])
            callee = False
    return total


def measure() -> dict[str, int]:
    """Instructions of one repeat of each workload, as "kernel: workload"."""
    libraries = {kernel: library(kernel) for kernel, _, _ in WORKLOADS.values()}
    with tempfile.TemporaryDirectory() as directory:
        profile = Path(directory) / "part"
        command = [
            *("valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", "--dump-before=getppid"),
            *(sys.executable, "-S", str(SCRIPT), str(Path(libraries["frames"]).parent)),
        ]
        environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        # Part 1 ends where the first workload begins, part 2 where it ends, and so on.
        return {
            f"{kernel}: {name}": round(self_cost(Path(f"{profile}.{2 * at}"), libraries[kernel]) / repeats)
            for at, (name, (kernel, _, repeats)) in enumerate(WORKLOADS.items(), 1)
        }


def compare(recorded: dict[str, int], measured: dict[str, int], tolerance: float) -> list[str]:
    """One line for each workload that takes more than it may, or that is not in both."""
    faults = [f"{name}: not on record" for name in measured.keys() - recorded.keys()]
    faults += [f"{name}: on record, but gone" for name in recorded.keys() - measured.keys()]
    for name in measured.keys() & recorded.keys():
        if measured[name] > recorded[name] * (1 + tolerance):
            faults.append(f"{name}: {measured[name]:,} instructions, {recorded[name]:,} on record")
    return sorted(faults)


def main() -> int:
    parser = argparse.ArgumentParser(description="Guard the kernels' instruction counts.")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name} instead of comparing")
    recording: bool = parser.parse_args().record
    used, measured = tools(), measure()
    if recording:
        RECORD.write_text(json.dumps({"tools": used, "instructions": measured}, indent=2) + "\n")
        return 0
    record = json.loads(RECORD.read_text())
    if any(record["tools"][name] != used[name] for name in CPU):
        print(f"recorded on {record['tools']}, this is {used}: nothing to compare")
        return 0
    same = record["tools"] == used
    tolerance = TOLERANCE if same else OTHER_TOOLS_TOLERANCE
    print(f"recorded with {record['tools']}, measured with {used}: {tolerance:.0%} more are tolerated")
    for name, found in measured.items():
        before = record["instructions"].get(name)
        print(f"{name:<44} {found:>10,} {(found / before - 1) if before else 0:>+7.1%}")
    faults = compare(record["instructions"], measured, tolerance)
    for fault in faults:
        print(f"too much: {fault}", file=sys.stderr)
    if same and any(
        found < record["instructions"].get(name, 0) * (1 - TOLERANCE) for name, found in measured.items()
    ):
        print("better than recorded: python -m benchmarks.instructions.guard --record")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
