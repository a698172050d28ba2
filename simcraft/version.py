"""The version, in a module of its own: every room may import it."""

__version__ = "0.1.0"
