"""The row types of accuracy.csv, throughput.csv and samples.csv.

The order of the fields is the order of the columns. DICTIONARY.md is generated from this file.
"""

import dataclasses
from dataclasses import dataclass

from results.errors import ResultsError
from results.schema.columns import check_row, column, columns_of, measured, optional

# Another one where a column changes its meaning: a folder of another version is refused.
SCHEMA_VERSION = 1

OK = "ok"
# Never tried, since its model run failed at this length or before.
NOT_REACHED = "not_reached"
FAILING_STATUSES = ("failed", "diverged", "timed_out", "out_of_memory", "killed")
STATUSES = (OK, *FAILING_STATUSES, NOT_REACHED)
PHASES = ("train_step", "forward", "decode")
# The gradient to a layer's input and that to its weights each cost about what the layer did.
FORWARD_PASSES_PER_UPDATE = 3
STEADY, NOISY = "steady", "noisy"
STOP_REASONS = ("solved", "plateau", "budget")

# These differ when the same work is done again, elsewhere or with other code around it.
TIME_COLUMNS = ("train_seconds", "evaluate_seconds", "train_tokens_per_second")
PROVENANCE_COLUMNS = (
    "device_name",
    "threads",
    "torch_version",
    "python_version",
    "platform",
    "commit",
)
# Rows that differ in one of these belong to different curves.
SETTING_COLUMNS = (
    "symbols",
    "cell",
    "hidden",
    "embedding",
    "encoder",
    "layers",
    "channel_numbers",
    "channel_snr",
    "batch_size",
    "train_sequences",
    "learning_rate",
    "budget_updates",
    "warmup_updates",
    "clip_norm",
    "solved_accuracy",
)
VERSION_COLUMNS = (
    "task_version",
    "model_version",
    "sampler_version",
    "recipe_version",
    "evaluator_version",
)


