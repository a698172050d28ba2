"""Install SimCraft into the environment whose Python runs this: system libraries, torch, packages.

Usage: `python scripts/setup_env.py [dev]`. Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from simcraft.doctor import missing_libraries  # noqa: E402  (standard library only, like this file)

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["dev"]):
        print("usage: python scripts/setup_env.py [dev]", file=sys.stderr)
        return 2
    start = time.monotonic()
    install_system_libraries()
    pip("Installing torch", torch_arguments())
    extras = "bpy,dev" if arguments else "bpy"
    pip(f"Installing SimCraft [{extras}]", ["-e", f".[{extras}]"])
    print(f"setup: ready in {time.monotonic() - start:.0f} s", flush=True)
    return 0


def install_system_libraries() -> None:
    packages = missing_libraries()
    if not packages:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"setup: installing system libraries: {' '.join(packages)}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=False, env=environment)
        done = subprocess.run(
            [command[0], "-qq", *command[1:]], check=False, env=environment, stdout=subprocess.DEVNULL
        )
        if done.returncode == 0:
            return
    print(f"setup: Blender's Python module needs libraries that are missing. Run: sudo {' '.join(command)}", flush=True)


def torch_arguments() -> list[str]:
    """Pinned torch; from PyTorch's CPU index where there is no NVIDIA GPU, which saves gigabytes of CUDA."""
    version = next(
        line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch==")
    )
    if shutil.which("nvidia-smi") or not reachable(f"{TORCH_CPU_INDEX}/torch/"):
        return [version]
    return ["--index-url", TORCH_CPU_INDEX, "--extra-index-url", "https://pypi.org/simple", f"{version}+cpu"]


def reachable(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False


def pip(what: str, arguments: list[str]) -> None:
    """Run `pip install` under the constraints; show its output only when it fails."""
    print(f"setup: {what} ...", flush=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "-c",
        "constraints.txt",
        *arguments,
    ]
    done = subprocess.run(command, check=False, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout[-4000:], file=sys.stderr)
        print("setup: pip failed, see above. Is the package index reachable and the disk not full?", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
