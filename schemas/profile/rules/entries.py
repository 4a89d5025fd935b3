"""Entries: the header first, each address once and equal to its resource's id, each type as often as the table says."""

from collections.abc import Iterator
from itertools import islice

from schemas.profile.contents import Broken, Contents, Finding
from schemas.profile.rows import Need
from schemas.profile.table import resources
from schemas.reasons import ReasonCode


def entries(contents: Contents) -> Iterator[Broken]:
    """Bundle and entries; every fault here leaves two readers of the Bundle in doubt, so nobody passes with one."""
    bundle = contents.bundle
    if contents.entries[0][1] != "MessageHeader":
        yield _always("Bundle.entry[0]")
    if bundle["identifier"]["value"] != f"urn:uuid:{bundle['id']}":
        yield _always("Bundle.identifier.value")
    if len(contents.types) != len(contents.entries):
        yield _always("Bundle.entry.fullUrl")
    for entry in bundle["entry"]:
        if entry["fullUrl"] != f"urn:uuid:{entry['resource']['id']}":
            yield _always("Bundle.entry.fullUrl")
            break


def counts(contents: Contents) -> Iterator[Broken]:
    """Too few or too many resources of a type."""
    for kind, held in resources(contents.facts.event).items():
        found = contents.by_type.get(kind, [])
        if len(found) < held.low:
            yield Broken(Finding(ReasonCode.ELEMENT_MISSING, kind), always=held.need is Need.MUST)
        for position, _ in islice(found, held.high, held.high + 1):
            yield contents.broken(position, "", always=held.need is Need.MUST)


def _always(where: str) -> Broken:
    return Broken(Finding(ReasonCode.BUNDLE_RULE_BROKEN, where), always=True)
