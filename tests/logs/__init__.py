"""Tests of downloaded logs: hostile archives and texts against the libraries they are read by."""
