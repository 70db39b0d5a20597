"""The training library: one run from a config file to a trained model. Knows no web framework, queue or database."""

import os

# OpenMP's idle threads spin by default. Where anything else wants the cores, two trainers on two of them say, each
# spins away the other's time: steps were seen to take ten times as long. Read when torch is loaded, so it is set here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
