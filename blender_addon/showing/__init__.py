"""Videos and pictures in Blender: in the Image Editor, the sequencer, behind the camera's view, and on a plane."""
