"""Processes are ended by number and start time together, never by number alone."""

import signal
import subprocess
import sys
import threading

import pytest

from mfg_launcher import lock, process


@pytest.fixture
def sleeper():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as started:
        yield started
        started.kill()


def test_a_running_process_is_recognized(sleeper, tmp_path):
    process.save(tmp_path, "odoo", process.Recorded.of(sleeper.pid, url="http://x"))
    found = process.load(tmp_path, "odoo")
    assert (found.pid, found.details, found.running) == (sleeper.pid, {"url": "http://x"}, True)


def test_another_process_with_the_same_number_is_left_alone(sleeper, tmp_path):
    record = process.Recorded.of(sleeper.pid)
    impostor = process.Recorded(record.pid, record.start - 1, record.boot)
    impostor.send(signal.SIGKILL)
    assert not impostor.running
    assert record.running
    process.save(tmp_path, "odoo", impostor)
    assert process.load(tmp_path, "odoo") is None
    assert list(tmp_path.iterdir()) == []


def test_a_record_of_an_earlier_boot_names_nothing(sleeper):
    record = process.Recorded.of(sleeper.pid)
    assert not process.Recorded(record.pid, record.start, "another boot").running


def test_it_is_ended_and_waited_for(sleeper):
    record = process.Recorded.of(sleeper.pid)
    record.send(signal.SIGTERM)
    # Nobody has collected it yet: a process that has ended but is still listed does not run.
    assert record.wait(10)
    record.send(signal.SIGTERM)
    assert sleeper.wait(10) == -signal.SIGTERM


def test_waiting_has_an_end(sleeper):
    assert not process.Recorded.of(sleeper.pid).wait(0.01)


def test_a_process_that_never_was():
    with pytest.raises(ProcessLookupError):
        process.Recorded.of(2**22 + 1)  # beyond the kernel's largest number


def test_a_damaged_record_is_dropped(tmp_path):
    (tmp_path / "odoo.json").write_text('{"pid": ')
    assert process.load(tmp_path, "odoo") is None
    assert not (tmp_path / "odoo.json").exists()


def test_records_are_listed_by_prefix(sleeper, tmp_path):
    for name in ("worker-1", "worker-2", "odoo"):
        process.save(tmp_path, name, process.Recorded.of(sleeper.pid))
    assert [name for name, _ in process.load_all(tmp_path, "worker-")] == ["worker-1", "worker-2"]


def test_the_lock_lets_one_in_at_a_time(tmp_path):
    order, holders = [], []
    inside, waits, release = threading.Event(), threading.Event(), threading.Event()

    def first():
        with lock.exclusive(tmp_path / "lock", command="setup", waiting=holders.append):
            inside.set()
            release.wait(10)
            order.append("first")

    def note(holder):
        holders.append(holder)
        waits.set()

    def second():
        with lock.exclusive(tmp_path / "lock", command="start", waiting=note):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    assert waits.wait(10)
    release.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second"]
    assert holders[0].startswith("./mfg setup (process ")
