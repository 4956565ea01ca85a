# ruff: noqa: INP001 - a script, in no package
"""Asks the vulnerability services about everything that the lock files install. Ends with 1 when they know of a flaw.

A service that cannot be reached is said plainly and fails nothing: a build must not depend on somebody else's server.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 240
_PYTHON = ["pip-audit", "--requirement=requirements.lock", "--disable-pip", "--no-deps", "--format=json"]
_NODE = ["npm", "audit", "--json", "--package-lock-only"]


def main() -> int:
    """Audit both lock files."""
    return max(_audit_python(), _audit_node())


def _audit_python() -> int:
    report = _report([*_PYTHON, "--progress-spinner=off", "--timeout=10"])
    packages = (report or {}).get("dependencies", [])
    checked = [package for package in packages if "skip_reason" not in package]
    if not checked:
        return _not_asked("requirements.lock")
    found = [(package, flaw) for package in checked for flaw in package["vulns"]]
    for package, flaw in found:
        versions = ", ".join(flaw.get("fix_versions", [])) or "no version yet"
        _say(f"{package['name']} {package['version']}: {flaw['id']}; mended in {versions}")
    _say(f"requirements.lock: {len(checked)} of {len(packages)} packages known to the service, {len(found)} flaws")
    return 1 if found else 0


def _audit_node() -> int:
    report = _report(_NODE)
    if report is None or "vulnerabilities" not in report:
        return _not_asked("package-lock.json")
    found = report["vulnerabilities"]
    for name, flaw in found.items():
        _say(f"{name} {flaw.get('range', '')}: {flaw.get('severity', 'unknown')}")
    _say(f"package-lock.json: {len(found)} packages with flaws")
    return 1 if found else 0


def _report(argv: list[str]) -> dict[str, Any] | None:
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)  # noqa: S603 - our own words
        report = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
    return report if isinstance(report, dict) else None


def _not_asked(name: str) -> int:
    _say(f"{name}: NOT CHECKED, the vulnerability service could not be reached or knows none of the packages")
    return 0


def _say(text: str) -> None:
    print(f"audit: {text}")  # noqa: T201 - the operator reads it


if __name__ == "__main__":
    sys.exit(main())
