"""The report: what was tried, what was found, and what was not tried; ``python -m tests.reliability``.

``gathering``  build/ → one document (``docs/reliability.json``)
``page``       the document → ``docs/reliability.md``
"""
