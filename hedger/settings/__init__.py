"""Configuration: one TOML file, overridden by the environment, checked before anything starts.

This package alone reads the environment. `load` gives a `Configuration` or raises `ConfigError`
with one line per problem. Nothing below `hedger.app` ever sees these models: `app` translates them
into plain records.
"""

from hedger.settings.book import Book
from hedger.settings.load import Configuration, load
from hedger.settings.models import PaperVenue, Settings
from hedger.settings.places import Places, config_folder, default_path, places, private

__all__ = [
    "Book",
    "Configuration",
    "PaperVenue",
    "Places",
    "Settings",
    "config_folder",
    "default_path",
    "load",
    "places",
    "private",
]
