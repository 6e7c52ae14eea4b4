"""A downloaded log: its archive, its JSON, and where it is kept."""

#: Entries of a log's top-level ``errors`` that are read.
MAX_ERRORS = 10
#: The permissions of a stored log: its owner's alone.
DEFAULT_FILE_MODE = 0o600
