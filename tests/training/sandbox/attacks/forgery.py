"""Programs that lie: about how they ended, what they printed, or what the service noted of them."""
# ruff: noqa: E501  # the programs keep their lines

from tests.training.sandbox.attacks import BRIEF, STOPPED, Attack

_FIND_REPORT = """
import mmap, struct
def reports():
    import gc
    seen, frame = {}, sys._getframe()
    while frame is not None:
        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
            if isinstance(value, mmap.mmap): seen[id(value)] = value
        frame = frame.f_back
    for value in gc.get_objects() + gc.get_referrers(mmap.mmap):
        if isinstance(value, mmap.mmap): seen[id(value)] = value
    return list(seen.values())
def note(data):
    found = reports()
    for each in found:
        room = data[: len(each) - 4]
        each[4 : 4 + len(room)] = room
        each[:4] = struct.pack("<I", len(room))
    return len(found)
"""

FORGERY = (
    Attack("the output of a service", """
import base64, pickle
class Touch:
    def __reduce__(self): return os.system, (f"touch {FOLDER}/unpickled",)
data = pickle.dumps(Touch())
sys.stdout.buffer.write(data); print(base64.b64encode(data).decode())
print('{"number": 1, "failed": "forged"}'); print('{"id": "x", "status": "sandbox_died"}'); print("\\x00\\x01\\x02")
""", ("ok",)),
    Attack("write to every descriptor", """
for number in range(3, 1024):
    for attempt in (lambda: os.write(number, b'{"ready": true}'), lambda: os.fstat(number)):
        refused(f"descriptor {number}", attempt)
    with contextlib.suppress(OSError): os.close(number)
""", ("ok",)),
    Attack("exit as if the sandbox had failed", "os._exit(121)", ("error",)),
    Attack("exit code of minus one", "os._exit(-1)", ("error",)),
    Attack("exit with output closed", "print('before', flush=True); os.close(1); os.close(2); os._exit(7)", ("error",)),
    Attack("exit with everything closed", "print('before', flush=True); os.closerange(0, 1024); 1 / 0", ("error",)),
    Attack("end by a signal of one's own", "os.kill(os.getpid(), signal.SIGKILL); time.sleep(60)",
           ("killed", "timeout"), BRIEF),
    Attack("end as if at the limit", """
import resource
os.kill(os.getpid(), signal.SIGXCPU); print("alive")
""", ("killed", "cpu_limit", "ok", "error")),
    Attack("a deep note", _FIND_REPORT + "print(note(b'[' * 65_000))", ("ok",)),
    Attack("a deep note of objects", _FIND_REPORT + "print(note(b'{\"a\":' * 13_000)); 1 / 0", ("error",)),
    Attack("a note of other types", _FIND_REPORT + """
note(b'{"value": {"x": 1}, "error": {"kind": 1, "message": [], "line": "x", "text": null}, "status": "ok", "exit_code": 0}')
os._exit(3)
""", ("error",)),
    Attack("a note with a number too large", _FIND_REPORT + """
note(b'{"error": {"kind": "E", "message": "m", "line": 1' + b"0" * 4000 + b'}}')
os._exit(3)
""", ("error",)),
    Attack("a note with a line that is no line", _FIND_REPORT + """
note(b'{"error": {"kind": "E", "message": "m", "line": -7, "text": "x"}}'); os._exit(3)
""", ("error",)),
    Attack("a note of broken text", _FIND_REPORT + """
note(b'{"value": "' + bytes(range(128, 256)) * 50 + b'"}'); os._exit(0)
""", ("ok",)),
    Attack("a note of half a character", _FIND_REPORT + """
note(b'{"value": "\\\\ud800", "error": {"kind": "\\\\udfff", "message": "\\\\u0000"}}'); os._exit(0)
""", ("ok",)),
    Attack("a note longer than there is room", _FIND_REPORT + """
for each in reports(): each[:4] = b"\\xff" * 4
os._exit(0)
""", ("ok",)),
    Attack("shrink the note", _FIND_REPORT + """
for each in reports():
    with contextlib.suppress(Exception): each.resize(1)
    with contextlib.suppress(Exception): each.resize(1 << 30)
with contextlib.suppress(Exception):
    for line in open("/proc/self/maps"):
        if "report" in line: print(line)
print("done")
""", ("ok",)),
    Attack("take over the service's own functions", _FIND_REPORT + """
import json, traceback, builtins, ast, threading, atexit
def stay(*_, **__): raise SystemExit(0)
for module, name in ((json, "dumps"), (traceback, "print_exception"), (builtins, "repr"), (threading, "_shutdown"), (ast, "parse")):
    setattr(module, name, stay)
frame = sys._getframe().f_back
while frame is not None:
    print(frame.f_code.co_name, sorted(frame.f_globals)[:3]); frame = frame.f_back
1 / 0
""", ("error", "ok")),
    Attack("trace the service's own frames", """
def trace(frame, event, argument):
    frame.f_trace = trace
    return trace
sys.settrace(trace); sys.setprofile(lambda *_: None)
frame = sys._getframe().f_back
while frame is not None:
    frame.f_trace = trace
    frame = frame.f_back
import threading
threading.settrace(trace)
1 / 0
""", ("error",)),
    Attack("stdout replaced", """
class Loud:
    def write(self, text): raise RuntimeError("no")
    def flush(self): raise KeyboardInterrupt
    def __getattr__(self, name): raise SystemError(name)
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = Loud()
1 / 0
""", ("error",)),
    Attack("stdout that hangs", """
class Slow:
    def write(self, text): return len(text)
    def flush(self): time.sleep(100)
sys.stdout = Slow()
""", STOPPED, BRIEF),
    Attack("no stdout", "sys.stdout = sys.stderr = None; del sys.__stdout__; 1 / 0", ("error",)),
    Attack("a value that never shows itself", """
class Value:
    def __repr__(self):
        while True: pass
Value()
""", STOPPED, BRIEF),
    Attack("a value that fails to show itself", """
class Value:
    def __repr__(self): raise RuntimeError("hostile")
Value()
""", ("error",)),
    Attack("a value that shows itself as no text", """
class Value:
    def __repr__(self): return 5
Value()
""", ("error",)),
    Attack("a value that ends the process", """
class Value:
    def __repr__(self): os._exit(5)
Value()
""", ("error",)),
    Attack("a value of hostile text", """
class Text(str):
    def __len__(self): return 3
    def __getitem__(self, index): raise RuntimeError
    def __str__(self): raise RuntimeError
    def __format__(self, spec): raise RuntimeError
class Value:
    def __repr__(self): return Text("shown")
Value()
""", ("ok", "error")),
    Attack("a deep value", "deep = []\nfor _ in range(100_000): deep = [deep]\ndeep", ("error", "killed")),
    Attack("a huge value", "'x' * (32 << 20)", ("ok",), 20),
    Attack("an exception with a huge message", "raise ValueError('m' * (8 << 20))", ("error", "output_limit"), 20),
    Attack("an exception that never shows itself", """
class Never(Exception):
    def __str__(self):
        while True: pass
raise Never
""", STOPPED, BRIEF),
    Attack("an exception that cannot be shown", """
class Meta(type):
    def __getattribute__(cls, name): raise RuntimeError(name)
class Odd(Exception, metaclass=Meta):
    def __str__(self): raise RuntimeError
    def __repr__(self): raise RuntimeError
    def __getattribute__(self, name): raise RuntimeError
raise Odd
""", ("error", "killed")),
    Attack("an exception in a circle", """
one, other = ValueError("one"), ValueError("other")
one.__context__, other.__context__ = other, one
one.__cause__, other.__cause__ = other, one
raise one
""", ("error",)),
    Attack("an exception with thousands of causes", """
error = None
for number in range(20_000):
    error, below = ValueError(number), error
    error.__cause__ = below
raise error
""", ("error", "output_limit", "killed", "cpu_limit"), 20),
    Attack("a syntax error from nowhere", """
raise SyntaxError("made up", ("main.py", 10 ** 400, -5, "text" * 1000, "end", object()))
""", ("error",)),
    Attack("an end with a hostile code", """
class Code(int):
    def __and__(self, other): raise RuntimeError
    def __bool__(self): raise RuntimeError
    def __index__(self): raise RuntimeError
sys.exit(Code(3))
""", ("error", "ok")),
    Attack("an end with a huge code", "sys.exit(10 ** 100)", ("error", "ok")),
    Attack("broken text", """
sys.stdout.buffer.write(bytes(range(256)) * 20 + b"\\x1b[2J\\x00\\xff\\xfe"); print("\\ud800", chr(0))
""", ("ok",)),
    Attack("a null byte in the program", "x = 1\x00\nprint(x)", ("error", "ok")),
    Attack("half a character in the program", "x = '\ud800'\nprint(len(x))", ("ok", "error")),
)  # fmt: skip
