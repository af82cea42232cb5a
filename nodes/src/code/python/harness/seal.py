# Sealing: bounding the life of this process to its parent's, and the system call filter.
PR_SET_PDEATHSIG = 1
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_TSYNC = 1
CLOSE_RANGE = 436  # the same number on every processor
LAST_DESCRIPTOR = 2**31 - 1


class Unavailable(Exception):
    """A means of the sandbox that this interpreter or kernel lacks."""


def c_library():
    try:
        import ctypes
    except ImportError:
        return None, None
    return ctypes, ctypes.CDLL(None, use_errno=True)


def close_others(keep):
    """Closes every inherited descriptor but the standard ones and `keep`."""
    import ctypes

    library = ctypes.CDLL(None)
    low = 3
    for kept in sorted(keep) + [LAST_DESCRIPTOR]:
        if kept > low:
            library.syscall(
                ctypes.c_long(CLOSE_RANGE), ctypes.c_long(low), ctypes.c_long(kept - 1), ctypes.c_long(0)
            )
        low = kept + 1


def end_with_parent():
    """Asks the kernel to kill this process when the thread that started it ends."""
    ctypes, library = c_library()
    if library is not None and hasattr(library, "prctl"):
        library.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(9), 0, 0, 0)


def seal(number, program, keep):
    """Installs the filter for all threads of this process; there is no way back."""
    ctypes, library = c_library()
    if library is None:
        raise Unavailable("the ctypes module of this python")

    class Program(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    close_others(keep)
    buffer = ctypes.create_string_buffer(program, len(program))
    handed = Program(len(program) // 8, ctypes.addressof(buffer))
    answer = library.syscall(
        ctypes.c_long(number),
        ctypes.c_long(SECCOMP_SET_MODE_FILTER),
        ctypes.c_long(SECCOMP_FILTER_FLAG_TSYNC),
        ctypes.byref(handed),
    )
    if answer != 0:
        raise Unavailable("seccomp filters (errno %d)" % ctypes.get_errno())
