"""Speed and size of the exchange, measured on this machine: ``make bench``.

Nothing here is a test: figures are printed, written to ``build/bench.json`` and never asserted.

``arithmetic``  percentiles, shares, rates
``cast``        which invented hospitals take part
``messages``    the Bundles: built by the connector, then varied
``sealing``     signing and sealing them beforehand, on every core
``site``        authority, Kafka, keys, admission, configuration
``workers``     the exchange's processes, and how large they are
``watching``    which worker has decided how much, seen from the database
``inboxes``     what arrived, read back and compared
``chain``       the whole way, from filled submit topics to the inboxes
``latency``     record written → receipt readable
``deciding``    the stages without I/O, on one core
``forwarding``  the ceiling: reading and writing the same records, nothing else
``connector``   a hospital's process at work, and how large it is
``machine``     what it was measured on
``report``      the table and the file
"""
