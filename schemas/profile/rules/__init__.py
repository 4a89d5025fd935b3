"""The rules of a Bundle that no schema can say. Each takes the contents and yields what does not hold.

``entries``     header first, addresses, how many of each type
``elements``    references resolve, to the right types, to one patient; nothing from the future; plain numbers
``agreement``   what is said twice is said alike
``people``      the patient can be told apart, the author reached
``illness``     main diagnosis, six vital signs
``times``       times that depend on one another
``documents``   attachments are what they claim to be
"""

from collections.abc import Callable, Iterator
from typing import Final

from schemas.profile.contents import Broken, Contents
from schemas.profile.rules import agreement, documents, elements, entries, illness, people, times

Rule = Callable[[Contents], Iterator[Broken]]

FRAME: Final[tuple[Rule, ...]] = (entries.entries, entries.counts)
"""Judged first: with a fault here the others could not trust what they look at."""

RULES: Final[tuple[Rule, ...]] = (
    elements.elements,
    agreement.route,
    agreement.task,
    agreement.names_the_transfer,
    agreement.urgency,
    agreement.legal_basis,
    agreement.provenance,
    people.patient,
    people.author,
    illness.diagnosis,
    illness.vital_signs,
    times.period_in_order,
    documents.attachments,
)
