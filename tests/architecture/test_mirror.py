"""Where the tests of a module are: in a file of its name, in the same place of the tree, or where the table says.

The table is for modules that only show what they do through others. A row that is not needed any more fails, as does a
module without tests.
"""

from __future__ import annotations

from pathlib import Path

from tests.architecture.imports import ROOT, SOURCES

TESTS = ROOT.parent / "tests"
# Module, below revurb/ -> the tests that would fail if it were wrong, below tests/.
TESTED_BY: dict[str, str] = {
    "api/answers.py": "api/test_endpoint.py",
    "api/info.py": "api/test_channels.py",
    "bench/bench_plot.py": "bench/test_bench_report.py",
    "bench/bench_target.py": "bench/test_bench_client.py",
    "bus/brokered/broker_link.py": "bus/test_engine_cluster.py",
    "bus/brokered/broker_questions.py": "bus/test_engine.py",
    "bus/brokered/count_messages.py": "bus/brokered/test_broker_messages.py",
    "bus/brokered/event_messages.py": "bus/brokered/test_broker_messages.py",
    "bus/brokered/fact_messages.py": "bus/brokered/test_broker_messages.py",
    "bus/brokered/history_messages.py": "bus/brokered/test_broker_messages.py",
    "bus/brokered/reported_state.py": "bus/brokered/test_broker_messages.py",
    "bus/hub/peer.py": "bus/hub/test_broker.py",
    "bus/redis/connection_scripts.py": "bus/redis/test_redis_ledger.py",
    "bus/own_facts.py": "bus/test_engine_facts.py",
    "bus/redis/fact_scripts.py": "bus/redis/test_redis_fact_queue.py",
    "bus/redis/ledger_facts.py": "bus/test_engine_facts.py",
    "bus/redis/link_memory.py": "bus/redis/test_redis_link.py",
    "bus/redis/redis_enters.py": "bus/redis/test_redis_session.py",
    "bus/redis/script_functions.py": "bus/redis/test_scripts.py",
    "bus/redis/redis_commands.py": "bus/redis/test_command_queue.py",
    "bus/redis/node_scripts.py": "bus/redis/test_scripts.py",
    "bus/redis/session_start.py": "chaos/test_redis_start.py",
    "cli/doctor.py": "doctor/test_examination.py",
    "cli/problems.py": "cli/test_serve.py",
    "cli/serving.py": "cli/test_serve.py",
    "cli/supervise.py": "cli/test_becoming.py",
    "config/hooks_options.py": "config/test_config.py",
    "config/webhook_sending.py": "config/test_config.py",
    "config/scaling.py": "config/test_redis_address.py",
    "doctor/finding.py": "doctor/test_redis_server.py",
    "inspection/channel_view.py": "inspection/test_console_desk.py",
    "inspection/process_answers.py": "inspection/test_console_desk.py",
    "node/listening_sockets.py": "node/test_node.py",
    "node/node_inspection.py": "node/test_node_console.py",
    "node/hooked_node.py": "node/test_hook_runner.py",
    "observe/counters.py": "pusher/test_registry.py",
    "processes/control_answers.py": "processes/test_supervisor.py",
    "processes/fresh_process.py": "processes/test_child.py",
    "processes/giving_up.py": "processes/test_supervisor.py",
    "processes/hub.py": "processes/test_entry_points.py",
    "processes/supervised_server.py": "processes/test_supervisor.py",
    "pusher_client/client_errors.py": "pusher_client/test_channels_client.py",
    "pusher/channel.py": "pusher/test_subscribing.py",
    "pusher/deferred_messages.py": "pusher/test_pending_subscriptions.py",
    "pusher/dispatch.py": "pusher/test_subscribing.py",
    "pusher/errors.py": "pusher/test_session.py",
    "pusher/facts.py": "bus/test_fact_making.py",
    "pusher/hooked_messages.py": "node/test_hook_runner.py",
    "pusher/hooks.py": "node/test_hook_runner.py",
    "pusher/messages.py": "pusher/test_session.py",
    "pusher/ports.py": "bus/test_local.py",
    "pusher/signed_in_user.py": "pusher/test_signing_in.py",
    "pusher/session_state.py": "pusher/test_session.py",
    "server/hub.py": "processes/test_entry_points.py",
    "server/worker.py": "processes/test_entry_points.py",
    "transport/handlers.py": "transport/test_client_connection.py",
    "webhooks/dead_letters.py": "webhooks/test_sender.py",
    "webhooks/delivery_desk.py": "webhooks/test_sender.py",
    "webhooks/sending_turn.py": "webhooks/test_sender.py",
    "webhooks/target_delivery.py": "webhooks/test_sender.py",
    "wire/http_request.py": "wire/test_http.py",
}
PROGRAMS = [
    str(source.relative_to(ROOT))
    for source in SOURCES
    if source.parent != ROOT and source.name not in ("__init__.py", "__main__.py")
]


def mirror(module: str) -> Path:
    """`tests/bus/test_local.py` of `bus/local.py`."""
    return TESTS / Path(module).parent / f"test_{Path(module).name}"


def test_every_module_has_tests() -> None:
    missing = [module for module in PROGRAMS if module not in TESTED_BY and not mirror(module).exists()]
    assert missing == []


def test_the_files_have_tests_in_them() -> None:
    files = {mirror(module) for module in PROGRAMS} | {TESTS / tests for tests in TESTED_BY.values()}
    assert [path for path in files if path.exists() and "def test_" not in path.read_text()] == []


def test_the_table_is_true() -> None:
    assert TESTED_BY.keys() <= set(PROGRAMS)
    assert [tests for tests in TESTED_BY.values() if not (TESTS / tests).exists()] == []
    assert [module for module in TESTED_BY if mirror(module).exists()] == []
