"""The configuration: declares every option once; `load` reads all sources and returns a frozen `Config`."""

from typing import TYPE_CHECKING

from revurb.apps import App, AppProviderError, WebhookTarget
from revurb.config.app_options import APP_SETTINGS
from revurb.config.config import (
    SETTINGS,
    CompressionConfig,
    Config,
    LimitsConfig,
    LogConfig,
    config_of,
)
from revurb.config.dev_app import (
    DEV_APP,
    DEV_DEFAULTS,
    DEV_ENVIRONMENT,
    dev_environment,
    served_dev_app,
)
from revurb.config.error import MASK, ConfigError
from revurb.config.hooks_options import HooksConfig
from revurb.config.load import PartialConfigError, load
from revurb.config.object_import import load_app_provider, load_hooks_class, load_redis_factory
from revurb.config.option import Option, Setting
from revurb.config.process import AUTO_WORKERS, ProcessConfig
from revurb.config.redis_address import RedisAddress, redis_address
from revurb.config.scaling import RedisConfig, ScalingConfig
from revurb.config.server import ServerConfig, TlsConfig
from revurb.config.webhook_options import WEBHOOK_SETTINGS
from revurb.config.webhook_sending import WebhooksConfig

if TYPE_CHECKING:
    from revurb.config.listing import OptionRow, option_rows
    from revurb.config.php_import import ImportedConfig, import_reverb_php
    from revurb.config.starter import laravel_env, new_app, new_key, new_secret, starter_toml

__all__ = [
    "APP_SETTINGS",
    "AUTO_WORKERS",
    "DEV_APP",
    "DEV_DEFAULTS",
    "DEV_ENVIRONMENT",
    "MASK",
    "SETTINGS",
    "WEBHOOK_SETTINGS",
    "App",
    "AppProviderError",
    "CompressionConfig",
    "Config",
    "ConfigError",
    "HooksConfig",
    "ImportedConfig",
    "LimitsConfig",
    "LogConfig",
    "Option",
    "OptionRow",
    "PartialConfigError",
    "ProcessConfig",
    "RedisAddress",
    "RedisConfig",
    "ScalingConfig",
    "ServerConfig",
    "Setting",
    "TlsConfig",
    "WebhookTarget",
    "WebhooksConfig",
    "config_of",
    "dev_environment",
    "import_reverb_php",
    "laravel_env",
    "load",
    "load_app_provider",
    "load_hooks_class",
    "load_redis_factory",
    "new_app",
    "new_key",
    "new_secret",
    "option_rows",
    "redis_address",
    "served_dev_app",
    "starter_toml",
]


def __getattr__(name: str) -> object:
    # Loaded when asked for: 0.5 MiB that every process of a server would have.
    if name in ("OptionRow", "option_rows"):
        from revurb.config import listing

        return getattr(listing, name)
    if name in ("ImportedConfig", "import_reverb_php"):
        from revurb.config import php_import

        return getattr(php_import, name)
    if name in ("laravel_env", "new_app", "new_key", "new_secret", "starter_toml"):
        from revurb.config import starter

        return getattr(starter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
