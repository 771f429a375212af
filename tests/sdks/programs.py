"""Programs in the languages of the SDKs: how they are built and run, and what they print."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from revurb import App
from tests.conftest import Need

FOLDER = Path(__file__).parent
BUILD = FOLDER.parents[1] / "build" / "sdks"
APP = App(id="1", key="key1", secret="secret1")
PATIENCE_S = 300.0  # the first run fetches and compiles


async def output(*command: str, cwd: Path, **environ: str) -> list[str]:
    """The lines of a program's standard output; it must end with 0."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        text, errors = await process.communicate()
    assert process.returncode == 0, (text + errors).decode()
    return text.decode().splitlines()


async def go_output(need: Need, package: str, **environ: str) -> list[str]:
    """What a package below go/ prints."""
    return await output(need("go"), "run", package, cwd=FOLDER / "go", **environ)


async def java_classes(need: Need) -> tuple[str, ...]:
    """Fetch the libraries, compile all programs below java/, and return the command that runs the class named next."""
    javac, java, mvn = need("javac"), need("java"), need("mvn")
    sources, classes = FOLDER / "java", BUILD / "java"
    await output(mvn, "-q", "dependency:copy-dependencies", f"-DoutputDirectory={classes}", cwd=sources)
    path = f"{classes}/*:{classes}"
    programs = sorted(source.name for source in sources.glob("*.java"))
    await output(javac, "-encoding", "UTF-8", "-cp", path, "-d", str(classes), *programs, cwd=sources)
    return java, "-Dfile.encoding=UTF-8", "-cp", path
