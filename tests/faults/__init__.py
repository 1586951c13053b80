"""Fault tests: what goes wrong around the filter, and what must happen then.

A file a class of faults; ids are those of the manual's table of log events.
Each test prints a figure, shown at the end of the run.
"""
