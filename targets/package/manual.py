#!/usr/bin/env python3
"""Man pages and completions of cutis and cutis-convert, made of what their --help says.

    targets/package/manual.py CUTIS CUTIS_CONVERT            whether man/ and completion/ beside this file are what --help says now
    targets/package/manual.py CUTIS CUTIS_CONVERT --write    writes them
"""

import dataclasses
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
ISAS = ["scalar", "sse4", "avx2", "avxvnni", "avx512vnni", "amx", "neon", "dotprod", "i8mm", "simd128"]
UNKNOWN = ("N", "INT", "FLOAT", "NAME")  # arguments that are no files and of which nothing more is known
ENVIRONMENT = {"CUTIS_ISA": "Use no instruction set after this one, as --isa does."}


@dataclasses.dataclass
class Entry:
    """An option, a positional or a subcommand. value: the name of its argument, "" without one."""
    names: list
    value: str = ""
    choices: list = dataclasses.field(default_factory=list)
    limits: str = ""
    text: str = ""


@dataclasses.dataclass
class Program:
    name: str
    about: str
    usage: str
    version: str
    footer: str
    options: list
    positionals: list
    commands: list


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def parse_entry(head, text):
    names, _, rest = head.partition(" ")
    entry = Entry([re.sub(r"\{.*\}$", "", name) for name in names.split(",")], text=text)
    rest = re.sub(r" ?(Excludes|Needs): .*$", "", rest).replace("REQUIRED", "").strip()
    match = re.fullmatch(r"([^\s:=]*)(?::(?:[A-Z]+ in \[(.*?)\]|\{(.*?)\}))?(?:=(.*))?", rest)
    if not match:
        sys.exit(f"manual: not understood: {head}")
    entry.value = match[1]
    entry.choices = match[3].split(",") if match[3] else ISAS if "--isa" in entry.names else []
    limits = [match[2].replace(" - ", " to ")] if match[2] else []
    limits += [f"default {match[4]}"] if match[4] else []
    entry.limits = ", ".join(limits)
    return entry


def parse_help(path, name, *command):
    lines = output_of(path, *command, "--help").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("Usage: "))
    parts, heads = {"Options": [], "Positionals": [], "Subcommands": []}, []
    footer, section = "", None
    for line in lines[at + 1:]:
        if line.endswith(":") and line[:-1] in parts:
            section = parts[line[:-1]]
        elif line.startswith(" " * 30) and section:
            section[-1][1] += " " + line.strip()
        elif line.startswith("  ") and section is not None:
            beside = line[28:30] == "  "  # else the text begins on the next line
            section.append([line[:30].strip(), line[30:]] if beside else [line.strip(), ""])
        elif line:
            footer += line
            section = None
    made = {key: [parse_entry(head, text.strip()) for head, text in value] for key, value in parts.items()}
    commands = [parse_help(path, f"{name} {entry.names[0]}", entry.names[0]) for entry in made["Subcommands"]]
    version = output_of(path, "--version").split()[-1] if not command else ""
    return Program(name, "\n".join(lines[:at]).strip(), lines[at][len("Usage: "):], version, footer, made["Options"], made["Positionals"],
                   commands)


# -- man -------------------------------------------------------------------------------------------------------------------------
def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.splitlines())


def man_entries(entries):
    lines = []
    for entry in entries:
        head = ", ".join(f"\\fB{roff(name)}\\fR" for name in entry.names)
        head += f" \\fI{roff(entry.value)}\\fR" if entry.value else ""
        text = entry.text + (f" ({entry.limits})" if entry.limits else "")
        if entry.choices and "--isa" not in entry.names:
            text += f" (one of: {', '.join(entry.choices)})"
        lines += [".TP", head, roff(text)]
    return lines


def man_page(program):
    about = program.about.splitlines()
    purpose = about[0].split(": ", 1)[-1].rstrip(".")
    lines = [f'.TH {program.name.upper()} 1 "" "Cutis {program.version}" "Cutis"', ".SH NAME",
             f"{roff(program.name)} \\- {roff(purpose[0].lower() + purpose[1:])}", ".SH SYNOPSIS"]
    for part in program.commands or [program]:
        lines += [".B " + roff(part.usage), ".br"]
    lines += [".SH DESCRIPTION", roff(program.about)]
    if program.positionals:
        lines += [".SH ARGUMENTS"] + man_entries(program.positionals)
    lines += [".SH OPTIONS"] + man_entries(program.options)
    for part in program.commands:
        lines += [f".SH {roff(part.name.upper())}", roff(part.about)] + man_entries(part.positionals + part.options)
    lines += [".SH ENVIRONMENT"] + [line for key, text in ENVIRONMENT.items() for line in (".TP", f"\\fB{key}\\fR", roff(text))]
    if program.footer:
        lines += [".SH EXIT STATUS", roff(program.footer.removeprefix("Exit codes: "))]
    other = {"cutis": "cutis-convert", "cutis-convert": "cutis"}[program.name]
    lines += [".SH SEE ALSO", f".BR {roff(other)} (1)"]
    return "\n".join(lines) + "\n"


