"""What the add-on does with orders, without Blender."""
