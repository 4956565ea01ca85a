"""The audit of the lock files: clean, a flaw that fails the stage, and a service that cannot be asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shop.localpg.places import PROJECT

CLEAN = {"dependencies": [{"name": "flask", "version": "3", "vulns": []}]}
FLAWED = {
    "dependencies": [{"name": "flask", "version": "3", "vulns": [{"id": "GHSA-1", "fix_versions": ["3.1"]}]}],
}
NODE_CLEAN = {"vulnerabilities": {}}
NODE_FLAWED = {"vulnerabilities": {"echarts": {"range": "<6", "severity": "high"}}}


def audit(folder: Path, *, python: object, node: object) -> tuple[int, str]:
    """Run the audit with stand-ins for the programs that ask the services; None stands for no answer."""
    for name, answer in (("pip-audit", python), ("npm", node)):
        program = folder / name
        text = json.dumps(answer) if answer is not None else "connection refused"
        program.write_text(f"#!{sys.executable}\nprint({text!r})\n", encoding="utf-8")
        program.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "script/audit.py"],
        cwd=PROJECT,
        env=os.environ | {"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("python", "node", "code", "says"),
    [
        (CLEAN, NODE_CLEAN, 0, "1 of 1 packages known to the service, 0 flaws"),
        (FLAWED, NODE_CLEAN, 1, "flask 3: GHSA-1; mended in 3.1"),
        (CLEAN, NODE_FLAWED, 1, "echarts <6: high"),
        (None, NODE_CLEAN, 0, "requirements.lock: NOT CHECKED"),
        (CLEAN, None, 0, "package-lock.json: NOT CHECKED"),
        (None, NODE_FLAWED, 1, "requirements.lock: NOT CHECKED"),
    ],
)
def test_the_stage_ends_as_the_services_answer(
    tmp_path: Path, python: object, node: object, code: int, says: str
) -> None:
    ended, said = audit(tmp_path, python=python, node=node)

    assert ended == code
    assert says in said
