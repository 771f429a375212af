"""Who may connect: the App value and the providers that find one."""

from revurb.apps.app import App, ClientEventSource, RateLimit
from revurb.apps.provider import AppProvider, AppProviderError, FixedApps

__all__ = ["App", "AppProvider", "AppProviderError", "ClientEventSource", "FixedApps", "RateLimit"]
