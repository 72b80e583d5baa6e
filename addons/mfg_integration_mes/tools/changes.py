"""What is different between two states of a record that people maintain."""


def changed_values(before, after):
    """``{name: {"old": value, "new": value}}`` of the members that differ.

    :param before: ``{name: value}``; a member that is missing counts as None
    :param after: the same
    """
    return {
        name: {"old": before.get(name), "new": after.get(name)}
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def changed_lines(before, after):
    """``[{"change": "added" | "changed" | "removed", "old": values, "new": values}]``.

    :param before: ``{key: values}``, the key being what makes a line the same line
    :param after: the same
    """
    lines = []
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key), after.get(key)
        if old != new:
            change = "added" if old is None else "removed" if new is None else "changed"
            lines.append({"change": change, "old": old, "new": new})
    return lines
