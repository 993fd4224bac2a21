"""Makes the tables of tests/coverage, which calls this with a report of lines (lcov) and one of branches (JSON)."""

import collections
import json
import pathlib
import re
import sys

PAGE = pathlib.Path("src/docs/trust.md")
EXPLAINED = pathlib.Path("tests/coverage.explained")
BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
SRC = pathlib.Path("src").resolve()


class Source:
    """A file, and which of its lines are code of the crate."""

    def __init__(self, path):
        self.name = str(path.relative_to(SRC))
        self.text = path.read_text().splitlines()
        self.foreign = set()
        in_tests = False
        for number, line in enumerate(self.text, 1):
            if line.startswith("#[cfg(test)]"):
                in_tests = True
            if in_tests or line.lstrip().startswith(("///", "//!", "#[doc")):
                self.foreign.add(number)
            if in_tests and line == "}":
                in_tests = False

    def function(self, number):
        """The name of the function around a line, after that of its type."""
        name = owner = ""
        for line in reversed(self.text[:number]):
            if not name and (found := re.match(r"\s*(?:pub(?:\([^)]*\))? )?(?:const |unsafe )*fn (\w+)", line)):
                name = found[1]
                if not line[0].isspace():
                    break
            elif found := re.match(r"(?:unsafe )?(?:impl|trait)\b(?:<.*?>(?= ))?\s*(?:(.*?) for )?(?:pub )?(\S.*?)(?:<| ?\{| where)", line):
                trait = f" as {found[1].split('<')[0]}" if found[1] else ""
                owner = f"{found[2]}{trait}::"
                break
            elif found := re.match(r"macro_rules! (\w+)", line):
                owner = f"{found[1]}!::"
                break
        return owner + (name or "(outside of functions)")


def main():
    lines_report, branches_report, *options = sys.argv[1:]
    sources, lines, branches = {}, {}, {}

    def source_of(path):
        path = pathlib.Path(path)
        if path.suffix != ".rs" or not path.is_relative_to(SRC) or path.is_relative_to(SRC / "event_loop"):
            return None
        if path not in sources:
            sources[path] = Source(path)
            lines[path], branches[path] = collections.Counter(), collections.Counter()
        return path

    path = None
    for record in pathlib.Path(lines_report).read_text().splitlines():
        kind, _, rest = record.partition(":")
        if kind == "SF":
            path = source_of(rest)
        elif kind == "DA" and path:
            number, count = (int(figure) for figure in rest.split(",")[:2])
            if number not in sources[path].foreign:
                lines[path][number] += count

    # A generic function has its branches once for each type; one is reached if it is for any of them.
    for file in json.loads(pathlib.Path(branches_report).read_text())["data"][0]["files"]:
        if path := source_of(file["filename"]):
            for line, column, line_end, column_end, if_true, if_false, *_ in file["branches"]:
                if line not in sources[path].foreign:
                    for outcome, count in (("true", if_true), ("false", if_false)):
                        branches[path][line, column, line_end, column_end, outcome] += count

    def share(counts):
        hit = sum(count > 0 for count in counts)
        return f"{hit} of {len(counts)}", f"{100 * hit / len(counts):.1f} %" if counts else "-"

    def row(name, some_lines, some_branches):
        return f"| {' | '.join((name, *share(some_lines), *share(some_branches)))} |"

    paths = sorted(path for path in sources if lines[path])
    table = ["| file | lines | | branches | |", "|---|--:|--:|--:|--:|"]
    table += [row(f"`{sources[p].name}`", lines[p].values(), branches[p].values()) for p in paths]
    every = lambda counts: [count for p in paths for count in counts[p].values()]
    table.append(row("all", every(lines), every(branches)))

    reasons = {}
    for entry in EXPLAINED.read_text().splitlines():
        if entry.strip() and not entry.startswith("#"):
            function, _, reason = entry.partition(" # ")
            reasons[function.strip()] = reason.strip()

    unreached = collections.defaultdict(list)
    half = []
    for p in paths:
        source = sources[p]
        for number in sorted(lines[p]):
            if not lines[p][number]:
                unreached[f"{source.name} {source.function(number)}"].append((number, source.text[number - 1].strip()))
        half += [
            f"{source.name}:{line}:{column}: never {outcome}: {source.text[line - 1].strip()}"
            for (line, column, line_end, column_end, outcome), count in sorted(branches[p].items())
            if not count
        ]

    print("\n".join(table))
    print("\nBranches that went one way only:")
    print("\n".join(half) or "none")
    print("\nLines that were not reached:")
    listed = ["| function | lines | why no test reaches them |", "|---|---|---|"]
    for function, places in unreached.items():
        print(f"{function}: {reasons.get(function, 'NOT EXPLAINED')}")
        for number, text in places:
            print(f"    {number}: {text}")
        numbers = ", ".join(str(number) for number, _ in places)
        listed.append(f"| `{function}` | {numbers} | {reasons.get(function, 'not explained yet')} |")
    if not unreached:
        print("none")
        listed = ["Every line is reached."]
    for function in reasons.keys() - unreached.keys():
        print(f"explained, but reached: {function}")

    if "--write" in options:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text("\n".join([before + BEGIN, *table, "", *listed, END]) + after)
    if missing := [function for function in unreached if function not in reasons]:
        sys.exit(f"tests/coverage: {len(missing)} functions have unreached lines that tests/coverage.explained does not explain")


main()
