"""Compile kernels at their first call and keep the machine code in a folder named by all sources.

Numba's own disk cache looks only at the file that holds the compiled function: an edit of a
function that it calls from another file goes unseen and the old result comes back.  Here the
folder's name is a digest of every source file of this package, so any edit starts a fresh folder.
Numba's global configuration is only read, never written.

Folders of older sources are removed once nobody has used them for 30 days.
"""

import contextlib
import functools
import hashlib
import pathlib
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
from numba.core import caching, config

__all__ = ["Kernel", "cache_folder", "compiled", "inlined", "prune", "source_digest", "subroutine"]

Function = TypeVar("Function", bound=Callable[..., Any])
Compiled: TypeAlias = Callable[..., Any]

_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": False, "boundscheck": False}
_njit: Any = numba.njit
_caching: Any = caching
_config: Any = config
_NAME = "delta-hedger-kernels"
_DIGEST = re.compile(r"[0-9a-f]{32}")
_UNUSED_DAYS = 30


def source_digest() -> str:
    """Digest of the names and contents of all source files of this package.

    Returns
    -------
    str
        32 hexadecimal digits, or an empty string where the sources cannot be read (for example
        when the package is imported from an archive): then nothing is cached.

    Examples
    --------
    >>> len(source_digest())
    32
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        sources = sorted(pathlib.Path(__file__).parent.glob("*.py"))
        for source in sources:
            content = source.read_bytes()
            digest.update(f"{source.name}:{len(content)}:".encode())
            digest.update(content)
    except OSError:
        return ""
    return digest.hexdigest() if sources else ""


def _writable(folder: pathlib.Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            folder.touch()  # in use: see `prune`
            return True
    except OSError:
        return False


def _stocked(folder: pathlib.Path) -> bool:
    """Whether code is there to be read, as in an image that was made ready for a read-only disk."""
    try:
        return next(folder.glob("*.nbi"), None) is not None
    except OSError:
        return False


def _private_temporary_root() -> pathlib.Path | None:
    """A folder under the temporary one that belongs to this user alone: code is loaded from it."""
    try:
        with tempfile.NamedTemporaryFile() as mine:
            user = pathlib.Path(mine.name).stat().st_uid
        root = pathlib.Path(tempfile.gettempdir()) / f"{_NAME}-{user}"
        root.mkdir(mode=0o700, exist_ok=True)
        status = root.lstat()
    except OSError:
        return None
    return root if status.st_uid == user and status.st_mode & 0o777 == 0o700 else None


def cache_folder() -> pathlib.Path | None:
    """The folder that holds the machine code of exactly these sources; made when missing.

    Returns
    -------
    pathlib.Path or None
        ``NUMBA_CACHE_DIR`` when that is set, else ``~/.cache/delta-hedger-kernels``; where neither
        can be written, one of them that holds code already, else a private temporary folder; each
        followed by the digest.  None where there is none.

    Examples
    --------
    >>> folder = cache_folder()
    >>> folder is None or folder.name == source_digest()
    True
    """
    digest = source_digest()
    if not digest:
        return None
    for usable in (_writable, _stocked):
        for root in _roots():
            if usable(root / digest):
                return root / digest
    fallback = _private_temporary_root()
    if fallback is not None and _writable(fallback / digest):
        return fallback / digest
    return None


def _roots() -> list[pathlib.Path]:
    """Where machine code may be kept, the first choice first; the temporary folder comes after."""
    roots = []
    if _config.CACHE_DIR:
        roots.append(pathlib.Path(_config.CACHE_DIR) / _NAME)
    with contextlib.suppress(RuntimeError):  # no home folder is known
        roots.append(pathlib.Path.home() / ".cache" / _NAME)
    return roots


@functools.cache
def _warn_uncached() -> None:
    """Say once in a process that nothing is kept, and what to do about it."""
    tried = ", ".join(map(str, [*_roots(), pathlib.Path(tempfile.gettempdir()) / _NAME]))
    why = f"no folder can be written ({tried})" if source_digest() else "the sources are not files"
    warnings.warn(
        f"pricing: {why}, so its kernels are compiled anew in every process, a second or two "
        "each; set NUMBA_CACHE_DIR to a folder that this user may write",
        RuntimeWarning,
        stacklevel=2,
    )


def prune(folder: pathlib.Path) -> list[pathlib.Path]:
    """Remove machine code of older sources beside `folder` that nobody has used for 30 days.

    Parameters
    ----------
    folder : pathlib.Path
        The one in use.

    Returns
    -------
    list of pathlib.Path
        What was removed.

    Notes
    -----
    Each process that starts marks its folder as used.  One that runs longer than that and then
    finds its folder gone compiles: nothing else is lost.  Whatever cannot be read or removed stays.

    Examples
    --------
    >>> prune(pathlib.Path("no such folder"))
    []
    """
    removed = []
    with contextlib.suppress(OSError):
        now = folder.stat().st_mtime  # marked as used when this process started
        for other in folder.parent.iterdir():
            with contextlib.suppress(OSError):
                unused = now - other.lstat().st_mtime > _UNUSED_DAYS * 86_400
                if unused and other != folder and _DIGEST.fullmatch(other.name):
                    shutil.rmtree(other)  # refuses a symbolic link
                    removed.append(other)
    return removed


@functools.cache
def _foreign_digest(py_file: str) -> str:
    """For a kernel of another package, a digest of all its sources: the folder knows only ours."""
    top = pathlib.Path(py_file).resolve().parent
    if top == pathlib.Path(__file__).resolve().parent:
        return ""
    while (top.parent / "__init__.py").is_file():
        top = top.parent
    digest = hashlib.blake2b(digest_size=8)
    for source in sorted(top.rglob("*.py")):
        content = source.read_bytes()
        digest.update(f"{source.relative_to(top)}:{len(content)}:".encode())
        digest.update(content)
    return "-" + digest.hexdigest()


_prune_once = functools.cache(prune)
_FOLDER = cache_folder()


class _Locator:
    """Tells numba's cache of one function to use the folder of these sources."""

    def __init__(self, py_func: Compiled, py_file: str) -> None:
        self._line = py_func.__code__.co_firstlineno
        self._py_file = py_file  # numba names it in its warnings

    def ensure_cache_path(self) -> None:
        """Nothing to do: the folder was made when this module was imported."""

    def get_cache_path(self) -> str:
        return str(_FOLDER)

    def get_source_stamp(self) -> str:
        return _FOLDER.name if _FOLDER is not None else ""

    def get_disambiguator(self) -> str:
        return f"{self._line}{_foreign_digest(self._py_file)}"

    @classmethod
    def from_function(cls, py_func: Compiled, py_file: str) -> "_Locator":
        return cls(py_func, py_file)


