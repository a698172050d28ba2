"""How a clip is painted: every part of the method, and its switch."""

from __future__ import annotations

from dataclasses import dataclass

from simcraft.errors import UserError
from simcraft.generate.motioncraft.attention import KINDS
from simcraft.generate.motioncraft.warping import MODES

STEPS = {"fast": 20, "turbo": 5, "reference": 80}
"""Denoising steps of a frame, by mode."""
SOURCES = ("previous", "first", "picture")
"""The frame before, as in the paper, where a hundred frames are a hundred warps; the first frame along the clip's exact
correspondence, which is one; or that one done on pixels and encoded, so that only noise is moved in coarse cells."""


@dataclass(frozen=True)
class Settings:
    """How a clip is painted. Whatever the method has can be switched off: `attention`, `eta`, `renew`, `invert`."""

    prompt: str = ""
    negative_prompt: str = ""
    mode: str = "fast"
    """"fast", "turbo" (few steps) or "reference" (the published procedure)."""
    strength: float = 0.4
    """tau as a share of the training timesteps: how much is painted anew, 0 to 1."""
    steps: int | None = None
    """Denoising steps a frame; None takes the mode's."""
    guidance: float = 7.5
    """Classifier-free guidance; 1 is none, and costs half."""
    attention: str = "both"
    """The frames that a new one attends to: "none", "first", "previous" or "both"."""
    source: str = "picture"
    """Where latents start from: "previous", "first" or "picture"; see `SOURCES`. In reference mode "previous"."""
    warp: str = "nearest"
    """"nearest", "bilinear", "bicubic", or "splat" (not in reference mode). "nearest" carries what is less than a cell
    on to the next frame."""
    eta: float = 1.0
    """Noise where content is new, 0 (DDIM) to 1 (DDPM); all else is deterministic."""
    invert: bool = True
    """Invert each frame for the next one; else that is warped from this one's warped latents, and n evaluations a frame
    are saved."""
    renew: bool = True
    """Start new content from fresh noise around its surface, not from the latents of what hid it; not in reference
    mode."""
    resolution: int | None = None
    """Pixels of the shorter side inside the model; None takes what the model was trained with."""
    composite: bool = False
    """Add the detail that the autoencoder loses of what `warp` paints; in new content only what was painted counts."""
    seed: int = 0
    """Of the noise, where no generator is given."""

    def __post_init__(self) -> None:
        for name, known in (("mode", tuple(STEPS)), ("attention", KINDS), ("warp", MODES), ("source", SOURCES)):
            if getattr(self, name) not in known:
                raise UserError(f"{name} is {getattr(self, name)!r}.", f"Choose from: {', '.join(known)}.")
        if not 0 < self.strength <= 1 or not 0 <= self.eta <= 1:
            raise UserError(f"strength is {self.strength}, eta {self.eta}; expected above 0 to 1, and 0 to 1.")
        if self.steps is not None and self.steps < 1:
            raise UserError(f"steps is {self.steps}; expected 1 or more.")
        if self.mode == "reference" and self.warp == "splat":
            raise UserError("The reference mode does not splat.", "Use another warp, or the fast mode.")
