"""Programs that leave something for the next call, and those that look for what others left or hold."""
# ruff: noqa: E501  # the programs keep their lines

from tests.training.sandbox.attacks import Attack

OTHERS_SECRET = "held-by-another-call-7193"

POISON = (
    Attack("poison modules", """
import builtins, json, math, numpy, random, sympy
builtins.print = lambda *_: os.write(1, b"ESCAPE poisoned print")
math.sqrt = numpy.sin = sympy.solve = json.dumps = random.random = None
sys.modules["training"] = sys.modules["poisoned"] = sys
sys.path.insert(0, "/tmp"); sys.meta_path.clear()
os.environ["POISONED"] = "1"
""", ("ok",)),
    Attack("poison files", """
for folder in ("/tmp", "/dev/shm", ".", os.path.dirname(os.__file__)):
    for name in ("poisoned.py", "numpy.py", "sitecustomize.py", "usercustomize.py"):
        with contextlib.suppress(OSError): open(f"{folder}/{name}", "w").write("print('ESCAPE')")
os.umask(0)
""", ("ok",)),
    Attack("poison the kernel's state", """
import resource
for which in range(16):
    with contextlib.suppress(OSError, ValueError): resource.setrlimit(which, (0, 0))
for number in range(1, 65):
    with contextlib.suppress(OSError, ValueError): signal.signal(number, signal.SIG_IGN)
with contextlib.suppress(OSError): os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
with contextlib.suppress(OSError): os.chdir("/usr")
os._exit(0)
"""),
)  # fmt: skip
"""Run before the others."""

CLEAN = Attack("what the next call finds", """
import builtins, json, math, numpy, random, resource, sympy
x = sympy.symbols("x")
found = [numpy.sin(0.0) == 0, math.sqrt(4) == 2, sympy.solve(x - 1, x) == [1], json.dumps(1) == "1", random.random() < 1]
for name in ("training", "poisoned", "sitecustomize"):
    if name in sys.modules: print("ESCAPE", name)
if "POISONED" in os.environ or not all(found): print("ESCAPE", found)
for folder in ("/tmp", "/dev/shm"):
    with contextlib.suppress(OSError):
        if os.listdir(folder): print("ESCAPE", os.listdir(folder))
if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 64 or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL: print("ESCAPE limits")
""", ("ok",))  # fmt: skip

HOLDER = Attack("hold a secret", f"secret = {OTHERS_SECRET!r} * 1000; time.sleep(1.5)", ("ok",))

SEEKER = Attack("look for secrets of other calls in memory", """
import re
pattern = re.compile(b"held-by-another-call-[0-9][0-9][0-9][0-9]")
found = 0
try:
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
        for line in maps:
            first, last = (int(part, 16) for part in line.split()[0].split("-"))
            if "rw" in line and last - first < (64 << 20):
                with contextlib.suppress(OSError):
                    memory.seek(first)
                    found += bool(pattern.search(memory.read(last - first)))
    print("looked at all")
except OSError:
    at = id(object()) & ~0xFFF
    found += bool(pattern.search(ctypes.string_at(at, 4096)))
    print("looked at a page")
if found: print("ESCAPE", found)
""", ("ok",))  # fmt: skip
