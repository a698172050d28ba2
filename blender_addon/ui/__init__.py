"""Panels and operators: thin, the logic is in the modules that they call."""
