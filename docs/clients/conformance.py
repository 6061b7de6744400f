"""Tries any client of Deputy against a server that this script plays: `conformance.py [OPTIONS] -- COMMAND...`

COMMAND do TYPE JSON...   submits the jobs at once, and prints the results, one per line, in the order of the arguments.
                          An absent result is null. At a job without a result it stops printing, writes the code to
                          stderr, and exits with 1. The code for a lost connection is the word `lost`.
COMMAND cancel TYPE ...   does the same, and asks to cancel each of the jobs before it waits for their results.
COMMAND work TYPE         is a worker. It sleeps for arg["seconds"], or until the job is cancelled, and returns arg.
                          A job without arg fails. With arg["report"], it first reports progress: {"attempt":K,"ref":R}.

All find the server by DEPUTY_URL. `do` and `cancel` add the members of MEMBERS, a JSON object in the environment, to
each job, and `work` adds them to `can_do`. If its "progress" is true, a line `progress: DATA` goes to stderr for each
progress of a job, and if its "durable" is true, one that begins with `stored` for each job that is stored.
Prints one line per point of README.md's checklist. Exits with 1 if one failed.
"""
import argparse, concurrent.futures, sys

sys.dont_write_bytecode = True  # This folder is for reading.
from fake_server import Fake, NotVisible, Wrong
import submitter_points, worker_points  # Each adds its points.
from points import POINTS, SLOW


def check(name, command, patience):
    what, function, unix = POINTS[name]
    try:
        with Fake(command, patience, unix) as fake:
            function(fake)
        return True, f"ok      {name}: {what}"
    except NotVisible as why:
        return True, f"unseen  {name}: {what}: {why}"
    except Wrong as why:
        return False, f"FAILED  {name}: {what}: {why}"


def main():
    usage = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usage.add_argument("--patience", type=float, default=20, metavar="SECONDS", help="the most for each thing that the client does")
    usage.add_argument("--only", metavar="POINTS", help="with commas between them")
    usage.add_argument("--without", default="", metavar="POINTS", help="what the client lacks on purpose")
    usage.add_argument("--slow", action="store_true", help="also what takes more than a few seconds")
    usage.add_argument("command", nargs="+")
    options = usage.parse_args()
    names = options.only.split(",") if options.only else [name for name in POINTS if options.slow or name not in SLOW]
    left_out = options.without.split(",") if options.without else []
    if strange := set(names + left_out) - set(POINTS):
        usage.error(f"there is no point {', '.join(sorted(strange))}; the points are {', '.join(POINTS)}")
    names = [name for name in names if name not in left_out]
    with concurrent.futures.ThreadPoolExecutor(8) as several:
        # From the last to the first, because the longest ones are at the end.
        verdicts = list(several.map(lambda name: check(name, options.command, options.patience), names[::-1]))
    print(*(line for _, line in verdicts[::-1]), *(f"without {name}: {POINTS[name][0]}" for name in left_out), sep="\n")
    sys.exit(not all(well for well, _ in verdicts))


if __name__ == "__main__":
    main()
