"""Joining a Ray cluster, and what goes wrong there in this project's words."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from simcraft.errors import Failure, SimcraftError, UserError

INSTALL = 'pip install -e ".[ray]", here and on every node.'


@dataclass(frozen=True)
class Unfit:
    """A node that cannot take part, and why."""

    message: str
    fix: str = ""

    def error(self) -> UserError:
        """The same as an error to raise."""
        return UserError(self.message, self.fix)


@contextlib.contextmanager
def connected(address: str) -> Iterator[ModuleType]:
    """Join the cluster at `address` and give the `ray` package; leaves it with the block.

    Parameters
    ----------
    address: "auto" (the one this machine belongs to), "HOST:6379" (of a cluster this machine belongs to),
        "ray://HOST:10001" (from outside), or "local" (one made for the occasion, of this machine's cores).

    Raises `UserError` where Ray is not installed, nothing answers, or the cluster runs another Ray or Python.
    """
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError("Ray is not installed.", INSTALL) from None
    with contextlib.ExitStack() as held:
        # Ray prints what its raylets say on stdout, where only results belong
        held.enter_context(contextlib.redirect_stdout(sys.stderr))
        try:
            _knock(address)
            ray.init(address, log_to_driver=False, **_options(address))
        except (OSError, RuntimeError, ValueError, ImportError, ray.exceptions.RayError) as error:
            raise UserError(
                f"There is no Ray cluster to join at '{address}': {_reason(error)}", _fix(address)
            ) from None
        held.callback(ray.shutdown)
        yield ray


def _knock(address: str) -> None:
    """Raise `OSError` where nothing listens at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _options(address: str) -> dict[str, Any]:
    """What only a cluster of this process's own, or one joined from inside, can be told."""
    if address.startswith("ray://"):
        return {}
    quiet = {"logging_level": logging.ERROR}
    return {**quiet, "include_dashboard": False} if address == "local" else quiet


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300] + "."


def _fix(address: str) -> str:
    if address.startswith("ray://"):
        return 'Coming from outside takes pip install "ray[client]", here and on the head node.'
    return "Start one with `ray start --head`, and join it elsewhere with `ray start --address=HOST:6379`."


def node_name() -> str:
    """This machine, as a person would look for it."""
    import ray

    return f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"


def node_unlike(expected: Mapping[str, str], here: Mapping[str, str]) -> Unfit | None:
    """What is wrong where a node has other versions than the driver `expected`; None where nothing is."""
    for name in sorted(expected.keys() | here.keys()):
        wanted, found = expected.get(name, "none"), here.get(name, "none")
        if wanted != found:
            what = "other source code of simcraft" if name == "code" else f"another {name}"
            return Unfit(
                f"The node {node_name()} has {what}: {found}, not {wanted} as here.",
                "Install the same simcraft, from the same constraints.txt, on every node.",
            )
    return None


def failed(error: Exception) -> SimcraftError:
    """Any error that Ray raises for a task, in one line."""
    cause = getattr(error, "cause", error)
    if isinstance(cause, SimcraftError):
        return cause
    text = " ".join(str(cause).split())
    if "No module named 'simcraft" in text:
        return UserError("A node of the cluster has no simcraft.", INSTALL)
    return Failure(f"The cluster could not do it: {text[:400]}", "Ray's own logs are in /tmp/ray on its nodes.")
