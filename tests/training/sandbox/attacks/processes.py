"""Programs that reach for other processes: signals, tracing, memory, and descendants that stay."""
# ruff: noqa: E501  # the programs keep their lines

from tests.training.sandbox.attacks import Attack

PROCESSES = (
    Attack("signal the service", """
for pid in OTHERS: refused(f"signal {pid}", os.kill, pid, 0)
for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGCHLD, signal.SIGKILL):
    for pid in OTHERS: refused(f"signal {number} to {pid}", os.kill, pid, number)
    for pid in OTHERS:
        refused("tgkill", system, 234, 131, pid, pid, number)
        refused("tkill", system, 200, 130, pid, number)
        refused("group", os.killpg, pid, number)
        refused("sigqueue", system, 129, 138, pid, number, ctypes.create_string_buffer(128))
        refused("sigqueue of a thread", system, 297, 240, pid, pid, number, ctypes.create_string_buffer(128))
    for pid in OTHERS: refused("a descriptor of it", os.pidfd_open, pid)
"""),
    Attack("signal all", """
for attempt in (lambda: os.kill(-1, signal.SIGKILL), lambda: os.killpg(0, signal.SIGKILL), lambda: os.kill(0, signal.SIGKILL)):
    with contextlib.suppress(OSError): attempt()
print("alive")
"""),
    Attack("signals that files send", """
import fcntl
for pid in OTHERS:
    one, other = socket.socketpair()
    refused("F_SETOWN", fcntl.fcntl, one, fcntl.F_SETOWN, pid)
    refused("F_SETOWN to a group", fcntl.fcntl, one, fcntl.F_SETOWN, -pid)
    refused("F_SETOWN_EX", fcntl.fcntl, one, 15, b"\\1\\0\\0\\0" + pid.to_bytes(4, "little"))
    refused("F_SETSIG", fcntl.fcntl, one, 10, signal.SIGKILL)
    refused("FIOSETOWN", fcntl.ioctl, one, 0x8901, pid.to_bytes(4, "little"))
    refused("SIOCSPGRP", fcntl.ioctl, one, 0x8902, pid.to_bytes(4, "little"))
    refused("F_NOTIFY", fcntl.fcntl, os.open("/usr/lib", os.O_RDONLY), 1026, 1)
""", open=True),
    Attack("trace", """
for pid in OTHERS:
    for request in (16, 0x4206):
        refused(f"ptrace {request} {pid}", system, 101, 117, request, pid, 0, 0)
refused("be traced", system, 101, 117, 0, 0, 0, 0)
""", open=False),
    Attack("read memory of others", """
class Part(ctypes.Structure): _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(16)
for pid in OTHERS:
    for name in ("process_vm_readv", "process_vm_writev"):
        mine, theirs = Part(ctypes.addressof(buffer), 16), Part(id(os), 16)
        if getattr(LIBC, name)(pid, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) > 0: print("ESCAPE", name, pid)
    for mode in (os.O_RDONLY, os.O_RDWR): refused("mem", os.open, f"/proc/{pid}/mem", mode)
refused("kcmp", system, 312, 272, os.getpid(), os.getppid() or 1, 0, 0, 0)
refused("pidfd_getfd", system, 438, 438, 0, 0, 0)
refused("process_madvise", system, 440, 440, 0, None, 0, 0, 0)
refused("move_pages", system, 279, 239, 0, 0, None, None, None, 0)
"""),
    Attack("a daemon", """
with contextlib.suppress(OSError):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for _ in range(100):
                time.sleep(0.1)
                with contextlib.suppress(OSError): open("/tmp/alive", "a").write("x")
        os._exit(0)
print("main is done")
""", ("ok",)),
    Attack("a child keeps the output open", """
import subprocess
with contextlib.suppress(OSError): subprocess.Popen(["sleep", "60"])
with contextlib.suppress(OSError):
    if os.fork() == 0: signal.pause()
print("main is done"); sys.stdout.flush(); os._exit(0)
""", ("ok",)),
    Attack("fork at exit", """
import atexit
def stay():
    with contextlib.suppress(OSError):
        if os.fork() == 0:
            with contextlib.suppress(OSError): os.setsid()
            time.sleep(60)
atexit.register(stay)
os.register_at_fork(after_in_child=lambda: print("forked"))
""", ("ok",)),
    Attack("a child of the parent", """
flags = 0x8000 | signal.SIGKILL  # CLONE_PARENT, with a signal to whoever is the parent when it ends
def sibling():
    pid = system(56, 220, flags, 0, 0, 0, 0)
    if pid == 0: system(231, 94, 0)
    return pid
for _ in range(3):
    with contextlib.suppress(OSError): sibling()
with contextlib.suppress(OSError):
    if os.fork() == 0:
        with contextlib.suppress(OSError): sibling()
        os._exit(0)
print("done")
"""),
    Attack("a thread group without a process", """
for flags in (0x100 | 0x4000, 0x100 | signal.SIGCHLD, 0x100 | 0x200 | 0x400, 0x800000 | signal.SIGCHLD):
    with contextlib.suppress(OSError):
        if "shares memory" and flags & 0x100: continue
        pid = system(56, 220, flags, 0, 0, 0, 0)
        if pid == 0: os._exit(0)
print("done")
""", ("ok",)),
    Attack("sessions and groups", """
for pid in OTHERS: refused("a group of another", os.setpgid, pid, 0)
refused("join its group", os.setpgid, 0, SERVICE[0])
for pid in OTHERS: refused("its terminal", os.tcsetpgrp, 0, pid)
"""),
    Attack("wait for what is not one's own", """
for pid in OTHERS: refused(f"wait for {pid}", os.waitpid, pid, os.WNOHANG)
refused("wait for any", os.waitpid, -1, os.WNOHANG)
"""),
    Attack("crash", "ctypes.string_at(0)", ("killed",)),
    Attack("abort", "os.abort()", ("killed",)),
    Attack("crash in a handler", """
signal.signal(signal.SIGSEGV, signal.SIG_IGN)
ctypes.string_at(0)
""", ("killed",)),
    Attack("a core file", """
import resource
with contextlib.suppress(OSError, ValueError): resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20))
with contextlib.suppress(OSError): os.chdir("/tmp")
with contextlib.suppress(OSError):
    if os.fork() == 0: os.abort()
    os.wait()
    if any(name.startswith("core") for name in os.listdir("/tmp")): print("ESCAPE core")
"""),
)  # fmt: skip