@dataclass(frozen=True, kw_only=True)
class AccuracyRow:
    """One stage evaluated at one length: one row of accuracy.csv."""

    task: str = column("name", "Task that the model was trained on.")
    model: str = column("name", "Model.")
    protocol: str = column("name", "Training protocol, of bench/plan/recipe.py.")
    seed: int = column("number", "Seed of the model run.")
    train_length: int = column("items", "Largest source length that the stage trained on.")
    length: int = column("items", "Source length of the test sequences.")
    status: str = column("name", "How the evaluation ended.", choices=STATUSES)
    config_id: str = column("identifier", "Hash of all settings; one per configuration.")

    token_accuracy: float | None = measured(
        "fraction", "Share of target items answered right, free-running (greedy)."
    )
    sequence_accuracy: float | None = measured(
        "fraction", "Share of sequences answered right in every item, free-running."
    )
    teacher_forced_token_accuracy: float | None = measured(
        "fraction", "Share of target items answered right, given the true items before them."
    )
    carried_bits: float | None = measured(
        "bits per sequence",
        "target_bits less the cross-entropy of the sequence: a lower bound "
        "on what passes from source to output at this budget.",
    )
    target_bits: float | None = measured("bits per sequence", "Entropy of the target sequence.")
    teacher_forced_sequence_accuracy: float | None = measured(
        "fraction", "Share of sequences with every item right, teacher-forced."
    )
    correct_prefix_items: float | None = measured(
        "items", "Mean number of items before the first error, free-running."
    )
    prefix_accuracy: float | None = measured(
        "fraction", "Share of target items before the first error, free-running."
    )
    cross_entropy_bits: float | None = measured(
        "bits per item", "Cross-entropy per target item, teacher-forced."
    )
    normalised_accuracy: float | None = measured(
        "ratio", "(token_accuracy - constant_accuracy) / (1 - constant_accuracy), not clipped."
    )

    chance_accuracy: float | None = optional("fraction", "Token accuracy of a uniform guess.")
    constant_accuracy: float | None = optional(
        "fraction", "Token accuracy of the best constant answer at each position."
    )
    repeat_accuracy: float | None = optional(
        "fraction", "Token accuracy of repeating the true item before; beside teacher forcing."
    )
    causal_ceiling_accuracy: float | None = optional(
        "fraction", "Best token accuracy from the inputs up to now; models that answer at once."
    )

    symbols: int = column("symbols", "Alphabet size of the task.")
    test_sequences: int | None = optional("sequences", "Number of test sequences.")
    distinct_sources: int | None = optional(
        "sequences", "Number of different sources of this length, at most 2**63-1."
    )
    leak_fraction: float | None = optional(
        "fraction", "Share of test sources that training may draw as well."
    )

    stopped_because: str | None = optional(
        "name", "What ended the training of the stage.", choices=STOP_REASONS
    )
    stage_updates: int | None = optional("updates", "Updates in this stage.")
    total_updates: int | None = optional("updates", "Updates in the model run so far.")
    stage_tokens: int | None = optional("tokens", "Target items trained on in this stage.")
    total_tokens: int | None = optional("tokens", "Target items trained on in the run so far.")
    validation_cross_entropy_bits: float | None = optional(
        "bits per item", "Teacher-forced cross-entropy on validation at the end of the stage."
    )
    validation_token_accuracy: float | None = optional(
        "fraction", "Teacher-forced token accuracy on validation at the end of the stage."
    )
    validation_sequence_accuracy: float | None = optional(
        "fraction",
        "Exact match on validation at the end of the stage, teacher-forced. Free-running it is the "
        "same, but for the noise of a channel, which is drawn anew.",
    )

    parameters: int | None = optional("parameters", "Number of trained parameters.")
    memory_numbers: int | None = optional(
        "numbers", "Numbers that pass from a source of this length to its answer."
    )
    capacity_bits: float | None = optional(
        "bits", "Bits that can pass from source to answer at most; empty if no bound is known."
    )
    forward_flops: int | None = optional(
        "operations per sequence", "Floating-point operations of one teacher-forced pass."
    )

    train_seconds: float | None = optional("seconds", "Wall-clock time of training the stage.")
    evaluate_seconds: float | None = optional("seconds", "Wall-clock time of the evaluation.")
    train_tokens_per_second: float | None = optional(
        "tokens per second", "Target items trained on per second of the stage."
    )

    cell: str = column("name", "Recurrent cell: lstm, gru or tanh.")
    hidden: int = column("units", "State size.")
    embedding: int = column("units", "Embedding size.")
    encoder: str = column("name", "Encoder direction: bi or uni.")
    layers: int | None = optional(
        "layers", "Layers of the network; empty where each model has its own number."
    )
    channel_numbers: int | None = optional(
        "numbers", "Numbers k of the channel; empty without a channel."
    )
    channel_snr: float | None = optional(
        "ratio", "Power of a number of the channel over that of its noise; empty without noise."
    )
    batch_size: int = column("sequences", "Training batch size.")
    train_sequences: int | None = optional(
        "sequences", "Training sequences of each length; empty if every update draws new ones."
    )
    learning_rate: float = column("number", "Learning rate at its peak, on short sequences.")
    budget_updates: int = column("updates", "Most updates that any stage may take.")
    stage_budget_updates: int = column("updates", "Most updates that this stage may take.")
    warmup_updates: int = column("updates", "Updates over which the learning rate rises.")
    clip_norm: float = column("number", "Largest gradient norm; larger ones are scaled down.")
    solved_accuracy: float = column("fraction", "Validation exact match that ends a stage.")
    attention_path: str | None = optional(
        "name", "How attention was computed: compiled, chunked or plain; empty without attention."
    )

    device: str = column("name", "Device: cpu or cuda.")
    device_name: str | None = optional("name", "Name of the processor or accelerator.")
    threads: int | None = optional("threads", "Threads of arithmetic.")
    torch_version: str | None = optional("name", "Version of PyTorch.")
    python_version: str | None = optional("name", "Version of Python.")
    platform: str | None = optional("name", "Operating system and processor architecture.")
    commit: str | None = optional("name", "Commit of the source code.")
    schema_version: int = column("number", "Version of this schema.", default=SCHEMA_VERSION)
    task_version: int = column("number", "Version of the task.")
    model_version: int = column("number", "Version of the model.")
    sampler_version: int = column("number", "Version of the sampler.")
    recipe_version: int = column("number", "Version of the training recipe.")
    evaluator_version: int = column("number", "Version of the evaluator.")
    code_hash: str | None = optional(
        "identifier", "Hash of the files of a user's model or task; empty for the suite's own."
    )

    attempts: int = column("attempts", "Times that the stage was tried.")
    error: str | None = optional("text", "Why the stage failed.")

    run_id: str = column("identifier", "Hash of the model run.")
    stage_id: str = column("identifier", "Hash of the stage and the path of stages before it.")
    record_id: str = column("identifier", "Hash of the stage and its evaluation; names the file.")

    def __post_init__(self) -> None:
        _check_row(self)


