"""The exchange: opens, verifies, decides, receipts, and carries on; content never leaves memory.

What happens to a record, and the file that owns each step:

1. read       ``kafka_log.py``            from the position in the database; the anchor is checked first
2. open       ``stages/opening.py``       own entry of the envelope
3. verify     ``stages/verifying.py``     signature, chain, owner of the topic
4. check      ``stages/checking.py``      strict JSON, facts, profile, digests
5. decide     ``stages/deciding.py``      under lock: identity, parties, lifecycle
6. commit     ``store/turns.py``          everything that one turn caused, and the position, in one transaction
7. relay      ``relay.py``                number, stamp, publish, by destination

``pipeline.py`` shows 1 to 7 in one function. ``lanes.py`` decides who works where, ``administration.py`` who takes
part, ``audit/`` keeps the log that nobody rewrites, ``queries/`` answers what pages and status ask.
"""
