"""The exchange's database: ids, digests, times, states and signed tokens; never content of a message.

``tables``       every table, in one place
``engine``       connections: SQLite and PostgreSQL with every safety setting written out; what a failure means
``bulk``         many rows in one statement, on both databases
``looking_up``   what is known of the ids that one turn names
``writing``      everything that one turn caused
``positions``    how far each submit topic is read, and the anchor in its log
``turns``        the one transaction of a turn
``numbering``    the relay's transaction: confirm what was published, number and stamp what comes next
``lanes``        who reads which submit topics and serves which inboxes
``setbacks``     attempts at records that failed, quarantine, junk
``heldback``     messages that wait, and which of them may be judged again
``undelivered``  slips that nobody acknowledged, and word to their senders
``losses``       numbers whose bytes are gone
``inboxes``      last numbers, and who watches
``directory``    entries and tokens that go to many
``facilities`` ``counters``   who takes part; numbers that only grow
``asking``       which ids a turn is about
``migrating`` ``migrations``  the steps to the present tables
"""
