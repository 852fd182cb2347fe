"""What every test may rely on, however the test run was started."""

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


def pytest_collection_finish(session):
    if not session.config.option.collectonly:
        AHEAD.begin([item.nodeid for item in session.items])


def pytest_unconfigure():
    AHEAD.end()
