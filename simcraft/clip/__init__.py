"""MotionClip: flow, depth, instances, visibility and tracks, and its files on disk."""

from .types import ARRAYS, InstanceInfo, MotionClip, check_clip, require

__all__ = ["ARRAYS", "InstanceInfo", "MotionClip", "check_clip", "require"]
