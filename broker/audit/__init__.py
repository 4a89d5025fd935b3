"""The audit log: who decided what, when, in a tree that nobody can rewrite unseen.

``actions``     what an entry may report
``entry``       one decision as canonical JSON and as a salted leaf; no patient data can get in
``merkle``      RFC 6962: index, size and hashes in, hashes and proofs out
``note``        signed notes (C2SP signed-note), keys as one line of text
``checkpoint``  the signed head of the tree (C2SP tlog-checkpoint)
``log_key``     the key that signs checkpoints and nothing else
``ports``       what the anchor task may rely on
``numbering``   the anchor task: numbers committed entries, signs, stores and publishes checkpoints
``ledger``      the log's rows in the exchange's database
``publishing``  the newest checkpoint as a file
``export``      entries with salts as JSON lines, for a case's parties and the auditor
``export_files``  the same as files that can be handed out
``verify``      recomputes the root from an export; names the first bad leaf
"""
