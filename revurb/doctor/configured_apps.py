"""Check of the apps: which web pages may connect to each, and what is open to everybody."""

from __future__ import annotations

from revurb.apps import App
from revurb.config import Config
from revurb.doctor.finding import Finding


def check_apps(config: Config) -> list[Finding]:
    """One finding for each configured app; one for a provider, which is not asked."""
    if config.app_provider is not None:
        return [Finding("ok", "apps", f"found by {config.app_provider}")]
    if config.app_lookup.database is not None:
        return [Finding("ok", "apps", f"looked up in the database, table {config.app_lookup.table}")]
    return [check_app(app) for app in config.apps]


def check_app(app: App) -> Finding:
    """Finds patterns that have no effect, and client events that anybody may send from any page."""
    subject, others = f"app {app.id}", [pattern for pattern in app.allowed_origins if pattern != "*"]
    if "*" not in app.allowed_origins:
        return Finding("ok", subject, f"pages of {', '.join(others)} may connect")
    if others:
        return Finding(
            "warning", subject, f"* lets pages of all hosts connect, so {', '.join(others)} has no effect",
            "Take * out of REVURB_APP_ALLOWED_ORIGINS, or the others.",
        )  # fmt: skip
    if app.accept_client_events_from == "all":
        return Finding(
            "warning", subject, "pages of all hosts may connect, and everybody may send client events",
            "REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM=members, or REVURB_APP_ALLOWED_ORIGINS=example.com",
        )  # fmt: skip
    return Finding("ok", subject, "pages of all hosts may connect (allowed_origins is *)")
