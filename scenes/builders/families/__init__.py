"""One module a family: its parameters and its builder."""
