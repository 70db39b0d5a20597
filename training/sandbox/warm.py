"""What a zygote imports and does once, so that no call has to: packages, and their parts that load at first use."""

import _sitebuiltins
import builtins
import gc
import importlib
import os
import sys

from training.sandbox.setup import Setup

_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}

_MODULES = (
    "numpy numpy.random numpy.linalg numpy.fft numpy.polynomial sympy mpmath math cmath fractions decimal itertools "
    "collections functools statistics random re json string heapq bisect datetime typing copy operator textwrap pprint "
    "time calendar dataclasses enum contextlib subprocess tempfile csv io pickle hashlib uuid encodings.idna traceback "
    "ast linecache concurrent.futures asyncio multiprocessing inspect array struct zoneinfo"
)
_WORK = """
import sympy as s, numpy as np, io
x, y = s.symbols("x y")
s.solve(x**2 - 3*x + 2, x); s.solve([x + y - 3, x - y - 1], [x, y]); s.nsolve(x**2 - 2, 1)
s.simplify((x**2 - 1)/(x - 1)); s.factor(x**3 - 1); s.expand((x + 1)**3); s.integrate(x*s.sin(x), x)
s.diff(s.exp(x)*s.cos(x), x); s.limit(s.sin(x)/x, x, 0); s.series(s.cos(x), x, 0, 4); s.summation(x, (x, 1, 10))
s.factorint(123456789); s.isprime(97); s.Matrix([[1, 2], [3, 4]]).inv(); s.Rational(1, 3).evalf(); s.N(s.pi, 20)
s.sympify("x + 1"); s.latex(x**2); str(s.sqrt(8)); repr(s.sqrt(8)); s.gcd(12, 18); s.binomial(5, 2)
np.linalg.solve(np.eye(2), np.ones(2)); np.linalg.eig(np.eye(2)); np.linalg.inv(np.eye(2)); np.roots([1, -3, 2])
np.random.rand(2); np.fft.fft(np.ones(4)); str(np.arange(3)); print(np.array([1.5]), file=io.StringIO())
"""


def become_interpreter(setup: Setup) -> None:
    """Make this the interpreter that programs find."""
    os.environ.clear()
    os.environ.update(_ENVIRONMENT)
    sys.dont_write_bytecode = True
    sys.path[:] = [path for path in sys.path if path and path != setup.hidden] + [setup.packages]
    importlib.invalidate_caches()
    for name in ("exit", "quit"):  # programs use them, and nothing else of the module that was left out with -S
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D"))


def warm_up() -> None:
    """Import and use what programs use; then let no collection touch it, so that forks share its memory."""
    for name in _MODULES.split():
        importlib.import_module(name)
    exec(_WORK, {})  # noqa: S102  # our own text
    gc.collect()
    gc.freeze()
