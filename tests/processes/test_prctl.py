"""What prctl(2) does, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


def output(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=20
    ).stdout


def test_orphans_of_a_descendant_are_adopted() -> None:
    assert output(
        """
        import os
        from revurb.processes import prctl

        assert prctl.adopt_orphans()
        reading, writing = os.pipe()
        if os.fork() == 0:
            between = os.getpid()
            if os.fork() == 0:
                while os.getppid() == between:
                    pass
                os.write(writing, b"%d" % os.getppid())
            os._exit(0)
        print(int(os.read(reading, 99)) == os.getpid())
        """
    ).startswith("True")


@pytest.mark.parametrize("when", ["after", "before"])
def test_a_process_ends_with_its_parent(when: str) -> None:
    """Also if the parent was gone before it asked for that: it was adopted by another process."""
    reading, writing = os.pipe()
    code = f"""
        import os, signal
        from revurb.processes import prctl

        parent = os.getpid()
        ready, told = os.pipe()
        if os.fork() == 0:
            if {when == "before"}:
                os.write(told, b"x")
                while os.getppid() == parent:
                    pass
            prctl.end_with(parent)
            os.write(told, b"x")
            signal.pause()
        os.read(ready, 1)
        os._exit(0)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], pass_fds=(writing,))
    os.close(writing)
    assert process.wait(20) == 0
    assert os.read(reading, 1) == b""  # nobody is left who holds the other end
    os.close(reading)


def test_the_name_is_cut_where_the_system_has_no_room() -> None:
    assert (
        output(
            """
            from revurb.processes import prctl

            prctl.set_name("revurb:a-name-that-is-too-long")
            print(open("/proc/self/comm").read(), end="")
            """
        )
        == "revurb:a-name-t\n"
    )
