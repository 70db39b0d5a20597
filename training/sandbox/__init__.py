"""Runs programs that a model wrote, as programs of an enemy: isolated, limited, one process a call.

A *zygote* is a Python process that has imported what programs use and forks once for each call; the child confines
itself and then runs the program. Zygotes belong to *sandboxd*, a process of its own that queues calls and keeps their
deadlines; trainers and workers are its clients. Isolation is proven at each start by programs that try to break out,
and where it cannot be proven sandboxd refuses to start.

    types      calls and results          client      what others use: `LocalSandbox`
    server     sandboxd's socket          pool        its queue, slots and zygotes
    worker     one zygote, seen outside   running     one call, seen outside
    zygote     the fork server            warm        what it has imported
    child      how a call confines itself program     running the text
    namespaces leaving the machine        root        the file system that a call sees
    tiers      which isolation            proof       showing that it holds, with canary
    kernel, seccomp, syscalls, landlock   system calls
    users      of root's calls, where files are shared
    measures   figures that are shown
"""
