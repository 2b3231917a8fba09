# SPDX-License-Identifier: GPL-2.0
"""Run a command in the test machine under the counting plug-in."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(BENCH)
BIN = os.path.join(ROOT, "build", "bin")
OUT = os.path.join(ROOT, "build", "bench")
QUICK = os.environ.get("QUICK", "0") not in ("", "0")   # less of everything
BOOT_WINDOWS = ("boot", "boot_driver", "boot_first", "boot_others",
                "boot_launch")
GOALS_MISSED = 3                # status of an experiment that ran to its end
TIMEOUT_SECONDS = 1800          # 128 CPUs, counted, on a small machine
sys.path.insert(0, os.path.join(BENCH, "icount"))
from coherence import Names, read_lines  # noqa: E402
from counts import read_calls, read_closings, read_names  # noqa: E402
from folded import read_folded  # noqa: E402
import rows  # noqa: E402


class Failure(Exception):
    """What went wrong, in one line for the user."""


def make(folder, *variables):
    run = subprocess.run(["make", "-s", "-C", os.path.join(BENCH, folder),
                          *variables])
    if run.returncode:
        raise Failure(f"{os.path.join('bench', folder)} does not build")


def build():
    make("icount", f"O={OUT}")
    make("", f"BIN={BIN}")
    for program in ("yod", "lwkctl"):
        if not os.path.exists(os.path.join(BIN, program)):
            raise Failure(f"build/bin/{program} is missing: run make first")


def run_vm(name, options, script, coherence=False, stacks=False):
    """Run a shell script in the machine; return its closings, lost windows.
    With coherence the caches are modelled (hot_lines()), with stacks calls are
    followed (chains()); both together take five times as long."""
    path = os.path.join(OUT, f"{name}.csv")
    entries = os.path.join(OUT, "entries.txt")
    with open(entries, "w") as file:
        found = subprocess.run([f"{BENCH}/icount/entries"], stdout=file)
    if found.returncode:
        raise Failure("bench/icount/entries does not know these kernels")
    plugin = (f"{OUT}/icount.so,out={path},entries={entries},"
              f"profile={OUT}/{name}.profile.csv")
    if stacks:
        plugin += f",stacks={OUT}/{name}.stacks.csv"
    if coherence:
        plugin += f",coherence={OUT}/{name}.lines.csv"
    command = [os.path.join(ROOT, "tools", "vm"), *options,
               "--timeout", str(TIMEOUT_SECONDS),
               "--qemu-arg=-plugin", f"--qemu-arg={plugin}",
               "--", "sh", "-ec", f"PATH={BIN}:$PATH; {script}"]
    if os.path.exists(path):
        os.unlink(path)
    try:
        status = subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    except OSError as error:
        raise Failure(f"tools/vm: {error.strerror}") from error
    if status:
        raise Failure(f"the test machine ended with status {status}")
    if not os.path.exists(path):
        raise Failure("QEMU wrote no counts: is the machine emulated?")
    closings, lost = read_closings(path)
    if "--no-boot-lwk" not in options:      # only run-boot closes these
        for name in BOOT_WINDOWS:
            lost.pop(windows()[name], None)
    return closings, lost


def tuned(first, last):
    """Return options of a machine whose Linux keeps its CPUs from first to
    last, not 0, free of its own work, as well as it can; programs get there by
    taskset."""
    cpus = f"{first}-{last}"
    return ["--append", f"isolcpus=managed_irq,domain,{cpus} nohz_full={cpus} "
            f"rcu_nocbs={cpus} irqaffinity=0-{first - 1} nowatchdog"]


def hot_lines(name, window, linux_cpus):
    """The lines of memory that travelled between cores in a window of
    run_vm(name, ..., coherence=True), hottest first (coherence.py)."""
    return read_lines(os.path.join(OUT, f"{name}.lines.csv"), window,
                      Names(linux_cpus))[0]


def chains(name, window, linux_cpus):
    """Return {'kernel;function;function': instructions} of a window of
    run_vm(name, ..., stacks=True), as Rows.write_flame() wants it."""
    return read_folded(os.path.join(OUT, f"{name}.stacks.csv"), window,
                       linux_cpus)


def windows():
    """Return {name: number} of the windows of the system's own programs."""
    names = read_names([os.path.join(BENCH, "icount", "windows.h")])
    return {name: number for number, name in names.items()}


def calls():
    """Return callcost's list: {operation: (rounds, Linux's window, LWK's)}."""
    return read_calls(os.path.join(BENCH, "callcost", "calls.h"))


def counted(closings, window, rounds, what):
    """Return a window's closings, one for each round."""
    found = closings.get(window, [])
    if len(found) != rounds:
        raise Failure(f"{what}: {len(found)} of {rounds} rounds counted")
    return found


class Verdict:
    """Prints an experiment's goals as TAP; the report shows those of a whole
    one too."""

    def __init__(self, experiment, whole=True):
        self.experiment = experiment
        self.whole = whole
        self.goals = []

    def check(self, good, text):
        self.goals.append(("yes" if good else "no", text))
        print(f"{'ok' if good else 'not ok'} {len(self.goals)} - {text}")

    def end(self):
        """Print the plan and exit, with GOALS_MISSED if one was missed."""
        if self.whole:
            rows.write(f"{self.experiment}.goals.csv", rows.GOAL_FIELDS,
                       self.goals)
        print(f"1..{len(self.goals)}")
        missed = any(met == "no" for met, _ in self.goals)
        sys.exit(GOALS_MISSED if missed else 0)
