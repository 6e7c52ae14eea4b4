"""Sensors for executions."""
