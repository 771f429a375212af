"""The apps that a server serves: the `App` value, and the providers that look one up."""

from revurb.apps.app import App, ClientEventSource, RateLimit
from revurb.apps.provider import AppProvider, AppProviderError, FixedApps

__all__ = ["App", "AppProvider", "AppProviderError", "ClientEventSource", "FixedApps", "RateLimit"]
