"""Programs that ask the kernel for what no program of a model needs: sockets, namespaces, other machines' calls."""
# ruff: noqa: E501  # the programs keep their lines

from tests.training.sandbox.attacks import Attack

SYSTEM_CALLS = (
    Attack("connect", """
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as link:
        link.settimeout(1); link.connect(address)
        return True
refused("TCP", connect, socket.AF_INET, ("127.0.0.1", PORT))
refused("TCP of six", connect, socket.AF_INET6, ("::1", PORT))
refused("a socket in a file", connect, socket.AF_UNIX, SOCKET)
refused("an abstract socket", connect, socket.AF_UNIX, chr(0) + ABSTRACT + "-socket")
refused("names", socket.getaddrinfo, "localhost", PORT)
import urllib.request
refused("HTTP", urllib.request.urlopen, f"http://127.0.0.1:{PORT}/", None, 1)
""", open=True),
    Attack("sockets of every family", """
for family in (*range(1, 46),):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        for protocol in (0, 3):
            refused(f"socket {family} {kind} {protocol}", socket.socket, family, kind, protocol)
def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link: return link.sendto(b"leak", ("127.0.0.1", PORT))
refused("UDP", send)
for family in (2, 10, 16, 38): refused(f"a pair of {family}", system, 53, 199, family, 1, 0, ctypes.create_string_buffer(8))
""", open=True),
    Attack("listen", """
def listen(family, address):
    link = socket.socket(family); link.bind(address); link.listen(1)
    return link.getsockname()
refused("TCP", listen, socket.AF_INET, ("0.0.0.0", 0))
refused("a file", listen, socket.AF_UNIX, "/tmp/listening")
refused("abstract", listen, socket.AF_UNIX, chr(0) + "listening")
one, other = socket.socketpair()
refused("bind an end of a pair", one.bind, chr(0) + "pair")
refused("connect an end of a pair", other.connect, SOCKET)
""", open=True),
    Attack("letters from one end of a pair", """
for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET, socket.SOCK_STREAM):
    for address in (LETTERS, chr(0) + ABSTRACT + "-letters", "/dev/log", "/run/systemd/notify"):
        def post(send):
            one, other = socket.socketpair(socket.AF_UNIX, kind)
            send(one)
            other.setblocking(False)
            with contextlib.suppress(BlockingIOError): raise OSError("went to the other end", other.recv(1))
        refused(f"{kind} to {address}", post, lambda one: one.sendto(b"x", address))
        refused(f"{kind} in a message to {address}", post, lambda one: one.sendmsg([b"x"], [], 0, address))
""", open=True),
    Attack("namespaces", """
for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("pid", 0x20000000), ("net", 0x40000000),
                   ("ipc", 0x8000000), ("uts", 0x4000000), ("cgroup", 0x2000000), ("time", 0x80), ("files", 0x400)):
    refused("unshare " + name, system, 272, 97, flag)
    def cloned():
        pid = system(56, 220, flag | signal.SIGCHLD, 0, 0, 0, 0)
        if pid == 0: os._exit(0)
        return pid
    if name not in ("files", "time"): refused("clone " + name, cloned)
refused("clone3", system, 435, 435, ctypes.create_string_buffer(88), 88)
for kind in ("user", "net", "pid", "mnt"):
    refused("enter " + kind, lambda: system(308, 268, os.open("/proc/self/ns/" + kind, os.O_RDONLY), 0))
refused("hostname", system, 170, 161, b"mine", 4)
""", open=True),
    Attack("rare system calls", """
buffer = ctypes.create_string_buffer(512)
for name, x86, arm, *arguments in (
    ("io_uring_setup", 425, 425, 8, buffer), ("io_uring_enter", 426, 426, 0, 1, 0, 0, None, 0),
    ("io_uring_register", 427, 427, 0, 0, None, 0), ("bpf", 321, 280, 0, buffer, 48), ("userfaultfd", 323, 282, 0),
    ("userfaultfd of users", 323, 282, 1), ("perf_event_open", 298, 241, buffer, 0, -1, -1, 0),
    ("keyctl", 250, 219, 0, -3, 1), ("add_key", 248, 217, b"user", b"x", b"y", 1, -3),
    ("request_key", 249, 218, b"user", b"x", None, -3), ("fanotify_init", 300, 262, 0, 0), ("mq_open", 240, 180, b"x", 0o102, 0o600, None),
    ("settimeofday", 164, 170, buffer, None), ("clock_settime", 227, 112, 0, buffer), ("adjtimex", 159, 171, buffer),
    ("personality", 135, 92, 0x0040000), ("swapon", 167, 224, b"/x", 0), ("reboot", 169, 142, 0, 0, 0, None),
    ("init_module", 175, 105, buffer, 0, b""), ("finit_module", 313, 273, 0, b"", 0), ("kexec_load", 246, 104, 0, 0, None, 0),
    ("iopl", 172, None, 3), ("ioperm", 173, None, 0, 1, 1), ("modify_ldt", 154, None, 0, buffer, 16), ("acct", 163, 89, None),
    ("syslog", 103, 116, 3, buffer, 512), ("quotactl", 179, 60, 0, None, 0, None), ("vhangup", 153, 58),
    ("vmsplice", 278, 75, 1, None, 0, 0), ("lookup_dcookie", 212, 18, 0, buffer, 16), ("uselib", 134, None, b"/x"),
    ("ustat", 136, None, 0, buffer), ("sysfs", 139, None, 3), ("remap_file_pages", 216, 234, 0, 0, 0, 0, 0),
    ("io_setup", 206, 0, 1, buffer), ("landlock_create_ruleset", 444, 444, None, 0, 1), ("memfd_create", 319, 279, b"x", 0),
    ("seccomp", 317, 277, 0, 0, None), ("seccomp listener", 317, 277, 1, 8, buffer), ("cachestat", 451, 451, 0, None, None, 0),
    ("mseal", 462, 462, 0, 0, 0), ("set_mempolicy", 238, 237, 0, None, 0), ("mbind", 237, 235, 0, 0, 0, None, 0, 0),
    ("pkey_alloc", 330, 289, 0, 0), ("process_mrelease", 448, 448, 0, 0), ("pidfd_open", 434, 434, os.getpid(), 0),
    ("pidfd_send_signal", 424, 424, 0, 0, None, 0), ("get_robust_list", 274, 100, os.getppid(), buffer, buffer),
    ("statmount", 457, 457, buffer, buffer, 512, 0), ("listmount", 458, 458, buffer, buffer, 8, 0),
    ("lsm_get_self_attr", 459, 459, 100, buffer, buffer, 0), ("setns", 308, 268, 0, 0), ("rseq of another kind", 1 << 20, 1 << 20),
):
    refused(name, system, x86, arm, *arguments)
""", open=True),
    Attack("process controls", """
for name, option, value in (("death signal", 1, 9), ("not dumpable", 4, 0), ("keep capabilities", 8, 1), ("seccomp off", 22, 0),
                            ("capability to keep", 24, 0), ("timer slack", 29, 1), ("tracing by all", 0x59616D61, -1), ("memory map", 35, 1),
                            ("subreaper", 36, 1), ("ambient", 47, 2), ("securebits", 28, 0), ("speculation", 53, 0),
                            ("system calls elsewhere", 59, 1), ("no new privileges off", 38, 0), ("io flusher", 57, 1)):
    refused(name, system, 157, 167, option, value, 0, 0, 0)
refused("arch_prctl", system, 158, None, 0x1012, 0) if not ARM else None
"""),
    Attack("calls by the numbers of i386", """
import mmap
if not ARM:
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(bytes.fromhex("b814000000cd80c3"))  # getpid of i386 through int 0x80
    print("ESCAPE", ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))(), flush=True)
else: os.abort()
""", ("killed",)),
    Attack("calls by the numbers of x32", """
if not ARM:
    print("ESCAPE" if LIBC.syscall(ctypes.c_long(0x40000000 | 39)) >= 0 else "held", flush=True)
else: os.abort()
""", ("killed",)),
    Attack("a program from memory", """
def run():
    file = os.memfd_create("program"); os.write(file, open("/bin/true", "rb").read())
    return system(322, 281, file, b"", None, None, 0x1000)
refused("memfd and execveat", run)
def borrowed():
    file = os.open("/proc/self/exe", os.O_RDWR)
    return os.write(file, b"x")
refused("write the interpreter", borrowed)
"""),
    Attack("terminals", """
import fcntl
for number in (0, 1, 2):
    for name, request in (("TIOCSTI", 0x5412), ("TIOCSCTTY", 0x540E), ("TIOCLINUX", 0x541C), ("TIOCSPGRP", 0x5410), ("TIOCSWINSZ", 0x5414)):
        refused(f"{name} of {number}", fcntl.ioctl, number, request, b"x" * 16)
"""),
    Attack("old entries of the kernel", """
if not ARM:
    time_of_day = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(0xFFFFFFFFFF600400)
    print("the time", time_of_day(None))
""", ("ok", "killed")),
    Attack("descriptors through a socket pair", """
one, other = socket.socketpair()
for number in range(64):
    with contextlib.suppress(OSError):
        socket.send_fds(one, [b"x"], [number])
        print("sent", number)
with contextlib.suppress(OSError):
    for number in socket.recv_fds(other, 1, 64)[1]:
        with contextlib.suppress(OSError): os.write(number, b"?")
print("done")
""", ("ok",)),
)  # fmt: skip
