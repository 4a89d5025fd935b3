"""The name of a case's hand-over folder: ``<priority>-<rest>``. Pure.

The rest is the case's own, for ever. The priority is the highest that was ever known, so that it can rise.
"""

from collections.abc import Iterator

from schemas.urgency import Priority, more_urgent


def folder_name(priority: Priority, rest: str) -> str:
    """The name of a folder."""
    return f"{priority.value}-{rest}"


def rest_of(name: str) -> str:
    """What is the case's own in the name of its folder."""
    return name.partition("-")[2]


def raised(name: str, priority: Priority) -> str:
    """The name once the case is known to be at least this urgent."""
    known = Priority(name.partition("-")[0])
    return folder_name(more_urgent(known, priority), rest_of(name))


def names_of(rest: str) -> Iterator[str]:
    """Every name that the folder of a case may bear."""
    return (folder_name(priority, rest) for priority in Priority)