def _index_key(self: Any, signature: Any, codegen: Any) -> tuple[Any, ...]:
    """Signature and processor: the folder stands for the sources, the file for the name."""
    return (signature, codegen.magic_tuple())


# Subclasses of numba's own cache, made by `type` since numba's classes are typed in some versions
# and not in others.  They leave numba's own classes and configuration as they are.
_Impl = type("_Impl", (_caching.CompileResultCacheImpl,), {"_locator_classes": [_Locator]})
_Files: Any = type(
    "_Files", (_caching.FunctionCache,), {"_impl_class": _Impl, "_index_key": _index_key}
)


class _Cache:
    """What a dispatcher asks of its cache; a failure costs time, never a result."""

    def __init__(self, function: Compiled) -> None:
        self._files = _Files(function)
        self.cache_path = self._files.cache_path

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        try:
            return self._files.load_overload(signature, target_context)
        except Exception:  # whatever is wrong with the file, compiling cures it
            return None

    def save_overload(self, signature: Any, code: Any) -> None:
        with contextlib.suppress(Exception):  # a full or read-only disk must not stop pricing
            self._files.save_overload(signature, code)
            _prune_once(pathlib.Path(self.cache_path))  # new code means that sources have changed


class Kernel:
    """A function that becomes machine code for one signature at its first call, or before.

    Examples
    --------
    >>> twice = compiled("float64(float64)")(lambda x: 2.0 * x)
    >>> twice(1.5)
    3.0
    """

    # Options for which a thread of their own pays: about a millisecond, several times what a
    # thread costs.  Two idle cores gain 1.2 times at 50,000, 1.7 at 200,000, 1.8 at 1,000,000.
    chunk_min = 100_000
    __slots__ = ("_function", "_signature", "run")

    def __init__(self, function: Compiled, signature: Any) -> None:
        self._function = function
        self._signature = signature
        # What a hot path calls: once the code is there, without a detour through Python.
        self.run: Compiled = self._first

    def __call__(self, *arguments: Any) -> Any:
        return self.run(*arguments)

    def _first(self, *arguments: Any) -> Any:
        self.prepare()
        return self.run(*arguments)

    def prepare(self) -> None:
        """Load or compile the machine code unless it is there; safe from several threads."""
        if self.run != self._first:
            return
        dispatcher = _njit(**_OPTIONS)(self._function)
        if _FOLDER is not None and pathlib.Path(self._function.__code__.co_filename).is_file():
            with contextlib.suppress(Exception):  # numba changed its cache: run uncached
                dispatcher._cache = _Cache(self._function)
        elif _FOLDER is None:
            _warn_uncached()
        dispatcher.compile(self._signature)
        dispatcher.disable_compile()
        self.run = dispatcher


def compiled(signature: Any, name: str = "") -> Callable[[Compiled], Kernel]:
    """Decorator: machine code for exactly this signature, made or loaded at the first call.

    Parameters
    ----------
    signature : str or numba signature
        No other argument types are ever compiled.
    name : str
        Tells kernels apart that are made by one function; else the function's own name is used.

    Notes
    -----
    Plain IEEE arithmetic (no fast-math), so that NaN propagates and a result does not depend on
    its position in the batch; the interpreter lock is released while a kernel runs.

    Examples
    --------
    >>> @compiled("float64(float64)")
    ... def twice(x):
    ...     return 2.0 * x
    >>> twice(1.5)
    3.0
    """

    def decorate(function: Compiled) -> Kernel:
        function.__qualname__ = name or function.__qualname__
        return Kernel(function, signature)

    return decorate


def inlined(function: Function) -> Function:
    """Decorator: a small function that disappears into the kernels that call it.

    Examples
    --------
    >>> @inlined
    ... def half(x):
    ...     return 0.5 * x
    >>> half.py_func(3.0)
    1.5
    """
    return cast(Function, _njit(forceinline=True, **_OPTIONS)(function))


def subroutine(function: Function) -> Function:
    """Decorator: a function that kernels call without inlining it: for large or cold code.

    Examples
    --------
    >>> @subroutine
    ... def half(x):
    ...     return 0.5 * x
    >>> half.py_func(3.0)
    1.5
    """
    return cast(Function, _njit(**_OPTIONS)(function))
