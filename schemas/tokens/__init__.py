"""Tokens: transport facts, each a compact JWS of its own ``typ`` whose payload is one of these closed models.

``model``      how a payload is written and read
``stamp``      on every inbox record, by the exchange
``receipt``    the exchange's answer to a message: accepted, refused or held
``notice``     something the exchange has to say: a late event, a missed deadline, a request to send again
``delivery``   ack and inbox-status, by the destination; head and void, by the exchange
``directory``  a facility's entry, its countersigned form, and the register of known facilities
"""
