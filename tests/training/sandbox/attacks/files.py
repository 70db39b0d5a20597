"""Programs that look for what is not theirs: files, environments, other processes' memory, devices."""
# ruff: noqa: E501  # the programs keep their lines

from tests.training.sandbox.attacks import Attack

FILES = (
    Attack("read a secret", """
refused("a secret", read, SECRET)
refused("a folder", os.listdir, FOLDER)
refused("a descriptor of a folder", os.open, FOLDER, os.O_RDONLY | os.O_DIRECTORY)
for folder in ("/home", "/var", "/work", "/srv", "/opt", "/run", "/sys", "/boot", "/mnt", "/media"):
    refused(folder, os.listdir, folder)
for path in ("/etc/shadow", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/ssl", "/etc/machine-id"):
    refused(path, read, path)
""", open=True),
    Attack("read the project", """
import importlib
for name in ("training", "training.sandbox", "webapp", "workers", "django", "torch", "celery", "psycopg", "pydantic"):
    refused(name, importlib.import_module, name)
for path in (PROJECT, PROJECT + "/README.md", PROJECT + "/pyproject.toml", PROJECT + "/.git", PROJECT + "/training"):
    refused(path, lambda: os.listdir(path) if os.path.isdir(path) else read(path))
if any(name.split(".")[0] == "training" for name in sys.modules): print("ESCAPE modules of the service")
for entry in sys.path:
    for name in ("django", "training"):
        refused(f"{name} in {entry}", read, f"{entry}/{name}/__init__.py")
"""),
    Attack("read environments", """
for value in os.environ.values():
    if CANARY in value: print("ESCAPE own environment")
for pid in ["self", *OTHERS]:
    with contextlib.suppress(OSError):
        if CANARY.encode() in read(f"/proc/{pid}/environ"): print("ESCAPE", pid)
ctypes.CDLL(None)
import re
address = ctypes.c_void_p.in_dll(LIBC, "environ").value
print(sorted(os.environ))
if "DATABASE_URL" in os.environ or "DJANGO_SECRET_KEY" in os.environ: print("ESCAPE settings")
"""),
    Attack("walk /proc", """
with contextlib.suppress(OSError):
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    for pid in pids:
        if pid != os.getpid():
            for name in ("environ", "mem", "maps", "cmdline"):
                with contextlib.suppress(OSError):
                    if read(f"/proc/{pid}/{name}"): print("ESCAPE", pid, name)
for pid in OTHERS:
    for name in ("environ", "maps", "mem", "cmdline", "stat", "status", "auxv", "stack", "syscall"):
        refused(f"{pid} {name}", lambda: read(f"/proc/{pid}/{name}")[:1] or 1 / 0)
    for name in ("fd", "task", "root", "cwd", "ns", "map_files"): refused(f"{pid} {name}", os.listdir, f"/proc/{pid}/{name}")
""", open=True),
    Attack("the system behind /proc", """
for path in ("kcore", "kallsyms", "keys", "key-users", "modules", "sched_debug", "timer_list", "cmdline", "version",
             "sys/kernel/core_pattern", "sys/kernel/hostname", "net/tcp", "net/unix", "mounts", "sysrq-trigger", "1/root"):
    name = "/proc/" + path
    if path in ("mounts",): continue
    refused(name, read, name)
for path in ("sys/kernel/core_pattern", "sysrq-trigger", "sys/vm/drop_caches", "self/uid_map", "self/gid_map",
             "self/setgroups", "self/attr/current", "self/timens_offsets"):
    refused("write " + path, lambda: os.write(os.open("/proc/" + path, os.O_WRONLY), b"0"))
refused("/sys", os.listdir, "/sys")
refused("cgroups", os.listdir, "/sys/fs/cgroup")
refused("a new cgroup", os.mkdir, "/sys/fs/cgroup/mine")
refused("leave the cgroup", lambda: open("/sys/fs/cgroup/cgroup.procs", "w").write("0"))
"""),
    Attack("ways out of the root", """
for path in ("/proc/self/root", "/proc/1/root", "/proc/self/cwd/..", "/proc/thread-self/root", "/..", "/tmp/../.."):
    with contextlib.suppress(OSError):
        if "work" in os.listdir(path) or os.path.exists(path + FOLDER):
            refused(path, os.listdir, path + FOLDER)
refused("chroot", os.chroot, "/tmp")
refused("pivot_root", system, 155, 41, b".", b".")
refused("mount", system, 165, 40, b"none", b"/tmp", b"tmpfs", 0, None)
refused("umount", system, 166, 39, b"/tmp", 2)
refused("umount /proc", system, 166, 39, b"/proc", 2)
refused("open_tree", system, 428, 428, -100, b"/", 1)
refused("move_mount", system, 429, 429, -100, b"/", -100, b"/tmp", 0)
refused("fsopen", system, 430, 430, b"proc", 0)
refused("mount_setattr", system, 442, 442, -100, b"/", 0, ctypes.create_string_buffer(32), 32)
refused("remount", system, 165, 40, None, b"/", None, 32 | 4096, None)
refused("open_by_handle_at", system, 304, 265, -100, ctypes.create_string_buffer(128), 0)
refused("name_to_handle_at", system, 303, 264, -100, b"/", ctypes.create_string_buffer(128), ctypes.create_string_buffer(8), 0)
"""),
    Attack("links", """
with contextlib.suppress(OSError): os.chdir("/tmp")
first = "/proc/1/root"
for goal in (SECRET, "/etc/shadow", first + "/etc/shadow", "../../../../../.." + SECRET, first + SECRET):
    def through():
        os.symlink(goal, "link")
        return read("link")
    refused("link to " + goal, through)
    with contextlib.suppress(OSError): os.unlink("link")
    refused("hard link to " + goal, os.link, goal, "hard")
def race():
    for _ in range(200):
        with contextlib.suppress(OSError): os.symlink("/tmp", "race"); os.unlink("race"); os.symlink(SECRET, "race"); return read("race")
refused("race", lambda: race() or 1 / 0)
"""),
    Attack("links where a service might put its own files", """
for name in ("stdout", "stderr", "result.json", "out", "main.py", "report", "core"):
    with contextlib.suppress(OSError): os.symlink(SECRET, "/tmp/" + name)
print("done")
""", ("ok",)),
    Attack("write", """
for path in (FOLDER + "/written", "/written", "/usr/lib/written", "/etc/passwd", "/etc/written", "/bin/written",
             os.path.dirname(os.__file__) + "/written.py", sys.executable, "/dev/written", "/proc/written", "/var/tmp/written",
             PROJECT + "/written"):
    refused(path, lambda: os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
import numpy
refused("numpy", open, numpy.__file__, "r+")
refused("its folder", os.mkdir, os.path.dirname(numpy.__file__) + "/mine")
for folder in (FOLDER, "/usr", "/dev"):
    refused("socket in " + folder, os.mknod, folder + "/node", 0o140600)
    refused("pipe in " + folder, os.mkfifo, folder + "/pipe")
    refused("device in " + folder, os.mknod, folder + "/disk", 0o060600, os.makedev(254, 0))
""", open=True),
    Attack("change files of the service", """
for path in (FOLDER, SECRET):
    for attempt in (lambda: os.chmod(path, 0), lambda: os.utime(path, (0, 0)), lambda: os.chown(path, 1, 1),
                    lambda: os.truncate(path, 0), lambda: os.open(path, os.O_RDONLY | os.O_TRUNC)):
        with contextlib.suppress(OSError): attempt()  # some pretend to succeed; what counts is the file, looked at later
    refused("rename", os.rename, path, path + ".gone")
    refused("attributes", os.setxattr, path, "user.x", b"1")
    refused("unlink", os.unlink, path)
"""),
    Attack("devices", """
import glob
print(glob.glob("/dev/*"))
for name in ("nvidia0", "nvidiactl", "kmsg", "mem", "port", "vda", "sda", "fuse", "kvm", "tty", "console", "ptmx",
             "net/tun", "loop0", "uinput", "vsock", "userfaultfd", "dri/card0", "mqueue/x", "hugepages"):
    refused(name, os.open, "/dev/" + name, os.O_RDWR)
refused("a pseudo-terminal", os.openpty)
"""),
    Attack("become root", """
for change in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.setresuid(0, 0, 0)):
    with contextlib.suppress(OSError): change()
if os.getuid() == 0 or os.geteuid() == 0: print("ESCAPE root")
import subprocess
for command in (["su", "-c", "id"], ["mount"], ["newuidmap"], ["sudo", "id"], ["passwd"]):
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if b"uid=0" in subprocess.run(command, capture_output=True, timeout=1).stdout: print("ESCAPE", command)
with contextlib.suppress(OSError):
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        if int(status[name], 16) and os.getuid() != 0 and name != "CapBnd": print("ESCAPE", name, status[name])
    if status["NoNewPrivs"] != "1" or status["Seccomp"] != "2": print("ESCAPE", status["NoNewPrivs"], status["Seccomp"])
"""),
    Attack("a shell and a program of one's own", """
import subprocess
text = f"cat {SECRET}; cat /etc/shadow; ls {FOLDER}; echo x > {FOLDER}/shell"
with contextlib.suppress(OSError, subprocess.SubprocessError):
    found = subprocess.run(["/bin/sh", "-c", text], capture_output=True, timeout=4).stdout
    if found: print("ESCAPE", found[:80])
with contextlib.suppress(OSError, subprocess.SubprocessError):
    with open("/tmp/mine", "wb") as file: file.write(open("/bin/cat", "rb").read())
    os.chmod("/tmp/mine", 0o755)
    if subprocess.run(["/tmp/mine", SECRET], capture_output=True, timeout=4).stdout: print("ESCAPE own program")
"""),
    Attack("install a package", """
import subprocess
def install():
    return subprocess.run([sys.executable, "-m", "pip", "install", "requests"], capture_output=True, timeout=3, check=True)
refused("pip", install)
"""),
    Attack("look at metadata", """
for path in (SECRET, "/etc/shadow", "/etc/hostname"):
    try: print("visible", path, os.stat(path).st_size)
    except OSError as error: print("hidden", path, error.strerror)
""", ("ok",)),
)  # fmt: skip
