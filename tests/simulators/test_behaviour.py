"""The shop floor misbehaves exactly as told."""

import threading

from tests.harness.waiting import wait_for

from .behaviour import Behaviour, Conduct


def test_refuses_so_many_times():
    conduct = Conduct()
    conduct.set(Behaviour(status=500, times=2))
    assert [conduct.refusal() for _ in range(3)] == [500, 500, 0]


def test_refuses_until_told_otherwise():
    conduct = Conduct()
    conduct.set(Behaviour(status=410))
    assert [conduct.refusal() for _ in range(3)] == [410, 410, 410]
    conduct.set(Behaviour())
    assert conduct.refusal() == 0


def test_holds_answers_back():
    conduct = Conduct()
    conduct.set(Behaviour(hold=True))
    waiting = [threading.Thread(target=conduct.pause) for _ in range(2)]
    for thread in waiting:
        thread.start()
    wait_for(lambda: conduct.held == 2, 5, "two answers held back")
    conduct.set(Behaviour())
    for thread in waiting:
        thread.join(5)
        assert not thread.is_alive()
    assert conduct.held == 0
