"""Grid Engine's commands on Kubernetes objects.

The package is read from the top down: `commands` and `cli` are what people type, `service` is what
they ask for, `controller` and `mailer` make it happen, `cluster` is where the objects live.
`docs/explanation/architecture.md` shows the way of a job through it.
"""

__version__ = "0.1.0"
