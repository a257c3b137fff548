"""`manage.py standalone`: up on an empty folder, down on a signal."""

import signal

from tests.run.conftest import Start


def test_it_starts_on_an_empty_folder_and_stops_on_a_signal(start: Start) -> None:
    run = start("standalone")
    assert run.answers("healthz"), run.rest()
    assert run.answers("api/schema")
    assert run.stop(signal.SIGTERM) == 0
    printed = run.rest()
    assert "Traceback" not in printed
    assert "stopped" in printed.splitlines()[-1]
