"""Machines that run tests are shared: no property fails because one example was slow."""

from hypothesis import settings

settings.register_profile("without-deadline", deadline=None)
settings.load_profile("without-deadline")
