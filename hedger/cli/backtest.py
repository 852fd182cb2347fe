"""``hedger backtest``: recorded markets through the same decisions and exchange as live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from hedger.cli.options import Common
from hedger.cli.output import instant, print_json, print_table, progress, writable, write_page

if TYPE_CHECKING:
    from hedger.backtest.trial import Trial
    from hedger.backtest.variants import Variant

BOOK = ("book", 0)
"""Where a configuration has what a sweep varies: the first book's."""
Resize = Literal["off", "out", "both"]


def backtest(
    *,
    report: Annotated[Path | None, Parameter(show_default=False)] = None,
    programme: Annotated[Path | None, Parameter(show_default=False)] = None,
    market: Annotated[Literal["chain", "bars"] | None, Parameter(show_default=False)] = None,
    start: Annotated[str | None, Parameter(show_default=False)] = None,
    end: Annotated[str | None, Parameter(show_default=False)] = None,
    policy: str = "",
    resize: Annotated[Resize | None, Parameter(show_default=False)] = None,
    common: Common | None = None,
) -> int:
    """Replay recorded data through the first book's decisions and report; sends nothing.

    Parameters
    ----------
    report
        Write one HTML file with charts here.
    programme
        File of option positions that are dealt anew at each expiry; needs bars.
    market
        chain: recorded options; bars: a perpetual's bars and funding, options repriced at a vol
        model. Else what the folder holds, a chain first.
    start
        First market instant, UTC, such as 2026-06-28T07:00.
    end
        Last market instant.
    policy
        A [policy.NAME] of the configuration instead of the book's own band.
    resize
        Have the option legs follow the scale that the scalers want: out only, or both ways.
    """
    common = common or Common()
    from hedger.backtest.trial import tried
    from hedger.backtest.variants import Variant

    writable("--report", report)
    variant = Variant(name="", resize=resize)
    trial = trial_asked_for(common, programme, market, start, end, policy, variant=variant)
    tell = progress()
    done = tried(trial, lambda now, bars: tell(f"{trial.book.name}: {bars:,} bars, {instant(now)}"))
    if report is not None:
        from hedger.backtest.page import page

        write_page("--report", report, page(done, trial.book.rules))
    if common.json:
        print_json(done.found)
    else:
        from hedger.backtest.table import replay_table

        print_table(replay_table(done.found))
    return 0


def trial_asked_for(
    common: Common,
    programme: Path | None,
    market: Literal["chain", "bars"] | None,
    start: str | None,
    end: str | None,
    policy: str = "",
    *,
    variant: Variant,
) -> Trial:
    """The trial that the options ask for, varied; raises `ConfigError`."""
    import msgspec

    from hedger.app.trial import resized, trial_of
    from hedger.backtest.programme import programme as read
    from hedger.backtest.trial import kind_of
    from hedger.cli.stage import instant_of
    from hedger.errors import ConfigError

    config = common.load(_options(variant))
    trial = resized(trial_of(config, policy), variant.resize)
    folder = Path(trial.params.data)
    if not trial.params.data or not folder.is_dir():
        raise ConfigError(f"--data {trial.params.data or '(none)'}: expected recorded market data")
    parts = () if programme is None else read(programme)
    kind = market or ("bars" if parts else kind_of(folder))
    if parts and kind == "chain":
        raise ConfigError(f"--programme {programme}: deals options by a vol model, expected bars")
    if not parts and not any(account.positions for account in trial.params.accounts):
        raise ConfigError(
            f"{config.path}: book {trial.book.name}: holds no positions, expected a positions file"
            " or --programme"
        )
    params = msgspec.structs.replace(
        trial.params,
        start_ms=instant_of("--start", start),
        end_ms=instant_of("--end", end),
    )
    terms = msgspec.structs.replace(trial.terms, programme=parts)
    return msgspec.structs.replace(trial, params=params, terms=terms, kind=kind)


def _options(variant: Variant) -> dict[tuple[str | int, ...], object]:
    """Keys of the configuration that a variant sets."""
    from hedger.errors import ConfigError
    from hedger.settings.scaling import MODELS

    found: dict[tuple[str | int, ...], object] = {}
    if variant.band is not None:
        found[*BOOK, "band"] = variant.band
    if variant.scalers is not None:
        for name in variant.scalers:
            if name not in MODELS:
                raise ConfigError(
                    f"variant {variant.name!r}: scaler {ascii(name)[:60]}: unknown, expected one of"
                    f" {', '.join(MODELS)}"
                )
        for name in MODELS:
            use = "on" if name in variant.scalers else "off"
            found[*BOOK, "scaling", name, "use"] = use
    return found
