"""What every command takes, ``--config --data --json``, and the configuration that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, Token

from hedger.errors import ConfigError

if TYPE_CHECKING:
    from hedger.settings import Configuration

LOCAL = Path("hedger.toml")
"""Read when no configuration is named and a file of this name is in the working directory."""

AMOUNT_MAX = 1e9
SCALE_MAX = 100.0

Flag = Annotated[bool, Parameter(negative="")]
"""An option without a value and without an opposite."""


def whole(_: type, tokens: Sequence[Token]) -> int:
    """A whole number as written; what has a fraction is refused, not cut."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number") from None


Whole = Annotated[int, Parameter(converter=whole)]
"""An option that takes a whole number."""


def positive(_: type, value: float | None) -> None:
    """Refuse what is no positive amount; NaN passes every comparison that refuses by size."""
    if value is not None and not 0.0 < value <= AMOUNT_MAX:
        raise ValueError(f"expected a number above 0 and up to {AMOUNT_MAX:g}")


def reasoned(text: str) -> str:
    """A reason as it is stored; raises `ConfigError` for one that says nothing."""
    if not text.strip():
        raise ConfigError("--reason: is empty, expected a text")
    return text.strip()


def multiple(_: type, value: float | None) -> None:
    """Refuse what is no multiple of a base."""
    if value is not None and not 0.0 <= value <= SCALE_MAX:
        raise ValueError(f"expected a number from 0 to {SCALE_MAX:g}")


@Parameter(name="*", group="Common")
@dataclass(frozen=True, kw_only=True)
class Common:
    """Options of every command.

    Parameters
    ----------
    config
        Configuration file; else $HEDGER_CONFIG, ./hedger.toml, the packaged sample.
    data
        Folder of recorded market data for the paper exchange, instead of the configured one.
    json
        Print the result as JSON.
    """

    config: Path | None = None
    data: Path | None = None
    json: Flag = False

    def path(self) -> Path | None:
        """The configuration file, None for the packaged one."""
        from hedger.settings.environment import CONFIG, environment

        if self.config is not None:
            return self.config
        named = environment().get(CONFIG)
        if named:
            return Path(named)
        return LOCAL if LOCAL.is_file() else None

    def load(self, options: Mapping[tuple[str | int, ...], object] | None = None) -> Configuration:
        """Load and check the configuration, with further keys by path if given.

        Its notices are said with the first result.
        """
        from hedger.cli.output import forget_notices, notice
        from hedger.settings import load

        found = load(self.path(), data=self.data, options=options)
        forget_notices()
        for text in found.notices:
            notice(text)
        return found
