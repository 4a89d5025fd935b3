"""Entry of the child process."""

from connectors.workshop.child import main

main()
