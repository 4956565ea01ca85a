"""Becomes another program that stops when its starter dies. Run as a script, never imported.

    python -I -S launch.py STARTER_PID UID GID PROGRAM ARGUMENT...

A process of its own, and not code between fork and exec: that is not safe in a program with threads. Python itself may
lie where the unprivileged user cannot reach it, so everything is loaded before the rights are dropped.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Drop the rights, tie this process to its starter, and become the program."""
    starter, uid, gid = (int(word) for word in sys.argv[1:4])
    program = sys.argv[4:]
    libc = ctypes.CDLL(None, use_errno=True)
    os.setsid()  # a terminal's Ctrl-C is for the starter, which then stops us in order
    if uid != os.geteuid():
        os.chdir("/")  # root's working directory may be closed to others
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After the change of user, which clears it. PostgreSQL takes SIGINT as: drop clients, write everything, stop.
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    # The starter may have died before the line above: then no signal will ever come.
    if os.getppid() != starter:
        sys.exit("The process that started this one has gone.")
    os.execv(program[0], program)  # noqa: S606 - becoming another program is the point


if __name__ == "__main__":
    main()
