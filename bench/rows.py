# SPDX-License-Identifier: GPL-2.0
"""What an experiment found, as rows that the report and everyone else reads.

build/bench/rows/EXPERIMENT.csv has a line per figure:

  experiment   call-cost, caches, noise, boot, offload, scaling, mix, edge
  system       linux, linux-tuned (isolcpus, nohz_full, rcu_nocbs) or lwk
  operation    what was done: getpid, ftq, barrier, ...
  axis, x      what was varied and its value (threads, 8); empty if nothing was
  metric       what was counted: 'kernel instructions', 'IPIs', 'cycles', ...
  value        the figure: the median of the rounds where there are several
  low, high    smallest and largest of the rounds
  rounds       how many
  exact        yes: another run gives the same value; no: it varies

EXPERIMENT.goals.csv has a line per goal: met (yes or no), text.

EXPERIMENT.TITLE.folded is a flame graph: lines 'frame;frame;frame count', the
caller first.

AZALEA_ROWS names another folder than build/bench/rows.
"""
import csv
import os
import statistics

BUILD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))), "build")
ROWS = os.environ.get("AZALEA_ROWS", os.path.join(BUILD, "bench", "rows"))
LINUX, TUNED, LWK = SYSTEMS = ("linux", "linux-tuned", "lwk")
FIELDS = ("experiment", "system", "operation", "axis", "x", "metric", "value",
          "low", "high", "rounds", "exact")
GOAL_FIELDS = ("met", "text")


class Rows:
    """The rows of one experiment; write() replaces those of its last run."""

    def __init__(self, experiment, axis=""):
        self.experiment = experiment
        self.axis = axis
        self.rows = []

    def add(self, system, operation, metric, values, x="", exact=False,
            axis=None):
        """One figure: a number, or the numbers of all rounds."""
        assert system in SYSTEMS, system
        values = list(values) if hasattr(values, "__iter__") else [values]
        self.rows.append((self.experiment, system, operation,
                          (axis or self.axis) if x != "" else "", x, metric,
                          statistics.median_low(values), min(values),
                          max(values), len(values), "yes" if exact else "no"))

    def add_summary(self, system, operation, metric, value, low, high, rounds,
                    x=""):
        """One figure whose rounds somebody else has summed up."""
        assert system in SYSTEMS, system
        self.rows.append((self.experiment, system, operation,
                          self.axis if x != "" else "", x, metric, value, low,
                          high, rounds, "no"))

    def write(self):
        write(f"{self.experiment}.csv", FIELDS, self.rows)

    def write_flame(self, title, counts):
        """A flame graph of {'frame;frame': count}."""
        os.makedirs(ROWS, exist_ok=True)
        path = os.path.join(ROWS, f"{self.experiment}.{title}.folded")
        with open(path, "w") as file:
            file.writelines(f"{stack} {count}\n"
                            for stack, count in sorted(counts.items()))


def write(name, fields, rows):
    os.makedirs(ROWS, exist_ok=True)
    with open(os.path.join(ROWS, name), "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(fields)
        writer.writerows(rows)


def read(name, folder=ROWS):
    """Return the lines of a file that write() wrote, as dictionaries."""
    with open(os.path.join(folder, name), newline="") as file:
        return list(csv.DictReader(file))
