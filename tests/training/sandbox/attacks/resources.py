"""Programs that use up what a machine has: processes, memory, files, output and time."""
# the programs keep their lines

from tests.training.sandbox.attacks import BRIEF, STOPPED, Attack

RESOURCES = (
    Attack("fork bomb", """
count = 0
while True:
    try:
        count = 0 if os.fork() == 0 else count + 1
    except OSError:
        pass
    if count > 100: print("ESCAPE", count, flush=True)
""", seconds=BRIEF),
    Attack("fork bomb in sessions of their own", """
while True:
    with contextlib.suppress(OSError):
        if os.fork() == 0:
            with contextlib.suppress(OSError): os.setsid()
""", seconds=BRIEF),
    Attack("a relay of processes outruns the processor's limit", """
while True:
    with contextlib.suppress(OSError):
        if os.fork(): os._exit(0)
    for _ in range(100_000): pass
""", seconds=BRIEF),
    Attack("thread bomb", """
import threading
threads = []
try:
    for _ in range(600):
        threads.append(threading.Thread(target=time.sleep, args=(30,), daemon=True))
        threads[-1].start()
    print("ESCAPE 600 threads")
except (RuntimeError, MemoryError) as error: print(len(threads), error)
os._exit(0)
"""),
    Attack("memory bomb", """
kept = []
def more():
    for _ in range(64): kept.append(bytearray(256 << 20))
refused("16 GiB", more)
""", seconds=8),
    Attack("memory of numpy", """
import numpy
refused("8 GiB of ones", numpy.ones, (1 << 30,))
"""),
    Attack("shared memory without a file", """
import mmap
refused("a mapping of 32 GiB", mmap.mmap, -1, 32 << 30)
"""),
    Attack("memory of many processes", """
for _ in range(40):
    with contextlib.suppress(OSError):
        if os.fork() == 0:
            with contextlib.suppress(MemoryError): kept = bytearray(40 << 20)
            time.sleep(30)
time.sleep(30)
""", seconds=BRIEF, memory_mb=64),
    Attack("memory in files without names", """
refused("memfd_create", os.memfd_create, "x")
refused("memfd_secret", system, 447, 447, 0)
""", open=True),
    Attack("shared memory of System V", """
refused("shmget", system, 29, 194, 0, 1 << 30, 0o1600)
refused("msgget", system, 68, 186, 0, 0o1600)
refused("semget", system, 64, 190, 0, 1, 0o1600)
"""),
    Attack("memory in pipes", """
import fcntl
pipes = []
def more():
    for _ in range(300):
        pipes.append(os.pipe())
        with contextlib.suppress(OSError): fcntl.fcntl(pipes[-1][1], 1031, 1 << 20)
refused("300 pipes", more)
"""),
    Attack("full /tmp", """
def more():
    for number in range(100):
        with open(f"/tmp/full{number}", "wb") as file: file.write(bytes(8 << 20))
refused("800 MiB of files", more)
"""),
    Attack("full /dev/shm", """
def more():
    for number in range(64):
        with open(f"/dev/shm/full{number}", "wb") as file: file.write(bytes(4 << 20))
refused("256 MiB of shared memory", more)
"""),
    Attack("many small files", """
def more():
    for number in range(8_000): open(f"/tmp/small{number}", "w").close()
refused("8,000 files", more)
""", seconds=10),
    Attack("one large file with a hole", """
def more():
    with open("/tmp/hole", "wb") as file: file.truncate(1 << 40)
refused("1 TiB", more)
def reserve():
    with open("/tmp/reserved", "wb") as file: os.posix_fallocate(file.fileno(), 0, 1 << 30)
refused("1 GiB reserved", reserve)
"""),
    Attack("timers without end", """
identity = ctypes.create_string_buffer(8)
def more():
    for _ in range(2_000): system(222, 107, 1, None, identity)
refused("2,000 timers", more)
""", open=False),
    Attack("an argument of a megabyte", """
import subprocess
refused("huge argv", lambda: subprocess.run(["/bin/echo", *["x" * 100_000] * 200], check=True, stdout=-3))
"""),
    Attack("endless output", "while True: print('x' * 1000)", ("output_limit",)),
    Attack("endless errors without a line", "while True: sys.stderr.write('y' * 4096)", ("output_limit",)),
    Attack("output from many processes", """
for _ in range(4):
    with contextlib.suppress(OSError): os.fork()
while True: os.write(1, b"z" * 65536)
""", ("output_limit",)),
    Attack("one print of 64 MiB", "print('z' * (64 << 20))", ("output_limit",), 20),
    Attack("a line of one byte at a time", "while True: os.write(1, b'.')", ("output_limit", "timeout", "cpu_limit")),
    Attack("spin", "print('begun')\nwhile True: pass", STOPPED, BRIEF),
    Attack("spin and ignore signals", """
for number in range(1, 65):
    with contextlib.suppress(OSError, ValueError): signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); signal.alarm(0); signal.setitimer(signal.ITIMER_PROF, 0)
while True: pass
""", STOPPED, BRIEF),
    Attack("spin in C", "sum(range(10 ** 13))", STOPPED, BRIEF),
    Attack("a slow regular expression", "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')", STOPPED, BRIEF),
    Attack("sleep", "print('begun'); time.sleep(1000)", ("timeout",), BRIEF),
    Attack("stop oneself", "os.kill(os.getpid(), signal.SIGSTOP); time.sleep(100)",
           ("timeout", "error", "ok"), BRIEF),
    Attack("swallow every exception", """
while True:
    try: time.sleep(100)
    except BaseException: pass
""", ("timeout",), BRIEF),
    Attack("a thread that never ends", """
import threading
threading.Thread(target=time.sleep, args=(1e6,)).start(); print("begun")
""", ("timeout",), BRIEF),
    Attack("hang at exit", "import atexit; atexit.register(time.sleep, 1000); print('begun')", ("timeout",), BRIEF),
    Attack("an alarm switched off", """
signal.alarm(0); signal.setitimer(signal.ITIMER_REAL, 0)
import faulthandler; faulthandler.cancel_dump_traceback_later()
time.sleep(1000)
""", ("timeout",), BRIEF),
    Attack("recursion without end", "def again(): return again()\nagain()", ("error",)),
    Attack("recursion without a limit", """
sys.setrecursionlimit(1 << 30)
class Deep:
    def __getattr__(self, name): return getattr(self, name + "x")
import functools
Deep().x
""", ("error", "killed", "timeout", "cpu_limit"), 2.0),
    Attack("raise limits", """
import resource
for name in ("AS", "NPROC", "NOFILE", "FSIZE", "CPU", "CORE", "DATA", "MEMLOCK", "STACK", "MSGQUEUE", "SIGPENDING"):
    which = getattr(resource, "RLIMIT_" + name, None)
    if which is not None:
        hard = resource.getrlimit(which)[1]
        refused(name, resource.setrlimit, which, (resource.RLIM_INFINITY,) * 2)
        refused(name + " by one", resource.setrlimit, which, (hard, hard + 1))
        if resource.getrlimit(which)[1] == resource.RLIM_INFINITY: print("ESCAPE", name)
for pid in OTHERS: refused("limits of another", resource.prlimit, pid, resource.RLIMIT_NOFILE, (1, 1))
"""),
    Attack("better treatment", """
refused("nice", os.nice, -10)
refused("real time", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(10))
refused("mlockall", system, 151, 230, 3)
refused("mlock", system, 149, 228, ctypes.create_string_buffer(1 << 20), 1 << 20)
refused("ioprio_set", system, 251, 30, 1, 0, 1 << 13)
for pid in OTHERS:
    refused("affinity of another", os.sched_setaffinity, pid, {0})
    refused("priority of another", os.setpriority, os.PRIO_PROCESS, pid, 19)
refused("out of memory", lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000"))
"""),
)  # fmt: skip
