"""The front door: command line, demonstration and sandbox; the only place that knows every other."""
