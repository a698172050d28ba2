"""What sets a scene up for the panel: presets, bodies, domains, cameras, and the check list of what is missing."""
