# The loop: frames in from one pipe, frames out to another, nothing of it on descriptors 0 to 2.
import fcntl
import io
import os
import struct

REQUEST = struct.Struct("<QBIQ")  # id, mode, length of the code, length of the inputs
REPLY = struct.Struct("<QBBIQ")  # id, failed, state, length of the prints, length of the body
INIT = 255
PROTOCOL_DESCRIPTOR = 200  # and the one after it
SMALL = 65536
F_SETPIPE_SZ = 1031
PIPE_SIZE = 1 << 18
SPARE = 1 << 20  # let go to be able to answer when the memory is full


class Sink(io.BufferedIOBase):
    """Keeps the first bytes that are printed and counts whether there were more."""

    def __init__(self, limit):
        self.limit, self.kept, self.cut = limit, bytearray(), False

    def writable(self):
        return True

    def write(self, data):
        size = len(data)
        room = self.limit - len(self.kept)
        if size > room:
            self.cut = True
            data = bytes(data[:room]) if room > 0 else b""
        self.kept += data
        return size

    def close(self):
        pass

    def take(self):
        kept, self.kept = bytes(self.kept), bytearray()
        if self.cut:
            kept += b"\n[output cut after %d bytes]" % self.limit
            self.cut = False
        return kept


def move_protocol():
    """Takes the pipes away from the standard descriptors, where user code would meet them."""
    reading = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, PROTOCOL_DESCRIPTOR)
    writing = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, PROTOCOL_DESCRIPTOR)
    for pipe in (reading, writing):
        try:
            fcntl.fcntl(pipe, F_SETPIPE_SZ, PIPE_SIZE)
        except OSError:
            pass  # a matter of speed only
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return reading, writing


def write_all(descriptor, data, write=os.write):
    left = memoryview(data)
    while left:
        left = left[write(descriptor, left) :]


def answer(descriptor, number, failed, state, printed, body):
    head = REPLY.pack(number, failed, state, len(printed), len(body)) + printed
    if len(body) <= SMALL:
        write_all(descriptor, head + body)
    else:
        write_all(descriptor, head)
        write_all(descriptor, body)


def state_after(memory):
    """1 when threads were left; 2 when the memory may be half used; else 0.

    The peak that the kernel tells here can be that of the process that started this one, so the
    other side looks itself where it is high.
    """
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        return 1
    try:
        import resource
    except ImportError:
        return 0
    return 2 if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > memory // 2 else 0


def console(sink):
    return io.TextIOWrapper(sink, encoding="utf-8", errors="backslashreplace", write_through=True)


def prepare(code, program, keep):
    settings = json.loads(code)
    end_with_parent()
    if settings["sandbox"]:
        seal(settings["seccomp"], program, keep)
    os.dup2(0, 2)
    return settings


def serve(leave=os._exit):
    reading, writing = move_protocol()
    pipe = open(reading, "rb", closefd=False)
    sink, text, memory, body = None, None, 0, None
    spare = bytearray(SPARE)
    while True:
        head = pipe.read(REQUEST.size)
        if len(head) < REQUEST.size:
            leave(0)
        number, mode, code_size, inputs_size = REQUEST.unpack(head)
        code = ""
        try:
            code = pipe.read(code_size).decode("utf-8")
            inputs = pipe.read(inputs_size)
            if mode == INIT:
                settings = prepare(code, inputs, (reading, writing))
                memory, sink = settings["memory"], Sink(settings["printed"])
                failed, body = 0, b"null"
            else:
                if text is None or text.closed:
                    text = console(sink)
                sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = text
                failed, body = 0, run(mode, code, inputs)
        except Unavailable as error:
            failed, body = 1, json.dumps({"kind": "unavailable", "missing": str(error)}).encode()
        except MemoryError as error:
            spare = body = None
            error.__traceback__ = None  # its frames hold what filled the memory
            failed, body = 1, OUT_OF_MEMORY
        except BaseException as error:
            failed, body = 1, json.dumps(failure_of(error, code)).encode()
        printed = b"" if sink is None else sink.take()
        code = inputs = None
        answer(writing, number, failed, state_after(memory) if mode != INIT else 0, printed, body)
        body = None


if __name__ == "__main__":
    serve()
