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
            help="What is to be learned: a name that `somersault tasks` lists, a Gymnasium id such as"
            " CartPole-v1, or a Python file that holds a TASK. With --resume it is needed only where the file"
            " was moved.",
        ),
    ] = None,
    *,
    teacher: Annotated[
        str | None,
        typer.Option(
            parser=values.TEXT,
            metavar="none|KIND|MIXTURE|FILE.py:FUNCTION",
            help="Who answers. none: you, on the labeling page. oracle: a synthetic labeler that sees the hidden"
            " true reward. stochastic, mistake, skip, equal, myopic: such a one with a failing. A mixture, as"
            " 0.7*oracle+0.3*mistake. A function of your own, as teacher.py:answer. (Default: none.)",
        ),
    ] = None,
    labels: Annotated[
        int | None,
        typer.Option(
            parser=_LABELS,
            metavar="N",
            help="Answers the run may use, at least 1; those of --labels-from count. (Default: the task's;"
            " `somersault tasks TASK` says it.)",
        ),
    ] = None,
    labels_from: Annotated[
        list[Path] | None,
        typer.Option(
            parser=values.FILE,
            metavar="RUN",
            help="Begins with the answers of another run of the same task, or of a bundle that `somersault export"
            " --labels --with-segments` wrote: they are learned at once, and only the rest of --labels is asked."
            " Their segments are copied. May be given several times.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            parser=_STEPS,
            metavar="N",
            help="Environment steps to learn from. (Default: the task's; `somersault tasks TASK` says it.)",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=values.SEED, metavar="N", help="In lockstep a run is a function of its seed. (Default: 0.)"
        ),
    ] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            parser=values.FILE,
            metavar="DIR",
            help="Where everything of the run goes; its last part names the run. (Default: runs/TASK-N.)",
        ),
    ] = None,
    pacing: Annotated[
        str | None,
        typer.Option(
            parser=values.Choice(PACINGS),
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
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="With --resume: takes over the object store and the database as they are, whoever's they were, where"
            " the run would refuse them.",
        ),
    ] = False,
    no_web: Annotated[bool, typer.Option("--no-web", help="Serves no labeling page.")] = False,
    web_port: Annotated[
        int | None,
        typer.Option(
            parser=values.PORT,
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
            parser=values.TEXT,
            metavar="URL",
            help="Where segments, clips and checkpoints go, s3://HOST:PORT/BUCKET for one; keys for it come from"
            " SOMERSAULT_STORAGE_ACCESS_KEY and SOMERSAULT_STORAGE_SECRET_KEY. (Default: the run folder.)",
        ),
    ] = None,
    num_environments: Annotated[
        int | None,
        typer.Option(
            parser=_ENVIRONMENTS,
            metavar="N",
            help="Environments simulated side by side. (Default: the task's.)",
        ),
    ] = None,
    num_threads: Annotated[
        int | None,
        typer.Option(parser=_THREADS, metavar="N", help="Threads that simulate. (Default: one a core.)"),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            parser=values.Choice(PRECISIONS),
            metavar="float32|bfloat16",
            help="What a policy for pictures acts and learns in. bfloat16 learns several times faster on processors"
            " with instructions for it (AMX, AVX512-BF16), slower on others, and is another run than float32. The"
            " reward model scores in float32 in any case. (Default: float32.)",
        ),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(
            parser=values.Choice(TRACKERS),
            metavar="wandb|mlflow|trackio",
            help="Sends the curves, settings and videos to an experiment tracker too, by its own client, which"
            " pip install 'somersault[wandb]' brings. (Default: none; TensorBoard's are in the run folder.)",
        ),
    ] = None,
    share: sharing.Share = False,
    host: sharing.Host = None,
    public_url: sharing.PublicUrl = None,
    allowed_origins: sharing.AllowedOrigins = None,
    tls_certificate: sharing.TlsCertificate = None,
    tls_key: sharing.TlsKey = None,
) -> int:
    """Teaches an agent TASK and ends with a video of it.

    Starts the simulator, the learner, the reward service and the labeler as processes on this machine, restarts
    what dies, and shows how it goes. Ctrl-C stores a checkpoint and says how to go on.
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
