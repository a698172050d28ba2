"""Work that other processes do for Blender: the engine, child Blenders, their queue. Standard library only, no bpy."""
