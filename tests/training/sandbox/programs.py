"""Programs as models write them, which must run as they would anywhere; and where they cannot, since the isolation that
the machine offers has no room for files or processes."""
# ruff: noqa: E501  # the programs keep their lines

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Program:
    """An ordinary program and what it prints."""

    name: str
    program: str
    prints: str = ""
    value: str | None = None
    stdin: str = ""
    exit_code: int = 0
    needs: str = ""
    """"files" that it can write, or other "processes"."""


PROGRAMS = (
    Program("arithmetic of symbols", """
from sympy import symbols, solve, simplify
x = symbols("x")
print(solve(x**3 - 6*x**2 + 11*x - 6, x), simplify((x**2 - 1) / (x - 1)))
""", "[1, 2, 3] x + 1"),
    Program("arrays", "import numpy as np\nprint(np.linalg.solve(np.array([[2., 1], [1, 3]]), np.array([5., 10])))", "[1. 3.]"),
    Program("a large array", "import numpy as np\nprint(np.ones(40_000_000).sum())", "40000000.0"),
    Program("a value", "x = 3\nx * 2", value="6"),
    Program("annotations of the future", """
from __future__ import annotations
def double(x: Undefined) -> Missing: return 2 * x
if __name__ == "__main__":
    import sys
    print(double(4), sys.argv)
""", "8 ['main.py']"),
    Program("input", "a, b = map(int, input().split()); print(a + b); import sys; print(sys.stdin.read())", "7\nrest", stdin="3 4\nrest"),
    Program("no input", "try: input()\nexcept EOFError: print('end')", "end"),
    Program("exit", "print('x'); exit(3)", "x", exit_code=3),
    Program("quit happily", "import sys; print('x'); sys.exit(0)\nprint('never')", "x"),
    Program("pickle a class", """
import pickle
class Point:
    def __init__(self, x): self.x = x
print(pickle.loads(pickle.dumps(Point(5))).x)
""", "5"),
    Program("source of a function", "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f))", "def f():\n    return 1"),
    Program("data classes and enumerations", """
from dataclasses import dataclass
from enum import Enum
class Colour(Enum): RED = 1
@dataclass
class Car: colour: Colour
print(Car(Colour.RED))
""", "Car(colour=<Colour.RED: 1>)"),
    Program("threads", """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool: print(sum(pool.map(lambda x: x * x, range(100))))
""", "328350"),
    Program("a pool of processes", """
from concurrent.futures import ProcessPoolExecutor
import math
if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool: print(sum(pool.map(math.factorial, range(5))))
""", "34", needs="files"),
    Program("multiprocessing", """
from multiprocessing import Pool
def square(x): return x * x
if __name__ == "__main__":
    with Pool(2) as pool: print(pool.map(square, [1, 2, 3]))
""", "[1, 4, 9]", needs="files"),
    Program("coroutines", """
import asyncio
async def later(x):
    await asyncio.sleep(0.01)
    return x
async def main(): print(await asyncio.gather(*map(later, range(3))))
asyncio.run(main())
""", "[0, 1, 2]"),
    Program("a command", "import subprocess\nprint(subprocess.run(['echo', 'hi'], capture_output=True, text=True).stdout)", "hi",
            needs="processes"),
    Program("another Python", """
import subprocess, sys
print(subprocess.run([sys.executable, "-c", "print(7)"], capture_output=True, text=True).stdout)
""", "7", needs="processes"),
    Program("a temporary file", """
import tempfile
with tempfile.NamedTemporaryFile("w+") as file:
    file.write("x"); file.seek(0); print(file.read())
""", "x", needs="files"),
    Program("a file", "open('a.txt', 'w').write('hello'); print(open('a.txt').read())", "hello", needs="files"),
    Program("a copied file", """
import os, shutil
open("a", "w").write("1"); shutil.copy2("a", "b"); print(open("b").read(), sorted(os.listdir(".")))
""", "1 ['a', 'b']", needs="files"),
    Program("a database in memory", "import sqlite3\nprint(sqlite3.connect(':memory:').execute('select 1 + 1').fetchone())", "(2,)"),
    Program("a database in a file", """
import sqlite3
link = sqlite3.connect("x.db"); link.execute("create table t(a)"); link.execute("insert into t values (4)"); link.commit()
print(sqlite3.connect("x.db").execute("select a from t").fetchone())
""", "(4,)", needs="files"),
    Program("its own alarm", """
import signal, time
def ring(*_): raise TimeoutError("own")
signal.signal(signal.SIGALRM, ring); signal.setitimer(signal.ITIMER_REAL, 0.05)
try: time.sleep(5)
except TimeoutError as error: print(error)
""", "own"),
    Program("rare modules", """
import sympy.physics.quantum, numpy.polynomial, xml.etree.ElementTree, zoneinfo, decimal, fractions, heapq
print(decimal.Decimal("0.1") + 1, fractions.Fraction(1, 3))
""", "1.1 1/3"),
    Program("text of many scripts", "print('π ≈ 3.14159, 你好, \U0001f600')", "π ≈ 3.14159, 你好, \U0001f600"),
    Program("home and folder", "import os, pathlib\nprint(os.cpu_count() > 0, pathlib.Path.home(), os.getcwd() in ('/tmp', '/'))",
            "True /tmp True"),
    Program("time", "import datetime, time\nprint(datetime.datetime.now().year > 2000, len(time.tzname))", "True 2"),
    Program("deep recursion", """
import sys
sys.setrecursionlimit(20_000)
def f(n): return 0 if n == 0 else 1 + f(n - 1)
print(f(5_000))
""", "5000"),
    Program("large numbers", "import math, sys\nsys.set_int_max_str_digits(0)\nprint(len(str(math.factorial(5_000))))", "16326"),
    Program("a warning", "import warnings; warnings.warn('careful'); print('on')", "on"),
    Program("numbers printed without a newline", "for n in range(3): print(n, end=' ')", "0 1 2"),
)  # fmt: skip
