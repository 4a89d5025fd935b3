"""The connector's durable memory: SQLite, one owner, one module per question asked.

``folder_lock``     one process per data folder
``database``        the owner thread and its transactions; the ``Store`` port
``tables``          the tables and their versions
``meta``            incarnation, counter, generation, read positions
``alarms``          what the person who looks after the connector must see
``files``           export files that were judged, and what was found in them
``case_keys``       a slip of the HIS and the case it became
``outbox_rows``     messages on their way out
``inbox_rows``      messages and tokens that came in; quarantine
``numbers``         which numbers of the inbox are here
``acks``            acknowledgements owed and signed
``handovers``       messages on their way to the HIS
``transfers``       the local view of every transfer
``directory_rows``  entries of other facilities and the register
"""
