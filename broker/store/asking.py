"""Which ids a turn is about: read off the examined records."""

from collections.abc import Sequence

from broker.stages.checking import CheckedMessage, FaultyMessage
from broker.stages.examining import Examined
from broker.stages.tokens import CheckedAck, CheckedEntry, CheckedStatus
from broker.store.looking_up import Questions


def questions_of(examined: Sequence[Examined]) -> Questions:
    """Everything that has to be looked up before these records can be decided on."""
    questions = Questions()
    for one in examined:
        match one:
            case CheckedMessage():
                _of_message(questions, one)
            case FaultyMessage():
                _of_faulty(questions, one)
            case CheckedAck():
                questions.message_ids |= {item.message_id for item in one.ack.acknowledged}
                questions.facilities |= {one.ack.facility, one.ack.recipient}
            case CheckedStatus():
                questions.facilities.add(one.status.facility)
            case CheckedEntry():
                questions.facilities.add(one.submission.facility)
                questions.entries_of.add(one.submission.facility)
    return questions


def _of_message(questions: Questions, message: CheckedMessage) -> None:
    facts = message.facts
    questions.message_ids.add(facts.message_id)
    questions.bundle_ids.add(facts.bundle_id)
    questions.origins.add(message.origin)
    if message.duplicate_key is not None:
        questions.duplicate_keys.add(message.duplicate_key)
    questions.transfer_ids.add(facts.transfer_id)
    questions.case_ids.add(facts.case_id)
    questions.facilities |= {facts.sender, facts.recipient}


def _of_faulty(questions: Questions, message: FaultyMessage) -> None:
    questions.facilities.add(message.submission.facility)
    if message.message_id is not None:
        questions.message_ids.add(message.message_id)
    if message.facts is not None:
        questions.bundle_ids.add(message.facts.bundle_id)
