"""Real processes under real faults, and what every party wrote down about it.

``python -m tests.chaos`` builds one Kafka, one PostgreSQL, three workers of an exchange, a dozen hospitals each with a
connector of its own, and the hospitals' own software; lets hospitals send while a seeded plan of faults runs; waits
until nothing is pending; writes the run folder; asks a judge who knows nothing of this program.

``plan``          a seed and a length → which faults, when: pure
``ledgers``       lines that are on disk before what they tell of happens
``his_receiver``  the receiving hospitals' software, a process of its own, in bad moods
``his_sender``    the sending hospitals' software: exports slips
``proxy``         the line between a connector and Kafka, which can be cut, delayed, throttled
``stage``         the processes
``faults``        does to them what the plan says
``quiet``         what is still pending anywhere
``collect``       the run folder
"""
