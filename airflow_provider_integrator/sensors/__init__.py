"""Tasks that wait for an execution."""
