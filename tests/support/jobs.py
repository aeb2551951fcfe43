"""Run generators that yield progress and return a result."""


def finished(job):
    """Run a job to its end; return its progress and its result."""
    steps = []
    while True:
        try:
            steps.append(next(job))
        except StopIteration as end:
            return steps, end.value
