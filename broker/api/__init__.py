"""Where does it stand? The exchange's answers over HTTP, for facilities (mutual TLS) and the operator (loopback).

``deadlines``     by when what should have happened
``progress``      last proven stage; when nothing moves, why and whose turn it is
``words``         every stage, state and cause in Vietnamese and English
``answers``       the JSON answers about cases; ``overview`` the one about the exchange itself
``asking``        answers assembled from several questions
``certificates``  days that a facility's certificates have left
``routes``        the addresses below /v1; ``health`` and ``metrics`` those for machines
``callers``       which facility a client certificate proves
``problems``      errors (RFC 9457), never an echo; ``shield`` and ``loopback`` keep everything else in, or out
``facility_app``  the service for facilities; ``operator_app`` the one on loopback
"""
