"""Operators for executions."""