# -- completion --------------------------------------------------------------------------------------------------------------------
def words(entries):
    return " ".join(name for entry in entries for name in entry.names)


def bash_case(part):
    """The arm of the case on the word before, for one list of options, and its words."""
    lines = []
    for entry in part.options:
        if entry.choices:
            lines.append(f"    {'|'.join(entry.names)}) mapfile -t COMPREPLY < <(compgen -W '{' '.join(entry.choices)}' -- \"$word\"); return ;;")
        elif entry.value in UNKNOWN:
            lines.append(f"    {'|'.join(entry.names)}) return ;;")
        elif entry.value:
            lines.append(f"    {'|'.join(entry.names)}) mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); return ;;")
    return lines


def bash_completion(program):
    function = "_" + program.name.replace("-", "_")
    lines = [f"# bash completion for {program.name}, made by targets/package/manual.py", f"{function}() {{",
             '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}', "  COMPREPLY=()"]
    for part in program.commands:
        command = part.name.split()[-1]
        lines += [f"  if [ \"${{COMP_WORDS[1]}}\" = {command} ] && [ \"$COMP_CWORD\" -gt 1 ]; then", "    case $before in"]
        lines += ["  " + line for line in bash_case(part)]
        lines += ["    esac", f"    if [[ $word == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '{words(part.options)}' -- \"$word\");",
                  "    else mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); fi", "    return", "  fi"]
    names = " ".join(part.name.split()[-1] for part in program.commands)
    if not program.commands:
        lines += ["  case $before in"] + bash_case(program) + ["  esac"]
    lines += [f"  if [[ $word == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '{words(program.options)}' -- \"$word\");"]
    lines += [f"  else mapfile -t COMPREPLY < <(compgen {'-W ' + repr(names) if names else '-f'} -- \"$word\"); fi", "}",
              f"complete -o filenames -F {function} {program.name}"]
    return "\n".join(lines) + "\n"


def zsh_specs(part):
    def quote(text):
        return text.replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    specs = []
    for entry in part.options:
        text = quote(entry.text)
        action = ""
        if entry.value:
            what = f"({' '.join(entry.choices)})" if entry.choices else "" if entry.value in UNKNOWN else "_files"
            action = f":{quote(entry.value)}:{what}"
        specs += [f"'{name}[{text}]{action}'" for name in entry.names]
    return specs + ["'*:file:_files'"]


def zsh_completion(program):
    lines = [f"#compdef {program.name}", "# made by targets/package/manual.py"]
    if not program.commands:
        return "\n".join(lines) + "\n_arguments \\\n  " + " \\\n  ".join(zsh_specs(program)) + "\n"
    lines += ["if (( CURRENT > 2 )); then", "  local command=$words[2]", "  shift words", "  (( CURRENT-- ))", "  case $command in"]
    for part in program.commands:
        lines += [f"    {part.name.split()[-1]}) _arguments \\"] + ["      " + spec + " \\" for spec in zsh_specs(part)] + ["      ;;"]
    lines += ["  esac", "  return", "fi", "_arguments \\"]
    lines += ["  " + spec + " \\" for spec in zsh_specs(program)[:-1]]
    lines += [f"  '1:command:({' '.join(part.name.split()[-1] for part in program.commands)})'"]
    return "\n".join(lines) + "\n"


def files_of(program):
    return {f"man/{program.name}.1": man_page(program), f"completion/{program.name}": bash_completion(program),
            f"completion/_{program.name}": zsh_completion(program)}


def main(arguments):
    if len(arguments) not in (2, 3) or arguments[2:] not in ([], ["--write"]):
        print(__doc__, file=sys.stderr)
        return 2
    wrong = 0
    for path, name in zip(arguments, ("cutis", "cutis-convert")):
        for file, text in files_of(parse_help(path, name)).items():
            target = FOLDER / file
            if arguments[2:]:
                target.parent.mkdir(exist_ok=True)
                target.write_text(text, encoding="utf-8")
            elif not target.exists() or target.read_text(encoding="utf-8") != text:
                print(f"{file} is not what {name} --help says; write it anew: targets/package/manual.py CUTIS CUTIS_CONVERT --write")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
