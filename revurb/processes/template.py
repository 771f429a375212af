"""The template of a generation: a process that has imported and read everything, and forks workers and the hub.

The first one is forked from the supervisor, before that has a loop or sockets (`fork_template`), so that they share
their memory too. Those of later generations are fresh interpreters, `python -m revurb.processes.template`, with the
code and the configuration of then. A template has no loop, no thread and no socket but its link, and ends with the
supervisor. What it forks waits for a byte on its supervision link, so that nobody serves whom the supervisor does not
know.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from revurb.config import Config, ConfigError
from revurb.node.memory_trimmer import return_free_memory
from revurb.observe.unblocked_output import protect_output, renew_output
from revurb.processes import prctl
from revurb.processes.forking import (
    SUPERVISORS_SIGNALS,
    become,
    close_inherited,
    fork_orphan,
    set_environment,
    wait_for_begin,
)
from revurb.processes.fresh_process import imported_from
from revurb.processes.hub import prepare_hub
from revurb.processes.invocation import Invocation
from revurb.processes.process_title import set_title
from revurb.processes.relay import prepare_relay
from revurb.processes.supervised_process import ChildProcess, ConfigSource, Prepare, prepare_child
from revurb.processes.template_link import (
    VERSION,
    Forked,
    ForkFailed,
    ForkRequest,
    ForkRequests,
    TemplateReady,
    close_all,
)
from revurb.processes.worker import prepare_worker

TITLE = "revurb: template"
CHILDREN: Mapping[str, Prepare] = {
    "revurb.processes.hub": prepare_hub,
    "revurb.processes.relay": prepare_relay,
    "revurb.processes.worker": prepare_worker,
}


def fork_template(config: Config, environ: Mapping[str, str]) -> tuple[int, socket.socket]:
    """Fork the template of the first generation, with `config` and the environment `environ`. Returns its pid and the
    supervisor's end of its link. In the template and in its children it does not return: they exit. Raises OSError."""
    supervisor = os.getpid()
    _import_all(config)
    _freeze_memory()
    ours, theirs = socket.socketpair()
    try:
        pid = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        raise
    if pid:
        theirs.close()
        return pid, ours
    ours.close()
    prctl.end_with(supervisor)
    os.setpgid(0, 0)  # Ctrl-C reaches the supervisor only
    close_inherited(kept=theirs.fileno())
    set_environment(environ)
    if not sys.flags.safe_path and not imported_from(Path(sys.path[0] or os.getcwd())):
        del sys.path[
            0
        ]  # the script's folder or the working directory, which may shadow what is imported later
    renew_output()
    _serve(ForkRequests(theirs), lambda: config)


def main(arguments: Sequence[str]) -> NoReturn:
    """Be the template of a later generation, which reads the configuration itself."""
    prctl.end_with(os.getppid())
    protect_output()
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--link", required=True, help="version and descriptor of the link: 1:5")
    options, rest = parser.parse_known_args(arguments)
    version, _, fd = options.link.partition(":")
    if int(version) != VERSION:
        sys.exit(f"revurb: the supervisor knows templates of version {version}, this is {VERSION}")
    link = socket.socket(fileno=int(fd))
    link.set_inheritable(False)
    config = _read_config(Invocation.from_arguments(rest))
    _freeze_memory()
    _serve(ForkRequests(link), config)


def _read_config(invocation: Invocation) -> ConfigSource:
    """Who asks for a configuration that cannot be used gets its ConfigError. The hub asks for none."""
    try:
        config = invocation.load()
    except ConfigError as error:
        problem = error

        def fail() -> Config:
            raise problem

        return fail
    _import_all(config)
    return lambda: config


def _import_all(config: Config) -> None:
    """Import what others import when they need it: what each child did would be in its own memory alone."""
    import datetime  # noqa: F401

    if config.scaling.enabled:
        import revurb.bus.redis.redis_client
        import revurb.bus.redis.redis_link
        import revurb.bus.relay.relay_server
        import revurb.bus.relay.relayed_redis
        import revurb.bus.reverb.bridged_bus
        import revurb.bus.reverb.reverb_bridge  # noqa: F401


def _freeze_memory() -> None:
    """Leave little that this process and its children will write to: a page that one writes to is shared no more."""
    return_free_memory()
    gc.freeze()


def _serve(requests: ForkRequests, config: ConfigSource) -> NoReturn:
    """Fork until the supervisor closes the link, then exit. What is forked runs, and exits."""
    for number in SUPERVISORS_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    set_title(TITLE)
    gc.disable()
    requests.send(TemplateReady())
    while True:
        try:
            received = requests.receive()
            if received is None:
                os._exit(0)
            child, pid = _fork(*received, requests, config)
        except OSError as error:
            requests.send(ForkFailed(error.errno or 0, error.strerror or str(error)))
            continue
        if pid is None:
            sys.exit(child.run())
        requests.send(Forked(pid))


def _fork(
    request: ForkRequest, fds: Sequence[int], requests: ForkRequests, config: ConfigSource
) -> tuple[ChildProcess, int | None]:
    """What was forked and its pid, which is None in it. Raises OSError."""
    try:
        child = _prepared(request, config)
        pid = fork_orphan()
    except OSError:
        close_all(fds)
        raise
    if pid is not None:
        close_all(fds)
        return child, pid
    try:
        requests.close()
        become(request.title, fds, request.fds)
        wait_for_begin(child.link_fd)
    except BaseException:
        try:
            traceback.print_exc(file=sys.__stderr__)  # what is in front of that may not be ready
        finally:  # also if nobody reads that any more
            os._exit(1)  # not back into the template, which this process is not
    return child, pid


def _prepared(request: ForkRequest, config: ConfigSource) -> ChildProcess:
    """What the process is to run. Here and not in it, since to read arguments takes a megabyte of its own memory."""
    try:
        return prepare_child(CHILDREN[request.module], request.arguments, config)
    except (KeyError, SystemExit) as error:
        raise OSError(0, f"{request.module} cannot be started here: {error!r}") from error


if __name__ == "__main__":
    main(sys.argv[1:])
