"""The command line: python -m vaeexplorer train | evaluate | gradients | demo | encode | datasets | checkpoints |
doctor.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Literal, NoReturn, get_args, get_origin

from pydantic import BaseModel, ValidationError

from vaeexplorer import commands, demo_command, evaluate_command, gradients_command, train_command
from vaeexplorer.configs import TrainConfig, VaeConfig, one_line

METHODS = "elbo, prior, iwae, refined, ais, bdmc, grid, enumeration, exact, gap, representation"


class OneLineParser(argparse.ArgumentParser):
    """Errors are one line on stderr and exit status 2, without the usage text."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def add_fields(parser: argparse.ArgumentParser, config: type[BaseModel], skip: tuple[str, ...] = ()) -> None:
    """Every field of a config is an option; values stay text here, the config itself checks and converts them."""
    for name, field in config.model_fields.items():
        if name not in skip:
            several = get_origin(field.annotation) is tuple or ... in get_args(field.annotation)
            text = f"{field.description} [{' '.join(map(str, field.default)) if several else field.default}]"
            parser.add_argument(
                f"--{name.replace('_', '-')}", nargs="*" if several else None, default=argparse.SUPPRESS,
                metavar=name.upper(), help=text.replace("%", "%%"),
            )  # fmt: skip


def add_measures(parser: argparse.ArgumentParser) -> None:
    """The options of `evaluate`: what to measure and how much work to do for it."""
    parser.add_argument("--methods", default="elbo", help=f"comma-separated: {METHODS} [elbo]")
    parser.add_argument(
        "--samples", type=positive,
        help="draws per image, of the prior, q or a proposal [elbo and representation 1, the others 5000]",
    )  # fmt: skip
    parser.add_argument("--fit-steps", type=positive, metavar="N", help="steps of fitting refined proposals [600]")
    parser.add_argument("--ais-steps", type=positive, metavar="T", help="steps of ais and bdmc [200 and 500]")
    parser.add_argument("--chains", type=positive, help="chains of ais and bdmc per image [8]")
    parser.add_argument("--grid-points", type=positive, metavar="N", help="points of the grid per axis [161]")
    parser.add_argument("--simulated", type=positive, metavar="N", help="images that bdmc draws from the model [50]")
    parser.add_argument("--per-image", metavar="FILE.npz", help="write what is known of each image to this file")
    add_patience(parser)
    parser.add_argument("--store", action="store_true", help="write the figures into the checkpoint's header")


def add_patience(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--patient", action="store_true", help="start also what will take more than half an hour")


def add_estimators(parser: argparse.ArgumentParser) -> None:
    """The options of `gradients`: which estimators, how many draws, and by what the gradient is taken."""
    parser.add_argument(
        "--list", action="store_true", help="list the estimators; with a model, which of them apply to it"
    )
    parser.add_argument(
        "--estimators", default="all", help="comma-separated names from --list, or all that apply [all]"
    )
    parser.add_argument("--replicates", type=positive, metavar="R", help="gradients of each estimator and image [2000]")
    parser.add_argument(
        "--samples", type=positive, metavar="S", help="draws of q for one gradient [1, or as few as an estimator needs]"
    )
    parser.add_argument(
        "--target",
        default="outputs",
        help="by what: outputs of the encoder, or all weights of encoder or decoder [outputs]",
    )
    parser.add_argument(
        "--sweep", metavar="OVER[=VALUES]",
        help="the variance against samples, k, baseline, distance, temperature, dimension or step, as in samples=1,2,4",
    )  # fmt: skip
    parser.add_argument("--temperature", type=float, metavar="T", help="of gumbel_softmax and rebar [0.5]")
    parser.add_argument("--eta", type=float, help="of rebar: how much of its relaxed part is taken off [1]")
    parser.add_argument("--baseline", type=float, metavar="C", help="taken off f by the plain score_function, nats [0]")
    add_patience(parser)


def add_demo(parser: argparse.ArgumentParser) -> None:
    """The options of `demo`: which one, with which settings."""
    parser.add_argument("name", nargs="?", help="a name from --list")
    parser.add_argument("--list", action="store_true", help="list the demonstrations and their settings")
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
        help="settings, those that are not named at their defaults; without a scene, every scene is played",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="fixes all that is random [0]")


