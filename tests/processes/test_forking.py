"""A forked process, as it finds itself: in processes of their own, since pytest has threads."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")

HEAD = """
    import os, random, signal, socket, sys
    from revurb.processes import prctl
    from revurb.processes.forking import become, close_inherited, fork_orphan, place, wait_for_begin

    prctl.adopt_orphans()
    reading, writing = os.pipe()

    def tell(text):
        os.write(writing, f"{text}\\n".encode())

    def told():
        os.close(writing)
        with os.fdopen(reading) as pipe:
            return pipe.read()
"""


def output(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HEAD) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_orphan_is_a_child_of_the_one_that_adopts() -> None:
    assert (
        output(
            """
            above = os.getpid()
            if os.fork() == 0:  # as the template
                pid = fork_orphan()
                if pid is None:
                    while os.getppid() != above:  # until the process in between has ended
                        pass
                    tell("adopted")
                    os._exit(7)
                tell(pid)
                os._exit(0)
            ended = dict(os.wait() for _ in range(2))  # only children can be waited for
            pid, said = sorted(told().split())
            print(said, os.waitstatus_to_exitcode(ended[int(pid)]))
            """
        )
        == "adopted 7\n"
    )


def test_a_fork_that_fails_is_told_with_its_reason() -> None:
    assert (
        output(
            """
            import errno, resource

            def told_reason():
                try:
                    fork_orphan()
                except OSError as error:
                    return errno.errorcode[error.errno]

            resource.setrlimit(resource.RLIMIT_NOFILE, (writing + 1, writing + 1))
            print(told_reason())
            """
        )
        == "EMFILE\n"
    )


def test_forks_have_random_numbers_of_their_own() -> None:
    assert (
        output(
            """
            random.seed(1)
            for _ in range(3):
                if fork_orphan() is None:
                    tell(random.random())
                    os._exit(0)
            print(len(set(told().split())))
            """
        )
        == "3\n"
    )


def test_descriptors_get_the_numbers_that_were_asked_for() -> None:
    assert (
        output(
            """
            pairs = [socket.socketpair() for _ in range(3)]
            fds = [theirs.detach() for _, theirs in pairs]
            numbers = [fds[1], fds[2], 900]  # two are those of others among them
            place(fds, numbers)
            for number, (ours, _) in zip(numbers, pairs):
                ours.send(b"%d" % number)
            print([os.read(number, 9) == b"%d" % number for number in numbers])
            print([os.get_inheritable(number) for number in numbers])
            try:
                os.fstat(fds[0])
            except OSError:
                print("moved")
            """
        )
        == "[True, True, True]\n[False, False, False]\nmoved\n"
    )


def test_a_fork_has_what_a_fresh_process_has() -> None:
    assert (
        output(
            """
            import gc
            from revurb.processes.forking import SUPERVISORS_SIGNALS

            gc.disable()
            for number in SUPERVISORS_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            if fork_orphan() is None:
                become("revurb: fork", (), ())
                title = open("/proc/self/cmdline").read().rstrip("\\0")
                tell(title)
                tell(os.getpgid(0) == os.getpid())
                tell({signal.getsignal(number).name for number in SUPERVISORS_SIGNALS})
                tell(gc.isenabled())
                os._exit(0)
            print(told(), end="")
            """
        )
        == "revurb: fork\nTrue\n{'SIG_DFL'}\nTrue\n"
    )


@pytest.mark.parametrize(("said", "code"), [("b'\\n'", 5), ("b''", 0)])
def test_a_fork_begins_when_it_is_told_to_and_ends_when_it_is_not_wanted(said: str, code: int) -> None:
    assert (
        output(
            f"""
            ours, theirs = socket.socketpair()
            if os.fork() == 0:
                ours.close()
                wait_for_begin(theirs.fileno())
                os._exit(5)
            theirs.close()
            ours.send({said})
            ours.close()
            print(os.waitstatus_to_exitcode(os.wait()[1]))
            """
        )
        == f"{code}\n"
    )


def test_of_what_is_inherited_one_descriptor_is_kept() -> None:
    assert (
        output(
            """
            below, kept, above = (os.open(os.devnull, os.O_RDONLY) for _ in range(3))
            out = os.dup(1)
            close_inherited(kept)
            print([fd for fd in range(out + 1) if os.path.exists(f"/proc/self/fd/{fd}")] == [0, 1, 2, kept])
            print(os.readlink("/proc/self/fd/0"))
            """
        )
        == "True\n/dev/null\n"
    )
