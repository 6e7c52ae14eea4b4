"""A downloaded log: its archive, its JSON, and where it is kept."""

#: Entries of a log's top-level ``errors`` that are read.
MAX_ERRORS = 10
