"""What a flame looks like by its glow (see `Volume.glow`): for our own pictures, and for Blender's.

Glowing soot shines as a black body and hides as much light as it emits (Kirchhoff's law).
"""

FLAME_DENSITY = 6.0
"""Optical density a metre of a flame whose glow is 1."""
COOLEST, HOTTEST = 1450.0, 2000.0
"""Kelvin of flames whose glow is 0 and 1; a candle has 1,900."""
BRIGHTEST = 4.0
"""Red radiance of a flame whose glow is 1; white paper in the sun has about 0.6."""
