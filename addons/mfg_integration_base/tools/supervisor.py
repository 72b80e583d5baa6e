"""Keeping several processes of one kind alive, and ending them in order.

Children are fresh programs, not forks: none of them shares a connection, a lock or a thread with
the parent or with its sisters.
"""

import signal
import subprocess
import time

FIRST_PAUSE = 0.5
"""Pause before a child that ended is started again, in seconds; doubled each time."""
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
"""A child that lived so long has its pause back at the first, in seconds."""
PROVEN_SECONDS = 60.0
"""Until a child has lived so long, one that ends with an error means that none can run."""
WRONG_ARGUMENTS = 2
"""Exit status of a child that will never run, however often it is started."""
LOOK_SECONDS = 1.0


def pause_before(ends):
    """Pause before the next start after ``ends`` quick ends in a row (1 or more), in seconds.

    >>> [pause_before(ends) for ends in (1, 2, 3, 20)]
    [0.5, 1.0, 2.0, 30.0]
    """
    return min(FIRST_PAUSE * 2 ** min(ends - 1, 16), LONGEST_PAUSE)


def child_command(python, original, parent):
    """The command of a child: that of this process, for one worker, and who supervises it.

    :param python: path of the interpreter
    :param original: ``sys.orig_argv``

    >>> child_command("py", ["python3", "-m", "odoo", "w", "--processes", "2", "-d", "x"], 7)
    ['py', '-m', 'odoo', 'w', '-d', 'x', '--parent', '7']
    """
    command, rest = [python], iter(original[1:])
    for argument in rest:
        if argument == "--processes":
            next(rest, None)
        elif not argument.startswith("--processes="):
            command.append(argument)
    return [*command, "--parent", str(parent)]


class Place:
    """One of the processes to be kept running."""

    def __init__(self):
        self.process = None
        self.started_at = 0.0
        self.quick_ends = 0
        self.due_at = 0.0  # when to start it (again), monotonic


class Supervisor:
    """Runs ``count`` processes of one command until told to stop.

    :param argv: the command of one child
    :param signals: installed ``StopSignals`` that SIGCHLD wakes as well
    :param log: ``logging.Logger``
    """

    def __init__(self, argv, count, signals, log):
        self._argv = list(argv)
        self._signals = signals
        self._log = log
        self._places = [Place() for _number in range(count)]
        self._proven = False

    @property
    def pids(self):
        """Of the children that run."""
        return [place.process.pid for place in self._places if place.process]

    def run(self):
        """Until told to stop or until none can run; exit status.

        0: all ended in order; otherwise the status of a child that could not run, or 1 if one
        failed while it was ending.
        """
        while True:
            for place in self._places:
                status = self._look_after(place)
                if status is not None:
                    self._log.error("A worker process cannot run (status %s): giving up", status)
                    self._end()
                    return status
            if self._signals.wait(self._next_look()):
                return self._end()

    def _look_after(self, place):
        """Start or collect a child; the exit status if it shows that none can run."""
        now = time.monotonic()
        if place.process:
            if now - place.started_at >= PROVEN_SECONDS:
                self._proven = True
            status = place.process.poll()
            if status is None:
                return None
            self._ended(place, status, now)
            # One that was killed says nothing about the others.
            if status > 0 and not self._proven:
                return status
            # Its lane may be gone now, while those that serve it still run.
            if status == WRONG_ARGUMENTS and not self.pids:
                return status
        if now >= place.due_at:
            place.process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL)
            place.started_at = now
            self._log.info("Worker process %s started", place.process.pid)
        return None

    def _ended(self, place, status, now):
        pid, place.process = place.process.pid, None
        steady = now - place.started_at >= STEADY_SECONDS
        place.quick_ends = 1 if steady else place.quick_ends + 1
        pause = pause_before(place.quick_ends)
        place.due_at = now + pause
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        self._log.warning("Worker process %s ended %s: again in %s s", pid, how, pause)

    def _next_look(self):
        now = time.monotonic()
        waits = [place.due_at - now for place in self._places if not place.process]
        return max(min([LOOK_SECONDS, *waits]), 0)

    def _end(self):
        """Ask all to end and wait until they have, however long what is in flight takes."""
        running = [place.process for place in self._places if place.process]
        asked = -1
        while any(process.poll() is None for process in running):
            if asked != self._signals.count:  # asked again: pass it on, it hurts nobody
                asked = self._signals.count
                for process in running:
                    if process.poll() is None:
                        process.send_signal(signal.SIGTERM)
            self._signals.wait(LOOK_SECONDS)
        # Killed by our SIGTERM: it had not come far enough to hold anything.
        failed = [p for p in running if p.returncode not in (0, -signal.SIGTERM, -signal.SIGINT)]
        return 1 if failed else 0
