"""The launcher's one error: what went wrong, and what to do about it."""


class LauncherError(Exception):
    """A failure that a person can act on.

    :param problem: what went wrong, without a full stop
    :param remedy: what to do, as an instruction
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = " ".join(problem.split()).rstrip(".")
        self.remedy = " ".join(remedy.split()).rstrip(".")

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}."
