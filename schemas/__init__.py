"""The contract between hospitals and the exchange; pure: no file, socket, database, clock or random number.

``ids`` ``topics`` ``events`` ``urgency``   what things are called
``lifecycle``                               the life of a transfer as four small tables
``reasons``                                 every refusal: what is wrong, who must act, and how
``limits``                                  every size and time, with its unit and its reason
``codes``                                   code systems, extension addresses, code lists
``strict_json`` ``content`` ``message``     reading a signed Bundle, and the facts in it
``profile``                                 what a transfer Bundle may hold: one closed table, and rules
``tokens``                                  stamp, receipt, notice, ack, inbox-status, head, void, directory entry
"""
