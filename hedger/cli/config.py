"""``hedger config``: what is in force and why, what is wrong with it, a first file, and apply."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from hedger.cli.options import Common, Flag
from hedger.cli.output import print_json, print_table, print_text, run_async, say, table

if TYPE_CHECKING:
    from hedger.app import Applied

config = App(
    name="config",
    help="Show, check, start or apply the configuration.",
    help_format="plaintext",
)


@config.command
def show(*, common: Common | None = None) -> int:
    """Every effective value and where it came from; secrets are stars."""
    common = common or Common()
    from hedger.settings.report import show as effective

    lines = effective(common.load())
    if common.json:
        print_json([line._asdict() for line in lines])
        return 0
    made = table("", "key", "~value", "~from")
    for line in lines:
        value = "" if line.value is None else str(line.value)
        made.add_row(line.key.replace("[", "\\["), value, line.origin)
    print_table(made)
    return 0


@config.command
def check(*, common: Common | None = None) -> int:
    """Everything that is wrong with a configuration, one line each; needs no store."""
    common = common or Common()
    from hedger.settings.report import check as problems_of

    path = common.path()
    problems = problems_of(path, data=common.data)
    name = str(path) if path is not None else "the packaged configuration"
    if common.json:
        print_json({"path": name, "problems": problems})
    elif problems:
        print_text(*problems)
    else:
        print_text(f"{name}: no problem found")
    if not problems:
        return 0
    sys.stdout.flush()
    say(f"{name}: {len(problems)} problems" if len(problems) > 1 else f"{name}: 1 problem")
    return 2


@config.command
def schema(*, common: Common | None = None) -> int:
    """The JSON schema of the configuration file, for editors and other tools."""
    del common  # taken by every command; there is nothing to choose here
    from hedger.settings.report import schema as json_schema

    print_text(json_schema().rstrip("\n"))
    return 0


@config.command
def init(folder: Path = Path(), /, *, common: Common | None = None) -> int:
    """Write a commented configuration and a positions file; never overwrites.

    Parameters
    ----------
    folder
        Where to; made if it is not there.
    """
    common = common or Common()
    from hedger.settings.report import init as written

    paths = [str(path) for path in written(folder)]
    if common.json:
        print_json({"written": paths})
    else:
        print_text(*(f"wrote {path}" for path in paths))
    return 0


@config.command
def apply(*books: str, positions: Flag = False, common: Common | None = None) -> int:
    """Make the store expect this configuration, so that workers started with it claim the books.

    Parameters
    ----------
    books
        Books to apply; all by default.
    positions
        Replace the stored option legs by those of the positions files too.
    """
    common = common or Common()
    from hedger.app import apply as applied
    from hedger.app import store_params
    from hedger.app.ground import ground
    from hedger.store import open_store

    found = common.load()

    async def work() -> list[Applied]:
        with ground(found, temporary=False):
            store = await open_store(store_params(found))
            try:
                return await applied(found, store, positions=positions, books=books or None)
            finally:
                await store.shutdown()

    results = run_async(work)
    if common.json:
        print_json([result._asdict() for result in results])
    else:
        print_text(*(f"{result.book}: {result.result}" for result in results))
    return 0


@config.command
def upgrade(*, common: Common | None = None) -> int:
    """Let workers write the records of this release, once no older release is needed any more.

    Until then both releases write what the older one can read, and share the books. A worker of
    the older release that is still there afterwards leaves what it cannot read to the others.
    """
    common = common or Common()
    from hedger.app.attach import running_store
    from hedger.store.redis import RedisStore

    found = common.load()

    async def work() -> tuple[int, int]:
        async with running_store(found) as store:
            assert isinstance(store, RedisStore)
            return await store.upgrade(), store.schema

    before, now = run_async(work)
    if common.json:
        print_json({"before": before, "now": now})
    else:
        print_text(f"records: version {now}, before {before}; workers write it within seconds")
    return 0


SUBCOMMANDS = ("show", "check", "schema", "init", "apply", "upgrade")
