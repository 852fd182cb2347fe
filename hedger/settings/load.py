"""From a file and the environment to a checked configuration, or one line per problem."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from hedger.settings import environment as env
from hedger.settings.band import Band
from hedger.settings.book import Book
from hedger.settings.checks import checked
from hedger.settings.digest import digest
from hedger.settings.document import Raw, document, entries
from hedger.settings.leaves import Path, general, leaves
from hedger.settings.models import PaperVenue, Settings
from hedger.settings.places import Places, default_path, places
from hedger.settings.problems import Problem, Source, failure, from_pydantic
from hedger.settings.reference import Reference
from hedger.settings.referred import referred
from hedger.settings.table import Table
from hedger.settings.texts import ACCOUNT

CONFIG_FILE = "hedger.toml"
"""What `config init` writes, and what is used in its folder when nothing is named."""

_Key = TypeVar("_Key", bound=str | int)
_Table = TypeVar("_Table", bound=Table)


class Configuration(NamedTuple):
    """A checked configuration and where each value came from.

    ``positions`` are signed lots by book and instrument, None for a book that follows its account.
    ``digests`` are by book; ``origins`` name the file, the variable or the option that set a key:
    what is absent there is a default. ``notices`` are for the person who starts the service.
    """

    settings: Settings
    path: FilePath
    positions: Mapping[str, Mapping[str, int] | None]
    digests: Mapping[str, str]
    origins: Mapping[Path, str]
    secrets: env.Secrets
    notices: tuple[str, ...]
    places: Places

    def book(self, name: str) -> Book:
        """Return a book by name; raises `ConfigError`."""
        for book in self.settings.book:
            if book.name == name:
                return book
        known = ", ".join(book.name for book in self.settings.book)
        raise failure([Problem(f"{self.path}: book {name!r}", f"unknown, expected one of {known}")])

    def policy(self, name: str) -> Band:
        """Return a policy by name; raises `ConfigError`."""
        found = self.settings.policy.get(name)
        if found is None:
            known = ", ".join(self.settings.policy) or "(there is none)"
            place = f"{self.path}: policy {name!r}"
            raise failure([Problem(place, f"unknown, expected one of {known}")])
        return found


def load(
    path: FilePath | str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    data: FilePath | str | None = None,
    options: Mapping[Path, object] | None = None,
) -> Configuration:
    """Read, override, check.

    Parameters
    ----------
    path
        The file; None means ``$HEDGER_CONFIG``, else ``hedger.toml`` in the working directory, else
        the packaged default.
    environ
        Environment to read instead of the process's.
    data
        Folder of recorded data for every paper venue, relative to the working directory.
    options
        Further keys from the command line, by path: ``("venues", "paper", "speed"): 600.0``.

    Raises
    ------
    ConfigError
        With one line per problem: where, what, what was expected.
    """
    given = env.environment() if environ is None else dict(environ)
    file, notices = _file(path, given)
    read = document(file)
    raw = read.raw
    origins = {key: str(file) for _, _, key in entries(raw) if general(key) in leaves()}
    overrides, unknown = env.overrides(given, raw)
    secrets, refused = env.secrets(given)
    changes = {o.path: (o.variable, o.value) for o in overrides} | _options(raw, data, options)
    for key, (_, value) in changes.items():
        env.put(raw, key, value)
    _resolve(raw, file.absolute().parent)
    source = Source(str(file), raw, {key: origin for key, (origin, _) in changes.items()})
    settings, holdings = _validated(source, [*read.problems, *unknown, *refused])
    return Configuration(
        settings=settings,
        path=file,
        positions=holdings,
        digests={
            book.name: digest(
                book, holdings[book.name], settings.reference.get(book.reference.name)
            )
            for book in settings.book
        },
        origins={**origins, **source.origins},
        secrets=secrets,
        notices=(*notices, *read.notices, *_idle(settings, secrets)),
        places=places(settings.deployment, environ=given),
    )


def _file(path: FilePath | str | None, environ: Mapping[str, str]) -> tuple[FilePath, list[str]]:
    if path is not None:
        return FilePath(path), []
    if environ.get(env.CONFIG):
        return FilePath(environ[env.CONFIG]), []
    file = FilePath(CONFIG_FILE) if FilePath(CONFIG_FILE).exists() else default_path()
    return file, [f"no configuration named (--config or {env.CONFIG}): using {file}"]


def _idle(settings: Settings, secrets: env.Secrets) -> list[str]:
    """Return notices of secrets that nothing uses."""
    if "store_password" not in secrets.values or settings.store.url:
        return []
    return [f"{secrets.origins['store_password']}: not used, the embedded server has no password"]


def _options(
    raw: Raw, data: FilePath | str | None, options: Mapping[Path, object] | None
) -> dict[Path, tuple[str, object]]:
    """Return the keys that the command line sets, each with its origin."""
    found: dict[Path, tuple[str, object]] = {
        key: ("option", value) for key, value in (options or {}).items()
    }
    venues = raw.get("venues")
    if data is not None and isinstance(venues, dict):
        folder = str(FilePath(data).absolute())
        found |= {("venues", name, "data"): ("--data", folder) for name in venues}
    return found


def _resolve(raw: Raw, base: FilePath) -> None:
    """Make paths absolute, relative to the folder of the configuration file."""
    for table, key, path in entries(raw):
        leaf = leaves().get(general(path))
        value = table[key]
        if leaf and leaf.where and isinstance(value, str) and value not in ("", ACCOUNT):
            table[key] = str(base / value)


def _validated(
    source: Source, problems: list[Problem | str]
) -> tuple[Settings, dict[str, dict[str, int] | None]]:
    """Return the settings and positions, or raise with everything that is wrong at once."""
    settings = None
    try:
        settings = Settings.model_validate(source.raw)
    except ValidationError as error:
        problems = [*problems, *from_pydantic(error.errors(include_url=False), source)]
    books, venues = source.raw.get("book"), source.raw.get("venues")
    references = source.raw.get("reference")
    found = checked(
        _valid(Book, dict(enumerate(books)) if isinstance(books, list) else {}),
        _valid(PaperVenue, venues if isinstance(venues, dict) else {}),
        source,
    )
    apart = referred(
        _valid(Reference, references if isinstance(references, dict) else {}),
        _valid(Book, dict(enumerate(books)) if isinstance(books, list) else {}),
        source,
    )
    if settings is None or problems or found.problems or apart:
        raise failure([*problems, *found.problems, *apart])
    return settings, found.positions


def _valid(table: type[_Table], raw: Mapping[_Key, Any]) -> dict[_Key, _Table]:
    """Return the items that are valid by themselves."""
    found = {}
    for key, value in raw.items():
        try:
            found[key] = table.model_validate(value)
        except ValidationError:
            continue  # has its line already
    return found
