"""Image-plane mode: a picture and a mask in, a MotionClip out, without any scene in three dimensions.

clip = image_plane(photo, mask, kind="liquid", melting=1.0, viscosity=0.05, obstacles=plinth)
video = simcraft.generate(clip, "warp")
"""

from simcraft.sim.image_plane.make import image_plane
from simcraft.sim.image_plane.settings import KINDS, parameters

__all__ = ["KINDS", "image_plane", "parameters"]
