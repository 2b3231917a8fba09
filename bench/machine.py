# SPDX-License-Identifier: GPL-2.0
"""What the figures were measured with: rows/machine.json.

  facts      [[what, value], ...] as the report shows them
  counted    instructions and events were counted, in an emulated machine
  emulated   the processor was not a real one
  runs       {script: {state, date, seconds, parameters}}, of bench/run
"""
import datetime
import json
import os
import re
import struct
import subprocess
import sys

import rows

ROOT = os.path.dirname(rows.BUILD)
KERNEL = os.path.join(rows.BUILD, "linux", "bzImage")
NAME = "machine.json"


def output(*command):
    try:
        run = subprocess.run(command, cwd=ROOT, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def cpu():
    with open("/proc/cpuinfo") as file:
        text = file.read()
    names = re.findall(r"^model name\s*: (.*)$", text, re.M)
    return (f"{' '.join(names[0].split()) if names else 'unknown'}, "
            f"{os.cpu_count()} CPUs")


def is_emulated():
    return "QEMU" in cpu() and "TCG" in cpu()


def kind():
    with open("/proc/cpuinfo") as file:
        virtual = re.search(r"^flags\s*:.*\bhypervisor\b", file.read(), re.M)
    return "emulated" if is_emulated() else "virtual" if virtual else "real"


def cpu_list(text):
    """Return the numbers of a list as Linux writes it: 2-5,8."""
    bounds = [part.split("-") for part in text.split(",") if part]
    return [cpu for part in bounds
            for cpu in range(int(part[0]), int(part[-1]) + 1)]


def isolated_cpus():
    """The CPUs that Linux keeps free of its own work (isolcpus=)."""
    return cpu_list(output("cat", "/sys/devices/system/cpu/isolated"))


def kernel_version():
    """What the image of the test machine's Linux says it is."""
    try:
        with open(KERNEL, "rb") as file:
            head = file.read(1 << 16)
        place = struct.unpack_from("<H", head, 0x20e)[0] + 0x200
        return head[place:].split(b"\0")[0].decode().split(" ")[0]
    except (OSError, struct.error, UnicodeDecodeError):
        return "unknown"


def commit():
    name = output("git", "describe", "--always", "--abbrev=12", "--exclude=*")
    if name and output("git", "status", "--porcelain", "--untracked-files=no"):
        name += ", with changes that are not committed"
    return name or "unknown"


def collect(counted):
    """Describe this machine; counted: and the test machine that runs here."""
    qemu = output("qemu-system-x86_64", "--version").splitlines()
    facts = [["date", datetime.date.today().isoformat()],
             ["commit", commit()]]
    if counted:
        facts += [["machine", "test machine (tools/vm), emulated; instructions "
                   "counted by bench/icount"],
                  ["emulator", qemu[0].split(" (")[0] if qemu else "unknown"],
                  ["accelerator", "tcg (software emulation)"],
                  ["its Linux", kernel_version()],
                  ["runs on", f"{cpu()}, {os.uname().release}"]]
    else:
        facts += [["machine", kind()],
                  ["CPU", cpu()], ["Linux", os.uname().release],
                  ["kernel parameters", output("cat", "/proc/cmdline")]]
    facts += [["compiler", output("gcc", "--version").split("\n")[0]]]
    return {"facts": facts, "counted": counted,
            "emulated": counted or is_emulated(), "runs": {}}


def path(folder):
    return os.path.join(folder, NAME)


def read(folder=rows.ROWS):
    try:
        with open(path(folder)) as file:
            return json.load(file)
    except FileNotFoundError:
        return {"facts": [], "counted": True, "emulated": True, "runs": {}}
    except ValueError as error:
        sys.exit(f"{path(folder)} is damaged ({error}): remove it")


def write(machine, folder=rows.ROWS):
    os.makedirs(folder, exist_ok=True)
    with open(path(folder), "w") as file:
        json.dump(machine, file, indent=1)


def describe(machine):
    runs = {}
    for name, run in machine["runs"].items():
        words = f"{run['parameters']}, {run['date']}, {run['commit']}"
        runs.setdefault(words, []).append(name)
    return machine["facts"] + [[", ".join(names), words]
                               for words, names in runs.items()]


def headline(machine):
    facts = dict(machine["facts"])
    return ", ".join(facts[key] for key in ("date", "machine", "CPU",
                                            "its Linux", "Linux", "commit")
                     if key in facts)
