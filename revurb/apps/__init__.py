"""The apps that a server serves: the `App` value, and the providers that look one up."""

from revurb.apps.app import App, ClientEventSource, RateLimit
from revurb.apps.app_limits import PUSHER_LIMITS, AppLimits
from revurb.apps.history_rule import HistoryRule
from revurb.apps.provider import AppProvider, AppProviderError, AppsUnavailable, FixedApps
from revurb.apps.webhook_target import WebhookTarget

__all__ = [
    "PUSHER_LIMITS",
    "App",
    "AppLimits",
    "AppProvider",
    "AppProviderError",
    "AppsUnavailable",
    "ClientEventSource",
    "FixedApps",
    "HistoryRule",
    "RateLimit",
    "WebhookTarget",
]
