"""Whose a field is, and what happens when both sides say something: rules as data.

Of the rules that fit, the one that says most about where it holds decides: a rule for a work center
before one for an operation type, that before one for the whole company.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """One row.

    :param workcenter: its id; 0: any
    :param picking_type: id of an operation type; 0: any
    :param owner: ``odoo`` or ``mes``
    :param on_conflict: ``owner_wins``, ``newest_wins`` or ``decide``
    :param guard: what people meet in Odoo who edit what is the shop floor's: ``stop`` or ``warn``
    """

    field_group: str
    workcenter: int = 0
    picking_type: int = 0
    owner: str = "mes"
    on_conflict: str = "owner_wins"
    guard: str = "stop"

    @property
    def weight(self) -> tuple[bool, bool]:
        return bool(self.workcenter), bool(self.picking_type)


def find(
    rules: Iterable[Rule], field_group: str, *, workcenter: int = 0, picking_type: int = 0
) -> Rule | None:
    """The rule that decides, or None where nobody made one. The first of equals wins.

    >>> rules = [Rule("progress"), Rule("progress", workcenter=7, owner="odoo")]
    >>> find(rules, "progress", workcenter=7).owner, find(rules, "progress", workcenter=8).owner
    ('odoo', 'mes')
    """
    fitting = [
        rule
        for rule in rules
        if rule.field_group == field_group
        and rule.workcenter in (0, workcenter)
        and rule.picking_type in (0, picking_type)
    ]
    return max(fitting, key=lambda rule: rule.weight, default=None)


def winner(rule: Rule, here_at: datetime | None, there_at: datetime | None) -> str:
    """Who wins: ``here`` (Odoo), ``there`` (the partner), or ``""``: a person has to say.

    A time that is not known loses against one that is; of equal times, the partner's wins, which
    watches the machine.
    """
    if rule.on_conflict == "decide":
        return ""
    if rule.on_conflict == "owner_wins":
        return "there" if rule.owner == "mes" else "here"
    if here_at and (not there_at or here_at > there_at):
        return "here"
    return "there"
