"""A whole small world in one folder: authority, Kafka, exchange and hospitals, each its own process.

The demonstration, the sandbox, the process tests and the benchmark stand on it. It uses the same steps as an
administrator: keys are made by their owners, the authority signs requests, facilities are admitted one by one.

``facilities``  who plays which hospital
``build``       folders, keys, certificates, configuration
``running``     the processes, and waiting for them
"""
