"""The shipped scenes as families: code that fills Blender with a scene from a seed and a few parameters.

It runs inside Blender (3.4 or newer, or the bpy package) with numpy and the standard library, after the add-on has been
imported, in whose zip it lies as a part of it. `catalogue` lists the families, `families` has one module each, `kit`
what they share.
"""
