"""One step of the material point method in plain numpy and float64, by the formulas of the papers.

What the kernels are tested against, and what the benchmark compares their speed with.
"""

import itertools
import math

import numpy as np

from simcraft.sim.mpm.laws import (
    LEAST_STRETCH,
    LEAST_WATER,
    MOST_WATER,
    SNOW_CRUSHES,
    SNOW_HARDENING,
    SNOW_HARDEST,
    SNOW_SOFTEST,
    SNOW_TEARS,
    WATER_EXPONENT,
)
from simcraft.sim.mpm.state import PADDING, MaterialState
from simcraft.sim.mpm.step import Setup


def numpy_step(setup: Setup, state: MaterialState, dt: float) -> dict[str, np.ndarray]:
    """The moved arrays of `MaterialState` after `dt` seconds, without obstacles and friction at the walls."""
    domain = setup.domain
    spacing, volume = domain.spacing, domain.particle_volume
    x, v, C, F, plastic, stress = (
        getattr(state, n).astype(np.float64)
        for n in ("position", "velocity", "affine", "deformation", "plastic", "stress")
    )
    mass = setup.constants[state.substance, 1].astype(np.float64) * volume
    neighbours = list(_neighbours(x / spacing, domain.nodes))
    grid = np.zeros((math.prod(domain.nodes), domain.dimension + 1))
    tilt = mass[:, None, None] * C - dt * volume * 4 / spacing**2 * stress
    for node, weight, away in neighbours:
        momentum = mass[:, None] * v + np.einsum("pij,pj->pi", tilt, away * spacing)
        np.add.at(grid, node, weight[:, None] * np.concatenate([momentum, mass[:, None]], axis=1))
    velocity = grid[:, :-1] / np.maximum(grid[:, -1:], 1e-300) + dt * np.array(domain.gravity)
    velocity = _stopped_at_walls(velocity, setup)
    v, C = np.zeros_like(v), np.zeros_like(C)
    for node, weight, away in neighbours:
        share = weight[:, None] * velocity[node]
        v += share
        C += 4 / spacing * np.einsum("pi,pj->pij", share, away)
    F = F + dt * C @ F
    made = {"position": x + dt * v, "velocity": v, "affine": C}
    parts = [numpy_respond(setup, state.substance == k, k, F, plastic, dt, C) for k in range(len(setup.substances))]
    for name, shape in (("deformation", F), ("plastic", plastic), ("stress", F)):
        made[name] = np.zeros_like(shape)
        for k, part in enumerate(parts):
            made[name][state.substance == k] = part[name]
    return made


def _neighbours(place: np.ndarray, nodes: tuple[int, ...]):
    """For each of the 3**D nodes around: its row in the grid, its weight and its place relative to the particle."""
    base = np.floor(place - 0.5).astype(int)
    offset = place - base
    weights = np.stack([0.5 * (1.5 - offset) ** 2, 0.75 - (offset - 1) ** 2, 0.5 * (offset - 0.5) ** 2])
    for step in itertools.product(range(3), repeat=place.shape[1]):
        row = np.ravel_multi_index(tuple((base + PADDING + step).T), nodes)
        yield row, np.prod([weights[s, :, d] for d, s in enumerate(step)], axis=0), np.array(step) - offset


def _stopped_at_walls(velocity: np.ndarray, setup: Setup) -> np.ndarray:
    domain = setup.domain
    index = np.stack(np.unravel_index(np.arange(len(velocity)), domain.nodes), axis=1) - PADDING
    velocity = np.where(index <= 0, np.maximum(velocity, 0), velocity)
    return np.where(index >= np.array(domain.cells), np.minimum(velocity, 0), velocity)


def numpy_respond(
    setup: Setup, chosen: np.ndarray, kind: int, F: np.ndarray, plastic: np.ndarray, dt: float, C: np.ndarray
) -> dict[str, np.ndarray]:
    """Deformation, plastic part and Kirchhoff stress of the `chosen` particles of one substance."""
    F, plastic = F[chosen], plastic[chosen]
    _, _, mu, lam, slope = (float(c) for c in setup.constants[kind])
    law = setup.substances[kind].law
    dimension = F.shape[-1]
    if law == "water":
        J = np.clip(plastic * (1 + dt * np.trace(C[chosen], axis1=1, axis2=2)), LEAST_WATER, MOST_WATER)
        pressure = lam / WATER_EXPONENT * (J**-WATER_EXPONENT - 1)
        same = np.tile(np.eye(dimension), (len(J), 1, 1))
        return {"deformation": same, "plastic": J, "stress": -(J * pressure)[:, None, None] * same}
    U, s, Vt = np.linalg.svd(F)
    if law == "sand":
        strain = np.log(np.maximum(s, LEAST_STRETCH))
        total = strain.sum(1) + plastic
        shear = strain - strain.mean(1, keepdims=True)
        amount = np.linalg.norm(shear, axis=1) + 1e-20
        excess = np.maximum(amount + (dimension * lam + 2 * mu) / (2 * mu) * total * slope, 0)
        returned = shear * (1 - excess / amount)[:, None] + total[:, None] / dimension
        strain = np.where(total[:, None] >= 0, 0.0, returned)
        plastic = np.maximum(total, 0)
        s = np.exp(strain)
        principal = 2 * mu * strain + lam * strain.sum(1, keepdims=True)
    else:
        hardness = np.ones(len(s))
        if law == "snow":
            clamped = np.clip(s, 1 - SNOW_CRUSHES, 1 + SNOW_TEARS)
            plastic = np.clip(plastic * s.prod(1) / clamped.prod(1), 0.1, 10)
            s = clamped
            hardness = np.clip(np.exp(SNOW_HARDENING * (1 - plastic)), SNOW_SOFTEST, SNOW_HARDEST)
        J = s.prod(1)
        principal = hardness[:, None] * (2 * mu * (s - 1) * s + (lam * J * (J - 1))[:, None])
    turned = np.einsum("pij,pj,pkj->pik", U, principal, U)
    return {"deformation": np.einsum("pij,pj,pjk->pik", U, s, Vt), "plastic": plastic, "stress": turned}
