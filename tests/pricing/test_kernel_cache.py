"""An edit of any source is seen; the cache is used when nothing changed and never needed."""

import math
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

import pricing
from pricing import _kernel_cache

CALLEE = "_vector_math.py"
SMALL = """
from pricing._kernel_cache import compiled
from pricing._vector_math import exp
@compiled("float64(float64)")
def small(x):
    return exp(x)
"""
PROBE = "from pricing.small import small; print(repr(small(0.2)))"


@pytest.fixture(name="copy")
def _copy(tmp_path):
    source = pathlib.Path(pricing.__file__).parent
    target = tmp_path / "pricing"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    (target / "__init__.py").write_text("")
    (target / "small.py").write_text(SMALL)  # a kernel that compiles fast
    return target


def run(package, home, probe=PROBE):
    """The probe's output in a new process whose home is `home`."""
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=package.parent,
        env={"HOME": str(home), "PATH": "", "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def machine_code(home):
    return sorted((p, p.stat().st_mtime_ns) for p in pathlib.Path(home).rglob("*.nbc"))


def test_edit_of_a_callee_is_seen(copy, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    before = run(copy, home)
    assert float(before) == pytest.approx(math.exp(0.2), rel=1e-15)
    first = machine_code(home)
    assert first, "the kernel was not cached"
    callee = copy / CALLEE
    text = callee.read_text()
    assert "= 0.5000000000000001," in text
    callee.write_text(text.replace("= 0.5000000000000001,", "= 0.5100000000000001,"))
    edited = run(copy, home)
    assert edited != before
    second = machine_code(home)
    assert len(second) == 2 * len(first)
    assert run(copy, home) == edited  # warm: the same new result
    assert machine_code(home) == second, "a warm cache was written again"
    for path, _ in second:
        path.write_bytes(b"torn")  # a damaged file is compiled anew
    assert run(copy, home) == edited


def test_location_falls_back(copy, tmp_path, monkeypatch):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    monkeypatch.setattr(pathlib.Path, "home", lambda: blocked)
    monkeypatch.setattr(_kernel_cache._config, "CACHE_DIR", "")
    folder = _kernel_cache.cache_folder()
    assert folder is None or not folder.is_relative_to(blocked)
    monkeypatch.setattr(_kernel_cache, "_private_temporary_root", lambda: None)
    assert _kernel_cache.cache_folder() is None
    monkeypatch.setattr(_kernel_cache, "_FOLDER", None)

    @_kernel_cache.compiled("float64(float64)")
    def uncached(x):
        return x + 1.0

    _kernel_cache._warn_uncached.cache_clear()
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR"):
        assert uncached(1.0) == 2.0


def test_read_only_folder_that_holds_code_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(_kernel_cache, "_roots", lambda: [tmp_path / "empty", tmp_path / "full"])
    monkeypatch.setattr(_kernel_cache, "_writable", lambda folder: False)
    monkeypatch.setattr(_kernel_cache, "_private_temporary_root", lambda: None)
    stocked = tmp_path / "full" / _kernel_cache.source_digest()
    stocked.mkdir(parents=True)
    assert _kernel_cache.cache_folder() is None
    (stocked / "kernel.nbi").touch()
    assert _kernel_cache.cache_folder() == stocked


def test_one_clear_warning_when_nothing_can_be_kept(copy, tmp_path):
    home = tmp_path / "home"
    home.write_text("a file, not a folder")
    probe = """
import tempfile, warnings
tempfile.tempdir = HOME
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from pricing._kernel_cache import compiled, cache_folder
    assert cache_folder() is None
    for _ in range(3):
        assert compiled("float64(float64)")(lambda x: x + 1.0)(1.0) == 2.0
mine = [w for w in caught if "pricing" in str(w.message)]
assert [w.category for w in mine] == [RuntimeWarning], mine
print(mine[0].message)
"""
    message = run(copy, home, probe.replace("HOME", repr(str(home))))
    assert str(home) in message
    assert "NUMBA_CACHE_DIR" in message
    assert "compiled anew in every process" in message


def aged(folder, days):
    folder.mkdir(parents=True)
    (folder / "kernel.nbc").write_bytes(b"code")
    then = folder.stat().st_mtime - days * 86_400
    os.utime(folder, (then, then))
    return folder


def test_old_folders_go_and_used_ones_stay(tmp_path):
    mine = aged(tmp_path / ("a" * 32), 0)
    old, recent = aged(tmp_path / ("b" * 32), 31), aged(tmp_path / ("c" * 32), 29)
    foreign = aged(tmp_path / "somebody else's", 400)
    link = tmp_path / ("d" * 32)
    link.symlink_to(foreign, target_is_directory=True)
    os.utime(link, (0, 0), follow_symlinks=False)
    assert _kernel_cache.prune(mine) == [old]
    assert all(folder.exists() for folder in (mine, recent, foreign, link))
    assert (foreign / "kernel.nbc").exists()
    assert _kernel_cache.prune(mine) == []


def test_a_folder_that_cannot_be_removed_does_no_harm(tmp_path, monkeypatch):
    mine, old = aged(tmp_path / ("a" * 32), 0), aged(tmp_path / ("b" * 32), 31)

    def refuse(folder):
        raise PermissionError(folder)

    monkeypatch.setattr(_kernel_cache.shutil, "rmtree", refuse)
    assert _kernel_cache.prune(mine) == []
    assert old.exists()


def test_new_code_removes_what_is_old_and_marks_itself(copy, tmp_path):
    root = tmp_path / "home" / ".cache" / "delta-hedger-kernels"
    old = aged(root / ("b" * 32), 31)
    run(copy, tmp_path / "home")
    assert not old.exists()
    (mine,) = root.iterdir()
    os.utime(mine, (0, 0))
    run(copy, tmp_path / "home")
    assert mine.stat().st_mtime > 0


def test_numba_configuration_is_untouched():
    code = (
        "import numba; before = numba.config.CACHE_DIR; "
        "from numba.core.caching import CacheImpl as C; locators = list(C._locator_classes); "
        "import pricing; assert numba.config.CACHE_DIR == before; "
        "assert C._locator_classes == locators; print('same')"
    )
    root = pathlib.Path(pricing.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "same", done.stderr


def test_kernels_take_one_signature_only():
    with pytest.raises(TypeError):
        pricing.portfolio._sums(1, 2)


def test_threads():
    generator = np.random.default_rng(1)
    forward = generator.uniform(50, 150, 20_000)
    inputs = {"strike": 100.0, "time_to_expiry": 0.5, "vol": 0.4, "is_call": True}
    wanted = pricing.black(forward=forward, **inputs)
    faults = []

    def work():
        for _ in range(20):
            got = pricing.black(forward=forward, **inputs)
            if not all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True)):
                faults.append("differs")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
