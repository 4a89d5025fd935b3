"""From a record to a decision: pure. One verb per file, one new type per stage; skipping a stage does not type-check.

``submission``   what lay in the topic, and what it claims to be
``opening``      the signed message inside an envelope
``verifying``    whose it is
``checking``     what it says: facts, digests, verdict of the gate
``tokens``       ack, inbox-status and directory entry, which come without an envelope
``examining``    the stages in a row: one record in, one ``Examined`` out, whatever the record holds
``known``        what the database knows that a decision needs
``identity``     is it new, a repeat, a reuse, a duplicate?
``parties``      which transfer, and as whom does the sender act?
``deciding``     the decision
"""
