"""What is to be done with a scene, as jobs: what they need, where their files are, which of them are still right."""
