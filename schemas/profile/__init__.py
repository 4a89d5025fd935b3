"""What a transfer's Bundle may hold: one closed table per event, the JSON Schema made from it, and the bundle rules.

``rows``          the vocabulary of the table
``primitives``    the form of each primitive datatype
``datatypes`` ``messaging`` ``parties`` ``clinical``   the table itself
``table``         which resources each event holds, and the rows as a tree
``json_schema``   the closed JSON Schema of an event
``paths``         where references, times and attachments lie, read off the table
``rules``         what no schema can say
``gate``          ``judge``: the verdict on one Bundle
"""
