"""Data sets: from a recipe to a folder of clips, on one machine or many, and from there to other formats.

`recipe` (what to make) -> `manifest` (one row a clip) -> `clips` (one row made) -> `folder` (what is on disk), driven
by `make`. `export`, `check` and `gallery` work on the finished folder.
"""
