"""Other people's flow, each converted to the conventions of `simcraft.clip.types`."""
