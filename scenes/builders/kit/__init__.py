"""What the shipped scenes are made of: textures, materials, shapes, physics, light. Runs inside Blender."""
