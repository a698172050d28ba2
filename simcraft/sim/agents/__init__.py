"""Agents: each decides for itself where to go, by what it sees around it. Flocks, crowds and traffic."""
