"""Where records come from.

``xml13``    the insurance export: envelopes, slips, the tables joined to them, and what is wrong with them
``reading``  one export file to verdicts and findings; what the check command and the folder source share
``bundles``  ready FHIR bundles
``directory``  the facilities, with the dates of their codes
``folder``   the folder that a HIS exports to: whole files only, each once, never touched
"""
