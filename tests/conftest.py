"""What every test may rely on, however the test run was started."""

import os
import signal

from hypothesis import HealthCheck, settings

from tests.ahead import AHEAD

# A shell starts background jobs with SIGINT ignored, `nohup` ignores SIGHUP, and every process they
# start inherits that.
# The tests interrupt processes as a terminal would, so theirs must begin as in a terminal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A busy machine is no defect: what an example takes is not judged.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


PROCESSES_MAX = 4


def pytest_xdist_auto_num_workers(config):
    """The whole default run takes all cores: more processes than that compile for longer.

    What is asked for by name stays in one process.
    """
    is_whole = config.args_source is config.ArgsSource.TESTPATHS and not config.option.keyword
    is_default = config.option.markexpr == "not long"
    return min(os.cpu_count() or 1, PROCESSES_MAX) if is_whole and is_default else 0


def pytest_sessionstart(session):
    # The process that hands out tests collects none itself.
    if getattr(session.config.option, "tx", None) and not session.config.option.collectonly:
        AHEAD.begin_for_all()


def pytest_collection_finish(session):
    if not session.config.option.collectonly:
        AHEAD.begin([item.nodeid for item in session.items])


def pytest_unconfigure():
    AHEAD.end()
