"""How the stages are sampled."""

from __future__ import annotations

from dataclasses import dataclass

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.sampling import SAMPLERS


@dataclass(frozen=True)
class Settings:
    """Of one stage; a model says in its folder (`suits`, by stage) which of them suit it."""

    steps: int = 25
    """Denoising steps, for all frames at once."""
    largest: float = 80.0
    """sigma that sampling starts from, and"""
    smallest: float = 0.02
    """that of the last step."""
    sampler: str = "euler"
    """One of `sampling.SAMPLERS`."""
    overlap: int = 4
    """Frames that neighbouring windows of a long clip share."""
    resolution: int | None = None
    """Pixels of the shorter side inside the model; None takes what the model was trained with."""
    delta: float = 1.0
    """Scale of arrows (eq. 4), of stage one."""
    composite: bool = True
    """Keep the detail of what `warp` paints that autoencoder and small size lose: see `stage_two.decoded_frames`."""
    seed: int = 0
    """Of the noise, where no generator is given."""

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise UserError(f"sampler is {self.sampler!r}.", f"Choose from: {', '.join(SAMPLERS)}.")
        if self.steps < 1 or self.overlap < 1:
            raise UserError(f"steps is {self.steps}, overlap {self.overlap}; expected 1 or more.")
        if not 0 < self.smallest < self.largest:
            raise UserError(f"Noise goes from {self.largest} to {self.smallest}; expected the larger one first.")
