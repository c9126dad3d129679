"""The command ``somersault``: its subcommands, their options, and how errors are said.

somersault train hopper-backflip --teacher oracle
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from somersault.cli import compliance, task_listing
from somersault.cli import doctor as doctor_checks
from somersault.cli import serve as serving
from somersault.cli import train as training
from somersault.errors import InvalidInputError, SomersaultError
from somersault.tasks import get_task, list_tasks

__all__ = ["main"]

_USAGE_ERROR = 2

# The base of what typer says about wrong options. Older versions take it from click, newer ones bring it along.
_UsageError: Any = typer.BadParameter.__base__

app = typer.Typer(
    name="somersault",
    help="Teaches agents from human judgement: compare two clips, a reward model learns what you meant, an agent"
    " learns to do it.\n\nBegin with: somersault train hopper-backflip --teacher oracle",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def train(
    task: Annotated[
        str,
        typer.Argument(
            help="What is to be learned: a name that `somersault tasks` lists, a Gymnasium id such as"
            " CartPole-v1, or a Python file that holds a TASK."
        ),
    ],
    *,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="none|KIND|MIXTURE|FILE.py:FUNCTION",
            help="Who answers. none: you, on the labeling page. oracle: a synthetic labeler that sees the hidden"
            " true reward. stochastic, mistake, skip, equal, myopic: such a one with a failing. A mixture, as"
            " 0.7*oracle+0.3*mistake. A function of your own, as teacher.py:answer. (Default: none.)",
        ),
    ] = None,
    labels: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Answers the run may use, at least 1. (Default: the task's; `somersault tasks TASK` says it.)",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Environment steps to learn from. (Default: the task's; `somersault tasks TASK` says it.)",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="In lockstep a run is a function of its seed. (Default: 0.)"),
    ] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where everything of the run goes; its last part names the run. (Default: runs/TASK-N.)",
        ),
    ] = None,
    pacing: Annotated[
        str | None,
        typer.Option(
            metavar="lockstep|free",
            help="lockstep: the learner waits for the answers that are due, so that the machine's speed changes"
            " nothing. free: nothing waits. (Default: lockstep with a teacher, free without.)",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Goes on with the run in --run-dir, with its settings; --labels and --steps may be raised.",
        ),
    ] = False,
    no_web: Annotated[bool, typer.Option("--no-web", help="Serves no labeling page.")] = False,
    web_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            help="The labeling page's port on this machine. (Default: 8400 if free, else any.)",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Prints one JSON object, the summary, to standard output and all else to standard error.",
        ),
    ] = False,
    true_reward: Annotated[
        bool,
        typer.Option(
            "--true-reward",
            help="Trains on the hidden true reward instead of answers: the reference to compare with.",
        ),
    ] = False,
    storage_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where segments, clips and checkpoints go, s3://HOST:PORT/BUCKET for one; keys for it come from"
            " SOMERSAULT_STORAGE_ACCESS_KEY and SOMERSAULT_STORAGE_SECRET_KEY. (Default: the run folder.)",
        ),
    ] = None,
    num_environments: Annotated[
        int | None,
        typer.Option(metavar="N", help="Environments simulated side by side. (Default: the task's.)"),
    ] = None,
    num_threads: Annotated[
        int | None,
        typer.Option(metavar="N", help="Threads that simulate. (Default: one a core.)"),
    ] = None,
) -> int:
    """Teaches an agent TASK and ends with a video of it.

    Starts the simulator, the learner, the reward service and the labeler as processes on this machine, restarts
    what dies, and shows how it goes. Ctrl-C stores a checkpoint and says how to go on.
    """
    options = training.TrainOptions(
        task=task,
        teacher=teacher,
        labels=labels,
        steps=steps,
        seed=seed,
        run_dir=run_dir,
        pacing=pacing,
        is_resumed=resume,
        has_web=not no_web,
        web_port=web_port,
        is_json=as_json,
        is_reference=true_reward,
        storage_url=storage_url,
        num_environments=num_environments,
        num_threads=num_threads,
    )
    return training.train(options)


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],  # `somersault serve learner --help` is the learner's
    }
)
def serve(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(serving.MODULES)}.")] = "--help",
) -> None:
    """Runs one service alone, with its own flags: `somersault serve learner --help`."""
    if service == "--help":
        typer.echo(
            f"Usage: somersault serve {'|'.join(serving.MODULES)} [FLAGS]\n\n"
            "Runs one service alone. Its flags: somersault serve SERVICE --help"
        )
        return
    serving.serve(service, context.args)


@app.command()
def tasks(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[TASK]",
            help="Tells all about one: a name, a Gymnasium id or a Python file that holds a TASK.",
        ),
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Prints one JSON object a task, one a line.")
    ] = False,
) -> None:
    """Lists what can be learned, or tells all about one task."""
    chosen = list_tasks() if name is None else (get_task(name),)
    if as_json:
        for task in chosen:
            typer.echo(json.dumps(task_listing.as_values(task)))
    else:
        typer.echo(task_listing.format_list(chosen) if name is None else task_listing.format_task(chosen[0]))


@app.command()
def doctor(
    *,
    run_dir: Annotated[Path, typer.Option(metavar="DIR", help="Folder in which runs are to be kept.")] = Path(
        "runs"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Prints one JSON object.")] = False,
) -> int:
    """Says what this machine lacks and how to get it; exit code 1 if something needed is missing."""
    findings = doctor_checks.examine(run_dir)
    if as_json:
        typer.echo(json.dumps(doctor_checks.as_values(findings)))
    else:
        for finding in findings:
            typer.echo(doctor_checks.format_finding(finding))
    return 0 if doctor_checks.is_healthy(findings) else 1


app.add_typer(compliance.app, name="compliance")


@app.command()
def version() -> None:
    """Prints the version."""
    typer.echo(f"somersault {importlib.metadata.version('somersault')}")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and gives the exit code. What is wrong is one line on standard error."""
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        result = app(args=arguments, prog_name="somersault", standalone_mode=False)
    except _UsageError as error:
        return _fail(f"{error.format_message()} (somersault --help)", arguments, code=_USAGE_ERROR)
    except InvalidInputError as error:
        return _fail(str(error), arguments, code=_USAGE_ERROR)
    except SomersaultError as error:
        return _fail(str(error), arguments, code=1)
    except KeyboardInterrupt:
        return training.INTERRUPTED
    return result if isinstance(result, int) else 0


def _fail(message: str, arguments: list[str], *, code: int) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"somersault: error: {line}\n")
    if "--json" in arguments:  # even now the last line on standard output is one JSON object
        sys.stdout.write(json.dumps({"error": line}) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
