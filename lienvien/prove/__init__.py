"""Checks a folder of evidence as a stranger would: no key, no database, no network.

Given are the hospitals' folders, a raw dump of the topics, the exported audit entries with their salts, certificates
(public), and the certificate of the authority that everything must lead back to.

``evidence``   the folder: how it is written and read
``signed``     tokens and certificates, verified to the authority
``inboxes``    stamps, numbers, receipts: nothing lost, nothing doubled
``answers``    each envelope answered, as the log says and the inbox shows
``handed_over`` what the hospitals hold: messages, printed forms, sources untouched
``audit_root`` the log's root, recomputed
``recipe``     all checks in order; ``report``  what one check found
"""
