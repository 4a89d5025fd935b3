"""A short-lived child process for heavy and native libraries: the form's PDF, and FHIR's own opinion of a Bundle.

``client``      ``Workshop``: asks the child, starts it when needed, survives its death
``child``       the loop of the child: ``python -m connectors.workshop``
``fhir_check``  the Bundle against FHIR R4B; the only place that imports fhir.resources
``requests``    the lines that both sides write
"""
