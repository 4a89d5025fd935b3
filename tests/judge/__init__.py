"""The independent judge of a run: what every party wrote down, against what the product promises.

    python -m tests.judge RUN_FOLDER [--json]

It imports nothing of the product, verifies signatures with another library, computes the audit tree and knows the
states by itself: a mistake of the product is not repeated here. A verdict is *pass*, *fail* with its first
counter-example (ids, offsets, file and line), or *inconclusive*, which counts as fail: what was not shown is not
believed.

``reading``        the run folder → typed records; what is missing or malformed is named
``tokens``         signatures and certificates down to the authority; ``opened``: every record of the topics, verified
``conservation``   I1            ``doubles``   I2, I4      ``contents``  I3       ``handing_over``  I5
``database``       I6            ``order``     I7          ``states``    I8       ``audit``         I14
``coverage``       did the run reach what it set out to reach
``verdict``        one invariant's outcome; ``report``: table and JSON; ``dump``: the topics, by another Kafka client
"""
