"""From a decision to what is written down: pure, but for the signatures, whose key is in memory.

``signer``     the exchange's own word
``stamping``   the facts of a stamp, and the stamp once its number is known
``answers``    receipts and notices
``rows``       the rows of the tables, as the store writes them
``writes``     everything that one turn causes
``ledger``     what was looked up for a turn, growing with each decision in it
``message`` ``delivery`` ``entry``   one examined record of each kind, written down
``turn``       a whole turn: the records in their order
"""
