"""One step of flock and crowd by plain loops over all pairs, without grid, sorting and kernels."""

import numpy as np

from simcraft.sim.agents import crowd_kernels, flock_kernels
from simcraft.sim.agents.crowd import Crowd, CrowdState, Place
from simcraft.sim.agents.flock import Flock, FlockState, whims


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def shortened(vector: np.ndarray, longest: float) -> np.ndarray:
    return vector * min(1.0, longest / max(float(np.linalg.norm(vector)), 1e-300))


def flock_step(flock: Flock, state: FlockState, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions and velocities after `dt` in a box without obstacles."""
    natural = flock.speed**2 / flock.radius
    positions, velocities = state.position.copy(), state.velocity.copy()
    for i, (x, v) in enumerate(zip(state.position, state.velocity, strict=True)):
        offsets = state.position - x
        distance = np.linalg.norm(offsets, axis=1)
        near = (distance < flock.radius) & (np.arange(flock.count) != i)
        total = np.zeros(3)
        if near.any():
            d = distance[near, None]
            wish = flock.separation * -(offsets[near] / d * (flock.radius / d - 1)).sum(0)
            wish += flock.alignment * (state.velocity[near].mean(0) - v) / flock.speed
            wish += flock.cohesion * offsets[near].mean(0) / flock.radius
            total += shortened(wish, flock_kernels.SOCIAL_LIMIT) * natural
        margin = np.clip(flock_kernels.SIDES * np.array(flock.box), flock.clearance, np.array(flock.box) / 2)
        low, high = np.maximum(1 - x / margin, 0), np.maximum(1 - (flock.box - x) / margin, 0)
        total += 3 * flock.speed**2 / margin * (low**2 - high**2)
        goals = flock.goals(state.time)
        if len(goals):
            goal = goals[np.linalg.norm(goals[:, :3] - x, axis=1).argmin()]
            total += goal[3] * natural * (unit(goal[:3] - x) - v / flock.speed)
        for predator in flock.predators(state.time):
            flight = x - predator[:3]
            fear = max(1 - np.linalg.norm(flight) / predator[4], 0)
            total += predator[3] * natural * fear * unit(flight)
        total[2] -= flock_kernels.LEVELLING * flock.speed / flock.radius * v[2]
        total += flock_kernels.CRUISING * unit(v) * (flock.speed - np.linalg.norm(v)) * flock.speed / flock.radius
        for wave in whims(flock, state.time):
            total += natural * wave[4:] * np.sin(wave[:3] @ x + wave[3])
        total = shortened(total, flock_kernels.LIMIT * flock.speed**2 / min(flock.radius, flock.clearance))
        new = v + dt * total
        speed = np.linalg.norm(new)
        velocities[i] = (
            new / speed * np.clip(speed, flock_kernels.SLOWEST * flock.speed, flock_kernels.FASTEST * flock.speed)
        )
        positions[i] = x + dt * velocities[i]
    return positions, velocities


def crowd_step(crowd: Crowd, place: Place, state: CrowdState, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions and velocities after `dt`; goals are walked to in straight lines."""
    k = crowd_kernels
    walls, r = crowd.walls(state.time), crowd.radius
    ends = np.array([(g.start, g.end) for g in place.goals])[state.goal]
    targets = ends[:, 0] + state.lane[:, None] * (ends[:, 1] - ends[:, 0])
    positions, velocities = state.position.copy(), state.velocity.copy()
    for i, (x, v) in enumerate(zip(state.position, state.velocity, strict=True)):
        facing = unit(targets[i] - x)
        total = (state.pace[i] * facing - v) / k.RELAXATION
        for j, (other, theirs) in enumerate(zip(state.position, state.velocity, strict=True)):
            offset = x - other
            if i == j or np.linalg.norm(offset) >= 8 * r:
                continue
            step = (theirs - v) * k.FORESIGHT
            apart, later = np.linalg.norm(offset), np.linalg.norm(offset - step)
            axis = max(0.5 * np.sqrt(max((apart + later) ** 2 - step @ step, 0)), 0.5 * r)
            force = k.POTENTIAL * crowd.speed**2 / (k.RANGE * r) * np.exp(-axis / (k.RANGE * r))
            force *= (apart + later) / (2 * axis)
            middle = 0.5 * (unit(offset) + unit(offset - step))
            seen = k.BEHIND + (1 - k.BEHIND) * (1 - facing @ unit(offset)) / 2
            aside = np.array([middle[1], -middle[0]]) if facing @ middle < 0 else np.zeros(2)
            total = total + force * seen * (middle - k.KEEP_RIGHT * aside)
        from_walls = [x - nearest(wall, x) for wall in walls]
        if from_walls:
            offset = min(from_walls, key=np.linalg.norm)
            reach = k.WALL_RANGE * r
            push = k.WALL_POTENTIAL * crowd.speed**2 / reach * np.exp(-np.linalg.norm(offset) / reach)
            total = total + push * unit(offset) * (np.linalg.norm(offset) < 8 * r)
        total = shortened(total, k.LIMIT * crowd.speed / k.RELAXATION)
        step = shortened(dt * shortened(v + dt * total, k.FASTEST * state.pace[i]), r / 2)
        step = within_free_way(step, x, np.delete(state.position, i, 0), from_walls, r)
        positions[i], velocities[i] = x + step, step / dt
    return positions, velocities


def nearest(wall: np.ndarray, x: np.ndarray) -> np.ndarray:
    along = wall[2:] - wall[:2]
    return wall[:2] + np.clip((x - wall[:2]) @ along / (along @ along), 0, 1) * along


def within_free_way(
    step: np.ndarray, x: np.ndarray, others: np.ndarray, from_walls: list[np.ndarray], r: float
) -> np.ndarray:
    """`step` where no constraint is met, or where one alone is: its forbidden part taken off."""
    planes = [(unit(o - x), (np.linalg.norm(o - x) - 2 * r) / 2) for o in others if np.linalg.norm(o - x) < 3 * r]
    planes += [(unit(-o), np.linalg.norm(o) - r) for o in from_walls]
    met = [(normal, free) for normal, free in planes if step @ normal > free]
    assert len(met) < 2, "choose another seed: the order of several constraints is not the reference's business"
    for normal, free in met:
        step = step - (step @ normal - free) * normal
    return step