def build_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="python -m vaeexplorer", description=__doc__)
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, summary: str, run) -> argparse.ArgumentParser:
        child = subcommands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        child.set_defaults(run=run)
        child.add_argument("--data-dir", help="where data sets lie [$VAEEXPLORER_DATA, else data/]")
        child.add_argument("--json", action="store_true", help="one JSON document on stdout and nothing else")
        return child

    def add_loading(child: argparse.ArgumentParser) -> None:
        child.add_argument("--download", action="store_true", help="fetch a torchvision data set that is not here")
        child.add_argument("--image-size", type=int, help="resize a folder's images to this many pixels a side")

    def add_question(
        child: argparse.ArgumentParser, images: int | None = None, nargs: Literal["?"] | None = None, more: str = ""
    ) -> None:
        text = f"a .safetensors file, a run's folder, or a name from `checkpoints`{more}"
        child.add_argument("checkpoint", nargs=nargs, help=text)
        child.add_argument("--dataset", help="name, folder or array [the one it was trained on]")
        text = f"the first so many test images [{images or 'all'}]"
        child.add_argument("--images", type=positive, default=images, help=text)
        child.add_argument("--seed", type=int, default=0, help="fixes binarisation and noise [0]")
        add_loading(child)

    add("datasets", "list the data sets", commands.list_datasets)
    add("checkpoints", "list the models", commands.list_checkpoints)
    add("doctor", "show versions, device, data and models", commands.doctor)

    train = add("train", "train a model", train_command.train)
    train.add_argument("--run-dir", help="folder of the run [runs/DATASET-NUMBER]")
    train.add_argument("--resume", action="store_true", help="go on with the run in --run-dir as it was begun")
    add_loading(train)
    add_fields(train, TrainConfig)
    add_fields(train, VaeConfig, skip=("image_shape",))  # the data decide it

    evaluate = add("evaluate", "measure a model on test images", evaluate_command.evaluate)
    add_question(evaluate)
    add_measures(evaluate)

    gradients = add("gradients", "measure estimators of the gradient at a model", gradients_command.gradients)
    add_question(gradients, 8, "?", ", or demo: a model in which everything is known exactly")
    add_estimators(gradients)

    demo = add("demo", "play a demonstration of the lab and print its figures", demo_command.demo)
    add_demo(demo)

    encode = add("encode", "write the codes of test images to a file", commands.encode)
    add_question(encode)
    encode.add_argument("--out", required=True, help="the .npz file: codes, std, labels, kl, reconstruction, elbo")
    return parser


def positive(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, 2 for a mistake in what was asked (one line on stderr), 130 when interrupted."""
    raw = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parsed(raw)
        options.run(options)
    except ValidationError as error:
        return _complain(one_line(error))
    except (ValueError, OSError) as error:
        return _complain(str(error))
    except KeyboardInterrupt as error:
        print(str(error) or "interrupted", file=sys.stderr)
        return 130
    return 0


def _parsed(raw: list[str]) -> argparse.Namespace:
    """The options, what they were read from, and `reparse`: the same with others before them, which they override."""
    parser = build_parser()
    options = parser.parse_args(raw)
    options.raw = raw
    options.reparse = lambda before: argparse.Namespace(
        **vars(parser.parse_args([raw[0], *before, *raw[1:]])) | {"raw": [raw[0], *before, *raw[1:]]}
    )
    return options


def _complain(text: str) -> int:
    print(f"python -m vaeexplorer: {' '.join(text.split())}", file=sys.stderr)
    return 2


def run() -> NoReturn:
    """`main`, and then the end of this process.

    One of several that torchrun started leaves without the interpreter's clean-up: gloo's threads outlive the group,
    and one that is met there aborts the process now and then, which torchrun takes for a failure of the run.
    """
    try:
        status = main()
    except SystemExit as error:
        if not isinstance(error.code, int):
            raise
        status = error.code
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    run()
