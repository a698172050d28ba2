"""Finding, installing and testing the engine: the Python environment outside Blender that simulates and generates.

Standard library only, no bpy. The installation itself runs in a child process (`child.py`), a step of a job like any
other: see `plans.py`.
"""
