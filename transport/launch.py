"""Runs another program that ends when its parent ends, as another user if wanted. A script: it imports nothing of ours.

``python -I -S launch.py PARENT_PID SIGNAL UID:GID PROGRAM ARGUMENT…`` (``-`` for "stay who you are"). The kernel
delivers SIGNAL to the program when the thread that started this script is gone, however it went. Changing the user
clears that setting, so it is made afterwards; it survives the exec. Elsewhere than on Linux only the exec happens.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> None:
    parent, signal_number, identity, program, *rest = arguments
    if identity != "-":
        become(*(int(part) for part in identity.split(":")))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != int(parent):  # it was gone before the kernel knew what to do
            sys.exit(1)
    os.execv(program, [program, *rest])  # noqa: S606  no shell is what we want


def become(user: int, group: int) -> None:
    """Drop every right of the present user, supplementary groups first."""
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


if __name__ == "__main__":
    main(sys.argv[1:])
