"""Queue jobs: which methods may be put on the queue, and what their arguments may be.

    @job                    # runs in lane "standard" unless the caller says otherwise
    @job(lane="bulk")       # ... in another one
    def _send_statements(self, month): ...

The mark is what makes a method callable by the queue; nothing else in the database or in a request
does. An override of a marked method needs no mark of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

DEFAULT_LANE = "standard"
_MARK = "_mfg_job"
_SCALARS = frozenset({str, int, bool, type(None)})
_INFINITY = float("inf")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class JobMark:
    """What ``@job`` says of a method.

    :param lane: code of the lane it runs in by default
    """

    lane: str = DEFAULT_LANE


class ArgumentError(ValueError):
    """An argument that JSON cannot hold; the message begins with its place, e.g. ``args[0]``."""


def job(method: F | None = None, *, lane: str = DEFAULT_LANE) -> Any:
    """Mark a method as one that may be put on the queue with ``_mfg_enqueue``.

    :param lane: code of the lane it runs in by default
    """

    def mark(function: F) -> F:
        setattr(function, _MARK, JobMark(lane))
        return function

    return mark(method) if method is not None else mark


def job_mark(cls: type, name: str) -> JobMark | None:
    """Return the mark of a class's method, or None: then it is no job.

    The mark nearest to the class counts; one further up stays valid under an override without.

    >>> class Contact:
    ...     @job(lane="bulk")
    ...     def send(self): ...
    ...     def delete(self): ...
    >>> class Refined(Contact):
    ...     def send(self): ...
    >>> job_mark(Refined, "send")
    JobMark(lane='bulk')
    >>> job_mark(Refined, "delete")
    """
    if not isinstance(name, str) or name.startswith("__"):
        return None
    for base in cls.__mro__:
        function = vars(base).get(name)
        mark = getattr(function, _MARK, None)
        # A method only: nothing is called that merely carries an attribute of this name.
        if isinstance(mark, JobMark) and callable(function):
            return mark
    return None


def check_arguments(args: Any, kwargs: Any) -> None:
    """Refuse what would come back from JSON as something else than it went in.

    :raises ArgumentError: names the argument, and says what it is

    >>> check_arguments([1, {"name": ["x"]}], {"qty": 2.5})
    """
    if not isinstance(args, list | tuple):
        raise ArgumentError("args: not a list.")
    if not isinstance(kwargs, dict):
        raise ArgumentError("kwargs: not a dictionary.")
    for position, value in enumerate(args):
        _check(value, f"args[{position}]")
    for name, value in kwargs.items():
        if type(name) is not str:
            raise ArgumentError(f"kwargs: the name {name!r} is not a text.")
        _check(value, f"kwargs[{name!r}]")


def _check(value: Any, where: str, depth: int = 0) -> None:
    kind = type(value)
    if kind is str:
        _check_text(value, where)
    elif kind is float:
        if not -_INFINITY < value < _INFINITY:
            raise ArgumentError(f"{where}: {value} is not a JSON number.")
    elif kind is list or kind is dict:
        if depth > 100:
            raise ArgumentError(f"{where}: nested too deeply, or in itself.")
        if kind is list:
            for position, item in enumerate(value):
                _check(item, f"{where}[{position}]", depth + 1)
            return
        for name, item in value.items():
            if type(name) is not str:
                raise ArgumentError(f"{where}: the key {name!r} is not a text.")
            _check_text(name, where)
            _check(item, f"{where}[{name!r}]", depth + 1)
    elif kind not in _SCALARS:
        raise ArgumentError(f"{where}: {_named(value)} is not JSON.{_advice(value)}")


def _check_text(text: str, where: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ArgumentError(f"{where}: a text holds a lone surrogate.") from None


def _named(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _advice(value: Any) -> str:
    if isinstance(value, tuple):
        return " Pass a list."
    if hasattr(value, "_ids"):
        return " Pass the records' ids."
    return ""