@dataclass(frozen=True, kw_only=True)
class ThroughputRow:
    """One phase of one model timed at one length: one row of throughput.csv."""

    model: str = column("name", "Model.")
    phase: str = column(
        "name",
        "What was timed: a training step, a teacher-forced forward pass or greedy decoding.",
        choices=PHASES,
    )
    length: int = column("items", "Source length.")
    status: str = column("name", "How the measurement ended.", choices=STATUSES)
    batch_size: int = column("sequences", "Batch size.")
    symbols: int = column("symbols", "Alphabet size.")
    cell: str = column("name", "Recurrent cell: lstm, gru or tanh.")
    hidden: int = column("units", "State size.")
    embedding: int = column("units", "Embedding size.")
    encoder: str = column("name", "Encoder direction: bi or uni.")
    layers: int | None = optional(
        "layers", "Layers of the network; empty where each model has its own number."
    )
    rounds: int | None = measured("rounds", "Number of timed rounds.")
    median_seconds: float | None = measured("seconds", "Median time of the phase over rounds.")
    iqr_seconds: float | None = measured("seconds", "Interquartile range over rounds.")
    tokens_per_second: float | None = measured(
        "tokens per second", "Target items per second, by the median."
    )
    reference_seconds: float | None = measured(
        "seconds", "Median time of a fixed matrix product, timed in every round."
    )
    reference_ratio: float | None = measured(
        "ratio", "Median over rounds of phase time / reference time of that round."
    )
    reference_ratio_iqr: float | None = measured(
        "ratio", "Interquartile range of that ratio over rounds."
    )
    noise: str | None = measured(
        "name",
        "noisy where the interquartile range of the phase or of the matrix product exceeds a tenth "
        "of its median, or the process had less than nine tenths of its processor; else steady.",
        choices=(STEADY, NOISY),
    )
    parameters: int | None = optional("parameters", "Number of trained parameters.")
    flops: int | None = optional(
        "operations",
        "Floating-point operations of the phase on its batch; a training step counts three "
        "forward passes.",
    )
    flops_per_second: float | None = measured("operations per second", "flops / median_seconds.")
    matrix_product_ratio: float | None = measured(
        "ratio", "flops_per_second / that of the fastest matrix product of the measurement."
    )
    peak_memory_bytes: int | None = measured(
        "bytes",
        "Most memory that one call takes, model, optimiser and batch included: on a CPU resident "
        "memory beyond that of the process before, on CUDA allocated memory.",
    )
    reserved_memory_bytes: int | None = measured(
        "bytes", "Most memory that the CUDA allocator holds; empty on a CPU."
    )
    attention_path: str | None = optional(
        "name", "How attention was computed: compiled, chunked or plain; empty without attention."
    )
    device: str = column("name", "Device: cpu or cuda.")
    device_name: str | None = optional("name", "Name of the processor or accelerator.")
    threads: int = column("threads", "Threads of arithmetic.")
    processors: int | None = optional(
        "processors", "Processors that the measurement was bound to; empty where it was not."
    )
    torch_version: str | None = optional("name", "Version of PyTorch.")
    python_version: str | None = optional("name", "Version of Python.")
    platform: str | None = optional("name", "Operating system and processor architecture.")
    commit: str | None = optional("name", "Commit of the source code.")
    schema_version: int = column("number", "Version of this schema.", default=SCHEMA_VERSION)
    code_hash: str | None = optional(
        "identifier", "Hash of the files of a user's model or task; empty for the suite's own."
    )
    error: str | None = optional("text", "Why the measurement failed.")

    def __post_init__(self) -> None:
        _check_row(self)


@dataclass(frozen=True, kw_only=True)
class StageRow:
    """What every row of the finer tables begins with: a stage and a length, as in accuracy.csv."""

    task: str = column("name", "Task.")
    model: str = column("name", "Model.")
    protocol: str = column("name", "Training protocol.")
    seed: int = column("number", "Seed of the model run.")
    train_length: int = column("items", "Largest source length that the stage trained on.")
    length: int = column("items", "Source length.")
    config_id: str = column("identifier", "Hash of all settings.")

    def __post_init__(self) -> None:
        check_row(self)


@dataclass(frozen=True, kw_only=True)
class SampleRow(StageRow):
    """One test sequence and the model's free-running answer: one row of samples.csv."""

    sample: int = column("number", "Index of the test sequence.")
    source: str = column("symbol ids", "Source, ids joined by spaces.")
    target: str = column("symbol ids", "Right answer, ids joined by spaces.")
    answer: str = column("symbol ids", "The model's answer, ids joined by spaces.")


# Only now, since a row type has its columns when it is complete.
SCORE_COLUMNS = tuple(item.name for item in columns_of(AccuracyRow) if item.is_measured)
MEASURED_COLUMNS = tuple(item.name for item in columns_of(ThroughputRow) if item.is_measured)


_EMPTY_SETTINGS = ("code_hash", "layers", "channel_numbers", "channel_snr", "train_sequences")


def planned(row: AccuracyRow) -> AccuracyRow:
    """Make a row as planned: identity and settings kept, every outcome empty, not_reached."""
    outcomes = {item.name: None for item in columns_of(AccuracyRow) if item.is_optional}
    # Empty for most models, and yet no outcome.
    for setting in _EMPTY_SETTINGS:
        outcomes.pop(setting)
    return dataclasses.replace(row, **outcomes, status=NOT_REACHED, attempts=0)  # type: ignore[arg-type]


def _check_row(row: AccuracyRow | ThroughputRow) -> None:
    check_row(row)
    if row.schema_version != SCHEMA_VERSION:
        raise ResultsError(f"schema_version: {SCHEMA_VERSION} is needed, not {row.schema_version}")
    if row.status == OK:
        return
    # Else the scores of a stage that failed would be averaged as if they were its result.
    for item in columns_of(type(row)):
        if item.is_measured and getattr(row, item.name) is not None:
            raise ResultsError(f"{item.name}: must be empty where status is {row.status}")
