"""The options of ``somersault train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.curves.trackers.registry import TRACKERS
from somersault.cli.options import sharing, values
from somersault.cli.pages.access import ShareOptions
from somersault.cli.start.train_options import PACINGS, PRECISIONS
from somersault.cli.training import train as training
from somersault.domain.bounds import MAX_ENVIRONMENTS, MAX_LABELS, MAX_STEPS, MAX_THREADS

__all__ = ["train"]

_LABELS = values.WholeNumber(
    least=1, most=MAX_LABELS, why="nothing is learned without labels, but for --true-reward"
)
_STEPS = values.WholeNumber(least=1, most=MAX_STEPS)
_ENVIRONMENTS = values.WholeNumber(least=1, most=MAX_ENVIRONMENTS)
_THREADS = values.WholeNumber(least=1, most=MAX_THREADS)


def train(
    task: Annotated[
        str | None,
        typer.Argument(
            parser=values.TEXT,
            metavar="TASK",
            help="What to learn: a name that `somersault tasks` lists, a Gymnasium id such as"
            " CartPole-v1, or a Python file that defines TASK. With --resume it is needed only if the file was"
            " moved.",
        ),
    ] = None,
    *,
    teacher: Annotated[
        str | None,
        typer.Option(
            parser=values.TEXT,
            metavar="none|KIND|MIXTURE|FILE.py:FUNCTION",
            help="Who answers. none: you, on the labeling page. oracle: a synthetic labeler that sees the hidden"
            " true reward. stochastic, mistake, skip, equal, myopic: one that is imperfect in that way. A mixture, such"
            " as 0.7*oracle+0.3*mistake. Your own function, such as teacher.py:answer. (Default: none.)",
        ),
    ] = None,
    labels: Annotated[
        int | None,
        typer.Option(
            parser=_LABELS,
            metavar="N",
            help="Answers that the run may use, at least 1, including those of --labels-from. (Default: the task's;"
            " see `somersault tasks TASK`.)",
        ),
    ] = None,
    labels_from: Annotated[
        list[Path] | None,
        typer.Option(
            parser=values.FILE,
            metavar="RUN",
            help="Begin with the answers of another run of the same task, or of a bundle written by `somersault export"
            " --labels --with-segments`. They are learned at once, and only the rest of --labels is asked. Their"
            " segments are copied. May be repeated.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            parser=_STEPS,
            metavar="N",
            help="Environment steps to learn from. (Default: the task's; see `somersault tasks TASK`.)",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=values.SEED,
            metavar="N",
            help="Random seed; in lockstep it determines the run. (Default: 0.)",
        ),
    ] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            parser=values.FILE,
            metavar="DIR",
            help="The run's folder; its last part names the run. (Default: runs/TASK-N.)",
        ),
    ] = None,
    pacing: Annotated[
        str | None,
        typer.Option(
            parser=values.Choice(PACINGS),
            metavar="lockstep|free",
            help="lockstep: the learner waits for answers that are due, so the result doesn't depend on the machine's"
            " speed. free: nothing waits. (Default: lockstep with a teacher, free without.)",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume the run in --run-dir with its settings; --labels and --steps may be raised.",
        ),
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="With --resume: take over an object store and a database that belong to another run and would be"
            " refused.",
        ),
    ] = False,
    no_web: Annotated[bool, typer.Option("--no-web", help="Don't serve the labeling page.")] = False,
    web_port: Annotated[
        int | None,
        typer.Option(
            parser=values.PORT,
            metavar="PORT",
            help="The labeling page's port. (Default: 8400, or any if that is taken.)",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print the summary as one JSON object to standard output, and everything else to standard error.",
        ),
    ] = False,
    true_reward: Annotated[
        bool,
        typer.Option(
            "--true-reward",
            help="Train on the hidden true reward instead of answers, as a reference.",
        ),
    ] = False,
    storage_url: Annotated[
        str | None,
        typer.Option(
            parser=values.TEXT,
            metavar="URL",
            help="Where segments, clips and checkpoints are stored, such as s3://HOST:PORT/BUCKET, with keys from"
            " SOMERSAULT_STORAGE_ACCESS_KEY and SOMERSAULT_STORAGE_SECRET_KEY. (Default: the run folder.)",
        ),
    ] = None,
    num_environments: Annotated[
        int | None,
        typer.Option(
            parser=_ENVIRONMENTS,
            metavar="N",
            help="Environments simulated in parallel. (Default: the task's.)",
        ),
    ] = None,
    num_threads: Annotated[
        int | None,
        typer.Option(parser=_THREADS, metavar="N", help="Simulation threads. (Default: one per core.)"),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            parser=values.Choice(PRECISIONS),
            metavar="float32|bfloat16",
            help="Precision of an image policy. bfloat16 learns several times faster on processors with instructions"
            " for it (AMX, AVX512-BF16), slower on others, and gives other results than float32. The reward model"
            " always scores in float32. (Default: float32.)",
        ),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(
            parser=values.Choice(TRACKERS),
            metavar="wandb|mlflow|trackio",
            help="Also send curves, settings and videos to an experiment tracker through its own client, installed by"
            " pip install 'somersault[wandb]'. (Default: none; TensorBoard's files are in the run folder.)",
        ),
    ] = None,
    share: sharing.Share = False,
    host: sharing.Host = None,
    public_url: sharing.PublicUrl = None,
    allowed_origins: sharing.AllowedOrigins = None,
    tls_certificate: sharing.TlsCertificate = None,
    tls_key: sharing.TlsKey = None,
) -> int:
    """Teach an agent TASK from answers and end with a video of it.

    Starts the simulator, the learner, the reward service and the labeler as processes on this machine, restarts
    those that die, and shows progress. Ctrl-C stores a checkpoint and prints the command that resumes.
    """
    options = training.TrainOptions(
        task=task,
        teacher=teacher,
        labels=labels,
        labels_from=tuple(labels_from or ()),
        steps=steps,
        seed=seed,
        run_dir=run_dir,
        pacing=pacing,
        is_resumed=resume,
        is_adopted=adopt,
        has_web=not no_web,
        web_port=web_port,
        is_json=as_json,
        is_reference=true_reward,
        storage_url=storage_url,
        num_environments=num_environments,
        num_threads=num_threads,
        precision=precision,
        track=track,
        sharing=ShareOptions(
            is_shared=share,
            host=host,
            public_url=public_url,
            allowed_origins=allowed_origins,
            tls_certificate=tls_certificate,
            tls_key=tls_key,
        ),
    )
    return training.train(options)
