"""What both sides need to talk to each other, and nothing of what they say.

``clock``             the time, as a port
``free_ports``        ports that nobody holds
``tls``               client and server contexts, key file check, reload without a restart
``kafka``             producers and consumers with every safety option written out
``bounded_gzip``      a limit on what a compressed batch may become
``kafka_admin``       a facility's topics and rights; cutting it off and letting it in again
``failpoints``        places at which a process under test dies
``child_process``     a child that does not outlive its parent
``local_kafka``       a real Kafka on this machine, for the demonstration and the tests
``local_postgresql``  a real PostgreSQL on this machine, for the tests and the benchmark
``http_server``       HTTP with client certificates, in which a slow client is cut
``control_file``      where a running process can be asked by its own user
``logs``              JSON log lines through a closed list of fields
"""
