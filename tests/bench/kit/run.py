"""The course of every benchmark: options, checks, measuring, figures, cleaning up."""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.harness import databases

from .figures import Figures, Quantity
from .guard import NotDurableError, check_durable, machine, settings_of

EXIT_FAILED = 1
EXIT_INCOMPLETE = 2


class BenchError(Exception):
    """The benchmark cannot be run here; the text says why and what to do."""


class Incomplete(Exception):
    """A part of what is to be measured does not exist; the text says which."""


class Bench:
    """One run.

    :param options: ``rounds``, ``quick``, ``json``, and what the benchmark added
    :param folder: for logs; goes with the run
    :param stack: what has to be ended, dropped or removed at the end
    """

    def __init__(
        self, options: argparse.Namespace, figures: Figures, folder: Path, stack: ExitStack
    ):
        self.options = options
        self.figures = figures
        self.folder = folder
        self.stack = stack

    def count(self, normal: int, quick: int) -> int:
        """How many of something: the second number for a run that only shows that it runs."""
        return quick if self.options.quick else normal

    def rounds(self) -> Iterator[int]:
        """The rounds' numbers. Each round takes every case once, so that what the machine does
        beside it meets all of them alike."""
        for number in range(1, self.options.rounds + 1):
            self.say(f"round {number} of {self.options.rounds}")
            yield number

    def say(self, text: str) -> None:
        """Progress, for a person."""
        print(f"   {text}", file=sys.stderr, flush=True)

    def database(self, name: str, template: str) -> str:
        """A copy of the template that the variable ``template`` names; dropped at the end.

        :raises BenchError: the variable is not set
        """
        try:
            source = os.environ[template]
        except KeyError:
            raise BenchError(f"{template} is not set: run it as ./mfg bench NAME") from None
        full = f"mfg_bench_{os.getpid()}_{name}"
        self.stack.callback(databases.drop, full)
        databases.create_from_template(full, source)
        return full


def run(
    name: str,
    quantities: Mapping[str, Quantity],
    measure: Callable[[Bench], None],
    *,
    rounds: int,
    arguments: Callable[[argparse.ArgumentParser], None] = lambda _parser: None,
) -> int:
    """Run a benchmark as a program; its exit status: 0, 1 cannot be run, 2 a part is missing.

    The table goes to standard output; with ``--json`` one JSON object does, and the table to
    standard error.

    :param measure: adds values to the figures
    :param rounds: how many, unless the user says otherwise
    :param arguments: adds options
    """
    options = _options(name, rounds, arguments)
    figures = Figures(quantities)
    _end_in_order_on(signal.SIGTERM)
    status = 0
    try:
        settings = settings_of(databases.MAINTENANCE)
        check_durable(settings)
        origin = machine(settings)
        with _cleaning_up() as (folder, stack):
            measure(Bench(options, figures, folder, stack))
    except (NotDurableError, BenchError) as error:
        print(f"bench {name}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except Incomplete as error:
        figures.note(str(error))
        status = EXIT_INCOMPLETE
    text = f"\n{name}: {options.rounds} rounds on {origin}\n\n{figures.table()}\n"
    print(text, file=sys.stderr if options.json else sys.stdout, flush=True)
    if options.json:
        print(json.dumps(figures.document()), flush=True)
    return status


def _options(
    name: str, rounds: int, arguments: Callable[[argparse.ArgumentParser], None]
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"./mfg bench {name}", allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--rounds", type=int, help=f"default {rounds}, with --quick 1")
    parser.add_argument(
        "--quick", action="store_true", help="small counts: shows that it runs, not how fast"
    )
    arguments(parser)
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else rounds)
    if options.rounds < 1:
        parser.error("--rounds: at least one")
    return options


@contextmanager
def _cleaning_up() -> Iterator[tuple[Path, ExitStack]]:
    with tempfile.TemporaryDirectory(prefix="mfg-bench-") as folder, ExitStack() as stack:
        yield Path(folder), stack


def _end_in_order_on(number: signal.Signals) -> None:
    def end(*_args: object) -> None:
        sys.exit(128 + number)

    signal.signal(number, end)
